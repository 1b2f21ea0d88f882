//! What a client may say over the control socket.

use adit::control::protocol::{Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One line of the control socket, as a request and as a reply.
pub fn control_message(data: &[u8]) {
    match Request::parse(data) {
        Ok(request) => kept(&request),
        Err(error) => assert!(!error.contains('\n'), "{error}"),
    }
    if let Ok(reply) = serde_json::from_slice::<Reply>(data) {
        kept(&reply);
    }
}

/// What is understood is written on one line and read back as the same.
fn kept<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(said: &T) {
    let written = serde_json::to_string(said).expect("can be written");
    assert!(!written.contains('\n'));
    assert_eq!(&serde_json::from_str::<T>(&written).expect("can be read"), said);
}
