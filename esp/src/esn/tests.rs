use proptest::prelude::*;

use super::*;

/// RFC 4303 app. A2.2, as the equations stand there; arithmetic on 32 bits.
fn appendix(top: u64, window: u32, low: u32) -> Option<u64> {
    let (th, tl) = ((top >> 32) as u32, top as u32);
    let bl = tl.wrapping_sub(window - 1);
    let case_a = tl >= window - 1;
    let high = match (case_a, low >= bl) {
        (true, true) | (false, false) => Some(th),
        (true, false) => th.checked_add(1),
        (false, true) => th.checked_sub(1),
    };
    high.map(|high| u64::from(high) << 32 | u64::from(low))
}

/// Our own table: top, window, low half received, what it stands for.
#[rustfmt::skip]
const TABLE: &[(u64, u32, u32, Option<u64>)] = &[
    // Nothing received yet: only numbers from 1 on make sense.
    (0, 4096, 0, Some(0)),
    (0, 4096, 1, Some(1)),
    (0, 4096, 0xffff_f000, Some(0xffff_f000)),
    (0, 4096, 0xffff_f001, None),
    (0, 4096, 0xffff_ffff, None),
    // Within the first subspace, case A.
    (5000, 4096, 905, Some(905)),
    (5000, 4096, 904, Some(0x1_0000_0388)),
    (5000, 4096, 5001, Some(5001)),
    (4095, 4096, 0, Some(0)),
    (4095, 4096, 0xffff_ffff, Some(0xffff_ffff)),
    (4094, 4096, 0xffff_ffff, None),
    (4094, 4096, 0xffff_fffe, Some(0xffff_fffe)),
    // The end of the first subspace.
    (0xffff_ffff, 4096, 0xffff_f000, Some(0xffff_f000)),
    (0xffff_ffff, 4096, 0xffff_efff, Some(0x1_ffff_efff)),
    (0xffff_ffff, 4096, 0, Some(0x1_0000_0000)),
    (0xffff_ffff, 4096, 1, Some(0x1_0000_0001)),
    (0xffff_fffe, 4096, 0xffff_ffff, Some(0xffff_ffff)),
    // Across the boundary, case B.
    (0x1_0000_0000, 4096, 0xffff_ffff, Some(0xffff_ffff)),
    (0x1_0000_0000, 4096, 0xffff_f001, Some(0xffff_f001)),
    (0x1_0000_0000, 4096, 0xffff_f000, Some(0x1_ffff_f000)),
    (0x1_0000_0000, 4096, 0, Some(0x1_0000_0000)),
    (0x1_0000_0000, 4096, 1, Some(0x1_0000_0001)),
    (0x1_0000_0ffe, 4096, 0xffff_ffff, Some(0xffff_ffff)),
    (0x1_0000_0ffe, 4096, 0xffff_fffe, Some(0x1_ffff_fffe)),
    // Just past it: case A again.
    (0x1_0000_0fff, 4096, 0xffff_ffff, Some(0x1_ffff_ffff)),
    (0x1_0000_0fff, 4096, 0, Some(0x1_0000_0000)),
    (0x1_0000_1000, 4096, 0, Some(0x2_0000_0000)),
    // Other windows.
    (0x2_0000_0010, 64, 0xffff_ffd1, Some(0x1_ffff_ffd1)),
    (0x2_0000_0010, 64, 0xffff_ffd0, Some(0x2_ffff_ffd0)),
    (0x2_0000_003f, 64, 0, Some(0x2_0000_0000)),
    (0x2_0000_0040, 64, 0, Some(0x3_0000_0000)),
    (100, 1, 100, Some(100)),
    (100, 1, 99, Some(0x1_0000_0063)),
    (0x1_0000_0000, 65_536, 0xffff_0001, Some(0xffff_0001)),
    (0x1_0000_0000, 65_536, 0xffff_0000, Some(0x1_ffff_0000)),
    // The very end: there is no number after the last.
    (u64::MAX, 4096, 0xffff_ffff, Some(u64::MAX)),
    (u64::MAX, 4096, 0xffff_f000, Some(u64::MAX - 4095)),
    (u64::MAX, 4096, 0, None),
    (u64::MAX, 4096, 0xffff_efff, None),
    (u64::MAX - 1, 4096, 0xffff_ffff, Some(u64::MAX)),
];

#[test]
fn the_table_holds() {
    for &(top, window, low, expected) in TABLE {
        assert_eq!(infer(top, window, low), expected, "top {top:#x}, window {window}, low {low:#x}");
        assert_eq!(appendix(top, window, low), expected, "the appendix: top {top:#x}, low {low:#x}");
    }
}

/// Tops near the boundaries of subspaces, where it is decided.
fn tops() -> impl Strategy<Value = u64> {
    (0_u64..4, 0_u64..=0x4_0000, any::<u64>(), 0..4).prop_map(|(subspace, near, far, kind)| match kind {
        0 => (subspace << 32) + near,
        1 => (subspace << 32).saturating_sub(near),
        2 => u64::MAX - near,
        _ => far,
    })
}

proptest! {
    #[test]
    fn one_formula_says_what_the_appendix_says(top in tops(), log in 0_u32..=16, low in any::<u32>(), near in 0_u32..0x2_0000, close in any::<bool>()) {
        let low = if close { header::low(top).wrapping_add(near).wrapping_sub(0x1_0000) } else { low };
        prop_assert_eq!(infer(top, 1 << log, low), appendix(top, 1 << log, low));
    }

    /// Whatever is in the window, or less than 2^32 - W above its top, is found again from its low half.
    #[test]
    fn numbers_near_the_top_are_found(top in tops(), log in 6_u32..=16, ahead in 0_u64..=0xffff_0000, behind in 0_u64..0x1_0000) {
        let window = 1_u32 << log;
        let behind = behind % u64::from(window);
        if let Some(sequence) = top.checked_add(ahead.min((1 << 32) - u64::from(window))) {
            prop_assert_eq!(infer(top, window, header::low(sequence)), Some(sequence));
        }
        if let Some(sequence) = top.checked_sub(behind) {
            prop_assert_eq!(infer(top, window, header::low(sequence)), Some(sequence));
        }
    }
}
