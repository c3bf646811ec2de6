use super::{Sniff, sniff};

/// Fed byte by byte: the first answer that is not "incomplete", and after how many bytes.
fn first_answer(stream: &[u8]) -> (Sniff, usize) {
    for n in 0..=stream.len() {
        match sniff(&stream[..n]) {
            Sniff::Incomplete => {}
            answer => {
                assert_eq!(sniff(stream), answer, "more bytes do not change the answer");
                return (answer, n);
            }
        }
    }
    (Sniff::Incomplete, stream.len())
}

#[test]
fn requests_are_told_by_their_first_line() {
    assert_eq!(first_answer(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (Sniff::Http("http/1.1"), 15));
    assert_eq!(first_answer(b"POST /a?b HTTP/1.0\r\n").0, Sniff::Http("http/1.0"));
    assert_eq!(first_answer(b"\r\nM-SEARCH * HTTP/1.1\r\n").0, Sniff::Http("http/1.1"));
    assert_eq!(first_answer(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n....").0, Sniff::Http("h2c"));
    // Methods that begin like the preface of HTTP/2 are methods all the same.
    assert_eq!(first_answer(b"PROPFIND / HTTP/1.1\r\n").0, Sniff::Http("http/1.1"));
}

#[test]
fn other_protocols_are_told_as_early_as_can_be() {
    assert_eq!(first_answer(b"\x00\x00\x00\x05hello"), (Sniff::NotHttp, 1));
    assert_eq!(first_answer(b"*1\r\n$4\r\nPING\r\n").0, Sniff::NotHttp);
    assert_eq!(first_answer(b"GET / HTTP/3.0\r\n").0, Sniff::NotHttp);
    assert_eq!(first_answer(b"GET /\r\n").0, Sniff::NotHttp);
    assert_eq!(first_answer(b"SSH-2.0-OpenSSH_9.9\r\n").0, Sniff::NotHttp);
    assert_eq!(first_answer(&[b'A'; 40]), (Sniff::NotHttp, 33));
}

#[test]
fn half_a_request_line_tells_nothing_yet() {
    for part in [&b""[..], b"G", b"GET ", b"GET /pa", b"GET /path HTTP/1.", b"PRI * HTT"] {
        assert_eq!(sniff(part), Sniff::Incomplete, "{:?}", String::from_utf8_lossy(part));
    }
}
