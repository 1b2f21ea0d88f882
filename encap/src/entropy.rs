//! A hash of the inner flow, and from it the outer UDP source port, so that
//! routers on the way spread flows over their links (RFC 7348 §5).

/// Source ports as Open vSwitch chooses them: Linux's default ephemeral range.
const FIRST_PORT: u32 = 32_768;
const LAST_PORT: u32 = 60_999;

/// The source port of a flow.
pub fn source_port(flow: u32) -> u16 {
    let span = u64::from(LAST_PORT - FIRST_PORT + 1);
    (FIRST_PORT + ((u64::from(flow) * span) >> 32) as u32) as u16
}

/// A hash of what makes packets one flow: addresses, protocol and ports of an IP packet, else the
/// MAC addresses and the EtherType. All fragments of a packet hash alike. Any bytes are accepted.
pub fn flow_hash(frame: &[u8]) -> u32 {
    let mut hash = Mixer(0x9e37_79b9_7f4a_7c15);
    let Some((macs, mut rest)) = frame.split_at_checked(12) else {
        hash.add(frame);
        return hash.finish();
    };
    loop {
        match rest {
            // 802.1Q and 802.1ad tags: the flow is behind them.
            [0x81, 0x00, _, _, behind @ ..] | [0x88, 0xa8, _, _, behind @ ..] => rest = behind,
            [0x08, 0x00, packet @ ..] if ipv4(packet, &mut hash).is_some() => return hash.finish(),
            [0x86, 0xdd, packet @ ..] if ipv6(packet, &mut hash).is_some() => return hash.finish(),
            _ => {
                hash.add(macs);
                hash.add(&rest[..rest.len().min(2)]);
                return hash.finish();
            }
        }
    }
}

fn ipv4(packet: &[u8], hash: &mut Mixer) -> Option<()> {
    let addresses = packet.get(12..20)?;
    let header = usize::from(packet[0] & 0x0f) * 4;
    let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
    hash.add(addresses);
    let behind = if fragment { None } else { packet.get(header..) };
    ports(packet[9], behind, hash);
    Some(())
}

fn ipv6(packet: &[u8], hash: &mut Mixer) -> Option<()> {
    hash.add(packet.get(8..40)?);
    ports(packet[6], packet.get(40..), hash);
    Some(())
}

/// TCP, UDP, DCCP, SCTP, UDP-Lite: ports in the first four bytes.
fn ports(protocol: u8, behind: Option<&[u8]>, hash: &mut Mixer) {
    hash.add(&[protocol]);
    if let (6 | 17 | 33 | 132 | 136, Some(ports)) = (protocol, behind.and_then(|b| b.get(..4))) {
        hash.add(ports);
    }
}

/// Multiply and fold, eight bytes at a time.
struct Mixer(u64);

impl Mixer {
    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let wide = u128::from(self.0 ^ u64::from_le_bytes(word)) * 0xd6e8_feb8_6659_fd93;
            self.0 = (wide >> 64) as u64 ^ wide as u64 ^ chunk.len() as u64;
        }
    }

    fn finish(&self) -> u32 {
        (self.0 ^ (self.0 >> 32)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn udp_frame(source: u16, fragment: u16) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 32, 0, 0]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(source.to_be_bytes());
        frame.extend([0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
        frame
    }

    #[test]
    fn ports_spread_over_the_whole_range() {
        assert_eq!((source_port(0), source_port(u32::MAX)), (32_768, 60_999));
        let ports: std::collections::BTreeSet<u16> =
            (0..1000).map(|i| source_port(flow_hash(&udp_frame(i, 0)))).collect();
        assert!(ports.len() > 900, "{}", ports.len());
    }

    #[test]
    fn fragments_of_one_packet_stay_together() {
        // more-fragments with offset 0, and a later fragment whose first bytes are no ports
        assert_eq!(flow_hash(&udp_frame(7, 0x2000)), flow_hash(&udp_frame(9, 0x0005)));
        assert_ne!(flow_hash(&udp_frame(7, 0)), flow_hash(&udp_frame(9, 0)));
    }

    #[test]
    fn a_tag_does_not_hide_the_flow() {
        let plain = udp_frame(7, 0);
        let mut tagged = plain[..12].to_vec();
        tagged.extend([0x81, 0, 0, 5]);
        tagged.extend(&plain[12..]);
        assert_eq!(flow_hash(&plain), flow_hash(&tagged));
    }

    proptest! {
        #[test]
        fn any_bytes_hash(frame in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(flow_hash(&frame), flow_hash(&frame.clone()));
        }
    }
}
