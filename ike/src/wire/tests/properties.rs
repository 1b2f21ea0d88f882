//! What holds for every message and for any octets.

use proptest::prelude::*;

use super::generate::message;
use super::*;

/// Parsing ends, without panic, and what it accepts is written and read back as the same.
fn parse_is_total(octets: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(message) = Message::parse(octets) {
        let written = message.emit();
        prop_assert!(written.len() <= octets.len());
        prop_assert_eq!(Message::parse(&written), Ok(message));
    }
    let _ = Envelope::parse(octets);
    Ok(())
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(message in message()) {
        let octets = message.emit();
        prop_assert_eq!(Message::parse(&octets), Ok(message));
    }

    #[test]
    fn any_octets_after_a_header_are_parsed_or_refused(
        first in 30_u8..55,
        chain in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        parse_is_total(&by_hand(PayloadType(first), &chain))?;
    }

    #[test]
    fn any_octets_are_parsed_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        parse_is_total(&octets)?;
    }

    #[test]
    fn messages_with_flipped_bits_are_parsed_or_refused(
        message in message(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
    ) {
        let mut octets = message.emit();
        for (at, bit) in flips {
            let at = at.index(octets.len());
            octets[at] ^= 1 << bit;
        }
        parse_is_total(&octets)?;
    }

    #[test]
    fn messages_cut_short_are_refused_or_parsed(message in message(), keep in any::<prop::sample::Index>()) {
        let mut octets = message.emit();
        octets.truncate(keep.index(octets.len()));
        header::patch_length(&mut octets);
        parse_is_total(&octets)?;
    }
}
