use super::*;

const RULES: Rules = Rules { accept_http_10: false, custom_methods: false, max_headers: 100 };

fn judged(head: &str) -> Result<Framing, Malformed> {
    assert_eq!(end(head.as_bytes(), 0), Some(head.len()), "{head:?} is a whole head");
    judge(head.as_bytes(), &RULES)
}

/// A request with these further lines.
fn with(headers: &str) -> Result<Framing, Malformed> {
    judged(&format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n"))
}

fn request_line(line: &str) -> Result<Framing, Malformed> {
    judged(&format!("{line}\r\nhost: a\r\n\r\n"))
}

#[test]
fn a_body_is_framed_in_one_way_only() {
    assert_eq!(with(""), Ok(Framing::Length(0)));
    assert_eq!(with("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(with("TRANSFER-ENCODING: Chunked\r\n"), Ok(Framing::Chunked));
    for both in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "transfer-encoding: identity\r\ncontent-length: 0\r\n",
    ] {
        assert_eq!(with(both), Err(BOTH_LENGTHS), "{both:?}");
    }
    for twice in ["content-length: 3\r\ncontent-length: 3\r\n", "content-length: 3\r\ncontent-length: 4\r\n"]
    {
        assert_eq!(with(twice), Err(CODEC), "{twice:?}");
    }
}

#[test]
fn a_length_is_digits_and_nothing_else() {
    for length in
        ["", "+3", "-3", "0x3", "3.0", "3,3", "3, 3", "3 3", "abc", "99999999999999999999", "\u{661}"]
    {
        assert_eq!(with(&format!("content-length: {length}\r\n")), Err(CODEC), "{length:?}");
    }
    assert_eq!(with("content-length:\t 003 \r\n"), Ok(Framing::Length(3)));
}

#[test]
fn a_transfer_encoding_is_chunked_once() {
    for encoding in [
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "chunked;q=1",
        "chunked,",
        "\"chunked\"",
        "",
    ] {
        assert_eq!(with(&format!("transfer-encoding: {encoding}\r\n")), Err(ENCODING), "{encoding:?}");
    }
    assert_eq!(with("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"), Err(ENCODING));
}

#[test]
fn a_header_is_a_token_a_colon_and_one_line() {
    for line in [
        "no-colon",
        " leads: 1",
        "\tfolded",
        "x : 1",
        "x y: 1",
        ": 1",
        "x(y): 1",
        "x\"y: 1",
        "x\0: 1",
        "é: 1",
    ] {
        assert_eq!(with(&format!("{line}\r\n")), Err(CODEC), "{line:?}");
    }
    for value in ["a\0b", "a\x07b", "a\x7fb", "a\rb", "\x0bchunked"] {
        assert_eq!(with(&format!("x: {value}\r\n")), Err(CHARACTERS), "{value:?}");
    }
    for fine in ["x:", "x: a\tb", "x: é", "!#$%&'*+-.^_`|~: 1"] {
        assert_eq!(with(&format!("{fine}\r\n")), Ok(Framing::Length(0)), "{fine:?}");
    }
}

#[test]
fn a_request_line_is_three_words() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
    ] {
        assert!(request_line(line).is_err(), "{line:?}");
    }
    for line in [
        "get / HTTP/1.1",
        "FOO / HTTP/1.1",
        "PRI * HTTP/2.0",
        "G@T / HTTP/1.1",
        "GET /é HTTP/1.1",
        "GET /\x01 HTTP/1.1",
    ] {
        assert_eq!(request_line(line), Err(CODEC), "{line:?}");
    }
    let custom = Rules { custom_methods: true, ..RULES };
    assert_eq!(judge(b"FOO / HTTP/1.1\r\n\r\n", &custom), Ok(Framing::Length(0)));
    assert_eq!(judge(b"F(O / HTTP/1.1\r\n\r\n", &custom), Err(CODEC));
}

#[test]
fn other_versions_are_told_to_upgrade() {
    for version in ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0"] {
        assert_eq!(request_line(&format!("GET / {version}")), Err(LOW_VERSION), "{version}");
    }
    assert_eq!(request_line("GET /"), Err(LOW_VERSION));
    for version in ["http/1.1", "HTTP/11", "HTTP/3", "FTP/1.1", "HTTP/1.1x", "HTTP/a.b"] {
        assert_eq!(request_line(&format!("GET / {version}")), Err(CODEC), "{version}");
    }
    let old = Rules { accept_http_10: true, ..RULES };
    assert_eq!(judge(b"GET / HTTP/1.0\r\n\r\n", &old), Ok(Framing::Length(0)));
}

#[test]
fn a_target_is_a_path_a_whole_uri_or_an_asterisk_for_options() {
    for target in ["/", "http://a/b?c", "HTTPS://a/"] {
        assert!(request_line(&format!("GET {target} HTTP/1.1")).is_ok(), "{target}");
    }
    assert!(request_line("OPTIONS * HTTP/1.1").is_ok());
    assert_eq!(request_line("GET * HTTP/1.1"), Err(INVALID_URL));
    assert_eq!(request_line("GET a HTTP/1.1"), Err(INVALID_URL));
    assert_eq!(request_line("GET http:///a HTTP/1.1"), Err(INVALID_URL));
    assert_eq!(request_line("GET ftp://a/ HTTP/1.1"), Err(INVALID_SCHEME));
    for target in ["/a#b", "/#", "/a?b#c", "http://a/#b"] {
        assert_eq!(request_line(&format!("GET {target} HTTP/1.1")), Err(FRAGMENT), "{target}");
    }
}

#[test]
fn connect_names_an_authority_and_brings_no_body() {
    assert!(request_line("CONNECT a:443 HTTP/1.1").is_ok());
    assert_eq!(request_line("CONNECT / HTTP/1.1"), Err(INVALID_URL));
    assert_eq!(request_line("CONNECT http://a/ HTTP/1.1"), Err(INVALID_URL));
    let connect = |headers: &str| judged(&format!("CONNECT a:443 HTTP/1.1\r\nhost: a\r\n{headers}\r\n"));
    assert_eq!(connect("content-length: 3\r\n"), Err(BODY_DISALLOWED));
    assert_eq!(connect("transfer-encoding: chunked\r\n"), Err(ENCODING));
}

#[test]
fn a_bad_request_line_is_not_waited_on() {
    assert_eq!(judge_beginning(b"GET /\r\n", &RULES), Err(LOW_VERSION));
    assert_eq!(judge_beginning(b"\r\nget / HTTP/1.1\r\nhost:", &RULES), Err(CODEC));
    assert_eq!(judge_beginning(b"GET / HTTP/1.1\r\nhost:", &RULES), Ok(()));
    assert_eq!(judge_beginning(b"GET /", &RULES), Ok(()));
}

#[test]
fn headers_are_counted() {
    let lines = |count: usize| "x: 1\r\n".repeat(count);
    assert!(with(&lines(99)).is_ok());
    assert_eq!(with(&lines(100)), Err(TOO_MANY), "the host is one, too");
}

#[test]
fn a_head_ends_at_its_first_empty_line() {
    for (bytes, length) in [
        ("GET / HTTP/1.1\r\na: b\r\n\r\nrest", Some(24)),
        ("GET / HTTP/1.1\na: b\n\nrest", Some(21)),
        ("GET / HTTP/1.1\r\na: b\r\n\nrest", Some(23)),
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Some(22)),
        ("\r\n\r\n", None),
        ("GET / HTTP/1.1\r\na: b\r\n", None),
        ("GET / HTTP/1.1\r\n\r", None),
        ("", None),
    ] {
        assert_eq!(end(bytes.as_bytes(), 0), length, "{bytes:?}");
    }
}

#[test]
fn an_end_is_found_wherever_the_bytes_are_cut() {
    for head in
        ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "GET / HTTP/1.1\nhost: a\n\n", "\r\nGET / HTTP/1.1\r\n\r\n"]
    {
        for cut in 0..head.len() {
            assert_eq!(end(&head.as_bytes()[..cut], 0), None, "{head:?} to {cut}");
            assert_eq!(end(head.as_bytes(), cut), Some(head.len()), "{head:?} from {cut}");
        }
    }
}
