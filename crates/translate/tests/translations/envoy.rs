//! The real Envoy as a judge of what translate writes.

use std::path::PathBuf;
use std::process::Command;

use carrick_testing::needs::envoy;

/// Lets Envoy load a bootstrap without starting. `name` serves messages, and the file in
/// `BOOTSTRAPS` (a folder), where another proxy may be given the same. Does nothing where no Envoy
/// can be had.
pub fn validate(name: &str, bootstrap: &serde_json::Value) {
    if let Some(folder) = std::env::var_os("BOOTSTRAPS") {
        let file = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_") + ".json";
        std::fs::write(PathBuf::from(folder).join(file), serde_json::to_vec_pretty(bootstrap).unwrap())
            .unwrap();
    }
    let Some(envoy) = envoy() else { return };
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), serde_json::to_vec_pretty(bootstrap).unwrap()).unwrap();
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(file.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "Envoy refuses {name}:\n{words}\n{}",
        serde_json::to_string_pretty(bootstrap).unwrap()
    );
}
