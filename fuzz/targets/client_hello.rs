//! A ClientHello: it means the same however it is cut into segments, and nothing that began as TLS
//! is taken for something else.
#![no_main]

use carrick_policy::listener::client_hello::{DEFAULT_LIMIT, Hello, HelloReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let whole = HelloReader::new(DEFAULT_LIMIT).advance(stream);
    let mut reader = HelloReader::new(DEFAULT_LIMIT);
    let mut piecewise = Hello::Incomplete;
    let step = usize::from(step).max(1);
    let mut seen = 0;
    while piecewise == Hello::Incomplete && seen < stream.len() {
        seen = (seen + step).min(stream.len());
        piecewise = reader.advance(&stream[..seen]);
    }
    assert_eq!(piecewise, whole, "in steps of {step}");
});
