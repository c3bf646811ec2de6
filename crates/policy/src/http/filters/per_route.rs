//! What routes say to filters (`typed_per_filter_config`): of the route itself, its virtual host
//! and its table, joined when the table is made.
//!
//! It must not know what filters do with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy as CorsPolicyPb;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use carrick_xds::pb::envoy::extensions::filters::http::set_filter_state::v3::Config as SetFilterState;
use prost_types::Any;

use super::{CorsPolicy, Fault, alpn};
use crate::config::tls::Alpn;
use crate::config::typed::{decode_if, type_name};

/// The configuration that one level of a route table has, by the name of the filter.
#[derive(Debug, Default)]
pub struct FilterConfigs(BTreeMap<String, FilterConfig>);

#[derive(Debug, Clone)]
enum FilterConfig {
    Fault(Arc<Fault>),
    Cors(Box<CorsPolicy>),
    Alpn(Alpn),
}

/// What holds for one route.
#[derive(Debug, Default)]
pub struct PerRoute(BTreeMap<String, FilterConfig>);

impl FilterConfigs {
    pub fn from_proto(map: &BTreeMap<String, Any>) -> Result<Self, FieldError> {
        let convert = |(name, any): (&String, &Any)| match FilterConfig::from_proto(any) {
            Ok(config) => Ok((name.clone(), config)),
            Err(error) => Err(error.within(format!("typed_per_filter_config[{name}]"))),
        };
        map.iter().map(convert).collect::<Result<_, _>>().map(Self)
    }
}

impl FilterConfig {
    fn from_proto(any: &Any) -> Result<Self, FieldError> {
        if let Some(pb) = decode_if::<HttpFault>(any)? {
            return Ok(Self::Fault(Arc::new(Fault::from_proto(&pb)?)));
        }
        if let Some(pb) = decode_if::<CorsPolicyPb>(any)? {
            return Ok(Self::Cors(Box::new(CorsPolicy::from_proto(&pb)?)));
        }
        let Some(pb) = decode_if::<SetFilterState>(any)? else {
            return Err(FieldError::new("", format!("{} is not supported", type_name(any))));
        };
        let nothing = || FieldError::new("on_request_headers", "says nothing; leave the filter out here");
        alpn::from_proto(&pb)?.map(Self::Alpn).ok_or_else(nothing)
    }
}

impl PerRoute {
    /// `levels` from the route outward: the innermost that says anything counts. CORS policies
    /// complete each other.
    pub fn joined(levels: &[&FilterConfigs]) -> Self {
        let mut all = BTreeMap::new();
        for (name, config) in levels.iter().flat_map(|level| &level.0) {
            let joined = match (all.remove(name), config) {
                (None, config) => config.clone(),
                (Some(FilterConfig::Cors(inner)), FilterConfig::Cors(outer)) => {
                    FilterConfig::Cors(Box::new(inner.or(outer)))
                }
                (Some(inner), _) => inner,
            };
            all.insert(name.clone(), joined);
        }
        Self(all)
    }

    pub fn fault(&self, filter: &str) -> Option<&Fault> {
        match self.0.get(filter) {
            Some(FilterConfig::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    pub fn alpn(&self, filter: &str) -> Option<&Alpn> {
        match self.0.get(filter) {
            Some(FilterConfig::Alpn(alpn)) => Some(alpn),
            _ => None,
        }
    }

    pub fn cors(&self, filter: &str) -> Option<&CorsPolicy> {
        match self.0.get(filter) {
            Some(FilterConfig::Cors(policy)) => Some(policy),
            _ => None,
        }
    }
}
