//! What a datagram on port 4500 is: IKE, ESP or a keepalive. RFC 3948 §2, §4.

use crate::header::{HEADER_LEN, Spi};

/// What stands in front of IKE on port 4500, where ESP has its SPI: no SPI is zero (RFC 3948 §2.2).
pub const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// The whole payload of a NAT keepalive (RFC 3948 §2.3).
pub const KEEPALIVE: [u8; 1] = [0xff];

/// A datagram on port 4500.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Datagram<'d> {
    /// An IKE message, without the marker.
    Ike(&'d [u8]),
    /// An ESP packet: the whole datagram.
    Esp(Spi),
    /// To be ignored.
    Keepalive,
    /// Too short for any of them.
    TooShort,
}

/// Tells what a datagram is. Any bytes will do.
#[must_use]
pub fn classify(datagram: &[u8]) -> Datagram<'_> {
    if datagram == KEEPALIVE {
        return Datagram::Keepalive;
    }
    match datagram.split_first_chunk() {
        Some((&NON_ESP_MARKER, message)) if !message.is_empty() => Datagram::Ike(message),
        Some((&marker, _)) if marker != NON_ESP_MARKER && datagram.len() >= HEADER_LEN => {
            Datagram::Esp(Spi(u32::from_be_bytes(marker)))
        }
        _ => Datagram::TooShort,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_four_kinds() {
        assert_eq!(classify(&[0xff]), Datagram::Keepalive);
        assert_eq!(classify(&[0, 0, 0, 0, 1, 2]), Datagram::Ike(&[1, 2]));
        assert_eq!(classify(&[0, 0, 1, 0, 0, 0, 0, 1, 9]), Datagram::Esp(Spi(256)));
        assert_eq!(classify(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]), Datagram::Esp(Spi(u32::MAX)));
    }

    #[test]
    fn what_is_too_short() {
        for datagram in
            [&[][..], &[0], &[0xfe], &[0xff, 0xff], &[0, 0, 0], &[0, 0, 0, 0], &[0, 0, 0, 1, 0, 0, 0]]
        {
            assert_eq!(classify(datagram), Datagram::TooShort, "{datagram:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_of_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            match classify(&bytes) {
                Datagram::Ike(message) => {
                    prop_assert_eq!(&bytes[..4], &NON_ESP_MARKER[..]);
                    prop_assert_eq!(&bytes[4..], message);
                }
                Datagram::Esp(spi) => prop_assert_eq!(Spi::of(&bytes), Some(spi)),
                Datagram::Keepalive => prop_assert_eq!(&bytes[..], &KEEPALIVE[..]),
                Datagram::TooShort => prop_assert!(bytes.len() < HEADER_LEN),
            }
        }
    }
}
