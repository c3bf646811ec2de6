//! Which AuthorizationPolicies hold for a workload (Istio `model/authorization.go`,
//! `ListAuthorizationPolicies`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::resource::Resource;
use crate::resources::{AuthorizationPolicy, labels_match};

/// The mesh's policies, then the namespace's, each oldest first. A policy in the root namespace is
/// for every namespace; its selector narrows it all the same.
pub(crate) fn policies_for<'a>(
    all: &'a [Arc<Resource<AuthorizationPolicy>>],
    root_namespace: &'a str,
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a Arc<Resource<AuthorizationPolicy>>> {
    let of = move |wanted: &'a str| all.iter().filter(move |policy| policy.meta.namespace == wanted);
    let own = (namespace != root_namespace).then_some(namespace);
    of(root_namespace).chain(own.into_iter().flat_map(of)).filter(|policy| selects(&policy.spec, labels))
}

/// `targetRef` attaches a policy to a resource of the Gateway API and to nothing else; Carrick
/// reads none of these.
fn selects(policy: &AuthorizationPolicy, labels: &BTreeMap<String, String>) -> bool {
    policy.target_ref.is_none()
        && policy.target_refs.is_empty()
        && policy.selector.as_ref().is_none_or(|selector| labels_match(&selector.match_labels, labels))
}
