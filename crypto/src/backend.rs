//! Two implementations of what packets go through.

/// Which implementation does the work. The bytes are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// aws-lc: what the CPU can do. Without the feature `aws-lc` this is [`Backend::Pure`].
    #[default]
    Fast,
    /// RustCrypto.
    Pure,
}
