//! The head of an HTTP/1 request: one that passes our judgement means the same to another parser,
//! its length included.
#![no_main]

use carrick_policy::http::framing::head::{Framing, Rules, end, judge};
use libfuzzer_sys::fuzz_target;

const RULES: Rules = Rules { accept_http_10: true, custom_methods: true, max_headers: 100 };

fuzz_target!(|bytes: &[u8]| {
    let Some(end) = end(bytes, 0) else { return };
    let head = &bytes[..end];
    let Ok(framing) = judge(head, &RULES) else { return };
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut headers);
    // What the other parser refuses is answered 400 by the codec behind us.
    let Ok(httparse::Status::Complete(length)) = request.parse(head) else { return };
    assert_eq!(length, head.len(), "both see the same end of the head");
    let of = |name: &str| {
        let found = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value).collect::<Vec<_>>()
    };
    let (lengths, encodings) = (of("content-length"), of("transfer-encoding"));
    match framing {
        Framing::Chunked => {
            assert!(lengths.is_empty() && encodings.len() == 1);
            assert!(encodings[0].eq_ignore_ascii_case(b"chunked"));
        }
        Framing::Length(ours) => {
            assert!(encodings.is_empty());
            let theirs = lengths
                .first()
                .map_or(Ok(0), |value| std::str::from_utf8(value).expect("digits").parse::<u64>());
            assert_eq!((lengths.len() <= 1, theirs), (true, Ok(ours)));
        }
    }
});
