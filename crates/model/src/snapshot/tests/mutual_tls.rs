use super::*;
use crate::snapshot::MtlsMode::{self, Disable, Permissive, Strict};

fn modern(name: &str, namespace: &str, spec: &str) -> String {
    istio("security.istio.io/v1", "PeerAuthentication", name, namespace, spec)
}

fn legacy(kind: &str, name: &str, namespace: &str, spec: &str) -> String {
    istio("authentication.istio.io/v1alpha1", kind, name, namespace, spec)
}

fn with_workloads(policies: &[String]) -> MeshSnapshot {
    let workloads = [
        istio(
            "v1",
            "Service",
            "web",
            "shop",
            "selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }]",
        ),
        pod("web", "shop", "app: web", "10.10.0.1", ""),
        pod("edge", "istio-system", "app: web", "10.10.0.2", ""),
    ];
    mesh(&(workloads.concat() + &policies.concat()))
}

fn mode(mesh: &MeshSnapshot, pod: &str, port: u16) -> MtlsMode {
    let workload = mesh.workloads().iter().find(|workload| workload.name == pod).unwrap();
    mesh.server_mtls(workload, port).mode
}

#[test]
fn without_any_policy_a_port_is_permissive() {
    assert_eq!(mode(&with_workloads(&[]), "web", 8080), Permissive);
}

#[test]
fn the_port_beats_the_workload_that_the_namespace_and_that_the_mesh() {
    let of_mesh = modern("m", "istio-system", "mtls: { mode: STRICT }");
    let of_namespace = modern("n", "shop", "mtls: { mode: DISABLE }");
    let of_workload = modern(
        "w",
        "shop",
        "selector: { matchLabels: { app: web } }, mtls: { mode: STRICT }, portLevelMtls: { 9090: { mode: PERMISSIVE } }",
    );
    let all = [of_workload, of_namespace, of_mesh];
    let mesh = with_workloads(&all);
    assert_eq!((mode(&mesh, "web", 8080), mode(&mesh, "web", 9090)), (Strict, Permissive));
    assert_eq!(mode(&with_workloads(&all[1..]), "web", 8080), Disable);
    assert_eq!(mode(&with_workloads(&all[2..]), "web", 8080), Strict);
    let decided = mesh.server_mtls(mesh.workload_by_pod("shop", "web").unwrap(), 8080).decided_by.unwrap();
    assert_eq!(mesh.find(&decided).unwrap().name, "w");
}

#[test]
fn unset_inherits_from_the_next_wider_policy() {
    let mesh = with_workloads(&[
        modern("m", "istio-system", "mtls: { mode: STRICT }"),
        modern("n", "shop", "mtls: { mode: UNSET }"),
        modern(
            "w",
            "shop",
            "selector: { matchLabels: { app: web } }, portLevelMtls: { 9090: { mode: DISABLE } }",
        ),
    ]);
    assert_eq!((mode(&mesh, "web", 8080), mode(&mesh, "web", 9090)), (Strict, Disable));
}

#[test]
fn a_selector_in_the_root_namespace_is_ignored_with_a_warning() {
    let policy =
        modern("r", "istio-system", "selector: { matchLabels: { app: web } }, mtls: { mode: STRICT }");
    let (_, diagnostics) = checked(&policy, settings());
    assert_eq!(diagnostics[0].field, "spec.selector");
    assert_eq!(mode(&with_workloads(&[policy]), "edge", 8080), Permissive);
}

#[test]
fn the_oldest_policy_of_a_level_wins() {
    let mesh = with_workloads(&[
        modern("b", "shop", "mtls: { mode: STRICT }"),
        modern("a", "shop", "mtls: { mode: DISABLE }"),
    ]);
    assert_eq!(mode(&mesh, "web", 8080), Disable);
}

#[test]
fn a_legacy_policy_for_a_service_port_beats_the_service_s_the_namespace_s_and_the_mesh_s() {
    let of_mesh = legacy("MeshPolicy", "default", "ignored", "peers: [{ mtls: }]");
    let of_namespace = legacy("Policy", "default", "shop", "peers: []");
    let of_service =
        legacy("Policy", "web", "shop", "targets: [{ name: web }], peers: [{ mtls: { mode: PERMISSIVE } }]");
    let of_port = legacy(
        "Policy",
        "port",
        "shop",
        "targets: [{ name: web, ports: [{ number: 80 }] }], peers: [{ mtls: {} }]",
    );
    let all = [of_port, of_service, of_namespace, of_mesh];
    for (position, expected) in [Strict, Permissive, Disable, Strict].into_iter().enumerate() {
        assert_eq!(mode(&with_workloads(&all[position..]), "web", 8080), expected);
    }
}

#[test]
fn the_old_permissive_is_marked_and_a_modern_policy_overrides_it() {
    let old = legacy("MeshPolicy", "default", "ignored", "peers: [{ mtls: { mode: PERMISSIVE } }]");
    let mesh = with_workloads(std::slice::from_ref(&old));
    let web = mesh.workload_by_pod("shop", "web").unwrap();
    let found = mesh.server_mtls(web, 8080);
    assert!(found.mode == Permissive && found.legacy);

    let mesh = with_workloads(&[old, modern("n", "shop", "mtls: { mode: PERMISSIVE }")]);
    assert!(!mesh.server_mtls(mesh.workload_by_pod("shop", "web").unwrap(), 8080).legacy);
}
