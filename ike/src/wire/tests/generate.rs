//! Strategies: every payload within the limits, every message of them.

use adit_crypto::KeId;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::*;

fn octets(range: std::ops::RangeInclusive<usize>) -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), range).boxed()
}

pub(crate) fn transform() -> impl Strategy<Value = Transform> {
    let value = prop_oneof![
        any::<u16>().prop_map(AttributeValue::Short),
        octets(0..=9).prop_map(AttributeValue::Long),
    ];
    let attribute =
        (100_u16..200, value).prop_map(|(kind, value)| Attribute { kind: iana::AttributeType(kind), value });
    (1_u8..8, any::<u16>(), option::of(any::<u16>()), option::of(attribute)).prop_map(
        |(kind, id, key_bits, foreign)| Transform {
            kind: TransformType(kind),
            id,
            key_bits,
            foreign: foreign.into_iter().collect(),
        },
    )
}

fn spi_of(protocol: u8) -> BoxedStrategy<ProposalSpi> {
    match Protocol(protocol) {
        Protocol::IKE => option::of(any::<u64>())
            .prop_map(|spi| spi.map_or(ProposalSpi::None, |spi| ProposalSpi::Ike(IkeSpi(spi))))
            .boxed(),
        Protocol::AH | Protocol::ESP => any::<u32>().prop_map(|spi| ProposalSpi::Child(Spi(spi))).boxed(),
        _ => octets(0..=12).prop_map(ProposalSpi::Foreign).boxed(),
    }
}

pub(crate) fn proposal() -> impl Strategy<Value = Proposal> {
    (0_u8..6)
        .prop_flat_map(|protocol| (Just(Protocol(protocol)), spi_of(protocol), vec(transform(), 0..6)))
        .prop_map(|(protocol, spi, transforms)| Proposal { number: 1, protocol, spi, transforms })
}

/// Numbers proposals one by one from `first`.
pub(crate) fn number(proposals: &mut [Proposal], first: u8) {
    for (proposal, number) in proposals.iter_mut().zip(first..) {
        proposal.number = number;
    }
}

fn security_association() -> impl Strategy<Value = SecurityAssociation> {
    (vec(proposal(), 1..5), 0_u8..200).prop_map(|(mut proposals, first)| {
        number(&mut proposals, first);
        SecurityAssociation { proposals }
    })
}

pub(crate) fn identification() -> impl Strategy<Value = Identification> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|v4| Identification::address(v4.into())),
        any::<[u8; 16]>().prop_map(|v6| Identification::address(v6.into())),
        "[a-z.]{1,20}".prop_map(|name| Identification::fqdn(&name)),
        octets(1..=30).prop_map(|id| Identification::key_id(&id)),
    ]
}

pub(crate) fn notify() -> impl Strategy<Value = Notify> {
    let plain =
        (any::<u16>(), octets(0..=24)).prop_map(|(kind, data)| Notify::with_data(NotifyType(kind), data));
    let known =
        (16384_u16..16443, octets(0..=24)).prop_map(|(kind, data)| Notify::with_data(NotifyType(kind), data));
    let about =
        (any::<u8>(), octets(1..=8), any::<u16>(), octets(0..=8)).prop_map(|(protocol, spi, kind, data)| {
            Notify { kind: NotifyType(kind), protocol: Protocol(protocol), spi, data }
        });
    prop_oneof![plain, known, about]
}

pub(crate) fn selector() -> impl Strategy<Value = TrafficSelector> {
    let v4 = any::<(u32, u32)>()
        .prop_map(|(a, b)| AddressRange::V4 { start: a.min(b).into(), end: a.max(b).into() });
    let v6 = any::<(u128, u128)>()
        .prop_map(|(a, b)| AddressRange::V6 { start: a.min(b).into(), end: a.max(b).into() });
    let ports = prop_oneof![
        any::<(u16, u16)>().prop_map(|(a, b)| PortRange { start: a.min(b), end: a.max(b) }),
        Just(PortRange::OPAQUE),
    ];
    (any::<u8>(), ports, prop_oneof![v4, v6]).prop_map(|(protocol, ports, addresses)| TrafficSelector {
        protocol,
        ports,
        addresses,
    })
}

fn delete() -> impl Strategy<Value = Delete> {
    let child = (2_u8..4, vec(any::<u32>().prop_map(Spi), 0..5))
        .prop_map(|(protocol, spis)| Delete::Child { protocol: Protocol(protocol), spis });
    prop_oneof![Just(Delete::Ike), child]
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let attribute = (0_u16..0x8000, octets(0..=17)).prop_map(|(kind, value)| CfgAttribute { kind, value });
    (any::<u8>(), vec(attribute, 0..5))
        .prop_map(|(kind, attributes)| Configuration { kind: CfgType(kind), attributes })
}

pub(crate) fn key_exchange() -> impl Strategy<Value = KeyExchange> {
    (any::<u16>(), octets(1..=66)).prop_map(|(method, public)| KeyExchange { method: KeId(method), public })
}

pub(crate) fn nonce() -> impl Strategy<Value = Nonce> {
    octets(16..=256).prop_map(|octets| Nonce::new(octets).expect("allowed length"))
}

pub(crate) fn authentication() -> impl Strategy<Value = Authentication> {
    (any::<u8>(), octets(1..=64))
        .prop_map(|(method, data)| Authentication { method: AuthMethod(method), data })
}

pub(crate) fn payload() -> impl Strategy<Value = Payload> {
    let cert = (any::<u8>(), octets(0..=40));
    prop_oneof![
        security_association().prop_map(Payload::SecurityAssociation),
        key_exchange().prop_map(Payload::KeyExchange),
        identification().prop_map(Payload::IdInitiator),
        identification().prop_map(Payload::IdResponder),
        cert.clone().prop_map(|(encoding, data)| {
            Payload::Certificate(Certificate { encoding: CertEncoding(encoding), data })
        }),
        cert.prop_map(|(encoding, authorities)| {
            Payload::CertificateRequest(CertificateRequest { encoding: CertEncoding(encoding), authorities })
        }),
        authentication().prop_map(Payload::Authentication),
        nonce().prop_map(Payload::Nonce),
        notify().prop_map(Payload::Notify),
        delete().prop_map(Payload::Delete),
        octets(0..=20).prop_map(|octets| Payload::VendorId(VendorId(octets))),
        vec(selector(), 0..5).prop_map(Payload::TsInitiator),
        vec(selector(), 0..5).prop_map(Payload::TsResponder),
        configuration().prop_map(Payload::Configuration),
        (any::<u8>(), any::<u8>(), octets(0..=30)).prop_map(|(code, identifier, data)| Payload::Eap(Eap {
            code,
            identifier,
            data
        })),
    ]
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    (1_u64.., any::<u64>(), 34_u8..39, any::<(bool, bool)>(), any::<u32>()).prop_map(
        |(initiator, responder, exchange, (i, r), id)| Header {
            initiator_spi: IkeSpi(initiator),
            responder_spi: IkeSpi(responder),
            exchange: ExchangeType(exchange),
            initiator: i,
            response: r,
            message_id: MessageId(id),
        },
    )
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    (header(), vec(payload(), 0..12)).prop_map(|(header, payloads)| Message { header, payloads })
}
