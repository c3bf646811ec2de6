use std::fs;

use carrick_model::resources::{AuthorizationAction, AuthorizationPolicy};

use super::*;

const POLICY: &str = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: server
  namespace: ns2
spec:
  rules:
  - from:
    - source:
        principals: [cluster1.example/ns/default/sa/client]
";

/// A federation's folder and a control plane's state folder.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/two-clusters");
        for folder in [home.path().join("cluster1"), home.path().join("cluster2"), home.path().join("state")]
        {
            fs::create_dir(folder).unwrap();
        }
        fs::copy(example.join("federation.yaml"), home.path().join("federation.yaml")).unwrap();
        fs::write(home.path().join("cluster2/policy.yaml"), POLICY).unwrap();
        Self(home)
    }

    fn policy(&self) -> PathBuf {
        self.0.path().join("cluster2/policy.yaml")
    }

    fn start(&self) -> Result<(Pipeline, Arc<Published>), PipelineError> {
        let state = self.0.path().join("state");
        let (pipeline, published) = Pipeline::start(PipelineOptions {
            federation: self.0.path().join("federation.yaml"),
            cluster: "cluster2".into(),
            runtime: Vec::new(),
            addresses: state.join("addresses.json"),
            last_good: state.join("last-good.json"),
            flow_log: false,
        })?;
        let now = published.borrow().clone();
        Ok((pipeline, now))
    }
}

fn policies(published: &Published) -> Vec<AuthorizationPolicy> {
    published.snapshot.authorization_policies().iter().map(|policy| policy.spec.clone()).collect()
}

#[tokio::test]
async fn a_restart_among_broken_files_finds_the_last_good_ones() {
    let home = Home::new();
    let good = policies(&home.start().unwrap().1);
    assert_eq!(good.len(), 1);
    for broken in
        [POLICY.replace("rules:", "rules: 7 #"), POLICY.replace("rules:", "rulez:"), format!("{POLICY}  [")]
    {
        fs::write(home.policy(), &broken).unwrap();
        let (_, published) = home.start().unwrap();
        assert_eq!(policies(&published), good, "{broken}");
        assert!(published.diagnostics.iter().any(Diagnostic::is_error), "{broken}");
    }
    let mode = std::os::unix::fs::MetadataExt::mode(
        &fs::metadata(home.0.path().join("state/last-good.json")).unwrap(),
    );
    assert_eq!(mode & 0o777, 0o600);
    fs::remove_file(home.policy()).unwrap();
    assert_eq!(policies(&home.start().unwrap().1), [], "a file that the operator removed is gone");
}

#[tokio::test]
async fn a_first_start_among_broken_files_denies() {
    let home = Home::new();
    fs::write(home.policy(), POLICY.replace("rules:", "rulez:")).unwrap();
    let found = policies(&home.start().unwrap().1);
    assert_eq!(found.iter().map(|policy| policy.action).collect::<Vec<_>>(), [AuthorizationAction::Deny]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_counts_as_it_was_read_last() {
    let home = Home::new();
    let good = policies(&home.start().unwrap().1);
    fs::remove_file(home.policy()).unwrap();
    // A circle of links is there and cannot be read, whoever asks.
    std::os::unix::fs::symlink(home.policy(), home.policy()).unwrap();
    let (_, published) = home.start().unwrap();
    assert_eq!(policies(&published), good);
    assert!(published.diagnostics.iter().any(|finding| finding.reason.contains("cannot be read")));
    fs::remove_file(home.0.path().join("state/last-good.json")).unwrap();
    assert!(home.start().is_err(), "there is no telling what it would close");
}
