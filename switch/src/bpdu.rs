//! Bridge Protocol Data Units (IEEE 802.1D-1998 clause 9), in their Ethernet frames.
//!
//! ```text
//! 01:80:c2:00:00:00 | source | length | 42 42 03 | BPDU | padding, if any
//!
//! BPDU   0 protocol 0000   2 version   3 type: 00 configuration, 80 topology change notification
//!        4 flags: 01 TC, 80 TCA        5 root id        13 root path cost
//!       17 bridge id     25 port id   27 message age   29 max age   31 hello   33 forward delay
//! ```
//! Times are in units of 1/256 s.
//!
//! **What is accepted** (§9.3.4): a configuration BPDU of at least 35 octets
//! whose message age is below its max age, a notification of at least 4, of any
//! protocol version, because a later one must be readable as this one (§9.3.1).
//! Bytes beyond are padding: RSTP bridges in compatibility mode send both with
//! 36. The length field decides where the BPDU ends; frames inside tunnels come
//! unpadded, and ours leave so.
//!
//! **RST BPDUs** (type 02) have no meaning for a bridge of 802.1D-1998: they
//! are refused with their own error and counted. The sender hears our
//! configuration BPDUs and falls back to them, as 802.1D-2004 §17.24 asks of it.

use crate::frame::{Body, Frame, FrameError, MacAddr};
use crate::ids::{BridgeId, PortIdentifier, PriorityVector};
use std::time::Duration;

/// LLC header of a BPDU: DSAP and SSAP 0x42, unnumbered information (§7.12.3).
const LLC: [u8; 3] = [0x42, 0x42, 0x03];
/// Octets of a configuration BPDU.
const CONFIG_LEN: usize = 35;
/// Octets of a topology change notification.
const TCN_LEN: usize = 4;

const TYPE_CONFIG: u8 = 0x00;
const TYPE_RST: u8 = 0x02;
const TYPE_TCN: u8 = 0x80;
const FLAG_TC: u8 = 0x01;
const FLAG_TCA: u8 = 0x80;

/// A time in a BPDU, in units of 1/256 s (§9.2.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BpduTime(pub u16);

impl BpduTime {
    /// Rounded up to the next unit: an age must not be understated (§8.10.1).
    /// The greatest there is, about 256 s, stands for all above it.
    #[must_use]
    pub fn from_duration(time: Duration) -> Self {
        let units = (time.as_nanos() * 256).div_ceil(1_000_000_000);
        Self(u16::try_from(units).unwrap_or(u16::MAX))
    }

    /// Exactly; 1/256 s is 3906250 ns.
    #[must_use]
    pub const fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0 as u64 * 3_906_250)
    }
}

/// A configuration BPDU (§9.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    /// Root, cost to it, sender and its port.
    pub vector: PriorityVector,
    /// Flag TC: age addresses fast.
    pub topology_change: bool,
    /// Flag TCA: your notification was heard.
    pub topology_change_ack: bool,
    /// Since the root sent it.
    pub message_age: BpduTime,
    /// When it is to be forgotten.
    pub max_age: BpduTime,
    /// How often the root sends.
    pub hello_time: BpduTime,
    /// How long to wait in listening, and in learning.
    pub forward_delay: BpduTime,
}

/// What a bridge of 802.1D-1998 understands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bpdu {
    /// Configuration.
    Config(Config),
    /// Topology change notification.
    Tcn,
}

/// Why a frame for the Bridge Group Address is not a BPDU we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BpduError {
    /// Not a frame, or its length field is wrong.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Not an 802.3 frame with the LLC header of a BPDU, untagged.
    #[error("not an untagged LLC frame of the spanning tree")]
    NotLlc,
    /// Protocol identifier other than 0.
    #[error("protocol identifier {0:#06x} is not the spanning tree's")]
    Protocol(u16),
    /// Fewer octets than the type needs.
    #[error("BPDU of {0} octets is too short for its type")]
    TooShort(usize),
    /// An RST BPDU: the sender runs RSTP or MSTP.
    #[error("RST BPDU; this bridge speaks 802.1D-1998 spanning tree")]
    RapidSpanningTree,
    /// A type nobody has defined.
    #[error("BPDU type {0:#04x} is unknown")]
    Type(u8),
    /// Message age not below max age.
    #[error("message age is not below max age")]
    Expired,
}

/// Reads a BPDU from an Ethernet frame.
///
/// # Errors
/// [`BpduError`]; nothing else can happen, whatever the bytes.
pub fn parse_frame(bytes: &[u8]) -> Result<Bpdu, BpduError> {
    let frame = Frame::parse(bytes)?;
    if frame.tag().is_some() {
        return Err(BpduError::NotLlc);
    }
    match frame.body()? {
        Body::Llc(data) => parse(data.strip_prefix(&LLC).ok_or(BpduError::NotLlc)?),
        Body::Ethernet(..) => Err(BpduError::NotLlc),
    }
}

/// Reads a BPDU: what follows the LLC header.
///
/// # Errors
/// [`BpduError`], without its frame variants.
pub fn parse(bytes: &[u8]) -> Result<Bpdu, BpduError> {
    let short = BpduError::TooShort(bytes.len());
    let [p0, p1, _version, kind] = *bytes.first_chunk::<TCN_LEN>().ok_or(short)?;
    let protocol = u16::from_be_bytes([p0, p1]);
    if protocol != 0 {
        return Err(BpduError::Protocol(protocol));
    }
    match kind {
        TYPE_TCN => Ok(Bpdu::Tcn),
        TYPE_RST => Err(BpduError::RapidSpanningTree),
        TYPE_CONFIG => parse_config(bytes.first_chunk::<CONFIG_LEN>().ok_or(short)?).map(Bpdu::Config),
        other => Err(BpduError::Type(other)),
    }
}

fn parse_config(bytes: &[u8; CONFIG_LEN]) -> Result<Config, BpduError> {
    let [
        _,
        _,
        _,
        _,
        flags,
        r0,
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
        c0,
        c1,
        c2,
        c3,
        b0,
        b1,
        b2,
        b3,
        b4,
        b5,
        b6,
        b7,
        p0,
        p1,
        a0,
        a1,
        m0,
        m1,
        h0,
        h1,
        f0,
        f1,
    ] = *bytes;
    let time = |high, low| BpduTime(u16::from_be_bytes([high, low]));
    let config = Config {
        vector: PriorityVector {
            root: BridgeId::from_bytes([r0, r1, r2, r3, r4, r5, r6, r7]),
            cost: u32::from_be_bytes([c0, c1, c2, c3]),
            bridge: BridgeId::from_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            port: PortIdentifier(u16::from_be_bytes([p0, p1])),
        },
        topology_change: flags & FLAG_TC != 0,
        topology_change_ack: flags & FLAG_TCA != 0,
        message_age: time(a0, a1),
        max_age: time(m0, m1),
        hello_time: time(h0, h1),
        forward_delay: time(f0, f1),
    };
    if config.message_age < config.max_age { Ok(config) } else { Err(BpduError::Expired) }
}

/// Writes a whole frame, unpadded, into `out` (cleared first).
pub fn emit_frame(bpdu: &Bpdu, source: MacAddr, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&MacAddr::BRIDGE_GROUP.0);
    out.extend_from_slice(&source.0);
    let len = match bpdu {
        Bpdu::Config(_) => CONFIG_LEN,
        Bpdu::Tcn => TCN_LEN,
    };
    out.extend_from_slice(&((LLC.len() + len) as u16).to_be_bytes());
    out.extend_from_slice(&LLC);
    emit(bpdu, out);
}

/// Appends the BPDU to `out`.
pub fn emit(bpdu: &Bpdu, out: &mut Vec<u8>) {
    let config = match bpdu {
        Bpdu::Tcn => return out.extend_from_slice(&[0, 0, 0, TYPE_TCN]),
        Bpdu::Config(config) => config,
    };
    let mut flags = if config.topology_change { FLAG_TC } else { 0 };
    if config.topology_change_ack {
        flags |= FLAG_TCA;
    }
    out.extend_from_slice(&[0, 0, 0, TYPE_CONFIG, flags]);
    out.extend_from_slice(&config.vector.root.to_bytes());
    out.extend_from_slice(&config.vector.cost.to_be_bytes());
    out.extend_from_slice(&config.vector.bridge.to_bytes());
    out.extend_from_slice(&config.vector.port.0.to_be_bytes());
    for time in [config.message_age, config.max_age, config.hello_time, config.forward_delay] {
        out.extend_from_slice(&time.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
