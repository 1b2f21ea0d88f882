//! NULL encryption with HMAC: authenticates, hides nothing. RFC 2410, RFC 4303 §3.3.2.1.
//!
//! The MAC covers what is in front of the text, the text, and the unsent tail.

use super::OpenError;
use crate::backend::Backend;
use crate::constant_time_eq;
use crate::integ::{Integ, MAX_ICV};
use crate::transform::IntegId;

pub(super) struct NullHmac(Integ);

impl NullHmac {
    /// `None` for a key of no length the MAC takes.
    pub(super) fn new(integ: IntegId, key: &[u8], backend: Backend) -> Option<Self> {
        Integ::new(integ, key, backend).ok().map(Self)
    }

    pub(super) fn seal(&self, head: &[u8], text: &[u8], tail: &[u8], icv: &mut [u8]) {
        icv.copy_from_slice(self.0.mac(&[head, text, tail], &mut [0; MAX_ICV]));
    }

    pub(super) fn open(&self, head: &[u8], text: &[u8], tail: &[u8], icv: &[u8]) -> Result<(), OpenError> {
        let mut full = [0; MAX_ICV];
        let made = self.0.mac(&[head, text, tail], &mut full);
        if constant_time_eq(made, icv) { Ok(()) } else { Err(OpenError::BadIcv) }
    }
}
