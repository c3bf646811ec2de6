//! A SPIFFE ID: whatever is accepted is written back as it was, and keeps to the specification's
//! alphabet.
#![no_main]

use carrick_identity::SpiffeId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(id) = SpiffeId::parse(text) else { return };
    assert_eq!(id.uri(), text, "an ID has one spelling");
    let rest = text.strip_prefix("spiffe://").expect("accepted without its scheme");
    let (domain, path) =
        rest.split_once('/').map_or((rest, ""), |(domain, _)| (domain, &rest[domain.len()..]));
    assert!(!domain.is_empty() && domain.len() <= 255);
    assert!(domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b)));
    assert!(path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b)));
    assert!(!path.ends_with('/'));
    assert!(path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | "..")));
});
