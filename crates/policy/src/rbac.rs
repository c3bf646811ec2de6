//! Role-based access control: whether a connection or a request is let through, and by which
//! policy.
//!
//! Pure: facts go in, a verdict comes out. It must not know who asks, nor what is done with the
//! verdict. Rules: Envoy docs, "RBAC" of `config.rbac.v3`.

mod condition;
mod convert;
mod network;

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::connection::ConnectionInfo;
use crate::head::RequestHead;
use condition::Condition;

pub use convert::Layer;
pub use network::NetworkRbac;

/// An `RBAC` message, converted.
#[derive(Debug)]
pub struct Rules {
    action: Action,
    /// In the order of their names; the first that matches is the one that decided.
    policies: Vec<Policy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Only what a policy matches is let through.
    Allow,
    /// What a policy matches is refused.
    Deny,
    /// Everything is let through; Envoy only marks it for its access log.
    Log,
}

#[derive(Debug)]
struct Policy {
    name: String,
    permissions: Vec<Condition>,
    principals: Vec<Condition>,
}

/// What is known of the one who asks, and of what is asked.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub connection: &'a ConnectionInfo,
    /// The client as the proxy understands it: from x-forwarded-for where that is trusted, else the
    /// socket's peer.
    pub client: SocketAddr,
    /// For HTTP: the head after normalisation, before the route changes it.
    pub head: Option<&'a RequestHead<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    pub allowed: bool,
    /// The policy that matched, if one did.
    pub policy: Option<&'a str>,
}

impl Rules {
    pub fn judge(&self, subject: &Subject<'_>) -> Verdict<'_> {
        let matched = self.policies.iter().find(|policy| policy.matches(subject));
        let allowed = match self.action {
            Action::Allow => matched.is_some(),
            Action::Deny => matched.is_none(),
            Action::Log => true,
        };
        Verdict { allowed, policy: matched.map(|policy| policy.name.as_str()) }
    }
}

impl Policy {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.permissions.iter().any(|permission| permission.holds(subject))
            && self.principals.iter().any(|principal| principal.holds(subject))
    }
}

impl Verdict<'_> {
    /// As Envoy's access log explains a refusal. White space would break columns apart.
    pub fn details(&self) -> String {
        let policy = self.policy.unwrap_or("none");
        let policy: Cow<'_, str> = match policy.contains(char::is_whitespace) {
            true => policy.replace(char::is_whitespace, "_").into(),
            false => policy.into(),
        };
        format!("rbac_access_denied_matched_policy[{policy}]")
    }
}

#[cfg(test)]
mod tests;
