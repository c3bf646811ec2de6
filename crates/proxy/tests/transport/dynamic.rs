//! Configuration that comes over ADS: complete before it is used, kept when its server goes,
//! refused when it is bad.

use std::net::SocketAddr;

use carrick_proxy::runtime::Proxy;
use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::{ProxyResources, ResourceType};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::control::Control;
use crate::fixtures::authority::{Authority, Identity, quoted};
use crate::fixtures::echo::tcp::{echo, say};
use crate::fixtures::tls;
use crate::fixtures::yaml::socket_address;
use crate::fixtures::{self, ANY_PORT, InTime, address, assignment, eventually, tcp_proxy};

/// A proxy whose bootstrap knows only where its control plane is.
async fn follower(control: &Control) -> Proxy {
    fixtures::start(&bootstrap(control)).await
}

pub fn bootstrap(control: &Control) -> String {
    format!(
        "node: {{id: follower, cluster: test}}
dynamic_resources:
  lds_config: {{ads: {{}}, resource_api_version: V3}}
  cds_config: {{ads: {{}}, resource_api_version: V3}}
  ads_config: {{api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{{envoy_grpc: {{cluster_name: xds-grpc}}}}]}}
static_resources:
  clusters:
  - name: xds-grpc
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment: {{cluster_name: xds-grpc, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{pipe: {{path: '{}'}}}}}}}}]}}]}}
",
        control.path.display()
    )
}

#[derive(Default)]
pub struct Set(pub ProxyResources);

impl Set {
    /// A cluster over EDS, with its hosts.
    pub fn cluster(mut self, name: &str, hosts: &[SocketAddr]) -> Self {
        let eds = "type: EDS, eds_cluster_config: {eds_config: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}}";
        self.0.add_cluster(&from_yaml(&format!("{{name: {name}, {eds}}}")).unwrap());
        self.0.add_endpoints(&from_yaml(&assignment(name, hosts)).unwrap());
        self
    }

    fn bare_cluster(mut self, yaml: &str) -> Self {
        self.0.add_cluster(&from_yaml(yaml).unwrap());
        self
    }

    fn listener(mut self, name: &str, more: &str) -> Self {
        self.0.add_listener(&from_yaml(&format!("{{name: {name}, {ANY_PORT}, {more}}}")).unwrap());
        self
    }

    pub fn tcp(self, name: &str, cluster: &str) -> Self {
        self.listener(name, &format!("filter_chains: [{{filters: [{}]}}]", tcp_proxy(cluster, "")))
    }

    fn secret(mut self, name: &str, identity: &Identity) -> Self {
        let yaml = format!(
            "{{name: {name}, tls_certificate: {{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}}}",
            quoted(&identity.certificate),
            quoted(&identity.key)
        );
        self.0.add_secret(&from_yaml(&yaml).unwrap());
        self
    }
}

fn decoded<M: Message + Default>(set: &Set, kind: ResourceType, name: &str) -> M {
    M::decode(set.0.get(kind, name).unwrap().body.value.as_slice()).unwrap()
}

fn start(set: Set) -> (tempfile::TempDir, Control) {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::start(folder.path().join("xds"), set.0);
    (folder, control)
}

#[tokio::test]
async fn clusters_their_hosts_and_listeners_arrive_and_follow_changes() {
    let (first, second) = (echo("first").await, echo("second").await);
    let (_folder, control) = start(Set::default().cluster("app", &[first]).tcp("in", "app"));
    let proxy = follower(&control).await;
    proxy.ready().in_time().await;
    let listener = address(&proxy, "in");
    assert_eq!(say(listener, b"1").await.unwrap(), "first:1:bye");

    control.set(Set::default().cluster("app", &[second]).tcp("in", "app").0);
    let hosts = || proxy.env().clusters.get("app").unwrap().endpoints();
    eventually(async || hosts().iter().any(|host| host.address == second.into())).await;
    assert_eq!(say(listener, b"2").await.unwrap(), "second:2:bye");

    control.set(Set::default().cluster("app", &[second]).0);
    eventually(async || proxy.registry().listeners.all().is_empty()).await;
    assert!(TcpStream::connect(listener).await.is_err());
}

#[tokio::test]
async fn a_bad_resource_changes_nothing_and_says_why_while_its_neighbours_go_on() {
    let app = echo("app").await;
    let (_folder, control) = start(Set::default().cluster("app", &[app]).tcp("in", "app"));
    let proxy = follower(&control).await;
    proxy.ready().in_time().await;
    let bad = "{name: extra, type: STATIC, lb_policy: LOAD_BALANCING_POLICY_CONFIG}";
    let set = Set::default().cluster("app", &[app]).bare_cluster(bad);
    control.set(set.listener("in", "use_original_dst: true, filter_chains: [{}, {}]").tcp("new", "app").0);
    eventually(async || proxy.registry().listeners.all().len() == 2).await;
    assert_eq!(say(address(&proxy, "in"), b"x").await.unwrap(), "app:x:bye");
    assert_eq!(say(address(&proxy, "new"), b"x").await.unwrap(), "app:x:bye");
    eventually(async || control.refusals().len() == 2).await;
    let refusals = control.refusals().join("\n");
    assert!(
        refusals.contains("extra: lb_policy: LOAD_BALANCING_POLICY_CONFIG is not implemented"),
        "{refusals}"
    );
    assert!(
        refusals.contains("in: filter_chains[1].filter_chain_match: is the same as that of filter_chains[0]"),
        "{refusals}"
    );
}

#[tokio::test]
async fn when_the_control_plane_goes_everything_stays_and_when_it_comes_back_changes_arrive() {
    let (first, second) = (echo("first").await, echo("second").await);
    let (folder, control) = start(Set::default().cluster("app", &[first]).tcp("in", "app"));
    let proxy = follower(&control).await;
    proxy.ready().in_time().await;
    let listener = address(&proxy, "in");
    drop(control);
    for _ in 0..20 {
        assert_eq!(say(listener, b"x").await.unwrap(), "first:x:bye");
    }
    let _control = Control::start(
        folder.path().join("xds"),
        Set::default().cluster("app", &[second]).tcp("in", "app").0,
    );
    eventually(async || proxy.env().clusters.get("app").unwrap().endpoints()[0].address == second.into())
        .await;
    assert_eq!(say(listener, b"x").await.unwrap(), "second:x:bye");
    assert_eq!(address(&proxy, "in"), listener, "the socket was not opened anew");
}

const TLS_FROM_SDS: &str = "transport_socket: {name: tls, typed_config: {\
    '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: \
    {tls_certificate_sds_secret_configs: [{name: own, sds_config: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}}]}}}";

fn tls_listener(set: Set) -> Set {
    let chain = format!("filter_chains: [{{{TLS_FROM_SDS}, filters: [{}]}}]", tcp_proxy("app", ""));
    set.listener("in", &chain)
}

#[tokio::test]
async fn a_listener_waits_for_its_secret_and_then_follows_it_without_cutting_anyone_off() {
    let app = echo("app").await;
    let ca = Authority::new("ca");
    let set = || tls_listener(Set::default().cluster("app", &[app]));
    let (_folder, control) = start(set().tcp("plain", "app"));
    let proxy = follower(&control).await;
    eventually(async || !proxy.registry().listeners.all().is_empty()).await;
    assert_eq!(proxy.registry().listeners.all()[0].name, "plain", "the one without secrets does not wait");

    control.set(set().tcp("plain", "app").secret("own", &ca.workload("one")).0);
    proxy.ready().in_time().await;
    let listener = address(&proxy, "in");
    let subject = |stream: &tls::TlsClient| stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let mut old = tls::connect(listener, "a.example", None).await.unwrap();
    let first = subject(&old);
    old.write_all(b"before").in_time().await.unwrap();
    let mut heard = [0; 10];
    old.read_exact(&mut heard).in_time().await.unwrap();

    control.set(set().tcp("plain", "app").secret("own", &ca.workload("two")).0);
    let changed = async {
        loop {
            let new = tls::connect(listener, "a.example", None).await.unwrap();
            if subject(&new) != first {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), changed).await.unwrap();
    assert_eq!(tls::say(&mut old, b"after").await.unwrap(), "after:bye");
}

#[tokio::test]
async fn an_update_leaves_connections_of_unchanged_chains_alone() {
    let app = echo("app").await;
    let chains = |extra: &str| {
        let kept = tcp_proxy("app", "");
        format!("filter_chains: [{{name: kept, filters: [{kept}]}}{extra}]")
    };
    let set = |extra: &str| Set::default().cluster("app", &[app]).listener("in", &chains(extra));
    let (_folder, control) = start(set(""));
    let proxy = follower(&control).await;
    proxy.ready().in_time().await;
    let listener = address(&proxy, "in");
    let mut open = TcpStream::connect(listener).await.unwrap();
    open.write_all(b"a").in_time().await.unwrap();
    control.set(set(", {name: more, filter_chain_match: {source_ports: [1]}}").0);
    let updated = || {
        let all = proxy.registry().resources.of(carrick_xds::ResourceType::Listener);
        all.iter().any(|(_, _, held)| {
            held.active
                .as_ref()
                .is_some_and(|active| String::from_utf8_lossy(&active.body.value).contains("more"))
        })
    };
    eventually(async || updated()).await;
    open.write_all(b"b").in_time().await.unwrap();
    open.shutdown().await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).in_time().await.unwrap();
    assert_eq!(answer, "app:ab:bye");
    assert_eq!(address(&proxy, "in"), listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_hosts_come_and_go_and_their_neighbours_do_not_notice() {
    const HOSTS: u16 = 20_000;
    let upstream = echo("steady").await;
    let steady = || Set::default().cluster("steady", &[upstream]).tcp("steady", "steady");
    let (_folder, control) = start(steady());
    let proxy = follower(&control).await;
    eventually(async || proxy.registry().listeners.all().iter().any(|one| one.name == "steady")).await;
    let door = address(&proxy, "steady");

    // One of each kind is read, the others differ in name and address.
    let one = Set::default().cluster("c", &[upstream]);
    let cluster: Cluster = decoded(&one, ResourceType::Cluster, "c");
    let endpoints: ClusterLoadAssignment = decoded(&one, ResourceType::Endpoint, "c");
    let mut crowd = steady();
    for n in 0..HOSTS {
        let name = format!("c{n}");
        crowd.0.add_cluster(&Cluster { name: name.clone(), ..cluster.clone() });
        crowd.0.add_endpoints(&ClusterLoadAssignment { cluster_name: name.clone(), ..endpoints.clone() });
        let mut listener: Listener = decoded(&crowd, ResourceType::Listener, "steady");
        listener.name = name;
        listener.bind_to_port = Some(false);
        let ip = std::net::Ipv4Addr::from_bits(0xf0f0_0001 + u32::from(n));
        listener.address = Some(from_yaml(&socket_address((ip, 80).into())).unwrap());
        crowd.0.add_listener(&listener);
    }
    let clusters = || proxy.registry().env.clusters.all().len();
    let listeners = || proxy.registry().listeners.all().len();
    for (set, count) in [(crowd, usize::from(HOSTS)), (steady(), 0)] {
        control.set(set.0);
        let there = async {
            // The bootstrap's own and the steady one.
            while clusters() != count + 2 || listeners() != count + 1 {
                assert_eq!(say(door, b"hello").await.unwrap(), "steady:hello:bye");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let patience = std::time::Duration::from_secs(120);
        tokio::time::timeout(patience, there).await.expect("the work grows with the number of hosts");
    }
    assert_eq!(control.refusals(), Vec::<String>::new());
}
