use super::*;

#[test]
fn no_key_is_shown_wherever_it_stands() {
    let mut dump = json!({
        "tls_certificate": {
            "certificate_chain": { "inline_string": "public" },
            "private_key": { "inline_string": "SECRET" },
        },
        "other": [{ "private_key": { "inline_bytes": "U0VDUkVU" }, "password": { "inline_string": "SECRET" } }],
        "from_file": { "private_key": { "filename": "/etc/certs/key.pem" } },
        "session_ticket_keys": { "keys": [{ "inline_bytes": "U0VDUkVU" }] },
    });
    redact(&mut dump, false);
    let text = dump.to_string();
    assert!(!text.contains("SECRET") && !text.contains("U0VDUkVU"), "{text}");
    assert!(text.contains("public") && text.contains("/etc/certs/key.pem"), "{text}");
}

#[test]
fn times_are_rfc_3339_with_milliseconds() {
    let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(1_700_000_000_123_456);
    assert_eq!(timestamp(at), "2023-11-14T22:13:20.123Z");
}
