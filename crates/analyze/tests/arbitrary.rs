//! Whatever is written, the analysis answers: with findings at real places, never with a panic.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use carrick_analyze::analyze;
use carrick_model::{AddressTable, Diagnostic, Federation, SourceFile, build, parse, parse_federation};
use proptest::prelude::*;

/// One cluster, which lets unknown traffic out, so that every rule has something to look at.
const FEDERATION: &str = "\
apiVersion: carrick.dev/v1alpha1
kind: Federation
metadata: { name: any }
spec: { outboundTrafficPolicy: ALLOW_ANY, clusters: [{ name: cluster1, resources: [mesh.yaml] }] }
";

/// A gateway with servers of every kind, a client, a server, and what leads from one to the other.
const MESH: &str = include_str!("mesh.yaml");

fn federation() -> Arc<Federation> {
    parse_federation(&SourceFile::new("federation.yaml", FEDERATION)).0.unwrap()
}

fn findings(text: &str) -> Vec<Diagnostic> {
    let federation = federation();
    let (resources, _) = parse(&[SourceFile::new("mesh.yaml", text)]);
    let settings = federation.clusters[0].config.settings.clone();
    let (mesh, _, _) = build(resources, settings, AddressTable::default());
    analyze(&federation, &[mesh])
}

#[test]
fn the_whole_mesh_has_findings_of_gateways_and_of_calls() {
    let codes: Vec<&str> = findings(MESH).iter().map(|finding| finding.code).collect();
    for wanted in ["CRK106", "CRK122", "CRK126", "CRK152"] {
        assert!(codes.contains(&wanted), "{wanted} is not among {codes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_mesh_with_lines_left_out_never_panics(left_out in proptest::collection::btree_set(0..100usize, 0..8)) {
        let lines = MESH.lines().enumerate().filter(|(number, _)| !left_out.contains(number));
        let text: Vec<&str> = lines.map(|(_, line)| line).collect();
        let lines = u32::try_from(MESH.lines().count()).unwrap();
        for finding in findings(&text.join("\n")) {
            prop_assert!((1..=lines).contains(&finding.location.line), "{}", finding.location);
        }
    }

    #[test]
    fn a_mesh_with_ports_exchanged_never_panics(from in prop::sample::select(vec!["80", "443", "15443"]), to in 0..70_000u32) {
        findings(&MESH.replace(from, &to.to_string()));
    }
}
