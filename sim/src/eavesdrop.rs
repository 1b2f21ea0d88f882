//! Somebody on the wire who sees everything; a test says what they may see.

/// Collects every packet and looks for things that must never be there.
#[derive(Debug, Default)]
pub struct Eavesdropper {
    secrets: Vec<(String, Vec<u8>)>,
    packets: u64,
    bytes: u64,
}

/// Something secret was seen in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it was, as named in [`Eavesdropper::must_never_see`].
    pub what: String,
    /// In which packet, counted from 0.
    pub packet: u64,
    /// At which byte of it.
    pub offset: usize,
}

impl Eavesdropper {
    /// Nobody has seen anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names bytes that must not appear in any packet. Fewer than 4 bytes would be found by chance.
    ///
    /// # Panics
    /// When `bytes` is shorter than 4.
    pub fn must_never_see(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        assert!(bytes.len() >= 4, "too short to mean anything");
        self.secrets.push((what.into(), bytes));
    }

    /// Looks at one packet.
    ///
    /// # Errors
    /// The first secret found in it.
    pub fn see(&mut self, packet: &[u8]) -> Result<(), Leak> {
        let number = self.packets;
        self.packets += 1;
        self.bytes += packet.len() as u64;
        for (what, secret) in &self.secrets {
            if let Some(offset) = packet.windows(secret.len()).position(|w| w == secret) {
                return Err(Leak { what: what.clone(), packet: number, offset });
            }
        }
        Ok(())
    }

    /// Packets and bytes seen: a test that saw nothing has shown nothing.
    pub fn seen(&self) -> (u64, u64) {
        (self.packets, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_only_that() {
        let mut eve = Eavesdropper::new();
        eve.must_never_see("psk", *b"password");
        assert_eq!(eve.see(b"passwor"), Ok(()));
        assert_eq!(eve.see(b"xxpasswordxx"), Err(Leak { what: "psk".into(), packet: 1, offset: 2 }));
        assert_eq!(eve.seen(), (2, 19));
    }
}
