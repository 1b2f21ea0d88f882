//! Exchanges that cross: who answers what, and which of two SAs goes. RFC 7296 §2.8.1, §2.8.2, §2.25.
//!
//! Two pure functions. [`redundant`] looks at the nonces of two SAs that serve
//! one purpose; [`answer`] looks at what the peer asks and what we are doing.

use crate::wire::Nonce;

/// The nonces of the exchange that made an SA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoncePair {
    pub(crate) initiator: Nonce,
    pub(crate) responder: Nonce,
}

impl NoncePair {
    fn lowest(&self) -> &Nonce {
        (&self.initiator).min(&self.responder)
    }
}

/// Which of two SAs is redundant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redundant {
    First,
    Second,
}

/// The SA made with the lowest of the four nonces is redundant. Both ends see
/// the same four, so both come to the same answer.
pub(crate) fn redundant(first: &NoncePair, second: &NoncePair) -> Redundant {
    if first.lowest() < second.lowest() { Redundant::First } else { Redundant::Second }
}

/// What the peer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    NewChild,
    RekeyChild,
    DeleteChild,
    RekeyIke,
    DeleteIke,
}

/// What we are doing to the SA in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing that matters here.
    Nothing,
    /// The child in question is not there.
    NoSuchChild,
    /// The child in question is not there, but it may be the one we are making:
    /// the peer has made it, and its answer is still under way.
    MayBeMakingIt,
    /// Rekeying the child in question.
    RekeyingThisChild,
    /// Closing the child in question.
    ClosingThisChild,
    /// Creating, rekeying or closing any child of the IKE SA in question.
    BusyWithChild,
    /// Rekeying the IKE SA.
    RekeyingIke,
    /// Closing the IKE SA, or it has been replaced already.
    ClosingIke,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As if nothing else went on.
    Usual,
    /// As usual, and remember the nonces: one of two SAs will be redundant.
    UsualAndCompare,
    /// As usual, and forget our own exchange.
    UsualAndForgetOurs,
    /// An answer without Delete payload.
    WithoutDelete,
    /// TEMPORARY_FAILURE.
    TemporaryFailure,
    /// CHILD_SA_NOT_FOUND.
    ChildSaNotFound,
}

/// The table of RFC 7296 §2.25.1 and §2.25.2.
pub(crate) fn answer(asked: Asked, doing: Doing) -> Answer {
    match (asked, doing) {
        (Asked::RekeyChild, Doing::NoSuchChild) => Answer::ChildSaNotFound,
        (Asked::RekeyChild, Doing::ClosingThisChild | Doing::MayBeMakingIt) => Answer::TemporaryFailure,
        (Asked::RekeyChild, Doing::RekeyingThisChild) => Answer::UsualAndCompare,

        (Asked::DeleteChild, Doing::ClosingThisChild | Doing::NoSuchChild | Doing::MayBeMakingIt) => {
            Answer::WithoutDelete
        }
        (Asked::DeleteChild, _) => Answer::Usual,

        (Asked::NewChild | Asked::RekeyChild, Doing::RekeyingIke | Doing::ClosingIke) => {
            Answer::TemporaryFailure
        }
        (Asked::NewChild | Asked::RekeyChild, _) => Answer::Usual,

        (Asked::RekeyIke, Doing::RekeyingIke) => Answer::UsualAndCompare,
        (Asked::RekeyIke, Doing::Nothing | Doing::NoSuchChild) => Answer::Usual,
        (Asked::RekeyIke, _) => Answer::TemporaryFailure,

        (Asked::DeleteIke, Doing::RekeyingIke | Doing::ClosingIke) => Answer::UsualAndForgetOurs,
        (Asked::DeleteIke, _) => Answer::Usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_whole_table() {
        use Answer::*;
        use Asked::*;
        use Doing::*;
        let columns = [
            Nothing,
            NoSuchChild,
            MayBeMakingIt,
            RekeyingThisChild,
            ClosingThisChild,
            BusyWithChild,
            RekeyingIke,
            ClosingIke,
        ];
        #[rustfmt::skip]
        let rows = [
            (NewChild,    [Usual, Usual, Usual, Usual, Usual, Usual, TemporaryFailure, TemporaryFailure]),
            (RekeyChild,  [Usual, ChildSaNotFound, TemporaryFailure, UsualAndCompare, TemporaryFailure, Usual, TemporaryFailure, TemporaryFailure]),
            (DeleteChild, [Usual, WithoutDelete, WithoutDelete, Usual, WithoutDelete, Usual, Usual, Usual]),
            (RekeyIke,    [Usual, Usual, TemporaryFailure, TemporaryFailure, TemporaryFailure, TemporaryFailure, UsualAndCompare, TemporaryFailure]),
            (DeleteIke,   [Usual, Usual, Usual, Usual, Usual, Usual, UsualAndForgetOurs, UsualAndForgetOurs]),
        ];
        for (asked, wanted) in rows {
            for (doing, wanted) in columns.into_iter().zip(wanted) {
                assert_eq!(answer(asked, doing), wanted, "{asked:?} while {doing:?}");
            }
        }
    }

    fn nonce(start: &[u8], length: usize) -> Nonce {
        let mut octets = start.to_vec();
        octets.resize(length, 0);
        Nonce::new(octets).unwrap()
    }

    fn pair(initiator: Nonce, responder: Nonce) -> NoncePair {
        NoncePair { initiator, responder }
    }

    #[test]
    fn the_lowest_of_four_nonces_decides() {
        let n = |start: &[u8]| nonce(start, 16);
        for (first, second, wanted) in [
            (pair(n(&[1]), n(&[9])), pair(n(&[2]), n(&[3])), Redundant::First),
            (pair(n(&[9]), n(&[1])), pair(n(&[2]), n(&[3])), Redundant::First),
            (pair(n(&[4]), n(&[5])), pair(n(&[2]), n(&[9])), Redundant::Second),
            // Octets, not numbers: ff is higher than 01 02 ..; and the one that ends first is lower.
            (pair(n(&[0xff]), n(&[0xff])), pair(nonce(&[1, 2], 32), n(&[0xff])), Redundant::Second),
            (pair(nonce(&[7], 17), n(&[8])), pair(nonce(&[7], 18), n(&[8])), Redundant::First),
        ] {
            assert_eq!(redundant(&first, &second), wanted, "{first:?} {second:?}");
        }
    }

    proptest! {
        #[test]
        fn both_ends_agree(a: [u8; 2], b: [u8; 2], c: [u8; 2], d: [u8; 2]) {
            let (first, second) = (pair(nonce(&a, 16), nonce(&b, 16)), pair(nonce(&c, 16), nonce(&d, 16)));
            prop_assume!(first.lowest() != second.lowest());
            prop_assert_ne!(redundant(&first, &second), redundant(&second, &first));
        }
    }
}
