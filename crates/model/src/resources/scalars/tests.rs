use super::*;

#[test]
fn durations_are_read_as_go_and_protobuf_write_them() {
    let cases =
        [("10s", 10_000), ("1.5h", 5_400_000), ("1m30s", 90_000), ("100ms", 100), ("0", 0), ("0.5s", 500)];
    for (text, milliseconds) in cases {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    let no_duration = ["", "10", "s", "-1s", "1 s", "1d", "1..5s", ".s", "1e3s", "99999999999999999999h"];
    for text in no_duration {
        assert_eq!(parse_duration(text), None, "{text:?}");
    }
}
