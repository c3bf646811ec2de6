//! HTTP: the connection manager, its routes, and its way upstream.
//!
//! It must not know how connections are accepted or decrypted, nor how a cluster chooses endpoints.

mod tables;

use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

use crate::connection::{ConnectionInfo, Stream};
use crate::env::ProxyEnv;

pub use tables::{RouteSlot, RouteTables};

/// One `HttpConnectionManager` filter, converted.
#[derive(Debug)]
pub struct HttpManager {}

/// Where a connection manager finds its routes.
#[derive(Debug, Clone)]
pub enum RouteSource {
    /// The name of a route configuration that RDS delivers.
    Rds(String),
    Inline(Arc<RouteTable>),
}

/// One route configuration, converted.
#[derive(Debug)]
pub struct RouteTable {}

impl HttpManager {
    pub fn from_proto(_pb: &HttpConnectionManager) -> Result<Self, FieldError> {
        Ok(Self {})
    }

    pub fn route_source(&self) -> RouteSource {
        RouteSource::Rds(String::new())
    }
}

impl RouteTable {
    pub fn from_proto(_pb: &RouteConfiguration) -> Result<Self, FieldError> {
        Ok(Self {})
    }
}

/// Serves one downstream connection until it is over.
pub async fn serve(_stream: Stream, _info: Arc<ConnectionInfo>, _manager: Arc<HttpManager>, _env: Arc<ProxyEnv>) {}
