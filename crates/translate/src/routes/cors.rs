//! Cross-origin rules, as what a route tells the CORS filter
//! (`pilot/pkg/networking/core/route/route.go`, `TranslateCORSPolicy`).

use carrick_model::resources::{CorsPolicy, StringMatch, UnmatchedPreflights};

use super::matching;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy as EnvoyPolicy;

pub(super) fn cors_policy(policy: &CorsPolicy) -> EnvoyPolicy {
    let deprecated = policy.allow_origin.iter().map(|origin| StringMatch::Exact(origin.clone()));
    let origins: Vec<StringMatch> = match policy.allow_origins.is_empty() {
        true => deprecated.collect(),
        false => policy.allow_origins.clone(),
    };
    EnvoyPolicy {
        allow_origin_string_match: origins.iter().map(matching::text).collect(),
        allow_methods: policy.allow_methods.join(","),
        allow_headers: policy.allow_headers.join(","),
        expose_headers: policy.expose_headers.join(","),
        max_age: policy.max_age.map(|age| age.as_secs().to_string()).unwrap_or_default(),
        allow_credentials: policy.allow_credentials,
        forward_not_matching_preflights: match policy.unmatched_preflights {
            UnmatchedPreflights::Unspecified => None,
            UnmatchedPreflights::Forward => Some(true),
            UnmatchedPreflights::Ignore => Some(false),
        },
        ..Default::default()
    }
}
