//! Encapsulations, and what shares a UDP port with ESP.

use adit_encap::{Geneve, Gre, Protocol, Tunnel, Vxlan, pop, udp};
use adit_esp::udp::{Datagram, KEEPALIVE, NON_ESP_MARKER, classify};

use crate::input::Input;

/// A GRE packet, the payload of a VXLAN or Geneve datagram, a UDP datagram from inside ESP.
pub fn encap_pop(data: &[u8]) {
    for protocol in [Protocol::Gre, Protocol::Vxlan, Protocol::Geneve] {
        if let Ok(inner) = pop(protocol, data) {
            assert!(inner.start + 14 <= inner.end && inner.end <= data.len(), "{protocol:?}: {inner:?}");
        }
    }
    if let Ok(datagram) = udp::pop(data, None) {
        assert!(datagram.start <= datagram.end && datagram.end <= data.len(), "{datagram:?}");
    }
    let _ = udp::pop(data, Some(([192, 0, 2, 1].into(), [192, 0, 2, 2].into())));
    pushed_is_popped(data);
}

/// Any frame through any tunnel comes out as it was, under its key.
fn pushed_is_popped(data: &[u8]) {
    let mut input = Input::new(data);
    let options = input.u8();
    let key = u32::from(input.u16());
    let frame = input.rest();
    if frame.len() < 14 {
        return;
    }
    let has = |bit: u8| options & bit != 0;
    let gre = Gre { key: has(1).then_some(key), checksum: has(2), sequence: has(4).then_some(key) };
    let vxlan = Vxlan { vni: key, udp: None };
    let geneve = Geneve { vni: key, udp: None };
    for mut tunnel in [Tunnel::Gre(gre), Tunnel::Vxlan(vxlan), Tunnel::Geneve(geneve)] {
        let mut packet = vec![0; tunnel.overhead()];
        tunnel.push(&mut packet, frame, key);
        packet.extend_from_slice(frame);
        let inner = pop(tunnel.protocol(), &packet).expect("just pushed");
        assert_eq!(inner.frame(&packet), frame);
        let expected = if matches!(tunnel, Tunnel::Gre(_)) && !has(1) { 0 } else { key };
        assert_eq!(inner.key.unwrap_or(0), expected);
    }
}

/// A datagram on port 4500.
pub fn udp_classify(data: &[u8]) {
    match classify(data) {
        Datagram::Keepalive => assert_eq!(data, KEEPALIVE),
        Datagram::Ike(message) => {
            assert!(!message.is_empty());
            assert_eq!([&NON_ESP_MARKER[..], message].concat(), data);
        }
        Datagram::Esp(spi) => {
            assert!(spi.0 != 0 && data.len() >= 8);
            assert_eq!(data[..4], spi.0.to_be_bytes());
        }
        Datagram::TooShort => {
            assert!(data.len() < 8 && data != KEEPALIVE, "{data:?}");
        }
    }
}
