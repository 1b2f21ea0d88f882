//! What a client may say over the control socket.

use adit::control::protocol::{Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One line of the control socket, as a request and as a reply.
pub fn control_message(data: &[u8]) {
    kept::<Request>(data);
    kept::<Reply>(data);
}

/// What is understood is written and read back as the same, on one line; the rest is refused on one.
fn kept<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(line: &[u8]) {
    match serde_json::from_slice::<T>(line) {
        Ok(said) => {
            let written = serde_json::to_string(&said).expect("can be written");
            assert!(!written.contains('\n'));
            assert_eq!(serde_json::from_str::<T>(&written).expect("can be read"), said);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}
