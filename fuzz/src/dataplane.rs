//! What the data path looks into: IP, TCP and UDP headers of the user's packets, and the device's metadata.

use adit::dataplane::trial::{Outcome, cut_and_join};

use crate::input::Input;

/// A packet from a device: cut for a tunnel, answered when too big, joined again.
pub fn packet_cut(data: &[u8]) {
    let mut input = Input::new(data);
    let ethernet = input.u8() & 1 == 1;
    let limit = usize::from(input.u16()).clamp(60, 9000);
    let mut vnet = [0; 10];
    vnet.iter_mut().for_each(|octet| *octet = input.u8());
    let packet = input.rest();
    match cut_and_join(&vnet, packet, limit, ethernet) {
        Outcome::Foreign | Outcome::Malformed => {}
        Outcome::TooBig(answer) => {
            assert!(answer.is_none_or(|answer| answer.len() <= 600), "a long answer");
        }
        Outcome::Cut(pieces) => {
            assert!(!pieces.is_empty());
            assert!(pieces.iter().all(|piece| piece.len() <= limit), "a piece is longer than {limit}");
        }
    }
}
