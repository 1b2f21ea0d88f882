//! Every limit of [`crate::wire::limits`], at the last value allowed and the first refused.

use super::super::limits::*;
use super::*;

fn chain_of(kind: PayloadType, body: &[u8], count: usize) -> Vec<u8> {
    let nexts = std::iter::repeat_n(kind, count - 1).chain([PayloadType::NONE]);
    nexts.flat_map(|next| payload(next, 0, body)).collect()
}

fn parses(first: PayloadType, chain: &[u8]) -> Result<usize, Malformed> {
    Message::parse(&by_hand(first, chain)).map(|message| message.payloads.len())
}

fn too_many(payload: PayloadType) -> Malformed {
    Malformed::payload(payload, Rule::TooMany)
}

#[test]
fn payloads_per_message() {
    let vendor = PayloadType::VENDOR_ID;
    assert_eq!(parses(vendor, &chain_of(vendor, &[], MAX_PAYLOADS)), Ok(MAX_PAYLOADS));
    assert_eq!(parses(vendor, &chain_of(vendor, &[], MAX_PAYLOADS + 1)), Err(too_many(vendor)));
}

#[test]
fn passed_over_payloads_count_too() {
    let unknown = PayloadType(200);
    assert_eq!(parses(unknown, &chain_of(unknown, &[], MAX_PAYLOADS)), Ok(0));
    assert_eq!(parses(unknown, &chain_of(unknown, &[], MAX_PAYLOADS + 1)), Err(too_many(unknown)));
}

#[test]
fn notifies_per_message() {
    let notify = PayloadType::NOTIFY;
    let body = [0, 0, 0x40, 0];
    assert_eq!(parses(notify, &chain_of(notify, &body, MAX_NOTIFIES)), Ok(MAX_NOTIFIES));
    assert_eq!(parses(notify, &chain_of(notify, &body, MAX_NOTIFIES + 1)), Err(too_many(notify)));
}

fn sa_of(proposals: usize, transforms: usize, attributes: usize) -> Payload {
    let attribute = |kind| Attribute { kind: iana::AttributeType(kind), value: AttributeValue::Short(1) };
    let kinds = (0..u16::try_from(attributes).expect("few")).map(|kind| attribute(kind + 100));
    let transform = Transform { foreign: kinds.collect(), ..Transform::new(TransformType::ENCR, 20) };
    let proposal = |number: usize| Proposal {
        number: u8::try_from(number + 1).expect("few"),
        protocol: Protocol::IKE,
        spi: ProposalSpi::None,
        transforms: vec![transform.clone(); transforms],
    };
    Payload::SecurityAssociation(SecurityAssociation { proposals: (0..proposals).map(proposal).collect() })
}

fn round_trip(payload: Payload) -> Result<usize, Malformed> {
    let message = Message { header: header(ExchangeType::IKE_SA_INIT), payloads: vec![payload] };
    let parsed = Message::parse(&message.emit())?;
    assert_eq!(parsed, message);
    Ok(1)
}

#[test]
fn proposals_transforms_and_attributes() {
    assert_eq!(round_trip(sa_of(MAX_PROPOSALS, 1, 0)), Ok(1));
    assert_eq!(round_trip(sa_of(MAX_PROPOSALS + 1, 1, 0)), Err(too_many(PayloadType::SA)));
    assert_eq!(round_trip(sa_of(1, MAX_TRANSFORMS, 0)), Ok(1));
    assert_eq!(round_trip(sa_of(1, MAX_TRANSFORMS + 1, 0)), Err(too_many(PayloadType::SA)));
    assert_eq!(round_trip(sa_of(1, 1, MAX_ATTRIBUTES)), Ok(1));
    assert_eq!(round_trip(sa_of(1, 1, MAX_ATTRIBUTES + 1)), Err(too_many(PayloadType::SA)));
}

#[test]
fn selectors_per_payload() {
    let selectors = |count| {
        Payload::TsInitiator(vec![TrafficSelector::host(std::net::Ipv4Addr::LOCALHOST.into(), 47); count])
    };
    assert_eq!(round_trip(selectors(MAX_SELECTORS)), Ok(1));
    assert_eq!(round_trip(selectors(MAX_SELECTORS + 1)), Err(too_many(PayloadType::TSI)));
}

#[test]
fn spis_per_deletion() {
    let delete = |count| Payload::Delete(Delete::esp(vec![Spi(256); count]));
    assert_eq!(round_trip(delete(MAX_DELETE_SPIS)), Ok(1));
    assert_eq!(round_trip(delete(MAX_DELETE_SPIS + 1)), Err(too_many(PayloadType::DELETE)));
}

#[test]
fn configuration_attributes() {
    let cp = |count| {
        let attribute = CfgAttribute { kind: 1, value: vec![] };
        Payload::Configuration(Configuration {
            kind: CfgType::CFG_REQUEST,
            attributes: vec![attribute; count],
        })
    };
    assert_eq!(round_trip(cp(MAX_CFG_ATTRIBUTES)), Ok(1));
    assert_eq!(round_trip(cp(MAX_CFG_ATTRIBUTES + 1)), Err(too_many(PayloadType::CP)));
}

#[test]
fn nonce_octets() {
    let wrong = Malformed::payload(PayloadType::NONCE, Rule::DataLength);
    for (octets, expected) in [(15, Err(wrong)), (16, Ok(())), (256, Ok(())), (257, Err(wrong))] {
        assert_eq!(Nonce::new(vec![0; octets]).map(|_| ()), expected);
        assert_eq!(parse_one(PayloadType::NONCE, &vec![0; octets]).map(|_| ()), expected);
    }
}

#[test]
fn octets_per_message() {
    let nonces = |octets: usize| {
        let filler = payload(PayloadType::NONE, 0, &vec![0; octets - HEADER_OCTETS - 4]);
        parses(PayloadType::VENDOR_ID, &filler)
    };
    assert_eq!(nonces(MAX_MESSAGE_OCTETS), Ok(1));
    let big = by_hand(PayloadType::NONE, &vec![0; MAX_MESSAGE_OCTETS - HEADER_OCTETS + 1]);
    let actual = MAX_MESSAGE_OCTETS + 1;
    assert!(matches!(Message::parse(&big), Err(Malformed::Length { actual: found, .. }) if found == actual));
}
