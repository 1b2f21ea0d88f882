//! Control plane: one task owns what runs.

pub mod protocol;
pub mod socket;
pub mod state;
pub mod status;
