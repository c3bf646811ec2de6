//! Stories about meshes: YAML in, answers out.

mod destination_rules;
mod exposures;
mod gateways;
mod mutual_tls;
mod names;
mod protocol;
mod services;
mod sidecars;
mod virtual_services;

use carrick_identity::TrustDomain;

use super::MeshSnapshot;
use crate::build;
use crate::{AddressTable, Diagnostic, MeshSettings, SourceFile};

fn settings() -> MeshSettings {
    MeshSettings::new("cluster1", TrustDomain::new("cluster1.local").unwrap())
}

/// The mesh of a text without faults.
fn mesh(text: &str) -> MeshSnapshot {
    mesh_with(text, settings())
}

fn mesh_with(text: &str, settings: MeshSettings) -> MeshSnapshot {
    let (mesh, diagnostics) = checked(text, settings);
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.is_error()).collect();
    assert_eq!(errors, Vec::<&Diagnostic>::new());
    mesh
}

fn checked(text: &str, settings: MeshSettings) -> (MeshSnapshot, Vec<Diagnostic>) {
    let (resources, mut diagnostics) = crate::parse(&[SourceFile::new("mesh.yaml", text)]);
    let (mesh, _, more) = build(resources, settings, AddressTable::default());
    diagnostics.extend(more);
    (mesh, diagnostics)
}

fn service_entry(name: &str, namespace: &str, spec: &str) -> String {
    istio("networking.istio.io/v1", "ServiceEntry", name, namespace, spec)
}

/// One document; `spec` is YAML in flow style, without its braces.
fn istio(version: &str, kind: &str, name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
         spec: {{ {spec} }}\n"
    )
}

fn pod(name: &str, namespace: &str, labels: &str, ip: &str, ports: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: {name}, namespace: {namespace}, labels: {{ {labels} }} }}\n\
         spec: {{ serviceAccountName: {name}, containers: [{{ name: app, ports: [{ports}] }}] }}\n\
         status: {{ podIP: {ip} }}\n"
    )
}
