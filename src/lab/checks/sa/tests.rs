use super::*;

/// What `adit sa --json` prints while a stranger has not said who it is, while another connection is
/// without any SA, and while a third waits for whoever comes: every null the contract allows.
const NULLS: &str = r#"{
    "ike": [
        {"connection": null, "state": "connecting", "error": null, "local": "192.168.100.1:500",
         "remote": "192.168.100.2:500", "local_id": null, "remote_id": null, "spi_i": "0102030405060708",
         "spi_r": null, "proposal": null, "age": 0, "rekey_in": null},
        {"connection": "ipsec0", "state": "connecting", "error": null, "local": null, "remote": null, "local_id": null,
         "remote_id": null, "spi_i": null, "spi_r": null, "proposal": null, "age": null, "rekey_in": null}
    ],
    "child": [
        {"connection": "ipsec0", "spi_in": null, "spi_out": null, "mode": "transport", "carrier": null,
         "proposal": null, "age": null, "rekey_in": null, "packets_in": 0, "bytes_in": 0, "packets_out": 0,
         "bytes_out": 0, "drops": {"no_sa": 3}, "error": null}
    ]
}"#;

#[test]
fn what_is_not_known_yet_is_no_error_and_no_established_sa() {
    let sa: Sa = serde_json::from_str(NULLS).unwrap();
    assert_eq!(established(&sa, "ipsec0").unwrap_err(), "no established IKE SA of ipsec0");
    assert_eq!(sa.drops("no_sa"), 3);
}
