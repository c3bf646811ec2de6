//! Who may do what: an AuthorizationPolicy of the far cluster, asked by curl, and enforced by
//! whoever runs the server's sidecar.

use crate::fixtures::{PATIENCE, Running, Told, URL, until};

const FILE: &str = "cluster2/access.yaml";

/// Lets this client read below `/hello`, and nobody who is blocked.
fn policies(principal: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{ name: readers, namespace: ns2 }}
spec:
  rules:
  - from: [{{ source: {{ principals: [{principal}] }} }}]
    to: [{{ operation: {{ methods: [GET], paths: [/hello*] }} }}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{ name: blocked, namespace: ns2 }}
spec:
  action: DENY
  rules: [{{ when: [{{ key: 'request.headers[x-blocked]', values: ['*'] }}] }}]
"
    )
}

fn asked(running: &Running, words: &[&str]) -> Told {
    let curl = ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}"];
    running.exec("cluster1/client", &[&curl, words].concat())
}

fn is_refused(running: &Running, words: &[&str]) {
    assert_eq!(asked(running, words).out, "RBAC: access denied\n403", "{words:?}: {}", running.said());
}

/// The same for every sidecar.
fn only_whom_it_names_may_do_what_it_names(options: &[&str]) {
    let client = "cluster1.example/ns/default/sa/client";
    let running =
        Running::start(options, |folder| std::fs::write(folder.join(FILE), policies(client)).unwrap());
    let told = asked(&running, &[URL]);
    assert!(told.out.ends_with("\n200"), "{told:?}");
    is_refused(&running, &["-X", "POST", URL]);
    is_refused(&running, &[&URL.replace("helloworld", "admin")]);
    is_refused(&running, &["-H", "x-blocked: yes", URL]);

    // Another's name, and then nobody's word: each edit counts for the connections that are there.
    running.write(FILE, &policies("cluster1.example/ns/default/sa/other"));
    assert!(
        until(PATIENCE, || asked(&running, &[URL]).out == "RBAC: access denied\n403"),
        "{}",
        running.said()
    );
    std::fs::remove_file(running.folder.join(FILE)).unwrap();
    assert!(until(PATIENCE, || asked(&running, &["-X", "POST", URL]).out.ends_with("\n200")));
}

#[test]
fn a_policy_lets_in_only_whom_it_names_for_what_it_names() {
    only_whom_it_names_may_do_what_it_names(&[]);
}

#[test]
fn a_policy_means_the_same_to_an_envoy_at_the_server() {
    if carrick_testing::needs::envoy().is_none() {
        return;
    }
    only_whom_it_names_may_do_what_it_names(&["--envoy", "cluster2/sidecar"]);
}
