//! Bodies of random messages: total, and what is accepted is written and read back as the same.

use proptest::prelude::*;

use super::generate::{self, number};
use super::*;
use crate::wire::SecurityAssociation;

/// Payload chains as exchanges have them: complete ones, with random further payloads, some left out.
fn chain() -> impl Strategy<Value = Vec<Payload>> {
    let base = prop_oneof![
        Just(sample::sa_init()),
        Just(sample::auth_request()),
        Just(sample::auth_response()),
        Just(sample::new_child()),
        Just(sample::rekey_ike()),
        Just(vec![]),
    ];
    let left_out = prop_oneof![3 => Just(usize::MAX), 1 => 0_usize..5];
    (base, proptest::collection::vec(generate::payload(), 0..4), left_out).prop_map(
        |(mut base, more, left_out)| {
            if left_out < base.len() {
                base.remove(left_out);
            }
            base.extend(more);
            base
        },
    )
}

/// Proposals left after passing over others keep their numbers, so such a body cannot be written.
fn writable(payloads: &[Payload]) -> bool {
    payloads.iter().all(|payload| match payload {
        Payload::SecurityAssociation(SecurityAssociation { proposals }) => {
            let mut renumbered = proposals.clone();
            let first = proposals.first().map_or(0, |proposal| proposal.number);
            number(&mut renumbered, first);
            !proposals.is_empty() && renumbered == *proposals
        }
        _ => true,
    })
}

proptest! {
    #[test]
    fn what_is_accepted_is_written_and_read_back(exchange in 34_u8..39, payloads in chain()) {
        let exchange = ExchangeType(exchange);
        let asked = request(exchange, payloads.clone());
        if let Ok(body) = Request::try_from(&asked) && writable(&body.emit()) {
            let again = Message { payloads: body.emit(), ..asked };
            prop_assert_eq!(Message::parse(&again.emit()), Ok(again.clone()));
            prop_assert_eq!(Request::try_from(&again), Ok(body));
        }
        let answered = response(exchange, payloads);
        if let Ok(body) = Response::try_from(&answered) && writable(&body.emit()) {
            let again = Message { payloads: body.emit(), ..answered };
            prop_assert_eq!(Response::try_from(&again), Ok(body));
        }
    }

    #[test]
    fn any_message_is_accepted_or_refused_with_an_answer(message in generate::message()) {
        let errors = [Request::try_from(&message).err(), Response::try_from(&message).err()];
        for error in errors.into_iter().flatten() {
            let silent = error == Misbehaved::WrongFlags.into();
            prop_assert_eq!(error.notify().is_none(), silent);
        }
    }
}
