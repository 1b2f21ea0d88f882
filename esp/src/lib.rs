//! ESP (RFC 4303) and its UDP encapsulation (RFC 3948) as functions over a slice.
#![forbid(unsafe_code)]
