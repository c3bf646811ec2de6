//! Live edits: a good one takes effect at once, a broken one changes nothing and is answered with
//! its place, its reason and its help.

use std::path::Path;

use crate::fixtures::{PATIENCE, Running, URL, until};

const RULES: &str = "cluster1/server-from-cluster2.yaml";

/// A route that the example does not have.
pub const ROUTE: &str = "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: answer
  namespace: default
spec:
  hosts:
  - server.ns2.svc.cluster.global
  http:
  - match:
    - uri:
        exact: /new
    directResponse:
      status: 418
      body:
        string: from the new route
  - route:
    - destination:
        host: server.ns2.svc.cluster.global
";

fn answers(running: &Running) -> bool {
    running.curl(URL).out.ends_with("\n200")
}

#[test]
fn a_trust_domain_that_is_edited_becomes_that_of_running_workloads() {
    // Renewed every four seconds, so that the new identities come within the test.
    let running = Running::start(&["--workload-ttl", "8"], |_| {});
    let seen_by_server = |id: &str| running.curl(URL).out.contains(id);
    assert!(seen_by_server("spiffe://cluster1.example/ns/default/sa/client"), "{:?}", running.curl(URL));
    let file = running.read("federation.yaml");
    let edited = file.replace("trustDomain: cluster1.example", "trustDomain: moved.example");
    assert_ne!(file, edited);
    running.write("federation.yaml", &edited);
    let moved = until(PATIENCE, || seen_by_server("spiffe://moved.example/ns/default/sa/client"));
    assert!(moved, "{:?}\n{}", running.curl(URL), running.said());
}

/// Tries an edit that must not take effect: the report has all of `facts`, requests go on, and the
/// next good edit is accepted.
fn is_refused(edit: impl FnOnce(&Running), facts: &[&str]) {
    let mut running = Running::start(&[], |_| {});
    assert!(answers(&running));
    edit(&running);
    let said = running.hears("its last good version stays in force");
    for fact in facts {
        assert!(said.contains(fact), "the report does not have {fact:?}:\n{said}");
    }
    assert!(answers(&running), "requests go on by the last good version");
    assert!(running.home.good(&["ps"]).contains(facts[0]), "ps shows it too");

    running.write("cluster1/new.yaml", ROUTE);
    let new = URL.replace("helloworld", "new");
    assert!(until(PATIENCE, || running.curl(&new).out == "from the new route\n418"), "{}", running.said());
    assert!(answers(&running));
}

#[test]
fn a_new_route_answers_as_soon_as_its_file_is_saved_and_is_gone_with_it() {
    let mut running = Running::start(&[], |_| {});
    let new = URL.replace("helloworld", "new");
    assert!(running.curl(&new).out.ends_with("\n200"), "the server answers every path");
    running.write("cluster1/new.yaml", ROUTE);
    running.hears("cluster1: the change is in force");
    assert!(until(PATIENCE, || running.curl(&new).out == "from the new route\n418"), "{}", running.said());
    assert!(answers(&running));
    std::fs::remove_file(running.folder.join("cluster1/new.yaml")).unwrap();
    assert!(until(PATIENCE, || running.curl(&new).out.ends_with("\n200")));
}

#[test]
fn an_unknown_kind_is_named_with_its_place() {
    is_refused(
        |running| {
            let text = running.read(RULES).replacen("kind: DestinationRule", "kind: DestinationRul", 1);
            running.write(RULES, &text);
        },
        &["cluster1/server-from-cluster2.yaml:24:7", "DestinationRul", "DestinationRule"],
    );
}

#[test]
fn a_port_out_of_range_is_named_with_its_field() {
    is_refused(
        |running| {
            let text = running.read(RULES).replacen("number: 80", "number: 80808", 1);
            running.write(RULES, &text);
        },
        &["cluster1/server-from-cluster2.yaml:12:13", "spec.ports[0].number", "80808", "65535"],
    );
}

#[test]
fn of_two_resources_with_one_name_the_second_is_refused() {
    is_refused(
        |running| {
            let text = running.read(RULES);
            let second = text.split("---\n").nth(1).unwrap();
            running.write("cluster1/twice.yaml", second);
        },
        &["cluster1/twice.yaml", "DestinationRule default/server-ns2"],
    );
}

#[test]
fn a_file_that_was_cut_half_way_changes_nothing() {
    is_refused(
        |running| {
            let text = running.read(RULES);
            let end = text.find("      sniHosts:").unwrap() + 9;
            running.write(RULES, &text[..end]);
        },
        &["cluster1/server-from-cluster2.yaml:"],
    );
}

#[test]
fn a_deployment_that_appears_gets_a_pod_with_a_sidecar_and_one_that_goes_loses_it() {
    let running = Running::start(&[], |_| {});
    let more = running.read("cluster2/server.yaml");
    let ledger = more.split("---\n").last().unwrap();
    let second = ledger.replace("name: ledger", "name: till").replace("app: ledger", "app: till");
    running.write("cluster2/till.yaml", &second);
    let pods = || running.home.good(&["ps"]);
    assert!(until(PATIENCE, || pods().contains(" till-0 ")), "{}", pods());
    let ready = ["curl", "-s", "http://127.0.0.1:15000/ready"];
    assert!(until(PATIENCE, || running.exec("cluster2/till", &ready).out == "LIVE\n"), "{}", running.said());
    std::fs::remove_file(running.folder.join("cluster2/till.yaml")).unwrap();
    assert!(until(PATIENCE, || !pods().contains(" till-0 ")), "{}", pods());
    assert!(answers(&running));
}

#[test]
fn a_folder_with_errors_is_not_started_and_each_is_told_with_its_mend() {
    let home = crate::fixtures::Home::new();
    let folder = home.example();
    break_port(&folder.join(RULES));
    let told = home.run(&["up", folder.to_str().unwrap()]);
    assert_eq!(told.code, Some(1));
    for fact in ["cluster1/server-from-cluster2.yaml:12:13", "spec.ports[0].number", "nothing was started"] {
        assert!(told.err.contains(fact), "{told:#?}");
    }
    home.assert_no_files_left();
}

fn break_port(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replacen("number: 80", "number: 80808", 1)).unwrap();
}
