//! A bootstrap file: it is taken or refused with the field's name, without a panic.
#![no_main]

use carrick_proxy::accept::check_resources;
use carrick_proxy::bootstrap::Bootstrap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(bootstrap) = Bootstrap::from_yaml(text) {
        let _refused_or_not = check_resources(&bootstrap);
    }
});
