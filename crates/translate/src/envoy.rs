//! Short names for the parts of Envoy's vocabulary that this crate writes. It holds no logic.

pub(crate) use carrick_xds::pb::envoy::config::accesslog::v3 as accesslog;
pub(crate) use carrick_xds::pb::envoy::config::bootstrap::v3 as bootstrap;
pub(crate) use carrick_xds::pb::envoy::config::cluster::v3 as cluster;
pub(crate) use carrick_xds::pb::envoy::config::core::v3 as core;
pub(crate) use carrick_xds::pb::envoy::config::endpoint::v3 as endpoint;
pub(crate) use carrick_xds::pb::envoy::config::listener::v3 as listener;
pub(crate) use carrick_xds::pb::envoy::config::rbac::v3 as rbac;
pub(crate) use carrick_xds::pb::envoy::config::route::v3 as route;
pub(crate) use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
pub(crate) use carrick_xds::pb::envoy::extensions::filters::network::tcp_proxy::v3 as tcp_proxy;
pub(crate) use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
pub(crate) use carrick_xds::pb::envoy::extensions::upstreams::http::v3 as upstream_http;
pub(crate) use carrick_xds::pb::envoy::r#type::matcher::v3 as matcher;
pub(crate) use carrick_xds::resource::any;
