//! What was counted, and why a packet was dropped.
//!
//! The data path writes with relaxed stores to counters that only its own
//! worker writes; control reads them whenever it likes. A drop is one enum
//! value and one counter: there is no other error handling on the packet path.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Declares [`DropReason`] once: variant, JSON name, meaning.
macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why the data path dropped a packet. Names are those of the JSON `drops` objects.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason { $($(#[doc = $doc])+ $variant,)+ }

        impl DropReason {
            /// Every reason, in order of declaration.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant,)+];

            /// The name in JSON: snake_case.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $name,)+ }
            }
        }
    };
}

drop_reasons! {
    /// A protected port or interface without an outbound SA: nothing may leave (RFC 4301 §5.1).
    NoSa = "no_sa",
    /// No traffic selector of an outbound SA covers the packet (RFC 4301 §5.1).
    NoSelector = "no_selector",
    /// What came through an SA is not what this SA may carry (RFC 4301 §5.2).
    SelectorMismatch = "selector_mismatch",
    /// Unprotected tunnel packet for a protected port.
    PlaintextOnProtected = "plaintext_on_protected",
    /// ESP packet whose SPI is not ours.
    UnknownSpi = "unknown_spi",
    /// Shorter than its headers.
    TooShort = "too_short",
    /// ESP ciphertext is not in whole blocks.
    BadLength = "bad_length",
    /// ESP sequence number seen before (RFC 4303 §3.4.3).
    Replayed = "replayed",
    /// ESP sequence number left of the replay window.
    TooOld = "too_old",
    /// ESP packet that does not authenticate.
    BadIcv = "bad_icv",
    /// ESP padding is not 1, 2, 3, …
    BadPadding = "bad_padding",
    /// The SA reached its hard limit.
    HardLimit = "hard_limit",
    /// ESP next header 59: a dummy packet, dropped as it should be.
    Dummy = "dummy",
    /// Tunnel packet shorter than its header.
    EncapTooShort = "encap_too_short",
    /// The frame inside a tunnel packet is shorter than an Ethernet header.
    EncapInnerTooShort = "encap_inner_too_short",
    /// Version or flags of a tunnel header that must be zero are not.
    EncapBadFlags = "encap_bad_flags",
    /// A Geneve option that must be understood, and is not (RFC 8926 §3.4).
    EncapCriticalOption = "encap_critical_option",
    /// GRE or Geneve that carries something other than Ethernet.
    EncapNotEthernet = "encap_not_ethernet",
    /// A checksum of the tunnel header is present and wrong.
    EncapBadChecksum = "encap_bad_checksum",
    /// Tunnel packet that belongs to no port: address, protocol or key unknown.
    NoTunnel = "no_tunnel",
    /// Frame shorter than addresses and type, or an IP packet that is none.
    MalformedFrame = "malformed_frame",
    /// The source address of a frame is a group address or zero.
    BadSource = "bad_source",
    /// Frame for a reserved group that no bridge forwards.
    ReservedGroup = "reserved_group",
    /// A probe from a host's port, where none belongs.
    StrayProbe = "stray_probe",
    /// The port does not forward now (held, blocking, listening or down).
    PortNotForwarding = "port_not_forwarding",
    /// The destination is behind the port the frame came from.
    SameSegment = "same_segment",
    /// No other port forwards.
    NowhereToGo = "nowhere_to_go",
    /// Larger than the tunnel carries; the sender was told where the protocol allows it.
    TooBig = "too_big",
    /// The kernel's send buffer was full.
    SendBufferFull = "send_buffer_full",
    /// The kernel refused to send (no route, unreachable, over-long).
    SendFailed = "send_failed",
    /// A write to the local device failed (down, or its queue full).
    DeviceWrite = "device_write",
    /// Datagram longer than the receive buffer.
    Truncated = "truncated",
    /// The queue to the control plane was full or its rate exceeded.
    PuntOverflow = "punt_overflow",
    /// Congestion mark on a packet whose inner header cannot carry it (RFC 6040 §4.2).
    EcnMarked = "ecn_marked",
    /// A frame for a bridge or port that is not in the snapshot any more.
    NoPort = "no_port",
    /// The SA has no sequence number left (RFC 4303 §3.3.3).
    SequenceExhausted = "sequence_exhausted",
    /// A packet that does not have the layout of its SA: a mistake of ours, and nothing was sent.
    Layout = "layout",
}

/// A number written by one worker, read by anyone.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning worker does, so a load and a store suffice.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One counter for each [`DropReason`].
#[derive(Debug)]
pub struct Drops([Counter; DropReason::ALL.len()]);

impl Default for Drops {
    fn default() -> Self {
        Drops(std::array::from_fn(|_| Counter::default()))
    }
}

impl Drops {
    /// Counts one packet.
    #[inline]
    pub fn count(&self, reason: DropReason) {
        self.add(reason, 1);
    }

    /// Counts `n` packets.
    #[inline]
    pub fn add(&self, reason: DropReason, n: u64) {
        self.0[reason as usize].add(n);
    }

    /// The reasons that occurred, with their counts.
    pub fn nonzero(&self) -> Vec<(DropReason, u64)> {
        let value = |reason: &DropReason| (*reason, self.0[*reason as usize].get());
        DropReason::ALL.iter().map(value).filter(|(_, n)| *n > 0).collect()
    }

    /// The count of one reason.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].get()
    }
}

/// Counters of one bridge port or routed interface. Control makes one when the
/// port is made and puts it into every snapshot, so that counts outlive changes.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct PortCounters {
    /// Frames received from the port (a super-packet counts once).
    pub rx_packets: Counter,
    /// Bytes of those frames.
    pub rx_bytes: Counter,
    /// Frames sent to the port.
    pub tx_packets: Counter,
    /// Bytes of those frames.
    pub tx_bytes: Counter,
    /// The next number of a GRE port that numbers its packets.
    pub gre_sequence: Counter,
    /// Drops charged to the port, by reason.
    pub drops: Drops,
}

/// Counters of one SA.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct SaCounters {
    /// Packets sealed or opened.
    pub packets: Counter,
    /// Bytes of ESP payload.
    pub bytes: Counter,
    /// Milliseconds since the data plane started at which the SA was last used; 0 is never.
    pub last_used: Counter,
    /// Drops charged to the SA, by reason.
    pub drops: Drops,
}

/// Counters of one worker that belong to no port or SA.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct WorkerCounters {
    /// Packets and frames read from any source (a super-packet counts once).
    pub packets: Counter,
    /// Times the worker woke.
    pub wakeups: Counter,
    /// Allocations the worker's thread made in its loop for other things than requests of control and
    /// packets handed to control, where the binary runs with [`super::io::sys::CountingAllocator`]. Must
    /// not grow with packets.
    pub allocations: Counter,
    /// IKE datagrams handed to control.
    pub punted_ike: Counter,
    /// BPDUs and probes handed to control.
    pub punted_control: Counter,
    /// Drops that belong to no port or SA, by reason.
    pub drops: Drops,
}

impl From<adit_encap::PopError> for DropReason {
    fn from(error: adit_encap::PopError) -> Self {
        use adit_encap::PopError as E;
        match error {
            E::TooShort => DropReason::EncapTooShort,
            E::InnerTooShort => DropReason::EncapInnerTooShort,
            E::BadFlags => DropReason::EncapBadFlags,
            E::CriticalOption => DropReason::EncapCriticalOption,
            E::NotEthernet => DropReason::EncapNotEthernet,
            E::BadChecksum => DropReason::EncapBadChecksum,
        }
    }
}

impl From<adit_switch::DropReason> for DropReason {
    fn from(reason: adit_switch::DropReason) -> Self {
        use adit_switch::DropReason as R;
        match reason {
            R::Malformed => DropReason::MalformedFrame,
            R::BadSource => DropReason::BadSource,
            R::ReservedGroup => DropReason::ReservedGroup,
            R::StrayProbe => DropReason::StrayProbe,
            R::PortNotForwarding => DropReason::PortNotForwarding,
            R::SameSegment => DropReason::SameSegment,
            R::NowhereToGo => DropReason::NowhereToGo,
        }
    }
}

impl From<adit_esp::OpenError> for DropReason {
    fn from(error: adit_esp::OpenError) -> Self {
        use adit_esp::OpenError as E;
        match error {
            E::TooShort => DropReason::TooShort,
            E::Replayed => DropReason::Replayed,
            E::TooOld => DropReason::TooOld,
            E::BadIcv => DropReason::BadIcv,
            E::BadPadding => DropReason::BadPadding,
            E::HardLimit => DropReason::HardLimit,
            E::BadLength => DropReason::BadLength,
            E::Dummy => DropReason::Dummy,
        }
    }
}

impl From<adit_esp::SealError> for DropReason {
    fn from(error: adit_esp::SealError) -> Self {
        match error {
            adit_esp::SealError::HardLimit => DropReason::HardLimit,
            adit_esp::SealError::SequenceExhausted => DropReason::SequenceExhausted,
            adit_esp::SealError::Layout => DropReason::Layout,
        }
    }
}
