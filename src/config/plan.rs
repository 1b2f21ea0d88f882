//! The difference between what runs and what is wanted, as ordered steps.
//!
//! What goes comes first, so that a name or an address is free before it is taken again;
//! what is equal in both is in no step, and so is not touched.

use super::desired::{Bridge, Desired, DeviceName, IpsecInterface, Port, PortKind};

/// Steps from one [`Desired`] to another, in the order to take them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step. Each is idempotent: taking it twice is taking it once.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A route-based interface and its device go.
    RemoveIpsec(DeviceName),
    /// A port goes, with its device if adit made it.
    RemovePort(PortAt),
    /// A bridge goes, with its local port. Its ports went before.
    RemoveBridge(DeviceName),
    /// A bridge comes, without ports.
    AddBridge(DeviceName, Box<Bridge>),
    /// Settings of a bridge change; its ports stay. The ports inside are to be ignored.
    SetBridge(DeviceName, Box<Bridge>),
    /// A port comes.
    AddPort(PortAt, Box<Port>),
    /// A port's settings change, and it stays the same port.
    SetPort(PortAt, Box<Port>),
    /// A route-based interface comes.
    AddIpsec(DeviceName, Box<IpsecInterface>),
    /// A route-based interface changes and keeps its device.
    SetIpsec(DeviceName, Box<IpsecInterface>),
}

/// A port by its bridge and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortAt {
    /// The bridge.
    pub bridge: DeviceName,
    /// The port.
    pub port: DeviceName,
}

/// What has to happen to get from `now` to `next`.
pub fn diff(now: &Desired, next: &Desired) -> Plan {
    let mut plan = Plan::default();
    plan.removals(now, next);
    plan.bridges(now, next);
    for (name, wanted) in &next.ipsec {
        match now.ipsec.get(name) {
            Some(running) if running == wanted => {}
            Some(_) => plan.steps.push(Step::SetIpsec(name.clone(), Box::new(wanted.clone()))),
            None => plan.steps.push(Step::AddIpsec(name.clone(), Box::new(wanted.clone()))),
        }
    }
    plan
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn removals(&mut self, now: &Desired, next: &Desired) {
        for name in now.ipsec.keys().filter(|name| !next.ipsec.contains_key(*name)) {
            self.steps.push(Step::RemoveIpsec(name.clone()));
        }
        for (name, running) in &now.bridges {
            let wanted = next.bridges.get(name);
            for (port, was) in &running.ports {
                let becomes = wanted.and_then(|bridge| bridge.ports.get(port));
                if becomes.is_none_or(|becomes| replaces(was, becomes)) {
                    self.steps.push(Step::RemovePort(at(name, port)));
                }
            }
            if wanted.is_none() {
                self.steps.push(Step::RemoveBridge(name.clone()));
            }
        }
    }

    fn bridges(&mut self, now: &Desired, next: &Desired) {
        for (name, wanted) in &next.bridges {
            let running = now.bridges.get(name);
            match running {
                None => self.steps.push(Step::AddBridge(name.clone(), Box::new(without_ports(wanted)))),
                Some(running) if without_ports(running) == without_ports(wanted) => {}
                Some(_) => self.steps.push(Step::SetBridge(name.clone(), Box::new(without_ports(wanted)))),
            }
            for (port, becomes) in &wanted.ports {
                match running.and_then(|bridge| bridge.ports.get(port)) {
                    Some(was) if was == becomes => {}
                    Some(was) if !replaces(was, becomes) => {
                        self.steps.push(Step::SetPort(at(name, port), Box::new(becomes.clone())));
                    }
                    _ => self.steps.push(Step::AddPort(at(name, port), Box::new(becomes.clone()))),
                }
            }
        }
    }
}

fn at(bridge: &DeviceName, port: &DeviceName) -> PortAt {
    PortAt { bridge: bridge.clone(), port: port.clone() }
}

fn without_ports(bridge: &Bridge) -> Bridge {
    Bridge { ports: Default::default(), ..bridge.clone() }
}

/// Whether another thing is behind the port now: then the spanning tree must start
/// with it as with a new one.
fn replaces(was: &Port, becomes: &Port) -> bool {
    match (&was.kind, &becomes.kind) {
        (PortKind::Internal(_), PortKind::Internal(_))
        | (PortKind::Tap(_), PortKind::Tap(_))
        | (PortKind::System, PortKind::System) => false,
        (PortKind::Tunnel(was), PortKind::Tunnel(becomes)) => {
            was.encap != becomes.encap
                || was.local != becomes.local
                || was.remote != becomes.remote
                || was.protection.is_some() != becomes.protection.is_some()
        }
        (PortKind::Internal(_) | PortKind::Tap(_) | PortKind::System | PortKind::Tunnel(_), _) => true,
    }
}

#[cfg(test)]
mod tests;
