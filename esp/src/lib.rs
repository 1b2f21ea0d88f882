//! ESP (RFC 4303) and its UDP encapsulation (RFC 3948) as functions over a slice.
//!
//! ```text
//!  0        4        8                                                          packet.len()
//! ┌────────┬────────┬──────┬───────────────┬─────────┬────────┬────────┬───────┐
//! │  SPI   │  seq   │  IV  │ payload       │ 1 2 3 … │ pad len│ next h.│  ICV  │
//! └────────┴────────┴──────┴───────────────┴─────────┴────────┴────────┴───────┘
//!  authenticated ──────────────────────────────────────────────────────▶
//!                          encrypted ──────────────────────────────────▶
//! ```
//!
//! Out: [`OutboundSa::layout`] says where a payload of some length goes; the caller writes it there, at its
//! final place in the send buffer; [`OutboundSa::seal`] does the rest around it and in place.
//!
//! In: [`InboundSa::open`] looks at the replay window, authenticates, marks the window, checks the padding: in
//! this order, so that a forged packet changes nothing. What fails is one [`OpenError`], which is the drop
//! reason: one counter per variant.
//!
//! ```
//! use adit_esp::{Backend, InboundSa, NextHeader, OutboundSa, SaParams, Secret, Spi, Suite};
//!
//! let params = || SaParams::new(Spi(0x1234), Suite::AES_GCM_16_256, Secret::from_slice(&[7; 36]));
//! let mut outbound = OutboundSa::new(params())?;
//! let mut inbound = InboundSa::new(params())?;
//!
//! let layout = outbound.layout(5);
//! let mut packet = vec![0; layout.total()];
//! packet[layout.payload()].copy_from_slice(b"hello");
//! outbound.seal(layout, NextHeader::GRE, &mut packet)?;
//!
//! let opened = inbound.open(&mut packet)?;
//! assert_eq!((opened.next_header, &packet[opened.payload]), (NextHeader::GRE, &b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here allocates per packet, reads a clock or draws randomness: AEAD IVs are the sequence number,
//! which never repeats under a key, and CBC IVs come from a generator keyed by the SA's own key.
//!
//! # Assumptions and omissions
//!
//! - Anti-replay is always on (RFC 4303 §3.4.3); the window is [`SaParams::replay_window`] packets.
//! - No resynchronisation after the loss of 2^32 packets in a row (RFC 4303 app. A3, a SHOULD).
//! - Traffic flow confidentiality: dummies are recognised and dropped; none are made.
//! - Limits by time belong to IKE; packets and bytes are counted here.
#![forbid(unsafe_code)]

pub mod error;
pub mod esn;
pub mod header;
pub mod inbound;
pub mod layout;
pub mod limits;
pub mod outbound;
pub mod replay;
pub mod udp;

pub use adit_crypto::protect::{Backend, KeyError};
pub use adit_crypto::{Secret, Suite};

pub use error::{OpenError, SealError};
pub use header::{NextHeader, Spi};
pub use inbound::{InboundSa, Opened};
pub use layout::Layout;
pub use limits::{Limits, Usage};
pub use outbound::OutboundSa;
pub use replay::ReplayWindow;

/// What makes one direction of an ESP SA. The key moves in.
#[derive(Debug)]
pub struct SaParams {
    /// Chosen by the receiving side.
    pub spi: Spi,
    /// The negotiated algorithms.
    pub suite: Suite,
    /// Encryption key, salt and integrity key of this direction, joined in this order (RFC 7296 §2.17).
    pub key: Secret,
    /// Extended sequence numbers (RFC 4303 §2.2.1).
    pub esn: bool,
    /// Packets, 64 to 65,536; other values are brought to the nearest power of two within. Inbound only.
    pub replay_window: u32,
    /// Soft and hard limits by packets and bytes.
    pub limits: Limits,
    /// Which implementation does the work.
    pub backend: Backend,
}

impl SaParams {
    /// An SA with extended sequence numbers, the default window, no limits, the fast backend.
    #[must_use]
    pub fn new(spi: Spi, suite: Suite, key: Secret) -> Self {
        Self {
            spi,
            suite,
            key,
            esn: true,
            replay_window: replay::DEFAULT_WINDOW_PACKETS,
            limits: Limits::NONE,
            backend: Backend::Fast,
        }
    }
}
