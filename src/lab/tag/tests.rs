use super::*;

#[test]
fn a_tag_is_read_as_it_was_written_and_from_nothing_else() {
    let tag = Tag { origin: 2, sequence: 0x0102_0304 };
    let frame = tag.frame();
    assert_eq!(Tag::of(&frame), Some(tag));
    for cut in 0..27 {
        assert_eq!(Tag::of(&frame[..cut]), None);
    }
    let mut other = frame.clone();
    other[13] ^= 1;
    assert_eq!(Tag::of(&other), None);
}
