//! From negotiated halves to ESP SAs: the one file that names both IKE and ESP.

use adit_esp::{InboundSa, KeyError, Limits, OutboundSa, SaParams};
use adit_ike::config::{AddressRange, Mode};
use adit_ike::{ChildHalf, TrafficSelector};

use crate::dataplane::{self, Handle, Inbound, Outbound, PolicyId, RequestError, Selector, Selectors};

/// The data plane's SPI. Two types on purpose: nothing else can mix them.
pub type EspSpi = adit_esp::Spi;

/// The SPI as the data plane has it.
pub fn esp_spi(spi: adit_ike::event::Spi) -> EspSpi {
    adit_esp::Spi(spi.0)
}

/// The SPI as IKE has it.
pub fn ike_spi(spi: EspSpi) -> adit_ike::event::Spi {
    adit_ike::event::Spi(spi.0)
}

/// Why an SA is not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The transform is not built in, or the key does not fit it.
    #[error("ESP: {0}")]
    Key(#[from] KeyError),
    /// The data plane refused.
    #[error("data plane: {0}")]
    Refused(#[from] RequestError),
}

/// Installs an inbound half. When it returns, packets on it are taken.
///
/// # Errors
/// Nothing is installed.
pub fn inbound(dataplane: &Handle, policy: PolicyId, half: ChildHalf) -> Result<(), InstallError> {
    let (mode, selectors) = (mode(half.mode), selectors(&half));
    let carrier = carrier(half.carrier);
    let sa = InboundSa::new(params(half))?;
    dataplane.install_inbound(Inbound { policy, mode, selectors, carrier, sa })?;
    Ok(())
}

/// Installs an outbound half. When it returns, it carries what its selectors cover.
///
/// # Errors
/// Nothing is installed.
pub fn outbound(dataplane: &Handle, policy: PolicyId, half: ChildHalf) -> Result<(), InstallError> {
    let (mode, selectors) = (mode(half.mode), selectors(&half));
    let carrier = carrier(half.carrier);
    let sa = OutboundSa::new(params(half))?;
    dataplane.install_outbound(Outbound { policy, mode, selectors, carrier, sa })?;
    Ok(())
}

/// What ESP travels in.
pub fn carrier(carrier: adit_ike::Carrier) -> dataplane::Carrier {
    match carrier {
        adit_ike::Carrier::Esp { local, remote } => dataplane::Carrier::Esp { local, remote },
        adit_ike::Carrier::Udp { local, remote } => dataplane::Carrier::Udp { local, remote },
    }
}

fn mode(mode: Mode) -> dataplane::Mode {
    match mode {
        Mode::Transport => dataplane::Mode::Transport,
        Mode::Tunnel => dataplane::Mode::Tunnel,
    }
}

fn params(half: ChildHalf) -> SaParams {
    let limits = half.limits;
    let most = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    SaParams {
        limits: Limits {
            soft_packets: most(limits.soft_packets),
            hard_packets: most(limits.hard_packets),
            soft_bytes: most(limits.soft_bytes),
            hard_bytes: most(limits.hard_bytes),
        },
        esn: half.esn,
        ..SaParams::new(esp_spi(half.spi), half.suite, half.key)
    }
}

fn selectors(half: &ChildHalf) -> Selectors {
    let side = |selectors: &[TrafficSelector]| selectors.iter().map(selector).collect();
    Selectors { local: side(&half.local_selectors), remote: side(&half.remote_selectors) }
}

fn selector(selector: &TrafficSelector) -> Selector {
    let addresses = match selector.addresses {
        AddressRange::V4 { start, end } => start.into()..=end.into(),
        AddressRange::V6 { start, end } => start.into()..=end.into(),
    };
    Selector { protocol: selector.protocol, ports: selector.ports.start..=selector.ports.end, addresses }
}
