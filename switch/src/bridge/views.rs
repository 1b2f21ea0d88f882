//! What a bridge shows.

use super::{Bridge, Port};
use crate::event::HeldReason;
use crate::fdb::{FdbCounts, FdbEntry};
use crate::port::PortId;
use crate::view::{Counters, PortView, StpPortView, StpView};
use std::time::{Duration, Instant};

impl Bridge {
    /// Learned addresses, oldest first.
    #[must_use]
    pub fn fdb_entries(&self) -> Vec<FdbEntry> {
        self.fdb.entries()
    }

    /// What the filtering database did so far.
    #[must_use]
    pub fn fdb_counts(&self) -> FdbCounts {
        self.fdb.counts()
    }

    /// The ports, by number.
    #[must_use]
    pub fn ports(&self) -> Vec<PortView> {
        self.ports.iter().map(|(id, port)| self.port_view(*id, port)).collect()
    }

    fn port_view(&self, id: PortId, port: &Port) -> PortView {
        PortView {
            port: id,
            up: port.shown.down.is_none(),
            down: port.shown.down,
            state: port.shown.state,
            held: port.shown.held,
            peers: self.prober.neighbours(id),
        }
    }

    /// Why `port` is held, as a short sentence that names the loop; `None` if it
    /// is not. `name` says what the user calls a port.
    #[must_use]
    pub fn held_text(&self, port: PortId, name: impl Fn(PortId) -> String) -> Option<String> {
        let seconds = crate::probe::hold::RELEASE_AFTER.as_secs_f32().ceil();
        Some(match self.ports.get(&port)?.shown.held? {
            HeldReason::Waiting => format!("waiting {seconds} s for probes that would tell of a loop"),
            HeldReason::Contended => "a loop was found; another port of it is about to be held".to_owned(),
            HeldReason::Loop { other, hops, via } => {
                let far = match (via, hops) {
                    (None, _) => String::new(),
                    (Some(via), 1) => format!(" by way of the bridge {}", via.address),
                    (Some(via), hops) => format!(" by way of {hops} bridges, the last {}", via.address),
                };
                if other == port {
                    format!("loop: its own probes come back{far}")
                } else {
                    format!("loop: probes sent on {} come back here{far}", name(other))
                }
            }
        })
    }

    /// The spanning tree, if the bridge runs one.
    #[must_use]
    pub fn stp(&self, now: Instant) -> Option<StpView> {
        let stp = self.stp.as_ref()?;
        let mut ports: Vec<_> = stp.ports.iter().collect();
        ports.sort_by_key(|(_, port)| port.id.number());
        let view = |(id, port): (&PortId, &crate::stp::StpPort)| StpPortView {
            port: *id,
            role: stp.role(*id),
            state: port.state,
            path_cost: port.path_cost,
            port_id: port.id,
            in_state: now.saturating_duration_since(port.since),
            sent: port.sent,
            received: port.received,
            errors: port.errors,
            designated_bridge: port.designated.bridge,
            designated_port: port.designated.port,
        };
        Some(StpView {
            protocol: "stp",
            bridge_id: stp.bridge_id,
            root_id: stp.designated_root,
            root_path_cost: stp.root_path_cost,
            root_port: stp.root_port,
            topology_change: stp.topology_change,
            topology_changes: stp.topology_changes,
            hello_time: stp.times.hello_time,
            max_age: stp.times.max_age,
            forward_delay: stp.times.forward_delay,
            ports: ports.into_iter().map(view).collect(),
        })
    }

    /// Control frames so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            bpdus_received: self.bpdus_received,
            bpdus_sent: self.bpdus_sent,
            bpdu_errors: self.bpdu_errors,
            ..self.prober.counters
        }
    }

    /// Time since the bridge began.
    #[must_use]
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}
