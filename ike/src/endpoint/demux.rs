//! From a datagram to the IKE SA it is for. RFC 7296 §2.6, §2.21.4.

use crate::endpoint::Endpoint;
use crate::error::{Error, Local, Unacceptable};
use crate::event::{Event, Path};
use crate::exchange::{SaInitRequest, SaInitResponse};
use crate::sa::IkeSa;
use crate::sa::responder::sa_init::{self, Asked};
use crate::sa::state::State;
use crate::wire::{ExchangeType, Header, IkeSpi, Malformed, Message, Notify, NotifyType, Payload};
use std::time::Instant;

/// Events waiting to be drained; beyond, input is dropped, as a network would.
const MAX_QUEUED_EVENTS: usize = 4096;
/// IKE on every port but 500 has this in front (RFC 3948 §2.2).
const MARKER: [u8; 4] = [0; 4];

impl Endpoint {
    pub(super) fn route(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.out.counters.datagrams_in += 1;
        if self.out.events.len() >= MAX_QUEUED_EVENTS {
            return;
        }
        let marked = path.local.port() != self.config.ike_port;
        let message = if marked { unmark(datagram) } else { Some(datagram) };
        let Some(message) = message else {
            self.out.counters.malformed += 1;
            return;
        };
        match Header::parse(message) {
            Ok(header) => self.route_message(now, path, &header, message),
            Err(malformed) => self.refuse_header(now, path, malformed, message),
        }
    }

    fn route_message(&mut self, now: Instant, path: Path, header: &Header, message: &mut [u8]) {
        let first = header.exchange == ExchangeType::IKE_SA_INIT
            && !header.response
            && header.responder_spi.is_zero();
        if first && header.initiator {
            return self.accept(now, path, header, message);
        }
        let own_spi = if header.initiator { header.responder_spi } else { header.initiator_spi };
        match self.out.ike.get(&own_spi).copied() {
            Some(id) if is_hint(header, message) => {
                self.with_sa(now, id, |sa, ctx| sa.hint(ctx));
            }
            Some(id) => {
                self.with_sa(now, id, |sa, ctx| sa.handle_message(ctx, path, header, message));
            }
            None => {
                self.out.counters.stray += 1;
                // Never an answer to an answer, nor to "I do not know that SPI": it would not end (§1.5).
                if !header.response && !first && !is_hint(header, message) {
                    self.reply(now, path, header, Notify::new(NotifyType::INVALID_IKE_SPI));
                }
            }
        }
    }

    /// A later major version is told which one we speak (RFC 7296 §2.5).
    fn refuse_header(&mut self, now: Instant, path: Path, malformed: Malformed, message: &[u8]) {
        self.out.counters.malformed += 1;
        let response_flag = message.get(19).is_none_or(|flags| flags & 0x20 != 0);
        let Some(notify) = Error::Malformed(malformed).notify().filter(|_| !response_flag) else { return };
        let spi = |at: usize| {
            message.get(at..at + 8).and_then(|octets| octets.try_into().ok()).map_or(0, u64::from_be_bytes)
        };
        let id = message.get(20..24).and_then(|octets| octets.try_into().ok()).map_or(0, u32::from_be_bytes);
        let header = Header {
            initiator_spi: IkeSpi(spi(0)),
            responder_spi: IkeSpi(spi(8)),
            exchange: ExchangeType(message.get(18).copied().unwrap_or_default()),
            initiator: message.get(19).is_some_and(|flags| flags & 0x08 != 0),
            response: false,
            message_id: crate::wire::MessageId(id),
        };
        self.reply(now, path, &header, notify);
    }

    /// An unprotected error in answer to a request, as often as the limit allows.
    fn reply(&mut self, now: Instant, path: Path, request: &Header, notify: Notify) -> bool {
        if !self.replies.admits(now) {
            self.out.counters.replies_suppressed += 1;
            return false;
        }
        self.send_reply(now, path, request, vec![Payload::Notify(notify)]);
        true
    }

    fn send_reply(&mut self, now: Instant, path: Path, request: &Header, payloads: Vec<Payload>) {
        let header = Header { initiator: !request.initiator, response: true, ..*request };
        let message = Message { header, payloads }.emit();
        self.with_ctx(now, |ctx| ctx.transmit(path, &message));
    }

    /// IKE_SA_INIT from somebody.
    fn accept(&mut self, now: Instant, path: Path, header: &Header, message: &[u8]) {
        let parsed = Message::parse(message)
            .map_err(Error::from)
            .and_then(|message| SaInitRequest::try_from(&message));
        let body = match parsed {
            Ok(body) => body,
            Err(error) => {
                self.out.counters.malformed += 1;
                if let Some(notify) = error.notify() {
                    self.reply(now, path, header, notify);
                }
                return;
            }
        };
        if self.repeats(now, path, header, message) || self.is_full(path) || self.shutting_down {
            return;
        }
        let from = path.remote.ip();
        if self.callers.half_open() >= self.config.cookie_threshold
            && !self.cookies.are_right(now, &mut self.rng, from, header.initiator_spi, &body)
        {
            self.out.counters.cookies_demanded += 1;
            let cookie = self.cookies.bake(now, &mut self.rng, from, header.initiator_spi, &body);
            // Shorter than what it answers, and the way out of an attack: not limited.
            if let Some(cookie) = cookie {
                self.send_reply(now, path, header, SaInitResponse::Cookie(cookie).emit());
            }
            return;
        }
        match sa_init::consider(&self.connections, &self.down, path, &body) {
            Ok((chosen, force_udp)) => {
                let spi = header.initiator_spi;
                let asked = Asked { header: *header, body, datagram: message.to_vec(), chosen, force_udp };
                let sa = self.with_ctx(now, |ctx| IkeSa::respond(ctx, path, asked));
                self.callers.add(sa.head.id, spi, path.remote);
                self.add_sa(sa);
            }
            Err(Error::Unacceptable(Unacceptable::KeyExchange { wanted })) => {
                self.send_reply(now, path, header, SaInitResponse::InvalidKe(wanted).emit());
            }
            Err(error) => self.refuse(now, path, header, error),
        }
    }

    fn refuse(&mut self, now: Instant, path: Path, header: &Header, error: Error) {
        let Some(notify) = error.notify() else { return };
        if self.reply(now, path, header, notify) {
            let mut here = self.connections.iter().filter(|(_, connection)| connection.serves(path));
            let taken_down = error == Local::TakenDown.into();
            let meant = here.find(|(id, _)| taken_down == self.down.contains(id));
            if let Some((id, _)) = meant {
                self.out.events.push_back(Event::Hint(*id, error.into()));
            }
        }
    }

    /// True for a request already known; answered again if it has been answered.
    fn repeats(&mut self, now: Instant, path: Path, header: &Header, message: &[u8]) -> bool {
        let known: Vec<_> = self.callers.with_origin(header.initiator_spi, path.remote).collect();
        for id in known {
            let repeated = match self.sas.get(&id).map(|sa| &sa.state) {
                Some(State::AnsweringInit(state)) if state.is_for(message) => None,
                Some(State::ExpectAuthRequest(state)) if state.request == message => {
                    Some(state.response.clone())
                }
                // Another request with the same SPI: a retry with a cookie that overtook this one, or was overtaken.
                Some(State::AnsweringInit(_) | State::ExpectAuthRequest(_)) | None => continue,
                Some(_) => None,
            };
            self.out.counters.repeated_requests += 1;
            if let Some(response) = repeated {
                self.with_ctx(now, |ctx| ctx.transmit(path, &response));
            }
            return true;
        }
        false
    }

    fn is_full(&mut self, path: Path) -> bool {
        let full = self.callers.half_open() >= self.config.max_half_open
            || self.callers.half_open_from(path.remote.ip()) >= self.config.max_half_open_per_address;
        self.out.counters.half_open_refused += u64::from(full);
        full
    }
}

/// What follows the non-ESP marker.
fn unmark(datagram: &mut [u8]) -> Option<&mut [u8]> {
    let (marker, message) = datagram.split_at_mut_checked(MARKER.len())?;
    (*marker == MARKER).then_some(message)
}

/// An unprotected "I do not know that SPI": anyone can send it.
fn is_hint(header: &Header, message: &[u8]) -> bool {
    let unknown = |payload: &Payload| {
        matches!(
            payload,
            Payload::Notify(Notify { kind: NotifyType::INVALID_IKE_SPI | NotifyType::INVALID_SPI, .. })
        )
    };
    header.exchange != ExchangeType::IKE_SA_INIT
        && Message::parse(message).is_ok_and(|message| message.payloads.iter().any(unknown))
}
