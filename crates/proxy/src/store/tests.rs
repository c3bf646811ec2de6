use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use prost::{Message, Name};

use super::*;
use crate::resolver::SystemFiles;
use crate::resources::LoadedResource;

fn threads() -> Threads {
    let current = tokio::runtime::Handle::current();
    Threads { workers: current.clone(), control: current }
}

fn store() -> (Store, Arc<Registry>) {
    let registry = Arc::new(Registry::new("test".into()));
    let resolver = Resolver::new(SystemFiles::read());
    let store = Store::new(
        Arc::clone(&registry),
        resolver,
        SocketSettings::default(),
        Duration::from_secs(1),
        threads(),
    );
    (store, registry)
}

fn body<M: Message + Name + Default>(yaml: &str) -> Any {
    let message: M = from_yaml(yaml).unwrap();
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn put(store: &Store, kind: ResourceType, name: &str, body: &Any) -> Result<(), String> {
    let outcome = store.apply(kind, Origin::Dynamic, name, "1", body);
    outcome.map_err(|error| error.to_string())
}

fn cluster(store: &Store, name: &str, more: &str) -> Result<(), String> {
    put(store, ResourceType::Cluster, name, &body::<Cluster>(&format!("{{name: {name}, {more}}}")))
}

const EDS: &str = "type: EDS, eds_cluster_config: {eds_config: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}}";
const STATIC: &str = "type: STATIC";

fn endpoints(store: &Store, name: &str, port: u16) -> Result<(), String> {
    let yaml = format!(
        "{{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, \
         port_value: {port}}}}}}}}}]}}]}}"
    );
    put(store, ResourceType::Endpoint, name, &body::<ClusterLoadAssignment>(&yaml))
}

/// A listener whose routes come from RDS.
fn http_listener(store: &Store, name: &str, routes: &str) -> Result<(), String> {
    let yaml = format!(
        "{{name: {name}, address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}, filter_chains: [{{filters: [{{name: h, \
         typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, \
         stat_prefix: s, rds: {{route_config_name: {routes}, config_source: {{ads: {{}}, resource_api_version: V3}}}}, http_filters: [{{name: r, typed_config: \
         {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]}}}}]}}]}}"
    );
    put(store, ResourceType::Listener, name, &body::<Listener>(&yaml))
}

fn routes(store: &Store, name: &str) -> Result<(), String> {
    let yaml = format!("{{name: {name}, virtual_hosts: [{{name: v, domains: ['*']}}]}}");
    put(store, ResourceType::Route, name, &body::<RouteConfiguration>(&yaml))
}

fn held(registry: &Registry, kind: ResourceType, name: &str) -> LoadedResource {
    let all = registry.resources.of(kind);
    all.into_iter().find(|(known, ..)| known == name).map(|(_, _, held)| held).unwrap_or_default()
}

fn ports(registry: &Registry, cluster: &str) -> Vec<u16> {
    let cluster = registry.env.clusters.get(cluster).unwrap();
    cluster.endpoints().iter().map(|host| host.address.socket().unwrap().port()).collect()
}

#[tokio::test]
async fn a_cluster_is_used_once_its_hosts_are_there() {
    let (store, registry) = store();
    cluster(&store, "a", EDS).unwrap();
    assert!(registry.env.clusters.get("a").is_none());
    assert_eq!(store.wanted(ResourceType::Endpoint), ["a".to_owned()].into());
    let waiting = held(&registry, ResourceType::Cluster, "a");
    assert!(waiting.warming.is_some() && waiting.active.is_none());
    endpoints(&store, "a", 80).unwrap();
    assert_eq!(ports(&registry, "a"), [80]);
    let used = held(&registry, ResourceType::Cluster, "a");
    assert!(used.warming.is_none() && used.active.is_some());
}

#[tokio::test]
async fn hosts_that_were_delivered_already_are_not_waited_for_again() {
    let (store, registry) = store();
    cluster(&store, "a", EDS).unwrap();
    endpoints(&store, "a", 80).unwrap();
    cluster(&store, "a", &format!("{EDS}, connect_timeout: 2s")).unwrap();
    assert_eq!(registry.env.clusters.get("a").unwrap().config().connect_timeout, Duration::from_secs(2));
    assert_eq!(ports(&registry, "a"), [80]);
}

#[tokio::test]
async fn a_successor_that_waits_leaves_its_predecessor_at_work() {
    let (store, registry) = store();
    cluster(&store, "a", STATIC).unwrap();
    let first = registry.env.clusters.get("a").unwrap();
    cluster(&store, "a", EDS).unwrap();
    assert!(Arc::ptr_eq(&registry.env.clusters.get("a").unwrap(), &first));
    endpoints(&store, "a", 80).unwrap();
    assert!(!Arc::ptr_eq(&registry.env.clusters.get("a").unwrap(), &first));
}

#[tokio::test]
async fn a_refused_successor_leaves_its_predecessor_at_work_and_says_why() {
    let (store, registry) = store();
    cluster(&store, "a", STATIC).unwrap();
    let first = registry.env.clusters.get("a").unwrap();
    let error = cluster(&store, "a", "type: STATIC, connect_timeout: -1s").unwrap_err();
    assert!(error.starts_with("connect_timeout: "), "{error}");
    assert!(Arc::ptr_eq(&registry.env.clusters.get("a").unwrap(), &first));
    let resource = held(&registry, ResourceType::Cluster, "a");
    assert_eq!(resource.refused.unwrap().1, error);
    assert!(resource.active.is_some());
    // The next good one clears it.
    cluster(&store, "a", "type: STATIC, connect_timeout: 3s").unwrap();
    assert!(held(&registry, ResourceType::Cluster, "a").refused.is_none());
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let (store, registry) = store();
    cluster(&store, "a", STATIC).unwrap();
    let first = registry.env.clusters.get("a").unwrap();
    cluster(&store, "a", STATIC).unwrap();
    assert!(Arc::ptr_eq(&registry.env.clusters.get("a").unwrap(), &first), "its connections are kept");
}

#[tokio::test]
async fn hosts_that_cannot_be_understood_leave_the_old_ones() {
    let (store, registry) = store();
    cluster(&store, "a", EDS).unwrap();
    endpoints(&store, "a", 80).unwrap();
    let bad = "{cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: not-an-ip, port_value: 1}}}}]}]}";
    let error = put(&store, ResourceType::Endpoint, "a", &body::<ClusterLoadAssignment>(bad)).unwrap_err();
    assert!(error.starts_with("endpoints[0].lb_endpoints[0].endpoint.address"), "{error}");
    assert_eq!(ports(&registry, "a"), [80]);
}

#[tokio::test]
async fn a_name_inside_must_be_the_name_outside() {
    let (store, _) = store();
    let body = body::<Cluster>("{name: b, type: STATIC}");
    let error = put(&store, ResourceType::Cluster, "a", &body).unwrap_err();
    assert_eq!(error, "name: is \"b\", but the resource is called \"a\"");
    let error =
        put(&store, ResourceType::Route, "a", &self::body::<RouteConfiguration>("{name: b}")).unwrap_err();
    assert!(error.starts_with("name: "), "{error}");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused() {
    let (store, registry) = store();
    for kind in [
        ResourceType::Cluster,
        ResourceType::Listener,
        ResourceType::Route,
        ResourceType::Endpoint,
        ResourceType::Secret,
    ] {
        let broken = Any { type_url: kind.type_url().into(), value: vec![0xff; 10] };
        put(&store, kind, "a", &broken).unwrap_err();
        assert!(held(&registry, kind, "a").active.is_none(), "{kind}");
    }
}

#[tokio::test]
async fn what_the_bootstrap_has_is_not_replaced_or_removed() {
    let (store, registry) = store();
    let own = body::<Cluster>("{name: a, type: STATIC}");
    store.apply(ResourceType::Cluster, Origin::Static, "a", "", &own).unwrap();
    let first = registry.env.clusters.get("a").unwrap();
    let error = cluster(&store, "a", "type: STATIC, connect_timeout: 3s").unwrap_err();
    assert!(error.starts_with("name: is the name of a static cluster"), "{error}");
    store.remove(ResourceType::Cluster, "a");
    assert!(Arc::ptr_eq(&registry.env.clusters.get("a").unwrap(), &first));
}

#[tokio::test]
async fn a_removed_cluster_takes_its_hosts_along() {
    let (store, registry) = store();
    cluster(&store, "a", EDS).unwrap();
    endpoints(&store, "a", 80).unwrap();
    store.remove(ResourceType::Cluster, "a");
    assert!(registry.env.clusters.get("a").is_none());
    assert!(store.wanted(ResourceType::Endpoint).is_empty());
    assert!(registry.resources.of(ResourceType::Endpoint).is_empty());
    // Endpoints are never removed by their server alone: what names them decides.
    cluster(&store, "b", EDS).unwrap();
    endpoints(&store, "b", 81).unwrap();
    store.remove(ResourceType::Endpoint, "b");
    assert_eq!(ports(&registry, "b"), [81]);
}

#[tokio::test]
async fn a_listener_waits_for_its_routes() {
    let (store, registry) = store();
    http_listener(&store, "l", "r").unwrap();
    assert!(registry.listeners.all().is_empty());
    assert_eq!(store.wanted(ResourceType::Route), ["r".to_owned()].into());
    assert!(!store.is_settled());
    routes(&store, "r").unwrap();
    assert_eq!(registry.listeners.all().len(), 1);
    assert!(store.is_settled());
}

#[tokio::test]
async fn a_refused_route_table_leaves_the_old_one() {
    let (store, registry) = store();
    routes(&store, "r").unwrap();
    let first = registry.routes.get("r").unwrap();
    let bad = body::<RouteConfiguration>(
        "{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}}]}]}",
    );
    let error = put(&store, ResourceType::Route, "r", &bad).unwrap_err();
    assert_eq!(error, "virtual_hosts[0].routes[0].action: is required");
    assert!(Arc::ptr_eq(&registry.routes.get("r").unwrap(), &first));
}

#[tokio::test]
async fn the_first_listeners_wait_for_the_first_clusters() {
    let (store, registry) = store();
    store.expect(true, true, None);
    routes(&store, "r").unwrap();
    http_listener(&store, "l", "r").unwrap();
    store.received(ResourceType::Listener);
    assert!(registry.listeners.all().is_empty() && !store.is_settled());
    cluster(&store, "a", EDS).unwrap();
    store.received(ResourceType::Cluster);
    assert!(registry.listeners.all().is_empty(), "the cluster itself still waits for its hosts");
    endpoints(&store, "a", 80).unwrap();
    assert_eq!(registry.listeners.all().len(), 1);
    assert!(store.is_settled());
}

#[tokio::test]
async fn listeners_wait_for_clusters_no_longer_than_the_bootstrap_says() {
    let (store, registry) = store();
    store.expect(true, true, Some(Duration::ZERO));
    routes(&store, "r").unwrap();
    http_listener(&store, "l", "r").unwrap();
    store.received(ResourceType::Listener);
    assert_eq!(registry.listeners.all().len(), 1);
    assert!(store.is_settled());
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_refusal_and_the_listener_before_goes_on() {
    let (store, registry) = store();
    routes(&store, "r").unwrap();
    http_listener(&store, "l", "r").unwrap();
    let before = registry.listeners.all();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let yaml = format!(
        "{{name: l, address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}, filter_chains: [{{}}]}}",
        taken.local_addr().unwrap().port()
    );
    put(&store, ResourceType::Listener, "l", &body::<Listener>(&yaml)).unwrap();
    let (_, reason) = held(&registry, ResourceType::Listener, "l").refused.unwrap();
    assert!(reason.starts_with("address: cannot listen on 127.0.0.1:"), "{reason}");
    assert_eq!(registry.listeners.all()[0].address, before[0].address);
}

#[tokio::test]
async fn no_secret_is_kept_where_it_could_be_shown() {
    let (store, registry) = store();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let inline = |pem: String| format!("{{inline_string: \"{}\"}}", pem.replace('\n', "\\n"));
    let yaml = format!(
        "{{name: own, tls_certificate: {{certificate_chain: {}, private_key: {}}}}}",
        inline(certificate.pem()),
        inline(key.serialize_pem())
    );
    put(&store, ResourceType::Secret, "own", &body::<SecretPb>(&yaml)).unwrap();
    let kept = held(&registry, ResourceType::Secret, "own").active.unwrap();
    assert!(kept.body.value.is_empty());
    // A key that cannot be used is not kept with the reason, either.
    let mixed = yaml
        .replace(&inline(key.serialize_pem()), &inline(rcgen::KeyPair::generate().unwrap().serialize_pem()));
    put(&store, ResourceType::Secret, "own", &body::<SecretPb>(&mixed)).unwrap_err();
    let (refused, reason) = held(&registry, ResourceType::Secret, "own").refused.unwrap();
    assert!(!String::from_utf8_lossy(&refused.body.value).contains("PRIVATE KEY"), "{reason}");
}
