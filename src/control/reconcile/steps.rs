//! The steps of a plan.

use std::time::Instant;

use adit_switch::MacAddr;

use super::{Running, RunningInterface, seed};
use crate::config::desired::DeviceName;
use crate::config::plan::{PortAt, Step};
use crate::control::bridges::RunningBridge;
use crate::control::devices::{Device, Done};
use crate::dataplane::BridgeKey;
use crate::dataplane::io::tap::Kind;

impl Running {
    /// Takes one step. Nothing here fails: what the host refuses is an error of the port,
    /// and [`Running::settle`] tries it again.
    pub(super) fn take(&mut self, step: Step) {
        let now = Instant::now();
        tracing::debug!(step = name(&step), "step");
        self.stale = true;
        match step {
            Step::RemoveIpsec(name) => {
                if let Some(interface) = self.interfaces.remove(&name) {
                    interface.device.discard();
                }
                self.book.forget(&name);
            }
            Step::RemovePort(PortAt { bridge, port }) => {
                if let Some(bridge) = self.bridges.get_mut(&bridge) {
                    bridge.remove_port(now, &port);
                }
                self.book.forget(&port);
            }
            Step::RemoveBridge(name) => {
                if let Some(mut bridge) = self.bridges.remove(&name) {
                    bridge.remove_port(now, &name);
                }
            }
            Step::AddBridge(name, settings) => {
                self.next_key += 1;
                let key = BridgeKey(self.next_key);
                let (device, address) = local_device(&name);
                let mut bridge = RunningBridge::new(now, key, &name, *settings, address, seed());
                if let Some(port) = bridge.ports.get_mut(&name) {
                    port.device = device;
                }
                self.bridges.insert(name, bridge);
            }
            Step::SetBridge(name, settings) => {
                if let Some(bridge) = self.bridges.get_mut(&name) {
                    bridge.set(now, &name, *settings);
                }
            }
            Step::AddPort(PortAt { bridge, port }, settings) => {
                if let Some(bridge) = self.bridges.get_mut(&bridge) {
                    bridge.add_port(now, port, *settings);
                }
            }
            Step::SetPort(PortAt { bridge, port }, settings) => {
                if let Some(bridge) = self.bridges.get_mut(&bridge) {
                    bridge.set_port(now, &port, *settings);
                }
            }
            Step::AddIpsec(name, settings) => {
                let interface = RunningInterface {
                    settings: *settings,
                    device: Device::Absent,
                    done: Done::default(),
                    underlay: None,
                    counters: Default::default(),
                    error: None,
                };
                self.interfaces.insert(name, interface);
            }
            Step::SetIpsec(name, settings) => {
                if let Some(interface) = self.interfaces.get_mut(&name) {
                    interface.settings = *settings;
                }
            }
        }
    }
}

/// The local port's TAP, whose address is the bridge's. Without one, for now, the bridge has
/// an address all the same.
fn local_device(name: &DeviceName) -> (Device, MacAddr) {
    let device = Device::open_tap(name, Kind::Tap).unwrap_or_default();
    let address = device.tap().and_then(|tap| tap.mac().ok());
    let [a, b, c, d, e, f, ..] = seed();
    // Locally administered, not a group.
    (device, MacAddr(address.unwrap_or([a & 0xfc | 0x02, b, c, d, e, f])))
}

fn name(step: &Step) -> String {
    match step {
        Step::RemoveIpsec(name) => format!("remove ipsec {name}"),
        Step::RemovePort(at) => format!("remove port {}", at.port),
        Step::RemoveBridge(name) => format!("remove bridge {name}"),
        Step::AddBridge(name, _) => format!("add bridge {name}"),
        Step::SetBridge(name, _) => format!("set bridge {name}"),
        Step::AddPort(at, _) => format!("add port {}", at.port),
        Step::SetPort(at, _) => format!("set port {}", at.port),
        Step::AddIpsec(name, _) => format!("add ipsec {name}"),
        Step::SetIpsec(name, _) => format!("set ipsec {name}"),
    }
}
