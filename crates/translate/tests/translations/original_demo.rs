//! The original demo's files, unmodified: what they become loads in Envoy, and leads from the
//! client to the server.

use std::path::Path;

use crate::case::Case;
use crate::{envoy, shown};
use carrick_testing::needs::original_demo;
use carrick_translate::translate;
use carrick_xds::ResourceType;

const RULES: &str = "route-rules";

/// A case of these demo files beside the pods that a runtime reports; `None` where the demo is
/// absent.
fn case(golden: &str, files: &[&str]) -> Option<Case> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo = original_demo()?;
    let mut case = Case::read(&crate_folder.join("tests/golden/18-demo").join(golden));
    // Of the golden case, only what the runtime adds: pods and the gateways' Services.
    let documents: Vec<String> = case.files[0].text.split("\n---\n").map(str::to_owned).collect();
    let kept = documents.iter().filter(|text| {
        text.contains("kind: Pod") || text.contains("kind: Service\nmetadata: { name: istio-")
    });
    let runtime = kept.cloned().collect::<Vec<_>>().join("\n---\n");
    case.files = vec![carrick_model::SourceFile::new("runtime.yaml", runtime)];
    for file in files {
        let text = std::fs::read_to_string(demo.join(file)).unwrap().replace("__REPLACEME__", "203.0.113.21");
        case.files.push(carrick_model::SourceFile::new(*file, text));
    }
    Some(case)
}

fn rule(name: &str) -> String {
    format!("{RULES}/{name}.yaml")
}

#[test]
fn the_calling_cluster_encrypts_to_the_far_server_and_passes_on_by_sni() {
    let rules = [
        "0-enable-global-mtls",
        "1-service-entry-for-sidecar-to-egress-for-foosvc",
        "2-mtls-destination-rule-for-sidecar-to-egress-for-foosvc",
        "3-egress-gateway-with-mtls-for-foosvc",
        "4-virtual-service-for-egress-to-ingress-for-foosvc",
        "5-service-entry-for-egress-to-ingress-with-all-remote-ports",
    ]
    .map(rule);
    let mut files = vec!["client.yaml", "coredns.yaml"];
    files.extend(rules.iter().map(String::as_str));
    let Some(case) = case("original-cluster1", &files) else { return };
    let snapshot = case.snapshot(&case.files);
    let nodes = case.nodes(&snapshot);

    let sidecar = translate(&snapshot, &nodes[0]);
    let cluster = &shown::resources_by_name(&sidecar, ResourceType::Cluster)["outbound|80||server.ns2.svc.cluster.global"];
    let tls = &cluster["transport_socket"]["typed_config"];
    assert_eq!(tls["sni"], "server.ns2.svc.cluster.global");
    assert_eq!(
        tls["common_tls_context"]["tls_certificate_sds_secret_configs"][0]["name"],
        "file-cert:/etc/certs/cert-chain.pem~/etc/certs/key.pem"
    );
    assert!(
        sidecar.get(ResourceType::Listener, "127.8.8.8_80").is_some(),
        "the dummy address has a listener"
    );

    let egress = translate(&snapshot, &nodes[1]);
    let chain =
        &shown::resources_by_name(&egress, ResourceType::Listener)["0.0.0.0_8080"]["filter_chains"][0];
    assert_eq!(chain["filter_chain_match"]["server_names"][0], "server.ns2.svc.cluster.global");
    assert_eq!(
        chain["filters"][0]["typed_config"]["cluster"],
        "outbound|80||cluster2-ingress-gateway.service.entry"
    );
    for (node, resources) in nodes.iter().zip([&sidecar, &egress]) {
        envoy::validate("the original demo, calling", &shown::as_bootstrap(node, resources, true));
    }
}

#[test]
fn the_answering_cluster_takes_any_tls_as_mutual_and_passes_on_unopened() {
    let rules = [
        "0-enable-global-mtls",
        "6-mtls-destination-rule-for-ingress-to-foosvc",
        "7-ingress-gateway-with-mtls-for-foosvc",
        "8-virtual-service-for-ingress-to-foosvc",
    ]
    .map(rule);
    let mut files = vec!["server.yaml", "coredns.yaml"];
    files.extend(rules.iter().map(String::as_str));
    let Some(case) = case("original-cluster2", &files) else { return };
    let snapshot = case.snapshot(&case.files);
    let nodes = case.nodes(&snapshot);

    let ingress = translate(&snapshot, &nodes[0]);
    let cluster = &shown::resources_by_name(&ingress, ResourceType::Cluster)["outbound|80|notls|server.default.svc.cluster.local"];
    assert!(cluster.get("transport_socket").is_none() && cluster.get("transport_socket_matches").is_none());

    let sidecar = translate(&snapshot, &nodes[1]);
    let chains =
        &shown::resources_by_name(&sidecar, ResourceType::Listener)["virtualInbound"]["filter_chains"];
    let on_80: Vec<_> = chains
        .as_array()
        .unwrap()
        .iter()
        .filter(|chain| chain["filter_chain_match"]["destination_port"] == 80)
        .collect();
    assert_eq!(on_80.len(), 3);
    let matches: Vec<_> = on_80.iter().map(|chain| &chain["filter_chain_match"]).collect();
    assert_eq!(matches[0]["server_names"], serde_json::json!(["server.ns2.svc.cluster.global"]));
    for tls in &matches[..2] {
        assert_eq!(tls["transport_protocol"], "tls");
        assert!(tls.get("application_protocols").is_none(), "whatever the ALPN");
    }
    assert_eq!(matches[2]["transport_protocol"], "raw_buffer");
    for (node, resources) in nodes.iter().zip([&ingress, &sidecar]) {
        envoy::validate("the original demo, answering", &shown::as_bootstrap(node, resources, true));
    }
}
