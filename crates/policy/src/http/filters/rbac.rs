//! The RBAC filter: requests that the rules refuse are answered with 403 (Envoy docs, "Role Based
//! Access Control (RBAC) Filter").
//!
//! It must not know how rules are judged.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::Rbac as RbacPb;
use http::StatusCode;

use crate::http::reply::LocalReply;
use crate::rbac::{Layer, Rules, Subject};

#[derive(Debug)]
pub struct Rbac {
    /// Without rules everything is let through.
    rules: Option<Rules>,
    /// Judged and counted only.
    shadow: Option<Rules>,
}

impl Rbac {
    pub fn from_proto(pb: &RbacPb) -> Result<Self, FieldError> {
        let RbacPb {
            rules,
            // Names of statistics and of dynamic metadata, which Carrick does not keep.
            rules_stat_prefix: _,
            matcher,
            shadow_rules,
            shadow_matcher,
            shadow_rules_stat_prefix: _,
            track_per_rule_stats: _,
        } = pb;
        if matcher.is_some() {
            return Err(FieldError::new("matcher", "is not supported"));
        }
        if shadow_matcher.is_some() {
            return Err(FieldError::new("shadow_matcher", "is not supported"));
        }
        let convert = |pb: &Option<_>, field: &str| {
            let rules = pb.as_ref().map(|pb| Rules::from_proto(pb, Layer::Http)).transpose();
            rules.map_err(|error: FieldError| error.within(field))
        };
        Ok(Self { rules: convert(rules, "rules")?, shadow: convert(shadow_rules, "shadow_rules")? })
    }

    /// What the rules say about a request.
    pub fn judge(&self, subject: &Subject<'_>) -> Judged {
        let rules = self.rules.as_ref().map(|rules| match rules.judge(subject) {
            verdict if verdict.allowed => Ok(()),
            verdict => {
                let reply = LocalReply::new(StatusCode::FORBIDDEN, verdict.details());
                Err(reply.with_body("RBAC: access denied"))
            }
        });
        Judged { shadow: self.shadow.as_ref().map(|shadow| shadow.judge(subject).allowed), rules }
    }
}

/// What rules say about a request; nothing where there are none.
#[derive(Debug)]
pub struct Judged {
    /// Whether the shadow rules would let it through.
    pub shadow: Option<bool>,
    /// An answer if it is refused.
    pub rules: Option<Result<(), LocalReply>>,
}
