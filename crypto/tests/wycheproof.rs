//! Project Wycheproof's vectors: edge cases, and what known bugs of others let pass.

#[path = "wycheproof/aead.rs"]
mod aead;
#[path = "wycheproof/kex.rs"]
mod kex;
#[path = "wycheproof/mac.rs"]
mod mac;
#[path = "wycheproof/signature.rs"]
mod signature;
