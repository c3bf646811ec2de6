//! The main job, whole: two clusters out of Istio YAML, one request through four proxies, then
//! everything that must be refused.
//!
//! This is the fourth of the files that show the whole way; ARCHITECTURE.md names the others. The
//! program under test is the built binary, the request is made by an unmodified curl, and every
//! fact below was recorded by a proxy on the way.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use carrick_api::demo::DemoReport;
use serde_json::Value;

use crate::fixtures::{Home, Told, URL, is_document};

pub const CLIENT: &str = "spiffe://cluster1.example/ns/default/sa/client";
pub const SERVER: &str = "spiffe://cluster2.example/ns/ns2/sa/server";
const SNI: &str = "server.ns2.svc.cluster.global";

/// The traditional user without rights.
const NOBODY: u32 = 65534;

#[test]
fn a_request_leaves_curl_in_cluster1_and_is_answered_in_cluster2_through_four_proxies() {
    let home = Home::new();
    let told = home.run(&["demo", "--json"]);
    assert_eq!(told.code, Some(0), "{told:#?}");
    let report = told.json();

    // The server saw a plain request that names the host by which it was called, and the caller's
    // identity: its sidecar vouches for it.
    is_document::<DemoReport>(&report, "DemoReport");
    let request = &report["request"];
    let answer = request["answer"].as_str().unwrap();
    assert!(answer.contains("URL=/helloworld\n"), "{answer}");
    assert!(answer.contains(&format!("Host={SNI}\n")), "{answer}");
    assert!(answer.contains("user-agent: curl/"), "{answer}");
    assert!(
        answer.contains(&format!("By={SERVER}")) && answer.contains(&format!("URI={CLIENT}")),
        "{answer}"
    );

    // Four proxies recorded it. Each says which of the operator's resources made it decide as it
    // did, and where that is written.
    assert_eq!(request["url"], URL);
    let [sidecar, egress, ingress, far_sidecar] = hops(&report)[..] else { panic!("four hops: {request:#}") };
    is_hop(sidecar, "cluster1", "sidecar", "DestinationRule default/server-ns2");
    is_hop(egress, "cluster1", "egress gateway", "VirtualService default/egress-server-ns2");
    is_hop(ingress, "cluster2", "ingress gateway", "VirtualService ns2/ingress-server-ns2");
    is_hop(far_sidecar, "cluster2", "sidecar", "Service ns2/server");

    // One TLS connection from the first sidecar to the last: both ends know each other's identity,
    // and all four saw the same random bytes in its ClientHello. The gateways saw its SNI and
    // nothing else.
    let random = request["path"]["client_hello_random"].as_str().unwrap();
    assert_eq!(random.len(), 64, "32 bytes in hex");
    is_end(&sidecar["upstream"], random, CLIENT, SERVER);
    is_end(&far_sidecar["downstream"], random, SERVER, CLIENT);
    for gateway in [egress, ingress] {
        assert_eq!(gateway["passed_through"], true);
        let seen = &gateway["downstream"];
        assert_eq!((&seen["client_hello_random"], &seen["sni"]), (&random.into(), &SNI.into()));
        assert_eq!((&seen["terminated"], &seen["peer_identity"]), (&false.into(), &Value::Null));
    }

    // What must be refused was tried, was refused, and the report says by whom.
    everything_is_refused_by_whom_it_should(&report);

    // Progress went to standard error, and nothing stays.
    assert!(told.err.contains("starting a root CA"), "{}", told.err);
    home.assert_no_files_left();
}

/// Whoever runs the hops.
pub fn everything_is_refused_by_whom_it_should(report: &Value) {
    let refused: Vec<(&str, &str)> = checks(report)
        .into_iter()
        .filter_map(|check| Some((check["name"].as_str()?, check["refused_by"].as_str()?)))
        .collect();
    assert_eq!(
        refused,
        [
            ("a host that is not exposed", "sidecar cluster1/client-0"),
            ("a cluster-local service", "ingress gateway cluster2/istio-ingressgateway-0"),
            ("a client without a certificate", "sidecar cluster2/server-v1-0"),
            ("a certificate from another root", "sidecar cluster2/server-v1-0"),
            ("an identity of cluster2, signed by cluster1's CA", "sidecar cluster2/server-v1-0"),
            (
                "an identity of cluster2 as a second name, signed by cluster1's CA",
                "sidecar cluster2/server-v1-0"
            ),
            ("a wrong SNI", "ingress gateway cluster2/istio-ingressgateway-0"),
            ("a pod address of the other cluster", "the network"),
            ("plain HTTP to a gateway's TLS port", "ingress gateway cluster2/istio-ingressgateway-0"),
            ("a name that cluster1 was not given", "cluster1's DNS"),
            ("a name that cluster1 was not given", "cluster1's DNS"),
        ],
        "{report:#}"
    );
    assert!(checks(report).iter().all(|check| check["held"] == true), "{report:#}");
    assert_eq!(report["held"], true);
}

pub fn hops(report: &Value) -> Vec<&Value> {
    report["request"]["path"]["hops"].as_array().unwrap().iter().collect()
}

fn checks(report: &Value) -> Vec<&Value> {
    report["checks"].as_array().unwrap().iter().collect()
}

fn is_hop(hop: &Value, cluster: &str, role: &str, rule: &str) {
    assert_eq!((hop["cluster"].as_str(), hop["role"].as_str()), (Some(cluster), Some(role)), "{hop:#}");
    assert_eq!(hop["sni"], SNI, "{hop:#}");
    let rules = hop["rules"].as_array().unwrap();
    let found = rules.iter().find(|known| known["resource"] == rule);
    let place = found.unwrap_or_else(|| panic!("no rule {rule}: {hop:#}"))["place"].as_str().unwrap();
    let (file, line) = place.rsplit_once(':').unwrap();
    let text =
        std::fs::read_to_string(crate::fixtures::repository().join("examples/two-clusters").join(file));
    let lines = text.unwrap();
    let lines: Vec<&str> = lines.lines().skip(line.parse::<usize>().unwrap() - 1).take(5).collect();
    let (kind, name) = rule.split_once(' ').unwrap();
    let name = name.split_once('/').unwrap().1;
    assert!(
        lines.contains(&format!("kind: {kind}").as_str()),
        "{place} is not where {rule} begins: {lines:?}"
    );
    assert!(
        lines.contains(&format!("  name: {name}").as_str()),
        "{place} is not where {rule} begins: {lines:?}"
    );
}

fn is_end(tls: &Value, random: &str, local: &str, peer: &str) {
    assert_eq!(tls["terminated"], true);
    assert_eq!(tls["client_hello_random"], random);
    assert_eq!((&tls["version"], &tls["group"]), (&"TLSv1.3".into(), &"X25519MLKEM768".into()));
    assert_eq!((&tls["local_identity"], &tls["peer_identity"]), (&local.into(), &peer.into()));
    assert_eq!(tls["sni"], SNI);
}

#[test]
fn the_report_for_people_is_on_standard_output_and_progress_on_standard_error() {
    let told = Home::new().run(&["demo"]);
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert!(told.out.starts_with("ServiceVersion=v1\n"), "{}", told.out);
    assert!(told.out.contains("joined by ClientHello.random "), "{}", told.out);
    assert!(!told.out.contains("FAILED") && !told.out.contains('\x1b'), "{}", told.out);
    assert!(!told.out.contains("starting") && told.err.contains("trying what must be refused"), "{told:#?}");
}

#[test]
fn an_ordinary_user_may_run_it() {
    if !rustix::process::geteuid().is_root() {
        // Then all other stories in this file have shown it.
        return;
    }
    let home = Home::new();
    std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = home.carrick(&["demo", "--json"]);
    command.uid(NOBODY).gid(NOBODY).env("HOME", home.path()).current_dir("/");
    let told = Told::of(command.output().unwrap());
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert_eq!(told.json()["held"], true);
    home.assert_no_files_left();
}

#[test]
fn what_is_no_command_ends_with_exit_code_2() {
    let told = Home::new().run(&["demo", "--no-such-option"]);
    assert_eq!(told.code, Some(2), "{told:#?}");
    assert!(told.out.is_empty() && told.err.contains("--no-such-option"), "{told:#?}");
}

#[test]
fn kept_after_the_demo_it_can_be_used_until_it_is_stopped() {
    let home = Home::new();
    let mut demo =
        home.carrick(&["demo", "--keep"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(demo.stderr.take().unwrap());
    while !said.contains("`carrick down` stops it") {
        let read = std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
        assert_ne!(read, 0, "the demo ended early: {said}");
    }
    assert!(crate::fixtures::curl(&home, URL).out.ends_with("\n200"));
    home.good(&["down"]);
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{}", crate::fixtures::rest_of(lines));
    home.assert_no_files_left();
}

#[test]
fn where_curl_is_missing_it_says_so_and_asks_for_itself() {
    let home = Home::new();
    let told = Told::of(home.carrick(&["demo", "--json"]).env("PATH", "/no/such/folder").output().unwrap());
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert!(told.err.contains("curl is not on this machine"), "{}", told.err);
    let report = told.json();
    assert_eq!(report["request"]["client"], "built-in");
    assert!(report["request"]["answer"].as_str().unwrap().contains("user-agent: carrick\n"), "{report:#}");
    assert_eq!(hops(&report).len(), 4);
}
