//! One packet through everything here that looks into packets, without a device: what the fuzzer feeds.

use super::coalesce::Joiner;
use super::io::vnet_hdr::{self, VnetHdr};
use super::segment::{self, CutError};
use super::tables::User;
use super::too_big::{self, MAX_ANSWER};

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its metadata is none this program takes.
    Foreign,
    /// What the metadata says is not in the packet.
    Malformed,
    /// It does not fit; the answer, where one may be given.
    TooBig(Option<Vec<u8>>),
    /// Cut into these.
    Cut(Vec<Vec<u8>>),
}

/// Cuts a packet that came with this metadata to pieces of at most `limit` bytes, and offers them to be
/// joined again. `ethernet`: it is a frame.
pub fn cut_and_join(vnet: &[u8; vnet_hdr::LEN], packet: &[u8], limit: usize, ethernet: bool) -> Outcome {
    let Some(vnet) = VnetHdr::parse(vnet) else { return Outcome::Foreign };
    let cuts = match segment::plan(packet, &vnet, limit, ethernet) {
        Ok(cuts) => cuts,
        Err(CutError::Malformed) => return Outcome::Malformed,
        Err(CutError::TooBig(told)) => {
            let mut answer = [0; MAX_ANSWER];
            let length = told.and_then(|(ip, mtu)| too_big::answer(packet, &ip, mtu, &mut answer));
            return Outcome::TooBig(length.map(|length| answer[..length].to_vec()));
        }
    };
    let mut joiner = Joiner::default();
    let mut buffer = Vec::new();
    let pieces = (0..cuts.count()).map(|i| {
        let mut piece = vec![0; cuts.len(i)];
        cuts.write(i, packet, &mut piece);
        let start = buffer.len();
        buffer.extend_from_slice(&piece);
        if !joiner.is_full() {
            joiner.offer(User::Routed(0), &buffer, start..buffer.len(), ethernet, false);
        }
        piece
    });
    let pieces = pieces.collect();
    joiner.flush(&mut buffer, |_| None, |_, _, _, _| ());
    Outcome::Cut(pieces)
}
