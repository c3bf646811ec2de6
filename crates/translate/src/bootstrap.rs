//! The file that a proxy starts from: who it is, and where its control plane and its agent are
//! (`tools/packaging/common/envoy_bootstrap.json`; semantics document, section 15). It must not
//! know any mesh resource.
//!
//! The same file starts Envoy and Carrick's own proxy.

mod probes;

use std::time::Duration;

use crate::address;
use crate::clusters::fixed::single_endpoint;
use crate::clusters::protocol::http2_only;
use crate::envoy::bootstrap::bootstrap::{DynamicResources, StaticResources};
use crate::envoy::bootstrap::{Admin, Bootstrap, ClusterManager};
use crate::envoy::cluster::Cluster;
use crate::envoy::core::{
    ApiConfigSource, ApiVersion, BindConfig, GrpcService, SocketOption, api_config_source::ApiType,
    grpc_service, socket_option,
};
use crate::filters::ads;
use crate::names::{SDS_CLUSTER, XDS_CLUSTER};
use crate::node::ProxyNode;

/// Where Envoy's admin interface listens, on loopback only.
pub const ADMIN_PORT: u16 = 15000;

/// The mark on a sidecar's own connections. Capture rules let marked packets pass, or a sidecar
/// would capture itself.
pub const OWN_TRAFFIC_MARK: u32 = 1337;

/// Linux: `SOL_SOCKET` and `SO_MARK`.
const SOL_SOCKET: i64 = 1;
const SO_MARK: i64 = 36;

/// What differs between the bootstraps of two proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapPlan {
    pub node: ProxyNode,
    /// Path of the control plane's Unix socket.
    pub xds_socket: String,
    /// Path of the agent's Unix socket.
    pub sds_socket: String,
    pub admin_port: u16,
    /// The mark on every connection that the proxy opens; none where traffic is not captured.
    pub own_traffic_mark: Option<u32>,
    /// Whether to serve `/healthz/ready` on 15021 and `/stats/prometheus` on 15090, on all
    /// addresses, as Istio's proxies do.
    pub probes: bool,
}

impl BootstrapPlan {
    /// The usual plan for a proxy whose traffic is captured by mark.
    pub fn new(node: ProxyNode, xds_socket: impl Into<String>, sds_socket: impl Into<String>) -> Self {
        BootstrapPlan {
            node,
            xds_socket: xds_socket.into(),
            sds_socket: sds_socket.into(),
            admin_port: ADMIN_PORT,
            own_traffic_mark: Some(OWN_TRAFFIC_MARK),
            probes: false,
        }
    }
}

pub fn bootstrap(plan: &BootstrapPlan) -> Bootstrap {
    let mut static_resources = StaticResources {
        clusters: vec![grpc_over(XDS_CLUSTER, &plan.xds_socket), grpc_over(SDS_CLUSTER, &plan.sds_socket)],
        ..Default::default()
    };
    if plan.probes {
        static_resources.clusters.push(probes::admin_cluster(plan.admin_port));
        static_resources.listeners = probes::listeners();
    }
    Bootstrap {
        node: Some(plan.node.to_envoy_node()),
        static_resources: Some(static_resources),
        dynamic_resources: Some(DynamicResources {
            lds_config: Some(ads()),
            cds_config: Some(ads()),
            ads_config: Some(ads_stream()),
            ..Default::default()
        }),
        cluster_manager: plan
            .own_traffic_mark
            .map(|mark| ClusterManager { upstream_bind_config: Some(marked(mark)), ..Default::default() }),
        admin: Some(Admin {
            address: Some(address::tcp(&"127.0.0.1", plan.admin_port)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// One delta stream for every kind of resource, to the control plane.
fn ads_stream() -> ApiConfigSource {
    let target = grpc_service::EnvoyGrpc { cluster_name: XDS_CLUSTER.into(), ..Default::default() };
    ApiConfigSource {
        api_type: ApiType::DeltaGrpc as i32,
        transport_api_version: ApiVersion::V3 as i32,
        grpc_services: vec![GrpcService {
            target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(target)),
            ..Default::default()
        }],
        set_node_on_first_message_only: true,
        ..Default::default()
    }
}

fn grpc_over(name: &str, socket: &str) -> Cluster {
    Cluster {
        typed_extension_protocol_options: http2_only(),
        ..single_endpoint(name, address::unix(socket), Duration::from_secs(1))
    }
}

fn marked(mark: u32) -> BindConfig {
    let option = SocketOption {
        description: "SO_MARK: the proxy's own traffic, which capture rules let pass".into(),
        level: SOL_SOCKET,
        name: SO_MARK,
        state: socket_option::SocketState::StatePrebind as i32,
        value: Some(socket_option::Value::IntValue(mark.into())),
        ..Default::default()
    };
    BindConfig { socket_options: vec![option], ..Default::default() }
}
