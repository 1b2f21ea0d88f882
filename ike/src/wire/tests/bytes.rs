//! Each payload against octets written out by hand from the figures of RFC 7296 §3.

use std::net::{Ipv4Addr, Ipv6Addr};

use adit_crypto::KeId;

use super::*;

/// Parses `body` into `expected`, and writes `expected` as those octets.
fn both_ways(kind: PayloadType, body: &[u8], expected: &Payload) {
    assert_eq!(parse_one(kind, body).as_ref(), Ok(expected));
    let message = Message { header: header(ExchangeType::INFORMATIONAL), payloads: vec![expected.clone()] };
    assert_eq!(message.emit(), by_hand(kind, &payload(PayloadType::NONE, 0, body)));
}

fn refused(kind: PayloadType, body: &[u8], rule: Rule) {
    assert_eq!(parse_one(kind, body), Err(Malformed::payload(kind, rule)), "{body:02x?}");
}

#[test]
fn header_fields_are_where_figure_4_has_them() {
    let octets = [
        1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0, 0x20, 35, 0x28, 0, 0, 1,
        2, 0, 0, 0, 28,
    ];
    let expected = Header {
        initiator_spi: IkeSpi(0x0102_0304_0506_0708),
        responder_spi: IkeSpi(0x1112_1314_1516_1718),
        exchange: ExchangeType::IKE_AUTH,
        initiator: true,
        response: true,
        message_id: MessageId(258),
    };
    assert_eq!(Header::parse(&octets), Ok(expected));
    assert_eq!(Message { header: expected, payloads: vec![] }.emit(), octets);
}

#[test]
fn headers_that_cannot_be_believed_are_refused() {
    let good = by_hand(PayloadType::NONE, &[]);
    let with = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        Header::parse(&octets)
    };
    assert_eq!(Header::parse(&good[..27]), Err(Malformed::TooShort(27)));
    assert_eq!(with(17, 0x10), Err(Malformed::MajorVersion(1)));
    assert_eq!(with(17, 0x30), Err(Malformed::MajorVersion(3)));
    assert_eq!(with(27, 27), Err(Malformed::Length { stated: 27, actual: 28 }));
    assert_eq!(with(27, 29), Err(Malformed::Length { stated: 29, actual: 28 }));
    assert_eq!(with(24, 1), Err(Malformed::Length { stated: 0x0100_001c, actual: 28 }));
    let mut no_spi = good.clone();
    no_spi[..8].fill(0);
    assert_eq!(Header::parse(&no_spi), Err(Malformed::ZeroSpi));
}

#[test]
fn minor_version_reserved_bits_and_the_version_flag_are_not_looked_at() {
    let good = by_hand(PayloadType::NONE, &[]);
    let mut odd = good.clone();
    odd[17] = 0x2f;
    odd[19] = 0xdf;
    assert_eq!(Header::parse(&odd), Header::parse(&good));
}

#[test]
fn sa_proposal_with_spi_two_ciphers_and_esn() {
    let body = [
        0, 0, 0, 44, 1, 3, 4, 3, 0xde, 0xad, 0xbe, 0xef, // proposal 1, ESP, 3 transforms
        3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0, // ENCR AES_GCM_16, key length 256
        3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 0, 128, // or 128
        0, 0, 0, 8, 5, 0, 0, 1, // ESN
    ];
    let proposal = Proposal {
        number: 1,
        protocol: Protocol::ESP,
        spi: ProposalSpi::Child(Spi(0xdead_beef)),
        transforms: vec![
            Transform::with_key_bits(TransformType::ENCR, 20, 256),
            Transform::with_key_bits(TransformType::ENCR, 20, 128),
            Transform::new(TransformType::ESN, 1),
        ],
    };
    assert!(proposal.is_understood());
    assert_eq!(proposal.transforms_of(TransformType::ENCR).count(), 2);
    assert_eq!(proposal.child_spi(), Some(Spi(0xdead_beef)));
    both_ways(
        PayloadType::SA,
        &body,
        &Payload::SecurityAssociation(SecurityAssociation { proposals: vec![proposal] }),
    );
}

#[test]
fn sa_errors_are_named() {
    let sa = PayloadType::SA;
    let proposal = |last, length, spi: &[u8], count, rest: &[u8]| {
        let spi_octets = u8::try_from(spi.len()).expect("fits");
        [&[last, 0, 0, length, 1, 3, spi_octets, count], spi, rest].concat()
    };
    let spi = [1, 2, 3, 4];
    let esn = [0, 0, 0, 8, 5, 0, 0, 0];
    assert!(parse_one(sa, &proposal(0, 20, &spi, 1, &esn)).is_ok());
    refused(sa, &[], Rule::Truncated);
    refused(sa, &proposal(0, 21, &spi, 1, &esn), Rule::Truncated);
    refused(sa, &proposal(0, 19, &spi, 1, &esn), Rule::Truncated);
    refused(sa, &proposal(0, 3, &spi, 1, &esn), Rule::LengthTooSmall);
    refused(sa, &proposal(0, 20, &spi, 0, &esn), Rule::TrailingOctets);
    refused(sa, &proposal(0, 20, &spi, 2, &esn), Rule::LastMark);
    refused(sa, &proposal(1, 20, &spi, 1, &esn), Rule::LastMark);
    refused(sa, &proposal(2, 20, &spi, 1, &esn), Rule::Truncated);
    refused(sa, &proposal(0, 18, &[1, 2], 1, &esn), Rule::SpiSize);
    refused(sa, &proposal(0, 16, &[], 1, &esn), Rule::SpiSize);
    let two = [proposal(2, 20, &spi, 1, &esn), proposal(0, 20, &spi, 1, &esn)].concat();
    refused(sa, &two, Rule::ProposalNumber);
    let left_over = [proposal(0, 20, &spi, 1, &esn), vec![0]].concat();
    refused(sa, &left_over, Rule::TrailingOctets);
    let twice = [0, 0, 0, 16, 1, 0, 0, 12, 0x80, 14, 1, 0, 0x80, 14, 0, 128];
    refused(sa, &proposal(0, 28, &spi, 1, &twice), Rule::RepeatedAttribute);
}

#[test]
fn what_is_not_understood_voids_the_transform_or_the_proposal() {
    let long_attribute = [
        0, 0, 0, 26, 1, 1, 0, 1, // proposal 1, IKE, no SPI
        0, 0, 0, 18, 1, 0, 0, 20, 0x80, 14, 1, 0, 0, 99, 0, 2, 0xaa, 0xbb, // attribute 99, two octets
    ];
    let Ok(Payload::SecurityAssociation(sa)) = parse_one(PayloadType::SA, &long_attribute) else {
        panic!("an attribute nobody knows is no syntax error")
    };
    assert!(sa.proposals[0].is_understood());
    assert_eq!(sa.proposals[0].transforms_of(TransformType::ENCR).count(), 0);
    let unknown_type = [0, 0, 0, 16, 1, 1, 0, 1, 0, 0, 0, 8, 200, 0, 0, 1];
    let Ok(Payload::SecurityAssociation(sa)) = parse_one(PayloadType::SA, &unknown_type) else {
        panic!("a transform type nobody knows is no syntax error")
    };
    assert!(!sa.proposals[0].is_understood());
}

#[test]
fn key_exchange() {
    let expected = KeyExchange { method: KeId(31), public: vec![9; 32] };
    let body = [&[0, 31, 0, 0][..], &[9; 32]].concat();
    both_ways(PayloadType::KE, &body, &Payload::KeyExchange(expected));
    refused(PayloadType::KE, &[0, 31, 0, 0], Rule::DataLength);
    refused(PayloadType::KE, &[0, 31, 0], Rule::Truncated);
}

#[test]
fn identities() {
    let v4 = Identification::address([192, 0, 2, 1].into());
    assert_eq!(v4.to_string(), "192.0.2.1");
    both_ways(PayloadType::IDI, &[1, 0, 0, 0, 192, 0, 2, 1], &Payload::IdInitiator(v4));
    let v6 = Identification::address(Ipv6Addr::LOCALHOST.into());
    assert_eq!(v6.to_string(), "::1");
    both_ways(PayloadType::IDR, &v6.body(), &Payload::IdResponder(v6.clone()));
    let name = Identification::fqdn("gw.example");
    assert_eq!(name.to_string(), "gw.example");
    both_ways(PayloadType::IDI, b"\x02\0\0\0gw.example", &Payload::IdInitiator(name));
    assert_eq!(Identification::key_id(&[0xab, 1]).to_string(), "ID_KEY_ID:ab01");
    assert_eq!(Identification::fqdn("a\nb").to_string(), "a\\nb");
    refused(PayloadType::IDI, &[1, 0, 0, 0, 192, 0, 2], Rule::DataLength);
    refused(PayloadType::IDR, &[5, 0, 0, 0, 192, 0, 2, 1], Rule::DataLength);
    refused(PayloadType::IDI, &[2, 0, 0, 0], Rule::DataLength);
}

#[test]
fn authentication_certificates_and_nonces() {
    let auth = Authentication { method: AuthMethod::SHARED_KEY_MIC, data: vec![7; 32] };
    both_ways(PayloadType::AUTH, &[&[2, 0, 0, 0][..], &[7; 32]].concat(), &Payload::Authentication(auth));
    refused(PayloadType::AUTH, &[2, 0, 0, 0], Rule::DataLength);
    let cert = Certificate { encoding: CertEncoding::X509_SIGNATURE, data: vec![0x30] };
    both_ways(PayloadType::CERT, &[4, 0x30], &Payload::Certificate(cert));
    let request = CertificateRequest { encoding: CertEncoding::X509_SIGNATURE, authorities: vec![1; 20] };
    let body = [&[4][..], &[1; 20]].concat();
    both_ways(PayloadType::CERTREQ, &body, &Payload::CertificateRequest(request));
    refused(PayloadType::CERT, &[], Rule::Truncated);
}

#[test]
fn nonces_are_ordered_as_collisions_are_decided() {
    let nonce = |octets: &[u8]| Nonce::new(octets.to_vec()).expect("allowed length");
    assert!(nonce(&[0; 16]) < nonce(&[0; 17]), "the shorter of two with a common start is lower");
    assert!(nonce(&[0; 32]) < nonce(&[1; 16]));
}

#[test]
fn notifications() {
    let rekey = Notify::for_child(NotifyType::REKEY_SA, Spi(0x0102_0304));
    assert_eq!(rekey.esp_spi(), Some(Spi(0x0102_0304)));
    both_ways(PayloadType::NOTIFY, &[3, 4, 0x40, 9, 1, 2, 3, 4], &Payload::Notify(rekey));
    let ke = Notify::invalid_ke(KeId(19));
    assert_eq!(ke.wanted_ke(), Some(KeId(19)));
    both_ways(PayloadType::NOTIFY, &[0, 0, 0, 17, 0, 19], &Payload::Notify(ke));
    let critical = Notify::unsupported_critical(PayloadType(200));
    both_ways(PayloadType::NOTIFY, &[0, 0, 0, 1, 200], &Payload::Notify(critical));
    refused(PayloadType::NOTIFY, &[3, 4, 0x40, 9, 1, 2, 3], Rule::Truncated);
}

#[test]
fn a_notification_without_spi_has_no_protocol_either() {
    let parsed = parse_one(PayloadType::NOTIFY, &[1, 0, 0x40, 0]);
    assert_eq!(parsed, Ok(Payload::Notify(Notify::new(NotifyType::INITIAL_CONTACT))));
}

#[test]
fn deletions() {
    both_ways(PayloadType::DELETE, &[1, 0, 0, 0], &Payload::Delete(Delete::Ike));
    let esp = Delete::esp(vec![Spi(1), Spi(2)]);
    both_ways(PayloadType::DELETE, &[3, 4, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], &Payload::Delete(esp));
    refused(PayloadType::DELETE, &[1, 0, 0, 1], Rule::Count);
    refused(PayloadType::DELETE, &[1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8], Rule::SpiSize);
    refused(PayloadType::DELETE, &[3, 0, 0, 0], Rule::SpiSize);
    refused(PayloadType::DELETE, &[3, 4, 0, 2, 0, 0, 0, 1], Rule::Truncated);
    refused(PayloadType::DELETE, &[3, 4, 0, 0, 0, 0, 0, 1], Rule::TrailingOctets);
    refused(PayloadType::DELETE, &[9, 4, 0, 0], Rule::Protocol);
}

#[test]
fn traffic_selectors() {
    let gre = TrafficSelector::host([192, 0, 2, 1].into(), 47);
    let body = [1, 0, 0, 0, 7, 47, 0, 16, 0, 0, 255, 255, 192, 0, 2, 1, 192, 0, 2, 1];
    assert_eq!(gre.to_string(), "192.0.2.1[47]");
    both_ways(PayloadType::TSI, &body, &Payload::TsInitiator(vec![gre]));
    let net = TrafficSelector {
        protocol: 17,
        ports: PortRange::one(4789),
        addresses: AddressRange::V6 { start: Ipv6Addr::UNSPECIFIED, end: [0xff; 16].into() },
    };
    let mut body = vec![1, 0, 0, 0, 8, 17, 0, 40, 0x12, 0xb5, 0x12, 0xb5];
    body.extend([0; 16]);
    body.extend([0xff; 16]);
    both_ways(PayloadType::TSR, &body, &Payload::TsResponder(vec![net]));
    let opaque = TrafficSelector { ports: PortRange::OPAQUE, ..gre };
    assert_eq!(opaque.to_string(), "192.0.2.1[47/opaque]");
}

#[test]
fn opaque_ports_run_backwards() {
    let any = TrafficSelector::host([192, 0, 2, 1].into(), 47);
    let opaque = TrafficSelector { ports: PortRange::OPAQUE, ..any };
    let body = [1, 0, 0, 0, 7, 47, 0, 16, 255, 255, 0, 0, 192, 0, 2, 1, 192, 0, 2, 1];
    both_ways(PayloadType::TSI, &body, &Payload::TsInitiator(vec![opaque]));
}

#[test]
fn reserved_octets_of_payloads_are_not_looked_at() {
    let bodies = |r: u8| {
        let selector = [7, 47, 0, 16, 0, 0, 255, 255, 192, 0, 2, 1, 192, 0, 2, 1];
        [
            (PayloadType::SA, vec![0, r, 0, 20, 1, 3, 4, 1, 1, 2, 3, 4, 0, r, 0, 8, 5, r, 0, 0]),
            (PayloadType::KE, vec![0, 31, r, r, 9]),
            (PayloadType::IDI, vec![2, r, r, r, b'a']),
            (PayloadType::AUTH, vec![2, r, r, r, 7]),
            (PayloadType::TSI, [&[1, r, r, r][..], &selector].concat()),
            (PayloadType::CP, vec![1, r, r, r, r & 0x80, 1, 0, 0]),
        ]
    };
    for ((kind, plain), (_, odd)) in bodies(0).into_iter().zip(bodies(0xff)) {
        let expected = parse_one(kind, &plain);
        assert!(expected.is_ok(), "{kind}");
        assert_eq!(parse_one(kind, &odd), expected, "{kind}");
    }
}

#[test]
fn traffic_selector_errors_are_named() {
    let selector =
        |length, ports: [u8; 4], rest: &[u8]| [&[1, 0, 0, 0, 7, 0, 0, length], &ports[..], rest].concat();
    let any = [0, 0, 255, 255];
    let pair = [192, 0, 2, 1, 192, 0, 2, 9];
    assert!(parse_one(PayloadType::TSI, &selector(16, any, &pair)).is_ok());
    refused(PayloadType::TSI, &selector(17, any, &pair), Rule::Truncated);
    refused(PayloadType::TSI, &selector(15, any, &pair), Rule::Truncated);
    refused(PayloadType::TSI, &selector(3, any, &pair), Rule::LengthTooSmall);
    refused(PayloadType::TSI, &selector(16, [0, 9, 0, 8], &pair), Rule::Range);
    refused(PayloadType::TSI, &selector(16, any, &[192, 0, 2, 9, 192, 0, 2, 1]), Rule::Range);
    refused(PayloadType::TSI, &[2, 0, 0, 0], Rule::Truncated);
    refused(PayloadType::TSI, &[0, 0, 0, 0, 7], Rule::TrailingOctets);
}

#[test]
fn selectors_of_unknown_types_are_passed_over() {
    let body = [
        2, 0, 0, 0, 10, 0, 0, 6, 0xca, 0xfe, // a security label
        7, 0, 0, 16, 0, 0, 255, 255, 192, 0, 2, 1, 192, 0, 2, 1,
    ];
    let host = TrafficSelector::host(Ipv4Addr::new(192, 0, 2, 1).into(), 0);
    assert_eq!(parse_one(PayloadType::TSI, &body), Ok(Payload::TsInitiator(vec![host])));
}

#[test]
fn configuration_eap_and_vendor_ids() {
    let cp = Configuration {
        kind: CfgType::CFG_REQUEST,
        attributes: vec![
            CfgAttribute { kind: 1, value: vec![] },
            CfgAttribute { kind: 3, value: vec![1; 4] },
        ],
    };
    let body = [1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 4, 1, 1, 1, 1];
    both_ways(PayloadType::CP, &body, &Payload::Configuration(cp));
    let eap = Eap { code: 1, identifier: 2, data: vec![3] };
    both_ways(PayloadType::EAP, &[1, 2, 0, 5, 3], &Payload::Eap(eap));
    refused(PayloadType::EAP, &[1, 2, 0, 5, 3, 4], Rule::TrailingOctets);
    refused(PayloadType::EAP, &[1, 2, 0, 3, 3], Rule::LengthTooSmall);
    both_ways(PayloadType::VENDOR_ID, b"us", &Payload::VendorId(VendorId(b"us".to_vec())));
}

#[test]
fn chains_announce_their_next_and_end_with_none() {
    let nonce = Payload::Nonce(Nonce::new(vec![5; 16]).expect("allowed length"));
    let vendor = Payload::VendorId(VendorId(vec![1]));
    let message = Message { header: header(ExchangeType::INFORMATIONAL), payloads: vec![nonce, vendor] };
    let chain = [payload(PayloadType::VENDOR_ID, 0, &[5; 16]), payload(PayloadType::NONE, 0, &[1])].concat();
    let octets = by_hand(PayloadType::NONCE, &chain);
    assert_eq!(message.emit(), octets);
    assert_eq!(Message::parse(&octets), Ok(message));
}

#[test]
fn broken_chains_are_refused() {
    let truncated = Malformed::payload(PayloadType::VENDOR_ID, Rule::Truncated);
    let parse = |first, chain: &[u8]| Message::parse(&by_hand(first, chain)).map(|_| ());
    assert_eq!(parse(PayloadType::VENDOR_ID, &[]), Err(truncated));
    assert_eq!(parse(PayloadType::VENDOR_ID, &[0, 0, 0]), Err(truncated));
    assert_eq!(parse(PayloadType::VENDOR_ID, &[0, 0, 0, 5]), Err(truncated));
    let small = Malformed::payload(PayloadType::VENDOR_ID, Rule::LengthTooSmall);
    assert_eq!(parse(PayloadType::VENDOR_ID, &[0, 0, 0, 3]), Err(small));
    let more = Malformed::payload(PayloadType::NONE, Rule::TrailingOctets);
    assert_eq!(parse(PayloadType::VENDOR_ID, &[0, 0, 0, 4, 0]), Err(more));
    assert_eq!(parse(PayloadType::NONE, &[0]), Err(more));
}

#[test]
fn unknown_payloads_are_passed_over_unless_critical() {
    let unknown = PayloadType(200);
    let chain = |flags| {
        [payload(PayloadType::NOTIFY, flags, &[1, 2, 3]), payload(PayloadType::NONE, 0, &[0, 0, 0x40, 0])]
            .concat()
    };
    let skipped = Message::parse(&by_hand(unknown, &chain(0x7f))).expect("not critical");
    assert_eq!(skipped.payloads, [Payload::Notify(Notify::new(NotifyType::INITIAL_CONTACT))]);
    let critical = Message::parse(&by_hand(unknown, &chain(0x80)));
    assert_eq!(critical, Err(Malformed::UnsupportedCritical(unknown)));
}

#[test]
fn the_critical_bit_of_known_payloads_is_not_looked_at() {
    let octets = by_hand(PayloadType::VENDOR_ID, &payload(PayloadType::NONE, 0x80, &[1]));
    assert!(Message::parse(&octets).is_ok());
}
