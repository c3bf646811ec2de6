//! Which requests are mirrored, and where to (`RequestMirrorPolicy`).

use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3::route_action::RequestMirrorPolicy;

use crate::config::share;

#[derive(Debug)]
pub struct Mirror {
    pub cluster: Arc<str>,
    /// The share of requests, in millionths.
    share: u64,
    /// Whether the host of the copy is marked.
    pub suffix: bool,
}

impl Mirror {
    /// Whether this request is among those that are mirrored.
    pub fn draws(&self) -> bool {
        self.share > 0 && rand::random_range(0..1_000_000) < self.share
    }

    pub(super) fn several(pb: &[RequestMirrorPolicy]) -> Result<Arc<[Self]>, FieldError> {
        let convert = |(n, pb)| {
            Self::from_proto(pb).map_err(|error| error.within(format!("request_mirror_policies[{n}]")))
        };
        pb.iter().enumerate().map(convert).collect()
    }

    fn from_proto(pb: &RequestMirrorPolicy) -> Result<Self, FieldError> {
        let RequestMirrorPolicy {
            cluster,
            cluster_header,
            runtime_fraction,
            // About traces, which Carrick does not make.
            trace_sampled: _,
            disable_shadow_host_suffix_append,
            request_headers_mutations,
            host_rewrite_literal,
        } = pb;
        let refuse = |set: bool, field: &str| match set {
            true => Err(FieldError::new(field, "is not supported")),
            false => Ok(()),
        };
        refuse(!cluster_header.is_empty(), "cluster_header")?;
        refuse(!request_headers_mutations.is_empty(), "request_headers_mutations")?;
        refuse(!host_rewrite_literal.is_empty(), "host_rewrite_literal")?;
        if cluster.is_empty() {
            return Err(FieldError::new("cluster", "is required"));
        }
        let share = match runtime_fraction {
            Some(fraction) => share(fraction.default_value.as_ref())
                .map_err(|error| error.within("runtime_fraction.default_value"))?,
            None => 1_000_000,
        };
        Ok(Self { cluster: cluster.as_str().into(), share, suffix: !disable_shadow_host_suffix_append })
    }
}
