use super::Bootstrap;
use crate::config::source::GrpcSource;

fn refusal(yaml: &str) -> String {
    Bootstrap::from_yaml(yaml).unwrap_err().to_string()
}

#[test]
fn istios_dynamic_resources_are_understood() {
    let bootstrap = Bootstrap::from_yaml(
        "node: {id: sidecar~10.0.0.1~a.b~b.svc.cluster.local, cluster: a}
dynamic_resources:
  lds_config: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}
  cds_config: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}
  ads_config:
    api_type: DELTA_GRPC
    set_node_on_first_message_only: true
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds-grpc}}]
",
    )
    .unwrap();
    let expected = GrpcSource { cluster: "xds-grpc".into(), authority: String::new(), delta: true };
    assert_eq!(bootstrap.ads, Some(expected));
    assert!(bootstrap.dynamic_listeners && bootstrap.dynamic_clusters);
    assert_eq!(bootstrap.node.id, "sidecar~10.0.0.1~a.b~b.svc.cluster.local");
}

#[test]
fn what_is_not_implemented_is_refused_with_its_place() {
    assert_eq!(refusal("tracing: {}"), "tracing: is not implemented");
    assert!(refusal("static_resources: {listenres: []}").contains("listenres"));
    assert_eq!(
        refusal("dynamic_resources: {lds_config: {ads: {}}}"),
        "dynamic_resources.ads_config: is required"
    );
    let over_files = "dynamic_resources: {lds_config: {path_config_source: {path: /a}}}";
    assert_eq!(refusal(over_files), "dynamic_resources.lds_config.path_config_source: is not implemented");
}

#[test]
fn a_file_is_named_with_the_place_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.yaml");
    let refusal = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let told = Bootstrap::from_file(&path).unwrap_err().to_string();
        told.strip_prefix(&format!("{}:", path.display())).map(str::to_owned)
    };
    let misspelt = refusal("static_resources:\n  listenres: []\n").unwrap();
    assert!(misspelt.starts_with("2:3: "), "{misspelt}");
    assert_eq!(refusal("tracing: {}").unwrap(), " tracing: is not implemented");
}
