//! Messages outside any IKE SA. RFC 7296 §1.5, §2.5, §2.21.4.

use crate::network::{A, B, seconds};
use crate::script::{Script, kinds, notify};
use adit_ike::Path;
use adit_ike::event::IkeSpi;
use adit_ike::wire::*;

fn stray(script: &mut Script, response: bool, payloads: Vec<Payload>) -> Vec<(Path, Vec<u8>)> {
    script.spis = (IkeSpi(0xaaaa_0000_0000_0001), IkeSpi(0xbbbb_0000_0000_0002));
    let header = script.header(ExchangeType::INFORMATIONAL, response, 0x0102_0304);
    let path = Path { local: (B, 500).into(), remote: (A, 41_000).into() };
    script.pass(path, &Message { header, payloads }.emit())
}

/// §2.21.4: a request of no IKE SA known here is told so: in the clear, with its own SPIs and id, to where it came from.
#[test]
fn a_stray_request_is_told_that_its_spi_is_unknown() {
    let mut script = Script::established(|_| ());
    let sent = stray(&mut script, false, vec![]);
    assert_eq!(sent[0].0, Path { local: (B, 500).into(), remote: (A, 41_000).into() });
    let answer = Message::parse(&sent[0].1).expect("in the clear");
    assert_eq!(answer.payloads, [notify(NotifyType::INVALID_IKE_SPI)]);
    let expected = script.header(ExchangeType::INFORMATIONAL, true, 0x0102_0304);
    assert_eq!(answer.header, Header { initiator: false, ..expected });
}

/// §2.21.4: an answer is not answered.
#[test]
fn a_stray_answer_is_not_answered() {
    let mut script = Script::established(|_| ());
    assert!(stray(&mut script, true, vec![]).is_empty());
    assert!(stray(&mut script, true, vec![notify(NotifyType::INVALID_IKE_SPI)]).is_empty());
}

/// §1.5: a word about an unknown SPI is not answered, whatever IKE SPIs it has: two hosts would never end.
#[test]
fn a_word_about_an_unknown_spi_is_not_answered() {
    let mut script = Script::established(|_| ());
    let invalid = Payload::Notify(Notify::with_data(NotifyType::INVALID_SPI, vec![1, 2, 3, 4]));
    assert!(stray(&mut script, false, vec![invalid.clone()]).is_empty());
    let header = script.header(ExchangeType::INFORMATIONAL, false, 0);
    let mut zero = Message { header, payloads: vec![invalid] }.emit();
    zero[..16].fill(0);
    assert!(script.pass(Script::path(), &zero).is_empty());
    assert!(script.wait(seconds(60)).is_empty());
}

/// §2.5: a later major version is told ours; an earlier one is another protocol. Both are dropped.
#[test]
fn a_later_major_version_is_told_ours() {
    let mut script = Script::new(adit_ike::EndpointConfig::default(), |_| ());
    let (_, request) = script.sa_init_request(None);
    let mut octets = request.emit();
    octets[17] = 0x31;
    let sent = script.pass(Script::path(), &octets);
    let answer = Message::parse(&sent[0].1).expect("of our version");
    assert_eq!((sent[0].1[17], kinds(&answer)), (0x20, vec![NotifyType::INVALID_MAJOR_VERSION]));
    octets[17] = 0x10;
    assert!(script.pass(Script::path(), &octets).is_empty());
    assert!(script.endpoint.ike_sas(script.now).is_empty());
}
