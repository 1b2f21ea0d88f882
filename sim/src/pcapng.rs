//! A pcapng file of a simulated run, for Wireshark: section header, one
//! interface, enhanced packet blocks (IETF draft-ietf-opsawg-pcapng).

/// Builds the bytes of a pcapng file.
#[derive(Debug)]
pub struct Pcapng {
    bytes: Vec<u8>,
}

/// Link types of the tcpdump registry that a simulation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET
    Ethernet = 1,
    /// LINKTYPE_RAW: an IPv4 or IPv6 packet.
    Raw = 101,
}

impl Pcapng {
    /// An empty capture.
    pub fn new(link_type: LinkType) -> Self {
        let mut file = Self { bytes: Vec::new() };
        let mut header = vec![];
        header.extend(0x1a2b_3c4d_u32.to_le_bytes()); // byte order
        header.extend([1, 0, 0, 0]); // version 1.0
        header.extend(u64::MAX.to_le_bytes()); // length not given
        file.block(0x0a0d_0d0a, &header);
        let mut interface = vec![];
        interface.extend((link_type as u16).to_le_bytes());
        interface.extend([0; 2]);
        interface.extend(0_u32.to_le_bytes()); // no snap length
        file.block(1, &interface);
        file
    }

    /// Adds a packet seen `micros` microseconds after the start.
    pub fn packet(&mut self, micros: u64, packet: &[u8]) {
        let mut body = vec![];
        body.extend(0_u32.to_le_bytes()); // interface 0
        body.extend(((micros >> 32) as u32).to_le_bytes());
        body.extend((micros as u32).to_le_bytes());
        body.extend((packet.len() as u32).to_le_bytes());
        body.extend((packet.len() as u32).to_le_bytes());
        body.extend(packet);
        self.block(6, &body);
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let total = (12 + body.len() + padding) as u32;
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(total.to_le_bytes());
        self.bytes.extend(body);
        self.bytes.extend(std::iter::repeat_n(0, padding));
        self.bytes.extend(total.to_le_bytes());
    }

    /// The file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_framed_on_both_ends() {
        let mut file = Pcapng::new(LinkType::Raw);
        file.packet(5, &[1, 2, 3]);
        let bytes = file.into_bytes();
        let (mut at, mut kinds) = (0, vec![]);
        while at < bytes.len() {
            let word = |i: usize| u32::from_le_bytes(bytes[i..i + 4].try_into().unwrap());
            let total = word(at + 4) as usize;
            assert_eq!(total % 4, 0);
            assert_eq!(word(at + total - 4) as usize, total);
            kinds.push(word(at));
            at += total;
        }
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 6]);
    }
}
