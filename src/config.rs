//! Configuration: text, vsctl or database to one validated desired state.
