//! The original demo's files, unmodified: everything in them is understood.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use carrick_identity::TrustDomain;
use carrick_model::{
    AddressTable, Diagnostic, EndpointAddress, MeshSettings, MeshSnapshot, Resolution, SourceFile, build,
    parse_with,
};
use carrick_testing::needs::original_demo;

/// The pods that a local runtime would report: the demo's own, and the gateways.
const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: server-v1-0, labels: { app: server, version: v1, security.istio.io/tlsMode: istio } }
spec: { containers: [{ name: app, ports: [{ containerPort: 80 }] }] }
status: { podIP: 10.10.0.5 }
---
apiVersion: v1
kind: Pod
metadata: { name: egress-0, namespace: istio-system, labels: { istio: egressgateway } }
spec: { containers: [{ name: proxy }] }
status: { podIP: 10.10.0.6 }
---
apiVersion: v1
kind: Pod
metadata: { name: ingress-0, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { containers: [{ name: proxy }] }
status: { podIP: 10.10.0.7 }
---
apiVersion: v1
kind: Service
metadata: { name: istio-egressgateway, namespace: istio-system }
spec: { selector: { istio: egressgateway }, ports: [{ name: tls, port: 80, targetPort: 8080 }] }
";

fn read(folder: &Path, names: &[&str]) -> Vec<SourceFile> {
    let read = |name: &&str| {
        SourceFile::new(*name, Arc::<str>::from(fs::read_to_string(folder.join(name)).unwrap()))
    };
    let mut files: Vec<SourceFile> = names.iter().map(read).collect();
    files.push(SourceFile::new("pods.yaml", PODS));
    files
}

fn mesh(files: &[SourceFile]) -> (MeshSnapshot, Vec<Diagnostic>) {
    let substitute = BTreeMap::from([("__REPLACEME__".to_owned(), "203.0.113.21".to_owned())]);
    let (resources, mut diagnostics) = parse_with(files, &substitute);
    let settings = MeshSettings::new("cluster1", TrustDomain::new("cluster1.local").unwrap());
    let (snapshot, _, more) = build(resources, settings, AddressTable::default());
    diagnostics.extend(more);
    (snapshot, diagnostics)
}

#[test]
fn the_calling_cluster_s_files_have_no_fault_and_lead_to_the_other_cluster_s_ingress() {
    let Some(folder) = original_demo() else { return };
    let files = read(
        &folder,
        &[
            "client.yaml",
            "coredns.yaml",
            "route-rules/0-enable-global-mtls.yaml",
            "route-rules/1-service-entry-for-sidecar-to-egress-for-foosvc.yaml",
            "route-rules/2-mtls-destination-rule-for-sidecar-to-egress-for-foosvc.yaml",
            "route-rules/3-egress-gateway-with-mtls-for-foosvc.yaml",
            "route-rules/4-virtual-service-for-egress-to-ingress-for-foosvc.yaml",
            "route-rules/5-service-entry-for-egress-to-ingress-with-all-remote-ports.yaml",
        ],
    );
    let (mesh, diagnostics) = mesh(&files);
    assert_eq!(diagnostics, []);

    let server = mesh.visible_service("default", "server.ns2.svc.cluster.global").unwrap();
    assert_eq!(server.resolution, Resolution::Dns);
    assert!(server.mesh_external && server.auto_address);
    let egress = EndpointAddress::Host("istio-egressgateway.istio-system.svc.cluster.local".to_owned());
    assert_eq!((&server.endpoints_of(0)[0].address, server.endpoints_of(0)[0].port), (&egress, 80));

    let ingress = mesh.service("cluster2-ingress-gateway.service.entry").unwrap();
    assert_eq!(ingress.ips().map(|ip| ip.to_string()).collect::<Vec<_>>(), ["127.8.8.8"]);
    assert_eq!(ingress.endpoints_of(0)[0].address.to_string(), "203.0.113.21");

    let tls = mesh.destination_rule("default", &server.host).unwrap().policy(80, None).tls.unwrap();
    assert_eq!(tls.client_certificate, "/etc/certs/cert-chain.pem");

    let egress = mesh.workload_by_pod("istio-system", "egress-0").unwrap();
    let gateways = mesh.gateways_for(&egress.labels);
    assert_eq!(gateways.len(), 1);
    let routes = mesh.virtual_services_for_gateway("istio-system", "default/istio-egressgateway-server-ns2");
    assert_eq!(routes[0].spec.tls[0].route[0].destination.as_ref().unwrap().host, ingress.host);
    let found = mesh.find(&routes[0].meta.config_path()).unwrap();
    assert_eq!(
        found.locate("spec.tls[0].route[0].destination.host").to_string(),
        "route-rules/4-virtual-service-for-egress-to-ingress-for-foosvc.yaml:17:15"
    );
}

#[test]
fn the_called_cluster_s_files_have_no_fault_and_keep_the_old_meaning_of_permissive() {
    let Some(folder) = original_demo() else { return };
    let files = read(
        &folder,
        &[
            "server.yaml",
            "route-rules/0-enable-global-mtls.yaml",
            "route-rules/6-mtls-destination-rule-for-ingress-to-foosvc.yaml",
            "route-rules/7-ingress-gateway-with-mtls-for-foosvc.yaml",
            "route-rules/8-virtual-service-for-ingress-to-foosvc.yaml",
        ],
    );
    let (mesh, diagnostics) = mesh(&files);
    assert_eq!(diagnostics, []);
    let pod = mesh.workload_by_pod("default", "server-v1-0").unwrap();
    let mtls = mesh.server_mtls(pod, 80);
    assert_eq!((mtls.mode, mtls.legacy), (carrick_model::MtlsMode::Permissive, true));
    assert_eq!(
        mtls.decided_by.as_deref(),
        Some("/apis/authentication.istio.io/v1alpha1/namespaces//mesh-policy/default")
    );
    let rule = mesh.destination_rule("istio-system", "server.default.svc.cluster.local").unwrap();
    let tls = rule.policy(80, Some("notls")).tls.unwrap();
    assert_eq!(tls.mode, carrick_model::resources::ClientTlsMode::Disable);
    assert_eq!(
        mesh.deployments()[0].spec.template.spec.containers[0].args,
        ["--port", "80", "--version", "v1"]
    );
}
