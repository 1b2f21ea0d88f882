//! The world in a test: seeded lossy links, a virtual clock, an eavesdropper.
#![forbid(unsafe_code)]
