//! Control plane: one task owns what runs.
