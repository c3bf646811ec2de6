//! Bootstrap files that Envoy accepts are read, and what Carrick shows of them is still Envoy's.

use std::path::{Path, PathBuf};
use std::process::Command;

use carrick_testing::needs::envoy;
use carrick_xds::json::{from_json, from_yaml, to_json};
use carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap;

fn bootstraps() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bootstraps");
    let files = std::fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn what_is_shown_of_a_bootstrap_reads_back_as_the_same_bootstrap() {
    for file in bootstraps() {
        let text = std::fs::read_to_string(&file).unwrap();
        let read: Bootstrap = from_yaml(&text).unwrap_or_else(|error| panic!("{}:{error}", file.display()));
        let shown = to_json(&read).unwrap();
        let again: Bootstrap = from_json(shown.clone()).unwrap();
        assert_eq!(to_json(&again).unwrap(), shown, "{}", file.display());
        let as_text: Bootstrap = from_yaml(&serde_json::to_string_pretty(&shown).unwrap()).unwrap();
        assert_eq!(to_json(&as_text).unwrap(), shown, "{}", file.display());
    }
}

#[test]
fn envoy_accepts_what_is_shown_of_its_own_bootstrap() {
    let Some(envoy) = envoy() else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in bootstraps() {
        let text = std::fs::read_to_string(&file).unwrap();
        let read: Bootstrap = from_yaml(&text).unwrap();
        let shown = folder.path().join("bootstrap.json");
        std::fs::write(&shown, serde_json::to_string_pretty(&to_json(&read).unwrap()).unwrap()).unwrap();
        for config in [&file, &shown] {
            let output = Command::new(&envoy)
                .args(["--mode", "validate", "--use-dynamic-base-id", "-l", "warning", "-c"])
                .arg(config)
                .output()
                .unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} from {}: {words}", config.display(), file.display());
        }
    }
}
