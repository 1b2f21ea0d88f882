//! Every vector through our code, on every backend there is.

use std::fmt;

use adit_crypto::integ::MAX_ICV;
use adit_crypto::kex::{self, Started};
use adit_crypto::signature::{PrivateKey, PublicKey};
use adit_crypto::{Aad, Backend, IntegId, Iv, KeId, Opener, Rng, Sealer, Secret, Suite, integ, prf};
use adit_esp::{InboundSa, NextHeader, OutboundSa, SaParams, Spi};

use crate::load::{
    Agree, Cbc, Document, EspSa, Group, Hex, Integ, Iterate, Kex, Prf, PrfPlus, Seal, Signature,
};

const BACKENDS: [Backend; 2] = [Backend::Fast, Backend::Pure];

/// What became of one vector on one backend.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where the vector is published.
    pub document: String,
    /// What kind of vector: the name of its table in the file.
    pub kind: &'static str,
    /// Section and case in the document.
    pub id: String,
    /// The backend, where there are two.
    pub backend: Option<Backend>,
    /// What is wrong, if something is.
    pub result: Result<(), Failure>,
}

/// How our code departs from a vector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// It gave other bytes.
    Differs {
        /// Which bytes.
        what: &'static str,
        /// What the document prints.
        expected: Hex,
        /// What came out.
        got: Hex,
    },
    /// It refused.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { what, expected, got } => write!(f, "{what} is {got} instead of {expected}"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// Runs every vector of a document.
#[must_use]
pub fn document(document: &Document) -> Vec<Outcome> {
    let mut runner = Runner { document: &document.document, outcomes: Vec::new() };
    for vector in &document.prf {
        runner.once("prf", &vector.id, || run_prf(vector));
    }
    for vector in &document.prf_plus {
        runner.once("prf_plus", &vector.id, || run_prf_plus(vector));
    }
    for vector in &document.integ {
        runner.on_both("integ", &vector.id, |backend| run_integ(vector, backend));
    }
    for vector in &document.seal {
        runner.on_both("seal", &vector.id, |backend| run_seal(vector, backend));
    }
    for vector in &document.cbc {
        runner.on_both("cbc", &vector.id, |backend| run_cbc(vector, backend));
    }
    for vector in &document.open_esp {
        runner.on_both("open_esp", &vector.id, |backend| run_open_esp(vector, backend));
    }
    for vector in &document.seal_esp {
        runner.on_both("seal_esp", &vector.id, |backend| run_seal_esp(vector, backend));
    }
    for vector in &document.kex {
        runner.once("kex", &vector.id, || run_kex(vector));
    }
    for vector in &document.agree {
        runner.once("agree", &vector.id, || run_agree(vector));
    }
    for vector in &document.iterate {
        runner.once("iterate", &vector.id, || run_iterate(vector));
    }
    for vector in &document.group {
        runner.once("group", &vector.id, || run_group(vector));
    }
    for vector in &document.signature {
        runner.once("signature", &vector.id, || run_signature(vector));
    }
    runner.outcomes
}

struct Runner<'d> {
    document: &'d str,
    outcomes: Vec<Outcome>,
}

impl Runner<'_> {
    fn once(&mut self, kind: &'static str, id: &str, run: impl Fn() -> Result<(), Failure>) {
        self.note(kind, id, None, run());
    }

    fn on_both(&mut self, kind: &'static str, id: &str, run: impl Fn(Backend) -> Result<(), Failure>) {
        for backend in BACKENDS {
            self.note(kind, id, Some(backend), run(backend));
        }
    }

    fn note(&mut self, kind: &'static str, id: &str, backend: Option<Backend>, result: Result<(), Failure>) {
        self.outcomes.push(Outcome { document: self.document.into(), kind, id: id.into(), backend, result });
    }
}

fn run_prf(vector: &Prf) -> Result<(), Failure> {
    let output = prf::prf(vector.prf, &vector.key.0, &[&vector.data.0]).map_err(refused)?;
    let printed = vector.cut.unwrap_or(output.len());
    let output = output.expose().get(..printed).unwrap_or_default();
    same("output", &vector.output, output)
}

fn run_prf_plus(vector: &PrfPlus) -> Result<(), Failure> {
    let len = vector.output.0.len();
    let output = prf::prf_plus(vector.prf, &vector.key.0, &[&vector.seed.0], len).map_err(refused)?;
    same("output", &vector.output, output.expose())
}

fn run_integ(vector: &Integ, backend: Backend) -> Result<(), Failure> {
    let keyed = integ::Integ::new(vector.integ, &vector.key.0, backend).map_err(refused)?;
    same("icv", &vector.icv, keyed.mac(&[&vector.data.0], &mut [0; MAX_ICV]))
}

fn run_seal(vector: &Seal, backend: Backend) -> Result<(), Failure> {
    let key = Secret::from_slice(&vector.key.0);
    let counter = array(&vector.iv).map(u64::from_be_bytes)?;
    let sealed = [&vector.iv.0[..], &vector.ciphertext.0, &vector.icv.0].concat();
    let aad = Aad::new(&vector.aad.0);

    let mut body = [&[0; 8][..], &vector.text.0, &[0; 16]].concat();
    let mut sealer = Sealer::new(vector.suite, &key, backend).map_err(refused)?;
    sealer.seal(Iv::Counter(counter), aad, &mut body).map_err(refused)?;
    same("sealed body", &Hex(sealed.clone()), &body)?;

    let mut body = sealed;
    let text =
        Opener::new(vector.suite, &key, backend).map_err(refused)?.open(aad, &mut body).map_err(refused)?;
    same("text", &vector.text, &body[text])
}

/// The suite wants a MAC: any will do, the ciphertext does not depend on it.
fn run_cbc(vector: &Cbc, backend: Backend) -> Result<(), Failure> {
    let bits = u16::try_from(vector.key.0.len() * 8).map_err(refused)?;
    let suite = Suite::aes_cbc(bits, IntegId::HMAC_SHA2_256_128);
    let key = Secret::concat(&[&vector.key.0, &[0; 32]]);
    let iv: [u8; 16] = array(&vector.iv)?;
    let aad = Aad::new(&[]);

    let mut body = [&[0; 16][..], &vector.text.0, &[0; 16]].concat();
    let mut sealer = Sealer::new(suite, &key, backend).map_err(refused)?;
    sealer.seal(Iv::Block(&iv), aad, &mut body).map_err(refused)?;
    let ciphertext = 16..body.len() - 16;
    same("ciphertext", &vector.ciphertext, &body[ciphertext])?;

    let text = Opener::new(suite, &key, backend).map_err(refused)?.open(aad, &mut body).map_err(refused)?;
    same("text", &vector.text, &body[text])
}

fn run_open_esp(vector: &EspSa, backend: Backend) -> Result<(), Failure> {
    let mut sa = InboundSa::new(sa_params(vector, backend)?).map_err(refused)?;
    for expected in &vector.packets {
        let mut packet = expected.packet.0.clone();
        same("spi", &vector.spi, packet.get(..4).unwrap_or_default())?;
        let opened = sa.open(&mut packet).map_err(refused)?;
        same("payload", &expected.payload, &packet[opened.payload])?;
        same_number("sequence", expected.sequence, opened.sequence)?;
        same_number("next header", expected.next_header.into(), opened.next_header.0.into())?;
    }
    Ok(())
}

fn run_seal_esp(vector: &EspSa, backend: Backend) -> Result<(), Failure> {
    let mut sa = OutboundSa::new(sa_params(vector, backend)?).map_err(refused)?;
    for expected in &vector.packets {
        let layout = sa.layout(expected.payload.0.len());
        let mut packet = vec![0; layout.total()];
        packet[layout.payload()].copy_from_slice(&expected.payload.0);
        sa.seal(layout, NextHeader(expected.next_header), &mut packet).map_err(refused)?;
        same("packet", &expected.packet, &packet)?;
        same_number("sequence", expected.sequence, sa.sequence())?;
    }
    Ok(())
}

fn sa_params(vector: &EspSa, backend: Backend) -> Result<SaParams, Failure> {
    let spi = array(&vector.spi).map(u32::from_be_bytes)?;
    let key = Secret::from_slice(&vector.key.0);
    Ok(SaParams { esn: vector.esn, backend, ..SaParams::new(Spi(spi), vector.suite, key) })
}

fn run_kex(vector: &Kex) -> Result<(), Failure> {
    let (ours, public_i) = from_private(vector.method, &vector.private_i)?;
    same("initiator's public value", &vector.public_i, &public_i)?;
    let private_r = Secret::from_slice(&vector.private_r.0);
    let (public_r, shared) = kex::respond_with(vector.method, &public_i, &private_r).map_err(refused)?;
    same("responder's public value", &vector.public_r, &public_r)?;
    same("responder's shared secret", &vector.shared, shared.expose())?;
    same("initiator's shared secret", &vector.shared, ours.finish(&public_r).map_err(refused)?.expose())
}

fn run_agree(vector: &Agree) -> Result<(), Failure> {
    let (ours, _) = from_private(vector.method, &vector.private)?;
    same("shared secret", &vector.shared, ours.finish(&vector.peer.0).map_err(refused)?.expose())
}

fn run_iterate(vector: &Iterate) -> Result<(), Failure> {
    let mut private = vector.start.clone();
    let mut public = vector.start.clone();
    for _ in 0..vector.iterations {
        let (ours, _) = from_private(vector.method, &private)?;
        let shared = Hex(ours.finish(&public.0).map_err(refused)?.expose().to_vec());
        public = std::mem::replace(&mut private, shared);
    }
    same("last output", &vector.output, &private.0)
}

fn run_group(vector: &Group) -> Result<(), Failure> {
    let (prime, generator) = kex::modp_group(vector.method)
        .ok_or_else(|| Failure::Refused(format!("{} is not a MODP group of ours", vector.method)))?;
    same("prime", &vector.prime, &prime)?;
    same_number("generator", vector.generator.into(), generator.into())
}

fn run_signature(vector: &Signature) -> Result<(), Failure> {
    let public = PublicKey::from_spki(&vector.public.0).map_err(refused)?;
    public.verify(vector.scheme, &vector.message.0, &vector.signature.0).map_err(refused)?;
    let Some(private) = &vector.private else { return Ok(()) };
    let private = PrivateKey::from_pkcs8(&private.0).map_err(refused)?;
    same("public key", &vector.public, &private.public_key().to_spki())?;
    // What can be made again takes no randomness.
    let signed = private.sign(vector.scheme, &vector.message.0, &mut Rng::from_seed([0; 32]));
    same("signature", &vector.signature, &signed.map_err(refused)?)
}

fn from_private(method: KeId, private: &Hex) -> Result<(Started, Vec<u8>), Failure> {
    Started::from_private(method, &Secret::from_slice(&private.0)).map_err(refused)
}

fn array<const N: usize>(hex: &Hex) -> Result<[u8; N], Failure> {
    hex.0.as_slice().try_into().map_err(|_| Failure::Refused(format!("{hex} should have {N} bytes")))
}

fn same(what: &'static str, expected: &Hex, got: &[u8]) -> Result<(), Failure> {
    if expected.0 == got {
        return Ok(());
    }
    Err(Failure::Differs { what, expected: expected.clone(), got: Hex(got.to_vec()) })
}

fn same_number(what: &'static str, expected: u64, got: u64) -> Result<(), Failure> {
    same(what, &Hex(expected.to_be_bytes().to_vec()), &got.to_be_bytes())
}

fn refused(error: impl fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

#[cfg(test)]
mod tests;
