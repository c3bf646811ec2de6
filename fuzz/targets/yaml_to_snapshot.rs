//! YAML from an operator: it becomes resources and diagnostics at real places, the snapshot is
//! built, and every proxy of it is translated, without a panic.
#![no_main]

use std::sync::Arc;

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, SourceFile, build, parse, render};
use carrick_translate::{NodeKind, ProxyNode, translate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = [SourceFile::new("a.yaml", Arc::<str>::from(text))];
    let (resources, mut diagnostics) = parse(&files);
    let settings = MeshSettings::new("cluster1", TrustDomain::new("cluster1.local").expect("a valid name"));
    let (mesh, _, more) = build(resources, settings, AddressTable::default());
    diagnostics.extend(more);
    diagnostics.extend(carrick_translate::unsupported(&mesh));
    let lines = text.split(['\n', '\r']).count();
    for diagnostic in &diagnostics {
        assert!((1..=lines).contains(&(diagnostic.location.line as usize)), "{}", diagnostic.location);
        assert!(!diagnostic.reason.is_empty());
    }
    render(&diagnostics, &files);
    for kind in [NodeKind::Sidecar, NodeKind::Router] {
        translate(&mesh, &node(kind));
    }
});

fn node(kind: NodeKind) -> ProxyNode {
    ProxyNode {
        kind,
        ip: [10, 0, 0, 1].into(),
        name: "a".to_owned(),
        namespace: "default".to_owned(),
        dns_domain: "default.svc.cluster.local".to_owned(),
        cluster_id: "cluster1".to_owned(),
        network: String::new(),
        service_account: "default".to_owned(),
        workload_name: String::new(),
        labels: [("app".to_owned(), "a".to_owned())].into(),
    }
}
