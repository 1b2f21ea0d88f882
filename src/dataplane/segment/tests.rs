use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;
use crate::dataplane::headers::{ETHERNET, TCP};

/// An Ethernet frame with a TCP segment, checksums right.
pub(crate) fn tcp_frame(v6: bool, payload: &[u8], sequence: u32, push: bool) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let ip = if v6 {
        ethernet.ipv6([1; 16], [2; 16], 64)
    } else {
        ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
    };
    let mut tcp = ip.tcp(1234, 80, sequence, 502).ack(77);
    tcp = tcp.options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]).expect("timestamps");
    if push {
        tcp = tcp.psh();
    }
    let mut frame = Vec::new();
    tcp.write(&mut frame, payload).expect("a vector takes all");
    frame
}

/// The frame as the kernel hands over a super-packet: only the pseudo header is in the checksum.
fn super_packet(frame: &[u8], size: u16) -> (Vec<u8>, VnetHdr) {
    let mut frame = frame.to_vec();
    let ip = ip_at(&frame, ETHERNET).expect("IP");
    let offset = if ip.protocol == TCP { 16 } else { 6 };
    let (source, destination) = ip.addresses(&frame);
    let pseudo = Sum::pseudo_header(source, destination, ip.protocol, ip.end - ip.l4);
    set_word(&mut frame, ip.l4 + offset, pseudo.folded());
    let gso = match (ip.protocol, ip.v6) {
        (TCP, false) => Gso::TcpV4(size),
        (TCP, true) => Gso::TcpV6(size),
        _ => Gso::Udp(size),
    };
    let vnet = VnetHdr { gso, checksum: Some((ip.l4 as u16, offset as u16)), headers: 0 };
    (frame, vnet)
}

fn pieces(packet: &[u8], cuts: &Cuts) -> Vec<Vec<u8>> {
    let piece = |i| {
        let mut out = vec![0xaa; cuts.len(i)];
        cuts.write(i, packet, &mut out);
        out
    };
    (0..cuts.count()).map(piece).collect()
}

/// Lengths and checksums of a frame, judged by etherparse; returns transport payload.
fn judge(frame: &[u8]) -> Vec<u8> {
    let sliced = SlicedPacket::from_ethernet(frame).expect("well-formed");
    let ip = ip_at(frame, ETHERNET).expect("IP");
    if !ip.v6 {
        assert!(Sum::of(&frame[ETHERNET..ip.l4]).is_valid(), "IPv4 header checksum");
    }
    let (source, destination) = ip.addresses(frame);
    let sum =
        Sum::pseudo_header(source, destination, ip.protocol, ip.end - ip.l4) + Sum::of(&frame[ip.l4..ip.end]);
    assert!(sum.is_valid(), "transport checksum");
    assert_eq!(ip.end, frame.len());
    match sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => tcp.payload().to_vec(),
        Some(TransportSlice::Udp(udp)) => udp.payload().to_vec(),
        other => panic!("no transport: {other:?}"),
    }
}

proptest! {
    #[test]
    fn tcp_pieces_join_to_what_was_cut(
        payload in proptest::collection::vec(any::<u8>(), 1..9000),
        size in 100_u16..2000, limit in 300_usize..1600, v6: bool, push: bool, sequence: u32,
    ) {
        let (packet, vnet) = super_packet(&tcp_frame(v6, &payload, sequence, push), size);
        let cuts = plan(&packet, &vnet, limit, true).expect("TCP can always be cut");
        let all = pieces(&packet, &cuts);
        let mut joined = Vec::new();
        for (i, piece) in all.iter().enumerate() {
            prop_assert!(piece.len() <= limit);
            let ip = ip_at(piece, ETHERNET).expect("IP");
            prop_assert_eq!(long(piece, ip.l4 + 4), sequence.wrapping_add(joined.len() as u32));
            let last = i + 1 == all.len();
            prop_assert_eq!(piece[ip.l4 + 13] & PSH != 0, push && last);
            if !v6 {
                let id = |frame: &[u8]| word(frame, ETHERNET + 4);
                prop_assert_eq!(id(piece), id(&packet).wrapping_add(i as u16));
            }
            joined.extend(judge(piece));
        }
        prop_assert_eq!(joined, payload);
    }

    #[test]
    fn udp_pieces_keep_their_boundaries(
        payload in proptest::collection::vec(any::<u8>(), 1..9000), size in 50_u16..1400, v6: bool,
    ) {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = if v6 { ethernet.ipv6([1; 16], [2; 16], 64) } else { ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64) };
        let mut frame = Vec::new();
        ip.udp(1, 2).write(&mut frame, &payload).expect("a vector takes all");
        let (packet, vnet) = super_packet(&frame, size);
        let cuts = plan(&packet, &vnet, 1500, true).expect("fits");
        let all: Vec<Vec<u8>> = pieces(&packet, &cuts).iter().map(|piece| judge(piece)).collect();
        let wanted: Vec<Vec<u8>> = payload.chunks(usize::from(size)).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(all, wanted);
    }

    #[test]
    fn any_bytes_are_cut_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), header: [u8; 10], limit in 0_usize..300, ethernet: bool,
        ip in prop::sample::select(vec![[0x08, 0x00, 0x45], [0x86, 0xdd, 0x60], [0x81, 0x00, 0x00], [0x08, 0x00, 0x4f]]),
        shape: bool,
    ) {
        let mut bytes = bytes;
        if shape && bytes.len() > 24 {
            bytes[12..15].copy_from_slice(&ip);
            bytes[23] = 6;
        }
        if let Some(vnet) = VnetHdr::parse(&header)
            && let Ok(cuts) = plan(&bytes, &vnet, limit, ethernet)
        {
            for piece in pieces(&bytes, &cuts) {
                prop_assert!(piece.len() <= limit);
            }
        }
    }

    #[test]
    fn fragments_join_to_the_packet(payload in proptest::collection::vec(any::<u8>(), 1500..6000), partial: bool) {
        let mut frame = Vec::new();
        let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        ip.udp(1, 2).write(&mut frame, &payload).expect("a vector takes all");
        frame[ETHERNET + 6] = 0; // may be fragmented
        write_ipv4_checksum(&mut frame, ETHERNET);
        let whole = frame.clone();
        let mut vnet = VnetHdr::PLAIN;
        if partial {
            let (packet, with) = super_packet(&frame, 1);
            (frame, vnet.checksum) = (packet, with.checksum);
        }
        let cuts = plan(&frame, &vnet, 1000, true).expect("may be fragmented");
        let mut joined = vec![0; whole.len()];
        joined[..ETHERNET + 20].copy_from_slice(&whole[..ETHERNET + 20]);
        let all = pieces(&frame, &cuts);
        for (i, piece) in all.iter().enumerate() {
            prop_assert!(piece.len() <= 1000);
            prop_assert!(Sum::of(&piece[ETHERNET..ETHERNET + 20]).is_valid());
            let field = word(piece, ETHERNET + 6);
            prop_assert_eq!(field & 0x2000 != 0, i + 1 < all.len());
            let at = ETHERNET + 20 + usize::from(field & 0x1fff) * 8;
            let body = &piece[ETHERNET + 20..];
            joined[at..at + body.len()].copy_from_slice(body);
        }
        prop_assert_eq!(joined, whole);
    }
}

#[test]
fn a_partial_checksum_is_finished() {
    let frame = tcp_frame(false, b"hello world", 5, true);
    let (packet, vnet) = super_packet(&frame, 0);
    let vnet = VnetHdr { gso: Gso::None, ..vnet };
    let cuts = plan(&packet, &vnet, 1500, true).expect("fits");
    assert_eq!(pieces(&packet, &cuts), vec![frame]);
}

#[test]
fn what_does_not_fit_is_told_with_its_mtu() {
    let mut frame = tcp_frame(false, &[0; 1460], 5, true);
    frame[ETHERNET + 6] = 0x40;
    match plan(&frame, &VnetHdr::PLAIN, 1400, true) {
        Err(CutError::TooBig(Some((ip, mtu)))) => assert_eq!((ip.l3, mtu), (ETHERNET, 1386)),
        other => panic!("{other:?}"),
    }
    let strange = vec![0xff; 1500];
    assert_eq!(plan(&strange, &VnetHdr::PLAIN, 1400, true).unwrap_err(), CutError::TooBig(None));
}

fn syn(v6: bool, options: &[u8]) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let ip = if v6 {
        ethernet.ipv6([1; 16], [2; 16], 64)
    } else {
        ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
    };
    let mut frame = Vec::new();
    let tcp = ip.tcp(1, 2, 3, 4).syn().options_raw(options).expect("options fit");
    tcp.write(&mut frame, &[]).expect("a vector takes all");
    frame
}

#[test]
fn the_mss_of_a_syn_is_lowered_and_never_raised() {
    for v6 in [false, true] {
        let headers = if v6 { 60 } else { 40 };
        // At an even and at an odd place.
        for options in [&[2, 4, 0x05, 0xb4][..], &[1, 2, 4, 0x05, 0xb4, 1, 1, 1]] {
            let frame = syn(v6, options);
            for (limit, expected) in [(1000, 1000 - ETHERNET - headers), (1514, 1460.min(1500 - headers))] {
                let cuts = plan(&frame, &VnetHdr::PLAIN, limit, true).expect("fits");
                let out = pieces(&frame, &cuts).remove(0);
                judge(&out);
                let ip = ip_at(&out, ETHERNET).expect("IP");
                let at = ip.l4 + 20 + if options[0] == 1 { 3 } else { 2 };
                assert_eq!(usize::from(word(&out, at)), expected);
            }
        }
    }
}

#[test]
fn a_checksum_field_across_two_fragments_is_malformed() {
    let mut frame = vec![0; ETHERNET + 20 + 1400];
    frame[12] = 0x08;
    frame[ETHERNET] = 0x45;
    frame[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&1420_u16.to_be_bytes());
    frame[ETHERNET + 8..ETHERNET + 10].copy_from_slice(&[64, 17]);
    let headers = ETHERNET + 20;
    for start in headers..headers + 1000 {
        let vnet = VnetHdr { checksum: Some((start as u16, 0)), ..VnetHdr::PLAIN };
        match plan(&frame, &vnet, 600, true) {
            Ok(cuts) => assert_eq!(pieces(&frame, &cuts).len(), cuts.count()),
            Err(error) => assert_eq!((error, (start - headers) % 2), (CutError::Malformed, 1)),
        }
    }
}

/// An IPv6 packet whose header names the next router, and whose `extension` (routing header or destination
/// options, next header field left 0) holds the address that counts.
fn behind(kind: u8, extension: &[u8], transport: u8, payload: usize) -> Vec<u8> {
    let header = if transport == TCP { 20 } else { 8 };
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    set_word(&mut packet, 4, (extension.len() + header + payload) as u16);
    (packet[6], packet[7]) = (kind, 64);
    packet[8..24].fill(0x11);
    packet[24..40].fill(0x22);
    packet.extend(extension);
    packet[40] = transport;
    let l4 = packet.len();
    packet.resize(l4 + header, 0);
    packet.extend((0..payload).map(|n| n as u8));
    match transport {
        TCP => packet[l4 + 12] = 0x50,
        _ => set_word(&mut packet, l4 + 4, (header + payload) as u16),
    }
    packet
}

/// Cuts it, whose pseudo header has these addresses, and verifies each piece against them.
fn cut_behind(packet: &mut [u8], source: [u8; 16], destination: [u8; 16]) {
    let ip = ip_at(packet, 0).expect("IP");
    let pseudo = |length| Sum::pseudo_header(source.into(), destination.into(), ip.protocol, length);
    set_word(packet, checksum_at(&ip), pseudo(ip.end - ip.l4).folded());
    let gso = if ip.protocol == TCP { Gso::TcpV6(500) } else { Gso::Udp(500) };
    let checksum = Some((ip.l4 as u16, (checksum_at(&ip) - ip.l4) as u16));
    let vnet = VnetHdr { gso, checksum, headers: 0 };
    let cuts = plan(packet, &vnet, 1280, false).expect("can be cut");
    assert_eq!(cuts.count(), 3);
    for piece in pieces(packet, &cuts) {
        let ip = ip_at(&piece, 0).expect("IP");
        let sum = pseudo(ip.end - ip.l4) + Sum::of(&piece[ip.l4..ip.end]);
        assert!(sum.is_valid(), "protocol {}", ip.protocol);
    }
    // Without the partial sum nobody knows these addresses: better no checksum than a wrong one.
    let whole = VnetHdr { checksum: None, ..vnet };
    assert_eq!(plan(packet, &whole, 1280, false).unwrap_err(), CutError::Malformed);
    // A sum that is for something else is none.
    let elsewhere = VnetHdr { checksum: Some((0, 4)), ..vnet };
    assert_eq!(plan(packet, &elsewhere, 1280, false).unwrap_err(), CutError::Malformed);
}

#[test]
fn the_pseudo_header_has_the_final_destination_and_the_home_address() {
    const ROUTING: u8 = 43;
    const OPTIONS: u8 = 60;
    let header = [[0x11; 16], [0x22; 16]];
    let far = [0x33; 16];
    let routing = |kind: u8, left: u8, addresses: &[[u8; 16]]| {
        let words = addresses.len() as u8 * 2;
        let last = addresses.len() as u8 - 1;
        let fixed = [0, words, kind, left, if kind == 4 { last } else { 0 }, 0, 0, 0];
        [&fixed[..], &addresses.concat()].concat()
    };
    for transport in [TCP, UDP] {
        // Type 0 (RFC 2460 §4.4) and 2 (RFC 6275 §6.4): the last address. Type 4 (RFC 8754 §2): the first.
        let ways = [
            (routing(0, 1, &[header[1], far]), far),
            (routing(2, 1, &[far]), far),
            (routing(4, 1, &[far, header[1]]), far),
            (routing(4, 0, &[header[1], [0x44; 16]]), header[1]),
        ];
        for (extension, destination) in ways {
            cut_behind(&mut behind(ROUTING, &extension, transport, 1400), header[0], destination);
        }
        // A home address option (RFC 6275 §6.3), padded to a whole header.
        let option = [&[0, 2, 1, 2, 0, 0, 201, 16][..], &far].concat();
        cut_behind(&mut behind(OPTIONS, &option, transport, 1400), far, header[1]);
    }
}
