//! A peer made by hand: the initiator says exactly what a test wants said, with keys derived here once more from
//! the text of RFC 7296, so that the endpoint is held to the document and not to itself.

use crate::host::Psk;
use crate::network::{A, B, Network, PEER, PSK, connection};
use adit_crypto::prf::{prf, prf_plus};
use adit_crypto::{Aad, Backend, Iv, KeId, Opener, PrfId, Rng, Sealer, Secret, Suite, kex};
use adit_ike::config::{EspProposal, IkeProposal};
use adit_ike::event::{IkeSpi, Spi};
use adit_ike::wire::*;
use adit_ike::{
    Command, Connection, Endpoint, EndpointConfig, Event, Identity, Path, TrafficSelector, Transmit,
};
use adit_sim::LinkConfig;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PRF: PrfId = PrfId::HMAC_SHA2_256;
/// Octets in front of a message's first payload.
const HEADER: usize = 28;
/// SPI of the first child, ours.
pub const CHILD: Spi = Spi(0x5c51_0001);

/// A datagram of the endpoint's.
pub type Sent = (Path, Vec<u8>);

/// Keys of one IKE SA: `[ours, theirs]` where they differ by direction.
pub struct Keys {
    sealer: Sealer,
    opener: Opener,
    sk_d: Secret,
    sk_p: [Secret; 2],
    counter: u64,
}

/// An endpoint and the peer that plays on it.
pub struct Script {
    pub endpoint: Endpoint,
    pub now: Instant,
    /// Everything the endpoint wanted done, jobs aside.
    pub events: Vec<Event>,
    /// The IKE SA talked on.
    pub spis: (IkeSpi, IkeSpi),
    pub keys: Option<Keys>,
    /// The id of our next request.
    pub next: u32,
    rng: Rng,
    messages: [Vec<u8>; 2],
    nonces: [Vec<u8>; 2],
}

/// One proposal as this peer makes it.
pub fn proposal(protocol: Protocol, spi: ProposalSpi, ke: &[KeId]) -> Proposal {
    let mut transforms = vec![Transform::with_key_bits(TransformType::ENCR, 20, 256)];
    match protocol {
        Protocol::IKE => transforms.push(Transform::new(TransformType::PRF, PRF.0)),
        _ => transforms.push(Transform::new(TransformType::ESN, 1)),
    }
    transforms.extend(ke.iter().map(|method| Transform::new(TransformType::KE, method.0)));
    Proposal { number: 1, protocol, spi, transforms }
}

pub fn sa(proposals: Vec<Proposal>) -> Payload {
    Payload::SecurityAssociation(SecurityAssociation { proposals })
}

/// What host `here` calls its side of the first child.
pub fn net(base: u8) -> TrafficSelector {
    TrafficSelector::prefix(Ipv4Addr::new(10, base, 0, 0).into(), 16)
}

/// SA, TSi and TSr for the first child, as its initiator.
pub fn child_of(spi: Spi, ke: &[KeId]) -> Vec<Payload> {
    let esp = proposal(Protocol::ESP, ProposalSpi::Child(spi), ke);
    vec![sa(vec![esp]), Payload::TsInitiator(vec![net(10)]), Payload::TsResponder(vec![net(20)])]
}

pub fn notify(kind: NotifyType) -> Payload {
    Payload::Notify(Notify::new(kind))
}

/// The notifications of a message, by type.
pub fn kinds(message: &Message) -> Vec<NotifyType> {
    let kind = |payload: &Payload| match payload {
        Payload::Notify(notify) => Some(notify.kind),
        _ => None,
    };
    message.payloads.iter().filter_map(kind).collect()
}

/// The proposals of a message.
pub fn proposals(message: &Message) -> &[Proposal] {
    let found = message.payloads.iter().find_map(|payload| match payload {
        Payload::SecurityAssociation(sa) => Some(sa.proposals.as_slice()),
        _ => None,
    });
    found.unwrap_or_default()
}

pub fn key_exchange(message: &Message) -> Option<&KeyExchange> {
    message.payloads.iter().find_map(|payload| match payload {
        Payload::KeyExchange(ke) => Some(ke),
        _ => None,
    })
}

pub fn nonce_of(message: &Message) -> Option<&Nonce> {
    message.payloads.iter().find_map(|payload| match payload {
        Payload::Nonce(nonce) => Some(nonce),
        _ => None,
    })
}

/// The SPIs a message deletes.
pub fn deleted(message: &Message) -> Vec<Spi> {
    let spis = |payload: &Payload| match payload {
        Payload::Delete(Delete::Child { spis, .. }) => spis.clone(),
        _ => Vec::new(),
    };
    message.payloads.iter().flat_map(spis).collect()
}

impl Keys {
    /// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} of §2.14, for AES-GCM, which has no SK_a.
    fn expand(seed: &Secret, nonces: [&[u8]; 2], spis: (IkeSpi, IkeSpi)) -> Self {
        let salt = [nonces[0], nonces[1], &spis.0.to_bytes(), &spis.1.to_bytes()];
        let stream = prf_plus(PRF, seed.expose(), &salt, 3 * 32 + 2 * 36).expect("built in");
        let [sk_d, ei, er, pi, pr] = stream.split([32, 36, 36, 32, 32]).expect("that long");
        let suite = Suite::AES_GCM_16_256;
        Self {
            sealer: Sealer::new(suite, &ei, Backend::Pure).expect("built in"),
            opener: Opener::new(suite, &er, Backend::Pure).expect("built in"),
            sk_d,
            sk_p: [pi, pr],
            counter: 0,
        }
    }

    /// A message in the clear with all its payloads put into SK.
    pub fn protect(&mut self, clear: &[u8]) -> Vec<u8> {
        let text = &clear[HEADER..];
        let length = HEADER + 4 + 8 + text.len() + 1 + 16;
        let mut out = clear[..HEADER].to_vec();
        out[16] = PayloadType::SK.0;
        out[24..28].copy_from_slice(&(length as u32).to_be_bytes());
        out.extend([clear[16], 0]);
        out.extend(((length - HEADER) as u16).to_be_bytes());
        let body = out.len();
        out.extend([0; 8]);
        out.extend(text);
        out.extend([0; 17]);
        let (head, sealed) = out.split_at_mut(body);
        self.counter += 1;
        self.sealer.seal(Iv::Counter(self.counter), Aad::new(head), sealed).expect("sealed");
        out
    }

    /// What the endpoint protected; padding is checked to be the least an AEAD needs, none.
    pub fn open(&self, datagram: &[u8]) -> Message {
        assert_eq!(datagram[16], PayloadType::SK.0, "protected, and SK is the first and last payload");
        let mut octets = datagram.to_vec();
        let first = octets[HEADER];
        let (head, body) = octets.split_at_mut(HEADER + 4);
        let text = self.opener.open(Aad::new(head), body).expect("authentic");
        let (pad, chain) = body[text].split_last().expect("a pad length");
        assert_eq!(*pad, 0);
        let mut clear = datagram[..HEADER].to_vec();
        clear[16] = first;
        clear.extend(chain);
        let length = clear.len() as u32;
        clear[24..28].copy_from_slice(&length.to_be_bytes());
        Message::parse(&clear).expect("well formed")
    }
}

impl Script {
    /// An endpoint that waits for us.
    pub fn new(config: EndpointConfig, vary: impl Fn(&mut Connection)) -> Self {
        let network = Network::new(false, &LinkConfig::default(), 1);
        let mut wanted = connection(1, &network, 1);
        wanted.initiate = false;
        wanted.liveness = Duration::ZERO;
        wanted.proposals = vec![IkeProposal::modern()];
        vary(&mut wanted);
        let now = network.now();
        let mut endpoint = Endpoint::new(config, Box::new(Psk(Some(PSK.to_vec()))), [7; 32]);
        endpoint.set_connection(now, PEER, Some(Arc::new(wanted)));
        Self {
            endpoint,
            now,
            events: Vec::new(),
            spis: (IkeSpi(0x5c51_5c51_0000_0001), IkeSpi::ZERO),
            keys: None,
            next: 0,
            rng: Rng::from_seed([9; 32]),
            messages: Default::default(),
            nonces: Default::default(),
        }
    }

    /// Both ends have proved who they are, and a child stands.
    pub fn established(vary: impl Fn(&mut Connection)) -> Self {
        let mut script = Self::new(EndpointConfig::default(), vary);
        script.sa_init();
        let answer = script.authenticate(|_| ());
        assert!(kinds(&answer).iter().all(|kind| !kind.is_error()), "{answer:?}");
        script
    }

    pub fn path() -> Path {
        Path { local: (B, 500).into(), remote: (A, 500).into() }
    }

    /// Lets the endpoint act, and gives what it sends.
    pub fn drain(&mut self) -> Vec<Sent> {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Job(id, job) => {
                    let done = Command::JobDone(id, job.run());
                    self.endpoint.handle_command(self.now, done).expect("a job may always be done");
                }
                event => self.events.push(event),
            }
        }
        let (mut sent, mut datagram) = (Vec::new(), Vec::new());
        while let Some(Transmit { path }) = self.endpoint.poll_transmit(&mut datagram) {
            sent.push((path, datagram.clone()));
        }
        sent
    }

    /// Time passes.
    pub fn wait(&mut self, span: Duration) -> Vec<Sent> {
        let until = self.now + span;
        let mut sent = self.drain();
        while let Some(deadline) = self.endpoint.poll_timeout().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.endpoint.handle_timeout(self.now);
            sent.extend(self.drain());
        }
        self.now = until;
        sent
    }

    pub fn command(&mut self, command: Command) -> Vec<Sent> {
        self.endpoint.handle_command(self.now, command).expect("carried out");
        self.drain()
    }

    pub fn pass(&mut self, path: Path, datagram: &[u8]) -> Vec<Sent> {
        self.endpoint.handle_datagram(self.now, path, &mut datagram.to_vec());
        self.drain()
    }

    pub fn header(&self, exchange: ExchangeType, response: bool, id: u32) -> Header {
        let (initiator_spi, responder_spi) = self.spis;
        Header {
            initiator_spi,
            responder_spi,
            exchange,
            initiator: true,
            response,
            message_id: MessageId(id),
        }
    }

    pub fn nonce(&mut self) -> Nonce {
        Nonce::new(self.rng.bytes::<32>().to_vec()).expect("an allowed length")
    }

    /// The first message, in the clear.
    pub fn sa_init_request(&mut self, cookie: Option<Vec<u8>>) -> (kex::Started, Message) {
        let (started, public) = kex::initiate(KeId::CURVE_25519, &mut self.rng).expect("built in");
        let nonce = self.nonce();
        let ike = proposal(Protocol::IKE, ProposalSpi::None, &[KeId::CURVE_25519]);
        let cookie = cookie.map(|octets| Payload::Notify(Notify::with_data(NotifyType::COOKIE, octets)));
        let ke = Payload::KeyExchange(KeyExchange { method: KeId::CURVE_25519, public });
        let rest = [sa(vec![ike]), ke, Payload::Nonce(nonce)];
        let payloads = cookie.into_iter().chain(rest).collect();
        (started, Message { header: self.header(ExchangeType::IKE_SA_INIT, false, 0), payloads })
    }

    /// IKE_SA_INIT; gives the answer. The endpoint has our SPI and we have keys.
    pub fn sa_init(&mut self) -> Message {
        let (started, request) = self.sa_init_request(None);
        let request = request.emit();
        let sent = self.pass(Self::path(), &request);
        let [(_, answer)] = &sent[..] else { panic!("one answer: {sent:?}") };
        let message = Message::parse(answer).expect("well formed");
        let shared = started.finish(&key_exchange(&message).expect("KEr").public).expect("a fair value");
        let asked = Message::parse(&request).expect("our own");
        self.nonces = [&asked, &message].map(|of| nonce_of(of).expect("a nonce").as_bytes().to_vec());
        self.spis.1 = message.header.responder_spi;
        let key = [&self.nonces[0][..], &self.nonces[1]].concat();
        let seed = prf(PRF, &key, &[shared.expose()]).expect("built in");
        self.keys = Some(Keys::expand(&seed, [&self.nonces[0], &self.nonces[1]], self.spis));
        self.messages = [request, answer.clone()];
        self.next = 1;
        message
    }

    /// AUTH of §2.15 over one end's message, the other's nonce, and the identity.
    fn proof(&self, whose: usize, identity: &Identity) -> Vec<u8> {
        let keys = self.keys.as_ref().expect("after IKE_SA_INIT");
        let id = prf(PRF, keys.sk_p[whose].expose(), &[&identity.body()]).expect("built in");
        let key = prf(PRF, PSK, &[b"Key Pad for IKEv2"]).expect("built in");
        let parts = [&self.messages[whose][..], &self.nonces[1 - whose], id.expose()];
        prf(PRF, key.expose(), &parts).expect("built in").expose().to_vec()
    }

    /// The payloads of IKE_AUTH as they should be.
    pub fn auth_payloads(&self, identity: &Identity) -> Vec<Payload> {
        let method = AuthMethod::SHARED_KEY_MIC;
        let auth = Payload::Authentication(Authentication { method, data: self.proof(0, identity) });
        [Payload::IdInitiator(identity.clone()), auth].into_iter().chain(child_of(CHILD, &[])).collect()
    }

    /// IKE_AUTH, varied; gives the answer, whose proof is checked when there is one.
    pub fn authenticate(&mut self, vary: impl FnOnce(&mut Vec<Payload>)) -> Message {
        let mut payloads = self.auth_payloads(&Identity::fqdn("left.example"));
        vary(&mut payloads);
        let answer = self.ask(ExchangeType::IKE_AUTH, payloads);
        for payload in &answer.payloads {
            if let Payload::Authentication(auth) = payload {
                assert_eq!(auth.data, self.proof(1, &Identity::fqdn("right.example")));
            }
        }
        answer
    }

    pub fn protect(&mut self, message: &Message) -> Vec<u8> {
        self.keys.as_mut().expect("after IKE_SA_INIT").protect(&message.emit())
    }

    pub fn open(&self, sent: &Sent) -> Message {
        self.keys.as_ref().expect("after IKE_SA_INIT").open(&sent.1)
    }

    /// Our next request, protected.
    pub fn request(&mut self, exchange: ExchangeType, payloads: Vec<Payload>) -> Vec<u8> {
        let header = self.header(exchange, false, self.next);
        self.next += 1;
        self.protect(&Message { header, payloads })
    }

    /// Sends our next request, and opens the answer and whatever else the endpoint then sends, in order.
    pub fn say(&mut self, exchange: ExchangeType, payloads: Vec<Payload>) -> Vec<Message> {
        let request = self.request(exchange, payloads);
        let sent = self.pass(Self::path(), &request);
        let messages: Vec<Message> = sent.iter().map(|sent| self.open(sent)).collect();
        let expected = Header { initiator: false, ..self.header(exchange, true, self.next - 1) };
        assert_eq!(messages.first().map(|answer| answer.header), Some(expected));
        messages
    }

    /// The same where there is only the answer.
    pub fn ask(&mut self, exchange: ExchangeType, payloads: Vec<Payload>) -> Message {
        let mut messages = self.say(exchange, payloads);
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    /// Sends a request whose octets in the clear are spoilt by `spoil`; gives the answer.
    pub fn ask_spoilt(
        &mut self,
        exchange: ExchangeType,
        payloads: Vec<Payload>,
        next: u8,
        octets: &[u8],
    ) -> Message {
        let header = self.header(exchange, false, self.next);
        self.next += 1;
        let clear = with_chain(&Message { header, payloads }, next, octets);
        let datagram = self.keys.as_mut().expect("after IKE_SA_INIT").protect(&clear);
        let sent = self.pass(Self::path(), &datagram);
        assert_eq!(sent.len(), 1);
        self.open(&sent[0])
    }

    /// Answers a request of the endpoint's; gives what it sends then.
    pub fn answer(&mut self, request: &Message, payloads: Vec<Payload>) -> Vec<Sent> {
        assert!(!request.header.response && !request.header.initiator, "a request of the original responder");
        let id = request.header.message_id.0;
        let header = self.header(request.header.exchange, true, id);
        let datagram = self.protect(&Message { header, payloads });
        self.pass(Self::path(), &datagram)
    }

    /// The only request the endpoint makes when it is told this.
    pub fn provoke(&mut self, command: Command) -> Message {
        let sent = self.command(command);
        assert_eq!(sent.len(), 1, "one request: {sent:?}");
        self.open(&sent[0])
    }

    /// The inbound SPI of the endpoint's only child.
    pub fn their_spi(&self) -> Spi {
        let children = self.endpoint.children(self.now);
        assert_eq!(children.len(), 1);
        children[0].spi_in
    }

    /// Rekeys the IKE SA as its initiator, and goes on with the new one.
    pub fn rekey_ike(&mut self) -> Message {
        let (started, public) = kex::initiate(KeId::CURVE_25519, &mut self.rng).expect("built in");
        let (spi, nonce) = (IkeSpi(self.spis.0.0 + 1), self.nonce());
        let payloads = vec![
            sa(vec![proposal(Protocol::IKE, ProposalSpi::Ike(spi), &[KeId::CURVE_25519])]),
            Payload::Nonce(nonce.clone()),
            Payload::KeyExchange(KeyExchange { method: KeId::CURVE_25519, public }),
        ];
        let answer = self.ask(ExchangeType::CREATE_CHILD_SA, payloads);
        let shared = started.finish(&key_exchange(&answer).expect("KEr").public).expect("a fair value");
        let theirs = nonce_of(&answer).expect("Nr").as_bytes().to_vec();
        let sk_d = &self.keys.as_ref().expect("established").sk_d;
        let seed = prf(PRF, sk_d.expose(), &[shared.expose(), nonce.as_bytes(), &theirs]).expect("built in");
        self.spis = (spi, proposals(&answer)[0].ike_spi().expect("a new SPI"));
        self.keys = Some(Keys::expand(&seed, [nonce.as_bytes(), &theirs], self.spis));
        self.next = 0;
        answer
    }
}

/// A message in the clear with one more payload at its end, of type `next`, whose octets are given whole.
pub fn with_chain(message: &Message, next: u8, octets: &[u8]) -> Vec<u8> {
    let mut clear = message.emit();
    let mut at = 16;
    let mut place = HEADER;
    // The last payload announces none: it announces the new one.
    while clear[at] != 0 {
        at = place;
        place += usize::from(u16::from_be_bytes([clear[place + 2], clear[place + 3]]));
    }
    clear[at] = next;
    clear.extend(octets);
    let length = clear.len() as u32;
    clear[24..28].copy_from_slice(&length.to_be_bytes());
    clear
}

/// A child's proposals without a key exchange of their own.
pub fn without_key_exchange(connection: &mut Connection) {
    connection.children[0].proposals = vec![EspProposal { key_exchange: vec![], ..EspProposal::modern() }];
}
