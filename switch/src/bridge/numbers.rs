//! Which port has which number in the spanning tree (`stp-port-num`).
//!
//! A number belongs to a port for as long as it exists: adding a port never
//! moves another, unless a user asks by name for a number that one had got by
//! itself. Numbers asked for and numbers given may mix.

use super::PortError;
use crate::port::PortId;
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Owner {
    port: PortId,
    asked: bool,
}

/// Numbers 1-255 and their ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    owners: BTreeMap<u8, Owner>,
}

impl Numbers {
    /// The number of `port`.
    pub(super) fn of(&self, port: PortId) -> Option<u8> {
        self.owners.iter().find(|(_, owner)| owner.port == port).map(|(number, _)| *number)
    }

    /// Gives `port` the number asked for, or keeps the one it has, or gives the
    /// lowest free one. Another port that had got the number by itself gets another.
    pub(super) fn assign(&mut self, port: PortId, asked: Option<u8>) -> Result<u8, PortError> {
        let Some(number) = asked else {
            let number = self.of(port).or_else(|| self.free()).ok_or(PortError::NoNumber)?;
            self.owners.insert(number, Owner { port, asked: false });
            return Ok(number);
        };
        let displaced = match self.owners.get(&number) {
            _ if number == 0 => return Err(PortError::NumberTaken(number)),
            Some(owner) if owner.port != port && owner.asked => return Err(PortError::NumberTaken(number)),
            Some(owner) if owner.port != port => Some(owner.port),
            Some(_) | None => None,
        };
        if displaced.is_some() && self.of(port).is_none() && self.free().is_none() {
            return Err(PortError::NoNumber);
        }
        self.release(port);
        self.owners.insert(number, Owner { port, asked: true });
        if let Some(moved) = displaced {
            self.assign(moved, None)?;
        }
        Ok(number)
    }

    /// Takes the number of `port` back.
    pub(super) fn release(&mut self, port: PortId) {
        self.owners.retain(|_, owner| owner.port != port);
    }

    fn free(&self) -> Option<u8> {
        (1..=u8::MAX).find(|number| !self.owners.contains_key(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: usize) -> PortId {
        PortId::new(n).expect("below the limit")
    }

    #[test]
    fn numbers_stay_and_mix() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.assign(port(0), None), Ok(1));
        assert_eq!(numbers.assign(port(1), Some(7)), Ok(7));
        assert_eq!(numbers.assign(port(2), None), Ok(2));
        assert_eq!(numbers.assign(port(3), Some(7)), Err(PortError::NumberTaken(7)));
        assert_eq!(numbers.assign(port(3), Some(0)), Err(PortError::NumberTaken(0)));
        assert_eq!(numbers.assign(port(3), Some(1)), Ok(1), "asked for by name");
        assert_eq!(numbers.of(port(0)), Some(3), "gets another");
        assert_eq!(numbers.of(port(2)), Some(2), "not disturbed");
        numbers.release(port(2));
        assert_eq!(numbers.assign(port(4), None), Ok(2));
        assert_eq!(numbers.assign(port(1), None), Ok(7), "not asking any more keeps it");
    }

    #[test]
    fn there_are_255() {
        let mut numbers = Numbers::default();
        for n in 0..255 {
            assert_eq!(numbers.assign(port(n), None).map(usize::from), Ok(n + 1));
        }
        assert_eq!(numbers.assign(port(255), None), Err(PortError::NoNumber));
        assert_eq!(numbers.assign(port(255), Some(9)), Err(PortError::NoNumber));
        assert_eq!(numbers.of(port(8)), Some(9), "a refusal changes nothing");
    }
}
