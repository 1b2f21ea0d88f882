//! Data plane: the stations a packet passes.
