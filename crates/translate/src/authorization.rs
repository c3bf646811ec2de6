//! AuthorizationPolicies as Envoy's RBAC filters: who may do what here
//! (`pilot/pkg/security/authz/builder`, `authz/model`; semantics document, section 11). It must not
//! know where the filters stand; inbound chains and gateways put them in front.
//!
//! A request passes the filters in this order: what is logged, what is denied, what is allowed.
//! What Carrick cannot express never opens anything: an ALLOW rule with it allows nothing, a DENY
//! rule without it denies more, CUSTOM denies everything.

mod clause;
mod matchers;
mod permissions;
mod principals;
mod rules;
mod trust_domain;

use std::collections::BTreeMap;
use std::sync::Arc;

use carrick_model::resources::{AuthorizationAction, AuthorizationPolicy};
use carrick_model::{MeshSettings, MeshSnapshot, Resource};

use crate::envoy::hcm::HttpFilter;
use crate::envoy::listener::Filter;
use crate::envoy::rbac::{Policy, Rbac, rbac::Action};
use crate::filters;
use crate::node::ProxyNode;
use clause::{Layer, Scope};

/// Policies with this annotation only say what they would have done (Istio docs, "Dry Run").
const DRY_RUN: &str = "istio.io/dry-run";

/// What stands in front of everything that a proxy accepts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    pub http: Vec<HttpFilter>,
    pub tcp: Vec<Filter>,
}

/// The rules of one action, in force and on trial.
#[derive(Default)]
struct Stage {
    enforced: Option<Rbac>,
    trial: Option<Rbac>,
}

pub(crate) fn guards(snapshot: &MeshSnapshot, node: &ProxyNode) -> Guards {
    let policies: Vec<_> = snapshot.authorization_policies_for(&node.namespace, &node.labels).collect();
    let stages = |layer| -> Vec<(AuthorizationAction, Stage)> {
        let all = [
            AuthorizationAction::Custom,
            AuthorizationAction::Audit,
            AuthorizationAction::Deny,
            AuthorizationAction::Allow,
        ];
        all.into_iter().map(|action| (action, stage(snapshot.settings(), &policies, action, layer))).collect()
    };
    let http =
        |(action, stage): (_, Stage)| filters::rbac::http(stage.enforced, stage.trial, trial_prefix(action));
    let tcp =
        |(action, stage): (_, Stage)| filters::rbac::tcp(stage.enforced, stage.trial, trial_prefix(action));
    Guards {
        http: stages(Layer::Http).into_iter().filter_map(http).collect(),
        tcp: stages(Layer::Tcp).into_iter().filter_map(tcp).collect(),
    }
}

/// Istio's names for the statistics of policies on trial (`authz/model`,
/// `RBACShadowRules...StatPrefix`).
fn trial_prefix(action: AuthorizationAction) -> &'static str {
    match action {
        AuthorizationAction::Allow => "istio_dry_run_allow_",
        _ => "istio_dry_run_deny_",
    }
}

fn stage(
    settings: &MeshSettings,
    policies: &[&Arc<Resource<AuthorizationPolicy>>],
    action: AuthorizationAction,
    layer: Layer,
) -> Stage {
    let of_action = policies.iter().copied().filter(|policy| policy.spec.action == action);
    let (trial, enforced): (Vec<_>, Vec<_>) = of_action.partition(|policy| is_on_trial(&policy.meta));
    let rbac = |policies: Vec<&Arc<Resource<AuthorizationPolicy>>>| {
        (!policies.is_empty()).then(|| Rbac {
            action: envoy_action(action) as i32,
            policies: policies.into_iter().flat_map(|policy| rules_of(settings, policy, layer)).collect(),
            ..Default::default()
        })
    };
    Stage { enforced: rbac(enforced), trial: rbac(trial) }
}

fn is_on_trial(meta: &carrick_model::Meta) -> bool {
    meta.annotations.get(DRY_RUN).is_some_and(|value| value == "true")
}

fn envoy_action(action: AuthorizationAction) -> Action {
    match action {
        AuthorizationAction::Allow => Action::Allow,
        AuthorizationAction::Deny | AuthorizationAction::Custom => Action::Deny,
        AuthorizationAction::Audit => Action::Log,
    }
}

/// The rules of a policy by Istio's names, which access logs show.
fn rules_of(
    settings: &MeshSettings,
    policy: &Resource<AuthorizationPolicy>,
    layer: Layer,
) -> BTreeMap<String, Policy> {
    let (meta, spec) = (&policy.meta, &policy.spec);
    if spec.action == AuthorizationAction::Custom {
        // As Istio does when it does not know the provider.
        return [("default-deny-all-due-to-bad-CUSTOM-action".to_owned(), rules::always())].into();
    }
    let strict = spec.action == AuthorizationAction::Allow;
    let scope = Scope { settings, namespace: &meta.namespace, layer, strict };
    let name = |index: usize| format!("ns[{}]-policy[{}]-rule[{index}]", meta.namespace, meta.name);
    let said = spec
        .rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| Some((name(index), rules::policy(rule, &scope)?)));
    let mut rules: BTreeMap<String, Policy> = said.collect();
    if rules.is_empty() {
        // ALLOW without a rule allows nothing; so does one of whose rules nothing can be said here.
        rules.insert(name(0), rules::never());
    }
    rules
}

#[cfg(test)]
mod tests;
