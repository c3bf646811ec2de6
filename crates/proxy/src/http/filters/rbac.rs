//! The RBAC filter: requests that the rules refuse are answered with 403 (Envoy docs, "Role Based Access Control (RBAC) Filter").
//!
//! It must not know how rules are judged.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::Rbac as RbacPb;
use http::StatusCode;

use crate::http::record::Record;
use crate::http::reply::LocalReply;
use crate::http::request::Prepared;
use crate::rbac::{Layer, Rules, Subject};

#[derive(Debug)]
pub(crate) struct Rbac {
    /// Without rules everything is let through.
    rules: Option<Rules>,
    /// Judged and counted only.
    shadow: Option<Rules>,
}

impl Rbac {
    pub(crate) fn from_proto(pb: &RbacPb) -> Result<Self, FieldError> {
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

    /// An answer if the request is refused.
    pub(super) fn judge(&self, prepared: &Prepared, record: &Record) -> Option<LocalReply> {
        let head = prepared.head();
        let info = &record.downstream.info;
        let client = record.entry.client.unwrap_or(info.remote);
        let subject = Subject { connection: info, client, head: Some(&head) };
        let stats = &record.downstream.stats;
        if let Some(shadow) = &self.shadow {
            match shadow.judge(&subject).allowed {
                true => stats.rbac_shadow_allowed.increment(),
                false => stats.rbac_shadow_denied.increment(),
            }
        }
        let verdict = self.rules.as_ref()?.judge(&subject);
        if verdict.allowed {
            stats.rbac_allowed.increment();
            return None;
        }
        stats.rbac_denied.increment();
        let reply = LocalReply::new(StatusCode::FORBIDDEN, verdict.details());
        Some(reply.with_body("RBAC: access denied"))
    }
}
