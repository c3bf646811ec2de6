use std::sync::Arc;

use super::*;
use crate::source::SourceFile;

const TWO_CLUSTERS: &str = "\
apiVersion: carrick.dev/v1alpha1
kind: Federation
metadata: { name: two-clusters }
spec:
  clusters:
  - name: cluster1
    region: eu-west
    resources: [cluster1/]
    substitute: { __REPLACEME__: \"${cluster2.ingress.address}\" }
  - name: cluster2
    trustDomain: second.example
    ingress: { address: 203.0.113.77 }
    resources: [cluster2/]
";

fn read(text: &str) -> (Option<Federation>, Vec<String>) {
    let (federation, diagnostics) = parse_federation(&SourceFile::new("federation.yaml", text));
    let shown = diagnostics.iter().map(|d| format!("{} {}: {}", d.location, d.field, d.reason)).collect();
    (federation.map(Arc::unwrap_or_clone), shown)
}

#[test]
fn a_federation_comes_with_addresses_trust_domains_and_substitutions_filled_in() {
    let (federation, diagnostics) = read(TWO_CLUSTERS);
    assert_eq!(diagnostics, Vec::<String>::new());
    let federation = federation.unwrap();
    let [one, two] = &federation.clusters[..] else { panic!("two clusters") };
    assert_eq!(one.runtime.ingress.to_string(), "203.0.113.11");
    assert_eq!(one.runtime.egress.to_string(), "203.0.113.12");
    assert_eq!(two.runtime.ingress.to_string(), "203.0.113.77");
    assert_eq!(one.runtime.substitute["__REPLACEME__"], "203.0.113.77");

    let settings = &one.config.settings;
    assert_eq!(settings.dns_suffix, "global");
    assert_eq!(settings.trust_domain.as_str(), "cluster1.local");
    assert_eq!(
        settings.peer_trust_domains.iter().map(|d| d.as_str()).collect::<Vec<_>>(),
        ["second.example"]
    );
    assert_eq!(settings.outbound_policy, crate::OutboundPolicy::RegistryOnly);
}

#[test]
fn a_variable_that_stands_for_nothing_is_named_where_it_stands() {
    let (federation, diagnostics) =
        read(&TWO_CLUSTERS.replace("cluster2.ingress.address", "cluster3.ingress.address"));
    assert!(federation.is_none());
    assert_eq!(
        diagnostics,
        ["federation.yaml:9:34 spec.clusters[0].substitute[\"__REPLACEME__\"]: \
          `${cluster3.ingress.address}` stands for nothing"]
    );
}

#[test]
fn two_clusters_share_neither_name_nor_trust_domain_nor_address() {
    let text = TWO_CLUSTERS
        .replace("name: cluster2", "name: cluster1")
        .replace("second.example", "cluster1.local")
        .replace("203.0.113.77", "203.0.113.11")
        .replace("${cluster2.ingress.address}", "x");
    let (federation, diagnostics) = read(&text);
    assert!(federation.is_none());
    assert_eq!(
        diagnostics,
        [
            "federation.yaml:10:11 spec.clusters[1].name: there are two clusters named `cluster1`",
            "federation.yaml:11:18 spec.clusters[1].trustDomain: another cluster already has the trust domain \
             `cluster1.local`",
            "federation.yaml:12:25 spec.clusters[1].ingress.address: another gateway already has the address \
             203.0.113.11",
        ]
    );
}

#[test]
fn a_file_without_a_federation_says_so() {
    let (federation, diagnostics) = read("# nothing here\n");
    assert!(federation.is_none());
    assert_eq!(diagnostics, ["federation.yaml:1:1 : the file has no Federation"]);
}

#[test]
fn a_mesh_is_set_for_all_clusters_and_then_for_each() {
    let text = TWO_CLUSTERS
        .replace(
            "  clusters:",
            "  mesh:\n    outboundTrafficPolicy: { mode: ALLOW_ANY }\n    defaultServiceExportTo: ['.']\n    \
                  rootNamespace: mesh-config\n    accessLogEncoding: JSON\n  clusters:",
        )
        .replace(
            "    resources: [cluster2/]",
            "    resources: [cluster2/]\n    mesh: { outboundTrafficPolicy: { mode: REGISTRY_ONLY }, \
                  trustDomainAliases: [old.example], enableAutoMtls: false, accessLogFile: '' }",
        );
    let (federation, diagnostics) = read(&text);
    assert_eq!(diagnostics, Vec::<String>::new());
    let federation = federation.unwrap();
    let [one, two] = &federation.clusters[..] else { panic!("two clusters") };
    let one = &one.config.settings;
    assert_eq!(one.outbound_policy, crate::OutboundPolicy::AllowAny);
    assert_eq!(
        one.default_service_export_to,
        crate::visibility::ExportTo::Namespaces([".".to_owned()].into())
    );
    assert_eq!((one.root_namespace.as_str(), one.enable_auto_mtls), ("mesh-config", true));
    let log = one.access_log.as_ref().unwrap();
    assert_eq!((log.path.as_str(), log.encoding), ("/dev/stdout", crate::mesh::AccessLogEncoding::Json));
    let two = &two.config.settings;
    assert_eq!((two.outbound_policy, two.enable_auto_mtls), (crate::OutboundPolicy::RegistryOnly, false));
    assert_eq!(two.trust_domain_aliases[0].as_str(), "old.example");
    assert_eq!(two.access_log, None);
}

#[test]
fn a_mesh_takes_no_name_that_another_cluster_has() {
    let text = TWO_CLUSTERS
        .replace("    region: eu-west", "    mesh: { trustDomainAliases: [second.example, 'a b'], rootNamespace: A_B, defaultServiceExportTo: [x_y] }")
        .replace("  clusters:", "  mesh: { trustDomainAliases: [all.example], accessLogEncoding: JSON, accessLogFormat: '%START_TIME%' }\n  clusters:");
    let (federation, diagnostics) = read(&text);
    assert!(federation.is_none());
    let fields: Vec<&str> = diagnostics.iter().filter_map(|text| text.split([' ', ':']).nth(3)).collect();
    assert_eq!(
        fields,
        [
            "spec.mesh.accessLogFormat",
            "spec.mesh.trustDomainAliases",
            "spec.clusters[0].mesh.trustDomainAliases[1]",
            "spec.clusters[0].mesh.rootNamespace",
            "spec.clusters[0].mesh.defaultServiceExportTo[0]",
            "spec.clusters[0].mesh.trustDomainAliases[0]",
        ]
    );
}
