//! The commands of the user's tutorial, host by host, in its order.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::LabError;
use super::host::{BRIDGE, Host, inner};
use super::report::Report;
use super::ring::Link;
use super::underlay::address;

/// The pre-shared key of the tutorial.
const PSK: &str = "password";

/// Types one line of `ovs-vsctl`, shown as typed.
pub fn vsctl(report: &mut Report, host: &Host, line: &str) -> Result<String, LabError> {
    report.typed(host.number + 1, &format!("ovs-vsctl {line}"));
    host.vsctl(&line.split_whitespace().collect::<Vec<_>>())
}

/// The line that adds a link's port on a host.
fn add_port(link: Link, host: usize) -> String {
    let (a, b) = link.ends();
    let other = if host == a { b } else { a };
    let (name, kind) = (link.port(), link.type_name());
    let (local, remote) = (address(host), address(other));
    let psk = if link == Link::Ipsec { format!(" options:psk={PSK}") } else { String::new() };
    format!(
        "add-port {BRIDGE} {name} -- set Interface {name} type={kind} options:local_ip={local} \
         options:remote_ip={remote}{psk}"
    )
}

/// Everything up to the last step: the ring is closed, and no spanning tree.
pub fn build_ring(report: &mut Report, hosts: &[Host]) -> Result<(), LabError> {
    for host in hosts {
        vsctl(report, host, &format!("add-br {BRIDGE}"))?;
        let own = IpNet::new_assert(IpAddr::V4(inner(host.number)), 24);
        report.typed(host.number + 1, &format!("ifconfig {BRIDGE} {own}"));
        host.ifconfig(BRIDGE, own)?;
        for link in Link::ALL {
            if link.ends().0 == host.number || link.ends().1 == host.number {
                vsctl(report, host, &add_port(link, host.number))?;
            }
        }
    }
    Ok(())
}

/// The shortest timers that the standard allows (IEEE 802.1D-1998 §8.10.2).
pub fn shorten_timers(report: &mut Report, host: &Host) -> Result<(), LabError> {
    let line = format!(
        "set Bridge {BRIDGE} other_config:stp-hello-time=1 other_config:stp-max-age=6 \
         other_config:stp-forward-delay=4"
    );
    vsctl(report, host, &line).map(|_| ())
}

/// The last step of the tutorial.
pub fn enable_stp(report: &mut Report, host: &Host) -> Result<(), LabError> {
    vsctl(report, host, &format!("set Bridge {BRIDGE} stp_enable=true")).map(|_| ())
}
