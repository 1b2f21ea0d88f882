use std::io::Read;
use std::os::fd::AsFd;

use proptest::prelude::*;

use super::*;
use crate::dataplane::headers::FIN;
use crate::dataplane::io::vnet_hdr;
use crate::dataplane::segment;
use crate::dataplane::segment::tests::tcp_frame;
use crate::dataplane::tables::At;

const TO: User = User::Port(At { bridge: 0, port: 0 });

/// What a device gets for these packets, in order of arrival: (header, packet) of each write.
fn written(packets: &[Vec<u8>], alone: bool) -> Vec<(VnetHdr, Vec<u8>)> {
    let mut buffer = Vec::new();
    let mut joiner = Joiner::default();
    let mut ranges = Vec::new();
    for packet in packets {
        ranges.push(buffer.len()..buffer.len() + packet.len());
        buffer.extend(packet);
    }
    for range in ranges {
        joiner.offer(TO, &buffer, range, true, alone);
    }
    // A datagram socket keeps writes apart, as a device does.
    let (device, mut reader) =
        std::os::unix::net::UnixDatagram::pair().map(|(a, b)| (a, Datagrams(b))).expect("a pair");
    device.set_nonblocking(true).expect("settable");
    let mut out = Vec::new();
    joiner.flush(
        &mut buffer,
        |_| Some(device.as_fd()),
        |_, _, _, result| {
            result.expect("taken");
            let mut packet = vec![0; 70_000];
            let length = reader.read(&mut packet).expect("there");
            let head = packet.first_chunk().and_then(VnetHdr::parse).expect("a header of ours");
            out.push((head, packet[vnet_hdr::LEN..length].to_vec()));
        },
    );
    out
}

struct Datagrams(std::os::unix::net::UnixDatagram);

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer)
    }
}

/// The packets a receiver sees, after its kernel has cut super-packets again.
fn cut_again(writes: &[(VnetHdr, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (vnet, packet) in writes {
        let cuts = segment::plan(packet, vnet, 70_000, true).expect("what we wrote can be cut");
        for i in 0..cuts.count() {
            let mut out = vec![0; cuts.len(i)];
            cuts.write(i, packet, &mut out);
            all.push(out);
        }
    }
    all
}

/// A stream cut into segments; IPv4 identification counts as a sender's does.
fn stream(v6: bool, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut sequence = 1000_u32;
    let chunks: Vec<&[u8]> = payload.chunks(size).collect();
    for (i, chunk) in chunks.iter().enumerate() {
        let mut frame = tcp_frame(v6, chunk, sequence, i + 1 == chunks.len());
        if !v6 {
            set_word(&mut frame, ETHERNET + 4, i as u16);
            write_ipv4_checksum(&mut frame, ETHERNET);
        }
        packets.push(frame);
        sequence += chunk.len() as u32;
    }
    packets
}

/// The packets of each flow, in order.
fn by_flow(packets: &[Vec<u8>]) -> std::collections::BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows = std::collections::BTreeMap::<_, Vec<_>>::new();
    for packet in packets {
        let key = tcp_segment(packet, true).map(|s| s.hash.to_ne_bytes().to_vec()).unwrap_or_default();
        flows.entry(key).or_default().push(packet.clone());
    }
    flows
}

proptest! {
    #[test]
    fn joined_and_cut_again_is_the_same(
        payload in proptest::collection::vec(any::<u8>(), 1..20_000), size in 100_usize..1448, v6: bool,
    ) {
        let packets = stream(v6, &payload, size);
        let writes = written(&packets, false);
        prop_assert_eq!(writes.len(), 1, "one stream, one write");
        prop_assert!(cut_again(&writes) == packets);
    }

    #[test]
    fn disturbed_streams_arrive_as_they_are(
        payload in proptest::collection::vec(any::<u8>(), 2000..12_000), v6: bool,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..90, any::<u8>()), 0..6),
        swaps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
    ) {
        let mut packets = stream(v6, &payload, 500);
        for (which, at, value) in damage {
            let packet = which.get(&packets).len();
            let index = which.index(packets.len());
            packets[index][at % packet] ^= value;
        }
        for (a, b) in swaps {
            let (a, b) = (a.index(packets.len()), b.index(packets.len()));
            packets.swap(a, b);
        }
        let writes = written(&packets, false);
        // Order is kept within a flow; damaged addresses or ports make a packet another flow's.
        let arrived = by_flow(&cut_again(&writes));
        prop_assert!(arrived == by_flow(&packets), "every flow as it was sent");
    }

    #[test]
    fn any_bytes_pass(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..20)) {
        let writes = written(&packets, false);
        let bytes: Vec<Vec<u8>> = writes.into_iter().map(|(_, packet)| packet).collect();
        prop_assert_eq!(bytes, packets);
    }
}

#[test]
fn a_corrupt_segment_is_not_laundered() {
    let mut packets = stream(false, &[7; 3000], 1000);
    let last = packets[1].len() - 1;
    packets[1][last] ^= 1;
    let writes = written(&packets, false);
    assert_eq!(writes.len(), 3, "nothing joins it");
    assert!(writes.iter().all(|(vnet, _)| *vnet == VnetHdr::PLAIN));
    assert_eq!(writes[1].1, packets[1], "the receiver sees the corruption");
}

#[test]
fn fin_and_push_end_a_group() {
    let mut packets = stream(false, &[7; 4000], 1000);
    let ip = ip_at(&packets[2], ETHERNET).expect("IP");
    // FIN in the third, checksum mended.
    let before = word(&packets[2], ip.l4 + 12);
    packets[2][ip.l4 + 13] |= FIN;
    let (sum, after) = (word(&packets[2], ip.l4 + 16), word(&packets[2], ip.l4 + 12));
    set_word(&mut packets[2], ip.l4 + 16, adit_encap::checksum::update(sum, before, after));
    let sizes: Vec<Gso> = written(&packets, false).iter().map(|(vnet, _)| vnet.gso).collect();
    assert_eq!(sizes, [Gso::TcpV4(1000), Gso::None, Gso::None]);
}

#[test]
fn alone_means_alone() {
    let packets = stream(true, &[7; 4000], 1000);
    assert_eq!(written(&packets, true).len(), 4);
}

#[test]
fn two_flows_in_turn_are_both_joined() {
    let one = stream(false, &[1; 3000], 1000);
    let two: Vec<Vec<u8>> = stream(false, &[2; 3000], 1000)
        .into_iter()
        .map(|mut frame| {
            // Another source port.
            let at = ETHERNET + 20;
            let (sum, old) = (word(&frame, at + 16), word(&frame, at));
            set_word(&mut frame, at, old + 1);
            set_word(&mut frame, at + 16, adit_encap::checksum::update(sum, old, old + 1));
            frame
        })
        .collect();
    let mixed: Vec<Vec<u8>> = one.into_iter().zip(two).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(written(&mixed, false).len(), 2);
}
