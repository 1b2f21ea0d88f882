use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::dataplane::io::udp::{self, Family};

/// A batch with one UDP socket, and somewhere to send to.
fn batch() -> (SendBatch, SocketId, UdpSocket, Wire) {
    let mut batch = SendBatch::new(Arc::default());
    let socket = udp::open(Family::V4, 0).expect("a socket");
    let id = batch.add_socket(NewSocket { role: Role::TunnelSource, family: Family::V4, socket });
    let there = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    there.set_read_timeout(Some(Duration::from_secs(5))).expect("settable");
    let remote: SocketAddr = there.local_addr().expect("bound");
    (batch, id, there, Wire { remote, local: None, tos: 0, ttl: 64, mark: 0 })
}

fn commit(batch: &mut SendBatch, id: SocketId, wire: &Wire, packet: &[u8]) {
    batch.reserve(packet.len()).copy_from_slice(packet);
    batch.commit(id, wire, packet.len());
}

fn receive(there: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let length = there.recv(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    buffer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_committed_arrives_in_order(
        lengths in proptest::collection::vec(prop_oneof![Just(1000_usize), Just(1000), 1_usize..1400], 1..90),
    ) {
        let (mut batch, id, there, wire) = batch();
        let packets: Vec<Vec<u8>> =
            lengths.iter().enumerate().map(|(i, length)| vec![i as u8; *length]).collect();
        for packet in &packets {
            commit(&mut batch, id, &wire, packet);
        }
        batch.flush();
        for packet in &packets {
            prop_assert!(receive(&there) == *packet);
        }
        prop_assert!(batch.counters.drops.nonzero().is_empty());
    }
}

#[test]
fn equal_packets_are_one_message_and_a_short_one_ends_it() {
    let (mut batch, id, _there, wire) = batch();
    for length in [500, 500, 500, 200, 500, 600] {
        commit(&mut batch, id, &wire, &vec![0; length]);
    }
    let other = Wire { tos: 4, ..wire };
    commit(&mut batch, id, &other, &[0; 600]);
    let shape: Vec<(usize, u16)> =
        batch.queues[0].messages.iter().map(|m| (m.bytes.len(), m.segment)).collect();
    assert_eq!(shape, [(1700, 500), (500, 0), (600, 0), (600, 0)]);
}

#[test]
fn what_is_not_committed_is_not_sent() {
    let (mut batch, id, there, wire) = batch();
    batch.reserve(100).fill(1);
    commit(&mut batch, id, &wire, &[2; 50]);
    batch.flush();
    assert_eq!(receive(&there), [2; 50]);
}

#[test]
fn a_batch_the_kernel_refuses_goes_out_in_single_packets() {
    let (mut batch, id, there, wire) = batch();
    let socket = batch.sockets.sockets[usize::from(id.0)].as_fd();
    // UDP without checksum cannot be cut by the kernel: EINVAL (linux/net/ipv4/udp.c).
    crate::dataplane::io::sys::set_option(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).expect("settable");
    for i in 0..5 {
        commit(&mut batch, id, &wire, &[i; 300]);
    }
    batch.flush();
    for i in 0..5 {
        assert_eq!(receive(&there), [i; 300]);
    }
    assert!(!batch.queues[usize::from(id.0)].gso, "not asked again");
    assert!(batch.counters.drops.nonzero().is_empty());
}

#[test]
fn what_cannot_be_sent_is_counted() {
    let (mut batch, id, _there, wire) = batch();
    let nowhere = Wire { remote: SocketAddr::from(([255, 255, 255, 255], 9)), ..wire };
    commit(&mut batch, id, &nowhere, &[0; 10]); // broadcast is not allowed on this socket
    batch.flush();
    assert_eq!(batch.counters.drops.get(DropReason::SendFailed), 1);
}
