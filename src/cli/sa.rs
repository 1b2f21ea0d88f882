//! `adit sa` for people.

use super::table::{counts, or_dash, row, seconds, table};
use crate::status::{ChildRow, IkeRow, IkeState, Sa};

pub(super) fn text(sa: &Sa) -> String {
    if sa.ike.is_empty() && sa.child.is_empty() {
        return "no connections: no tunnel here has a pre-shared key, or none could be read ('adit show' says which)\n".to_owned();
    }
    let mut text = String::new();
    for ike in &sa.ike {
        text += &ike_text(ike);
    }
    let headings =
        ["CHILD", "MODE", "IN", "OUT", "PROPOSAL", "AGE", "REKEY IN", "PACKETS IN/OUT", "BYTES IN/OUT"];
    let mut rows = vec![row(headings)];
    rows.extend(sa.child.iter().map(child));
    text += &table("  ", &rows);
    for child in &sa.child {
        if let Some(error) = &child.error {
            text += &format!("  {} error: {error}\n", child.connection);
        }
        if !child.drops.is_empty() {
            text += &format!("  {} dropped: {}\n", child.connection, counts(&child.drops));
        }
    }
    text
}

fn ike_text(ike: &IkeRow) -> String {
    let name = ike.connection.as_deref().unwrap_or("(not known yet)");
    let remark = match (&ike.error, ike.state) {
        (Some(error), _) => format!("; error: {error}"),
        (None, IkeState::Down) => format!("; 'adit up {name}' brings it back"),
        (None, _) => String::new(),
    };
    let mut text = format!("{name}: {}{remark}\n", ike.state);
    let local = or_dash(ike.local.as_ref());
    text += &format!(
        "  {local} ({}) - {} ({})\n",
        id(&ike.local_id),
        or_dash(ike.remote.as_ref()),
        id(&ike.remote_id)
    );
    if let (Some(i), Some(r)) = (&ike.spi_i, &ike.spi_r) {
        let (age, rekey) = (or_dash(ike.age.map(seconds)), or_dash(ike.rekey_in.map(seconds)));
        let proposal = or_dash(ike.proposal.as_ref());
        text += &format!("  {proposal}  spi {i}_i {r}_r  age {age}  rekey in {rekey}\n");
    }
    text
}

fn id(identity: &Option<String>) -> String {
    or_dash(identity.as_ref())
}

fn child(child: &ChildRow) -> Vec<String> {
    let mode = format!("{}/{}", child.mode, or_dash(child.carrier.as_ref()));
    row([
        &child.connection,
        &mode,
        &or_dash(child.spi_in.as_ref()),
        &or_dash(child.spi_out.as_ref()),
        &or_dash(child.proposal.as_ref()),
        &or_dash(child.age.map(seconds)),
        &or_dash(child.rekey_in.map(seconds)),
        &format!("{}/{}", child.packets_in, child.packets_out),
        &format!("{}/{}", child.bytes_in, child.bytes_out),
    ])
}
