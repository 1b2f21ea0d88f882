//! The probe on the wire.
//!
//! ```text
//! 03:61:64:69:74:01 | source | 88b5 |
//!  0 "adit"   4 version 1   5 flags   6 hop limit   7 hops
//!  8 origin: bridge id      16 origin: port          18 nonce
//! 26 echo: nonce            34 relay: bridge id      42 candidate: bridge id   50 candidate: port
//! 52 generation
//! flags: 01 leaf   02 candidate present   04 candidate pending
//! ```
//! 70 octets with the header. Later versions may append; a reader ignores what
//! it does not know.

use super::hold::Candidate;
use crate::frame::{Body, EtherType, Frame, FrameError, MacAddr};
use crate::ids::BridgeId;
use crate::port::PortId;

const MAGIC: [u8; 4] = *b"adit";
const VERSION: u8 = 1;
const LEN: usize = 56;
const LEAF: u8 = 0x01;
const CANDIDATE: u8 = 0x02;
const PENDING: u8 = 0x04;

/// A probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The bridge that made it.
    pub origin: BridgeId,
    /// The port of that bridge it left by.
    pub port: PortId,
    /// 64 bits nobody can guess: whoever returns them was on the way.
    pub nonce: u64,
    /// A nonce the origin lately heard directly on that port, each neighbour's in
    /// turn; 0 for none. Proves to its owner that the two hear each other.
    pub echo: u64,
    /// How many bridges it may still visit.
    pub hop_limit: u8,
    /// How many have passed it on; 0 straight from its origin.
    pub hops: u8,
    /// Who sent this copy: the origin, or the last that passed it on.
    pub relay: BridgeId,
    /// The origin passes no probes on, because it has no second way.
    pub leaf: bool,
    /// Changes whenever ports of the origin come into or go out of service:
    /// addresses may be elsewhere now. A number of the origin's start, then a count.
    pub generation: Generation,
    /// The port on the way so far that should be held if the way is a loop.
    pub candidate: Option<Candidate>,
}

/// Which state of its ports a bridge is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Generation {
    /// Chosen at random when the bridge starts.
    pub start: u16,
    /// Counts changes since, and wraps.
    pub count: u16,
}

impl Generation {
    /// Whether `self` tells of a change after `old`: another start, or a later
    /// count. Late copies of earlier probes do not.
    pub(crate) const fn follows(self, old: Self) -> bool {
        self.start != old.start || (self.count.wrapping_sub(old.count) as i16) > 0
    }
}

/// Why a frame is not a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Another user of the experimental EtherType, or another address.
    #[error("not a probe of adit's")]
    NotOurs,
    /// Cut off.
    #[error("probe of {0} octets is too short")]
    TooShort(usize),
    /// Version 0, which does not exist.
    #[error("probe version 0")]
    Version,
    /// A port number that no bridge has.
    #[error("port number {0} is out of range")]
    Port(u16),
    /// More hops than a probe can have made, or none left when it was sent.
    #[error("hop limit {limit} after {hops} hops")]
    Hops {
        /// As sent.
        limit: u8,
        /// As sent.
        hops: u8,
    },
}

/// Reads a probe from an Ethernet frame.
///
/// # Errors
/// [`ProbeError`]; nothing else can happen, whatever the bytes.
pub fn parse_frame(bytes: &[u8]) -> Result<Probe, ProbeError> {
    let frame = Frame::parse(bytes)?;
    if frame.destination() != MacAddr::PROBE_GROUP || frame.tag().is_some() {
        return Err(ProbeError::NotOurs);
    }
    match frame.body()? {
        Body::Ethernet(EtherType::PROBE, payload) => parse(payload),
        Body::Ethernet(..) | Body::Llc(_) => Err(ProbeError::NotOurs),
    }
}

fn parse(payload: &[u8]) -> Result<Probe, ProbeError> {
    let short = ProbeError::TooShort(payload.len());
    let (magic, rest) = payload.split_first_chunk::<4>().ok_or(short)?;
    if *magic != MAGIC {
        return Err(ProbeError::NotOurs);
    }
    let ([version, flags, hop_limit, hops], rest) = rest.split_first_chunk::<4>().ok_or(short)?;
    if *version == 0 {
        return Err(ProbeError::Version);
    }
    let (origin, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (origin_port, rest) = rest.split_first_chunk::<2>().ok_or(short)?;
    let (nonce, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (echo, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (relay, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (bridge, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (port, rest) = rest.split_first_chunk::<2>().ok_or(short)?;
    let ([s0, s1, c0, c1], _) = rest.split_first_chunk::<4>().ok_or(short)?;
    if *hop_limit == 0 || hop_limit.checked_add(*hops).is_none() {
        return Err(ProbeError::Hops { limit: *hop_limit, hops: *hops });
    }
    let candidate = if flags & CANDIDATE == 0 {
        None
    } else {
        let bridge = BridgeId::from_bytes(*bridge);
        Some(Candidate { pending: flags & PENDING != 0, bridge, port: port_of(*port)? })
    };
    Ok(Probe {
        origin: BridgeId::from_bytes(*origin),
        port: port_of(*origin_port)?,
        nonce: u64::from_be_bytes(*nonce),
        echo: u64::from_be_bytes(*echo),
        hop_limit: *hop_limit,
        hops: *hops,
        relay: BridgeId::from_bytes(*relay),
        leaf: flags & LEAF != 0,
        generation: Generation {
            start: u16::from_be_bytes([*s0, *s1]),
            count: u16::from_be_bytes([*c0, *c1]),
        },
        candidate,
    })
}

fn port_of(octets: [u8; 2]) -> Result<PortId, ProbeError> {
    let number = u16::from_be_bytes(octets);
    PortId::new(usize::from(number)).ok_or(ProbeError::Port(number))
}

/// Writes a whole frame into `out` (cleared first).
pub fn emit_frame(probe: &Probe, source: MacAddr, out: &mut Vec<u8>) {
    let mut flags = if probe.leaf { LEAF } else { 0 };
    let mut candidate = ([0; 8], 0);
    if let Some(found) = probe.candidate {
        flags |= CANDIDATE | if found.pending { PENDING } else { 0 };
        candidate = (found.bridge.to_bytes(), found.port.index() as u16);
    }
    out.clear();
    out.reserve(crate::frame::HEADER_LEN + LEN);
    out.extend_from_slice(&MacAddr::PROBE_GROUP.0);
    out.extend_from_slice(&source.0);
    out.extend_from_slice(&EtherType::PROBE.0.to_be_bytes());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, flags, probe.hop_limit, probe.hops]);
    out.extend_from_slice(&probe.origin.to_bytes());
    out.extend_from_slice(&(probe.port.index() as u16).to_be_bytes());
    out.extend_from_slice(&probe.nonce.to_be_bytes());
    out.extend_from_slice(&probe.echo.to_be_bytes());
    out.extend_from_slice(&probe.relay.to_bytes());
    out.extend_from_slice(&candidate.0);
    out.extend_from_slice(&u16::to_be_bytes(candidate.1));
    out.extend_from_slice(&probe.generation.start.to_be_bytes());
    out.extend_from_slice(&probe.generation.count.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn port() -> impl Strategy<Value = PortId> {
        (0..crate::MAX_PORTS).prop_map(|n| PortId::new(n).expect("below the limit"))
    }

    fn probe() -> impl Strategy<Value = Probe> {
        let candidate = prop::option::of((any::<bool>(), any::<[u8; 8]>(), port()));
        let rest = (any::<bool>(), candidate, any::<[u16; 2]>());
        (any::<[[u8; 8]; 2]>(), any::<[u64; 2]>(), 1u8..128, 0u8..128, port(), rest).prop_map(
            |(ids, nonces, hop_limit, hops, port, (leaf, candidate, generation))| Probe {
                origin: BridgeId::from_bytes(ids[0]),
                port,
                nonce: nonces[0],
                echo: nonces[1],
                hop_limit,
                hops,
                relay: BridgeId::from_bytes(ids[1]),
                leaf,
                generation: Generation { start: generation[0], count: generation[1] },
                candidate: candidate.map(|(pending, bridge, port)| Candidate {
                    pending,
                    bridge: BridgeId::from_bytes(bridge),
                    port,
                }),
            },
        )
    }

    proptest! {
        #[test]
        fn emit_then_parse_is_identity(probe in probe(), source: [u8; 6], padding in 0usize..40) {
            let mut frame = Vec::new();
            emit_frame(&probe, MacAddr(source), &mut frame);
            prop_assert_eq!(frame.len(), 70);
            frame.resize(70 + padding, 0xaa);
            prop_assert_eq!(parse_frame(&frame), Ok(probe));
            for cut in 0..70 {
                prop_assert!(parse_frame(&frame[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), probe in probe(), at in 18usize..70, value: u8) {
            let _ = parse_frame(&bytes);
            let mut frame = Vec::new();
            emit_frame(&probe, MacAddr::from_u64(2), &mut frame);
            frame[at] = value;
            if let Ok(read) = parse_frame(&frame) {
                prop_assert!(read.hop_limit > 0);
            }
        }
    }
}
