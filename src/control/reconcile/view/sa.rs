//! `adit sa`: IKE SAs, connections without one, children.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_ike::config::Mode;
use adit_ike::endpoint::{ChildView, IkeSaState, IkeSaView};
use adit_ike::{Carrier, ChildConfig, ConnectionId};

use super::add_drops;
use crate::control::connections::{Wanted, policy_of};
use crate::control::reconcile::Running;
use crate::dataplane::{PolicyId, SaCounters};
use crate::status::{ChildRow, Counts, IkeRow, IkeState, Sa};

impl Running {
    /// `adit sa`.
    pub fn sa(&self) -> Sa {
        let now = Instant::now();
        let (sas, children) = (self.ike.endpoint().ike_sas(now), self.ike.endpoint().children(now));
        let mut ike: Vec<IkeRow> = sas.iter().map(|sa| self.ike_row(sa)).collect();
        let mut told = BTreeSet::new();
        let mut child: Vec<ChildRow> =
            children.iter().filter_map(|view| self.child_row(view, &mut told)).collect();
        let current = |sa: &IkeSaView| matches!(sa.state, IkeSaState::Connecting | IkeSaState::Established);
        for (id, wanted) in &self.connections {
            // One that is going does not tell what is with the connection now.
            if !sas.iter().any(|sa| sa.connection == Some(*id) && current(sa)) {
                ike.push(self.row_without_sa(*id, wanted));
            }
            for config in &wanted.connection.children {
                if !children.iter().any(|view| view.config == config.id) {
                    child.extend(self.child_without_sa(config, &mut told));
                }
            }
        }
        Sa { ike, child }
    }

    fn ike_row(&self, sa: &IkeSaView) -> IkeRow {
        let wanted = sa.connection.and_then(|id| self.connections.get(&id));
        let failure = sa.connection.and_then(|id| self.ike.failures().of(id));
        IkeRow {
            connection: wanted.and_then(|w| w.members.first()).map(ToString::to_string),
            state: match sa.state {
                IkeSaState::Connecting => IkeState::Connecting,
                IkeSaState::Established => IkeState::Established,
                IkeSaState::Rekeyed => IkeState::Rekeyed,
                IkeSaState::Closing => IkeState::Closing,
            },
            error: failure.filter(|_| sa.state == IkeSaState::Connecting).map(str::to_owned),
            local: Some(sa.path.local.to_string()),
            remote: Some(sa.path.remote.to_string()),
            local_id: sa.local_id.as_ref().map(ToString::to_string),
            remote_id: sa.remote_id.as_ref().map(ToString::to_string),
            spi_i: Some(sa.spi_i.to_string()),
            spi_r: (!sa.spi_r.is_zero()).then(|| sa.spi_r.to_string()),
            proposal: (!sa.proposal.is_empty()).then(|| sa.proposal.clone()),
            age: Some(sa.age.as_secs()),
            rekey_in: sa.rekey_in.as_ref().map(Duration::as_secs),
        }
    }

    /// A connection that has no IKE SA: it waits, is down, or failed.
    fn row_without_sa(&self, id: ConnectionId, wanted: &Wanted) -> IkeRow {
        let connection = &wanted.connection;
        let failure = self.ike.failures().of(id);
        let state = if self.down.contains(&id) {
            IkeState::Down
        } else if failure.is_some() {
            IkeState::Failed
        } else if connection.initiate {
            IkeState::Connecting
        } else {
            IkeState::Waiting
        };
        IkeRow {
            connection: wanted.members.first().map(ToString::to_string),
            state,
            error: failure.map(str::to_owned),
            local: Some(connection.local.to_string()),
            remote: connection.remote.map(|remote| remote.to_string()),
            local_id: Some(connection.local_id.to_string()),
            remote_id: Some(connection.remote_id.to_string()),
            spi_i: None,
            spi_r: None,
            proposal: None,
            age: None,
            rekey_in: None,
        }
    }

    fn child_row(&self, view: &ChildView, told: &mut BTreeSet<PolicyId>) -> Option<ChildRow> {
        let policy = policy_of(view.config);
        let name = self.book.name(policy)?;
        let counters = self.ike.counters(view.id);
        let mut drops = self.drops_untold(policy, told);
        let mut sum = |counters: &Option<Arc<SaCounters>>| {
            counters.as_ref().map_or((0, 0), |counters| {
                add_drops(&counters.drops, &mut drops);
                (counters.packets.get(), counters.bytes.get())
            })
        };
        let (packets_in, bytes_in) = sum(&counters.inbound);
        let (packets_out, bytes_out) = sum(&counters.outbound);
        Some(ChildRow {
            connection: name.to_string(),
            spi_in: Some(view.spi_in.to_string()),
            spi_out: Some(view.spi_out.to_string()),
            mode: mode(view.mode).to_owned(),
            carrier: Some(carrier(&view.carrier).to_owned()),
            proposal: Some(view.proposal.clone()),
            age: Some(view.age.as_secs()),
            rekey_in: view.rekey_in.as_ref().map(Duration::as_secs),
            packets_in,
            bytes_in,
            packets_out,
            bytes_out,
            drops,
            error: None,
        })
    }

    /// What is protected and has no SA now still drops, and shows it.
    fn child_without_sa(&self, config: &ChildConfig, told: &mut BTreeSet<PolicyId>) -> Option<ChildRow> {
        let policy = policy_of(config.id);
        Some(ChildRow {
            connection: self.book.name(policy)?.to_string(),
            spi_in: None,
            spi_out: None,
            mode: mode(config.mode).to_owned(),
            carrier: None,
            proposal: None,
            age: None,
            rekey_in: None,
            packets_in: 0,
            bytes_in: 0,
            packets_out: 0,
            bytes_out: 0,
            drops: self.drops_untold(policy, told),
            error: self.ike.failures().of_child(config.id).map(str::to_owned),
        })
    }

    /// Drops charged to the port or interface of a policy, whatever its SAs: for the first of its rows.
    fn drops_untold(&self, policy: PolicyId, told: &mut BTreeSet<PolicyId>) -> Counts {
        let mut drops = Counts::new();
        let Some(name) = self.book.name(policy).filter(|_| told.insert(policy)) else { return drops };
        for port in self.bridges.values().filter_map(|bridge| bridge.ports.get(name)) {
            add_drops(&port.counters.drops, &mut drops);
        }
        if let Some(interface) = self.interfaces.get(name) {
            add_drops(&interface.counters.drops, &mut drops);
        }
        drops
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Transport => "transport",
        Mode::Tunnel => "tunnel",
    }
}

fn carrier(carrier: &Carrier) -> &'static str {
    match carrier {
        Carrier::Esp { .. } => "esp",
        Carrier::Udp { .. } => "udp",
    }
}
