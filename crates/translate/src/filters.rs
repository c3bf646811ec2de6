//! Envoy's stock filters with the settings that Istio gives them. It must not know why a chain
//! needs one.
//!
//! Stock means: nothing here is an Istio extension, so the same bytes load in Envoy from anywhere
//! (semantics document, section 0).

pub(crate) mod http;
pub(crate) mod listener;
pub(crate) mod rbac;
pub(crate) mod tcp;

use prost::Name;

use crate::envoy::listener::{Filter, filter::ConfigType};
use crate::envoy::{any, core};

/// The resources of one kind come over the same stream as everything else; the first answer is
/// waited for without limit.
pub(crate) fn ads() -> core::ConfigSource {
    core::ConfigSource {
        initial_fetch_timeout: Some(Default::default()),
        resource_api_version: core::ApiVersion::V3 as i32,
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(Default::default())),
        ..Default::default()
    }
}

fn network_filter(name: &str, config: &impl Name) -> Filter {
    Filter { name: name.into(), config_type: Some(ConfigType::TypedConfig(any(config))) }
}
