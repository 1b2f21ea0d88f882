//! The high half of the sequence number, which is not sent. RFC 4303 §2.2.1, app. A2.2.

use crate::header;

/// The 64-bit sequence number that a received low half stands for; `None` if there is none.
///
/// `top` is the highest number authenticated so far, `window_packets` the size of the replay window. The
/// answer is the one number with this low half in the 2^32 numbers from the bottom of the window upwards: cases
/// A and B of the appendix in one. `None` means a number before the first packet, or after the last.
#[must_use]
pub fn infer(top: u64, window_packets: u32, low: u32) -> Option<u64> {
    let below_top = u64::from(window_packets.saturating_sub(1));
    let bottom = top.wrapping_sub(below_top);
    let above_bottom = u64::from(low.wrapping_sub(header::low(bottom)));
    let (sequence, wrapped) = bottom.overflowing_add(above_bottom);
    let bottom_is_negative = top < below_top;
    (wrapped == bottom_is_negative).then_some(sequence)
}

#[cfg(test)]
mod tests;
