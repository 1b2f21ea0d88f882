//! `adit lab`: three hosts, a ring, proof.
