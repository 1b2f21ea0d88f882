//! Conversations between two strongSwans, with the keys they used (`testdata/strongswan/`).

use std::collections::BTreeMap;

use adit_crypto::{IntegId, Secret, Suite};

use super::*;

/// One recording: its text and the suite of its IKE SAs.
pub(crate) struct Source {
    name: &'static str,
    text: &'static str,
    suite: Suite,
}

/// AES-GCM: handshake, child rekey, MOBIKE, IKE rekey, deletion.
pub(crate) const GCM: Source = Source {
    name: "gcm",
    text: include_str!("../../../testdata/strongswan/gcm.txt"),
    suite: Suite::AES_GCM_16_256,
};
/// AES-CBC with HMAC: the same.
pub(crate) const CBC: Source = Source {
    name: "cbc",
    text: include_str!("../../../testdata/strongswan/cbc.txt"),
    suite: Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128),
};
/// The Child SA is refused, the IKE SA stands.
pub(crate) const TS_UNACCEPTABLE: Source = Source {
    name: "ts_unacceptable",
    text: include_str!("../../../testdata/strongswan/ts_unacceptable.txt"),
    suite: Suite::AES_GCM_16_256,
};

/// A recording, read.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    suite: Suite,
    lines: Vec<(&'static str, Vec<u8>)>,
}

/// One recorded message, and what opens it if it is protected.
pub(crate) struct Recorded {
    pub(crate) octets: Vec<u8>,
    pub(crate) opener: Option<SkOpener>,
}

impl Recording {
    pub(crate) fn all() -> [Self; 3] {
        [Self::new(&GCM), Self::new(&CBC), Self::new(&TS_UNACCEPTABLE)]
    }

    pub(crate) fn new(source: &Source) -> Self {
        let lines = source.text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, hex) = line.split_once(' ').expect("name and value");
            let octet = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
            (name, (0..hex.len()).step_by(2).map(octet).collect())
        });
        Self { name: source.name, suite: source.suite, lines: lines.collect() }
    }

    /// The values of one name, in the order of the recording.
    pub(crate) fn values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        self.lines.iter().filter(move |(found, _)| *found == name).map(|(_, value)| value.as_slice())
    }

    /// The messages, in the order of the recording.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Recorded> {
        let mut sas: BTreeMap<IkeSpi, usize> = BTreeMap::new();
        let sent = self.lines.iter().filter(|(name, _)| matches!(*name, "initiator" | "responder"));
        sent.map(move |(_, octets)| {
            let header = Header::parse(octets).expect("a header");
            let next = sas.len();
            let sa = *sas.entry(header.initiator_spi).or_insert(next);
            let clear = header.exchange == ExchangeType::IKE_SA_INIT;
            let opener = (!clear).then(|| self.opener(sa, header.initiator));
            Recorded { octets: octets.clone(), opener }
        })
    }

    /// Opener for what the initiator, or the responder, of the `sa`-th IKE SA sends.
    fn opener(&self, sa: usize, initiator: bool) -> SkOpener {
        let (encr, integ) = if initiator { ("sk_ei", "sk_ai") } else { ("sk_er", "sk_ar") };
        let key = [encr, integ].map(|name| self.values(name).nth(sa).unwrap_or_default()).concat();
        SkOpener::new(self.suite, &Secret::new(key)).expect("built in")
    }
}

impl Recorded {
    /// The message, opened if protected.
    pub(crate) fn open(&self) -> Message {
        let mut octets = self.octets.clone();
        match &self.opener {
            Some(opener) => opener.open(&mut octets).expect("opens with the logged key"),
            None => Message::parse(&octets).expect("well formed"),
        }
    }
}
