//! The real Envoy as a judge of what translate writes.

use std::path::PathBuf;
use std::process::Command;

/// Envoy from `CARRICK_ENVOY` or `PATH`; without one nothing here would be checked, and that is a failure.
fn envoy() -> PathBuf {
    let program = PathBuf::from(std::env::var_os("CARRICK_ENVOY").unwrap_or_else(|| "envoy".into()));
    let answers =
        Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        answers,
        "`{}` does not run: set CARRICK_ENVOY to an Envoy 1.40, or run scripts/test, which installs it",
        program.display()
    );
    program
}

/// Lets Envoy load a bootstrap without starting. `name` serves messages, and the file in `BOOTSTRAPS` (a folder), where another proxy
/// may be given the same.
pub fn validate(name: &str, bootstrap: &serde_json::Value) {
    if let Some(folder) = std::env::var_os("BOOTSTRAPS") {
        let file = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_") + ".json";
        std::fs::write(PathBuf::from(folder).join(file), serde_json::to_vec_pretty(bootstrap).unwrap())
            .unwrap();
    }
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), serde_json::to_vec_pretty(bootstrap).unwrap()).unwrap();
    let output = Command::new(envoy())
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
