//! The network RBAC filter: which connections a chain takes at all (Envoy docs, "Role Based Access
//! Control (RBAC) Network Filter").

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::network::rbac::v3::Rbac;

use super::{Layer, Rules, Subject};
use crate::config::refuse::refuse;
use crate::connection::ConnectionInfo;

#[derive(Debug)]
pub struct NetworkRbac {
    rules: Option<Rules>,
    /// Judged and counted only.
    shadow: Option<Rules>,
}

impl NetworkRbac {
    pub fn from_proto(pb: &Rbac) -> Result<Self, FieldError> {
        let Rbac {
            rules,
            matcher,
            shadow_rules,
            shadow_matcher,
            // Names of statistics and of dynamic metadata, which Carrick does not keep.
            shadow_rules_stat_prefix: _,
            stat_prefix: _,
            // Nothing that the rules may ask changes while a connection lasts: judged once or for
            // every byte, it is the same.
            enforcement_type: _,
            delay_deny,
        } = pb;
        refuse!(matcher, shadow_matcher, delay_deny);
        let convert = |pb: &Option<_>, field: &str| {
            let rules = pb.as_ref().map(|pb| Rules::from_proto(pb, Layer::Network)).transpose();
            rules.map_err(|error: FieldError| error.within(field))
        };
        Ok(Self { rules: convert(rules, "rules")?, shadow: convert(shadow_rules, "shadow_rules")? })
    }

    /// Why the connection is refused, in the words of Envoy's access log; nothing if it is not.
    /// Judged before anything is connected to, where Envoy waits for the client's first byte:
    /// nothing that a server says first can reach who is refused.
    pub fn refuses(&self, info: &ConnectionInfo) -> Option<String> {
        let subject = Subject { connection: info, client: info.remote, head: None };
        if let Some(shadow) = &self.shadow {
            let verdict = shadow.judge(&subject);
            if !verdict.allowed {
                tracing::debug!(connection = info.id, "shadow rules would refuse: {}", verdict.details());
            }
        }
        let verdict = self.rules.as_ref()?.judge(&subject);
        (!verdict.allowed).then(|| verdict.details())
    }
}
