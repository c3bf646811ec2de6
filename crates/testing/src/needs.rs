//! What a test needs beside the checkout, and how it says that it was left out. It must not know
//! any test.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file into which left-out tests are written, one line each: the test's name, a tab, the
/// reason. `scripts/test` sets it, and counts the lines at the end.
const LEFT_OUT: &str = "CARRICK_LEFT_OUT";

/// Names the things that the machine lacks and that tests are left out for, separated by spaces.
/// `scripts/test` sets it to what it could not install; without it, a test that misses something
/// fails.
const LACKING: &str = "CARRICK_LACKING";

/// The folder of the original demo's files, which are not this project's and may lie beside the
/// checkout. Where they are absent the calling test is left out: the hand-written example in
/// `examples/` covers the same path.
pub fn original_demo() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio_federation_demo");
    let found = folder.canonicalize().ok();
    if found.is_none() {
        leave_out("the original demo's files (../shared/istio_federation_demo) are not beside the checkout");
    }
    found
}

/// Envoy 1.40, from `CARRICK_ENVOY` or the path. Without one nothing would be checked, and that is
/// a failure, unless `scripts/test` found that this machine cannot have one: then the calling test
/// is left out.
pub fn envoy() -> Option<OsString> {
    let envoy = std::env::var_os("CARRICK_ENVOY").unwrap_or_else(|| "envoy".into());
    if Command::new(&envoy).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(envoy);
    }
    let lacking = std::env::var(LACKING).unwrap_or_default();
    assert!(
        lacking.split(' ').any(|lacking| lacking == "envoy"),
        "{envoy:?} does not run: set CARRICK_ENVOY to an Envoy 1.40, or run scripts/test, which installs it"
    );
    leave_out("Envoy 1.40 could not be installed");
    None
}

/// Writes down that the calling test, or the rest of it, does not run here.
fn leave_out(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("left out: {test}: {why}");
    if let Some(file) = std::env::var_os(LEFT_OUT) {
        let mut file =
            OpenOptions::new().append(true).create(true).open(file).expect("CARRICK_LEFT_OUT is writable");
        // One write for each line, so that lines of tests that run beside each other stay whole.
        file.write_all(format!("{test}\t{why}\n").as_bytes()).expect("CARRICK_LEFT_OUT is writable");
    }
}
