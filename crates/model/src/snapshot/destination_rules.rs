//! Which DestinationRule holds for a client and a service (Istio `model/push_context.go`,
//! `model/destination_rule.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::policy::EffectiveDestinationRule;
use super::service::Service;
use crate::host;
use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::{DestinationRule, labels_match};
use crate::visibility::ExportTo;

/// The merged rules of each namespace, in three views.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DestinationRuleIndex {
    root_namespace: String,
    /// What clients of the namespace itself look at first.
    local: BTreeMap<String, Rules>,
    /// What clients of other namespaces may see.
    exported: BTreeMap<String, Rules>,
    /// Private rules of the root namespace, for its own clients.
    root_private: Rules,
}

/// Merged rules by host.
type Rules = BTreeMap<String, Vec<Arc<EffectiveDestinationRule>>>;

impl DestinationRuleIndex {
    /// `rules` come oldest first.
    pub(crate) fn build(
        rules: &[Arc<Resource<DestinationRule>>],
        settings: &MeshSettings,
    ) -> DestinationRuleIndex {
        let mut index =
            DestinationRuleIndex { root_namespace: settings.root_namespace.clone(), ..Default::default() };
        for rule in rules {
            let namespace = &rule.meta.namespace;
            let mut export_to = ExportTo::parse(
                rule.spec.export_to.iter().map(String::as_str),
                &settings.default_destination_rule_export_to,
            );
            if rule.spec.workload_selector.is_some() {
                // Rules for chosen clients never leave their namespace.
                export_to = ExportTo::Namespaces([".".to_owned()].into());
            }
            let merged = single(rule, export_to.clone(), settings);
            if export_to.admits(namespace, namespace) {
                merge_into(index.local.entry(namespace.clone()).or_default(), merged.clone());
            }
            if !export_to.is_private(namespace) {
                merge_into(index.exported.entry(namespace.clone()).or_default(), merged);
            } else if *namespace == settings.root_namespace {
                merge_into(&mut index.root_private, merged);
            }
        }
        index
    }

    /// The rule for a client: its own namespace's, else what the service's namespace exports, else
    /// what the root namespace exports. The first level with any match wins; levels never merge.
    pub(crate) fn find(
        &self,
        client_namespace: &str,
        client_labels: &BTreeMap<String, String>,
        service: &Service,
    ) -> Option<Arc<EffectiveDestinationRule>> {
        let own = match client_namespace == self.root_namespace {
            true => Some(&self.root_private),
            false => self.local.get(client_namespace),
        };
        let seen = |namespace: &str| {
            let rules = self.exported.get(namespace)?;
            pick(rules, &service.host, |rule| {
                rule.workload_selector.is_none() && rule.export_to.admits(namespace, client_namespace)
            })
        };
        own.and_then(|rules| pick_for_labels(rules, &service.host, client_labels))
            .or_else(|| seen(&service.namespace))
            .or_else(|| seen(&self.root_namespace))
    }

    /// Every merged rule for all of a host or more, whoever sees it.
    pub(crate) fn covering<'a>(
        &'a self,
        host: &'a str,
    ) -> impl Iterator<Item = &'a Arc<EffectiveDestinationRule>> {
        let namespaces = self.local.values().chain(self.exported.values());
        namespaces.flat_map(move |rules| {
            host::covering(host).flat_map(|host| rules.get(host.as_ref()).into_iter().flatten())
        })
    }

    /// Every merged rule, for checks.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<EffectiveDestinationRule>> {
        self.local.values().chain(self.exported.values()).flat_map(BTreeMap::values).flatten()
    }
}

fn single(
    rule: &Arc<Resource<DestinationRule>>,
    export_to: ExportTo,
    settings: &MeshSettings,
) -> EffectiveDestinationRule {
    let mut effective = EffectiveDestinationRule {
        host: settings.resolve_host(&rule.spec.host, &rule.meta.namespace),
        namespace: rule.meta.namespace.clone(),
        export_to,
        workload_selector: rule.spec.workload_selector.clone(),
        traffic_policy: rule.spec.traffic_policy.clone(),
        subsets: Vec::new(),
        rules: vec![rule.clone()],
    };
    add_subsets(&mut effective, &rule.spec.subsets);
    effective
}

/// Joins a younger rule to the one of the same host, selector and visibility, if there is one.
fn merge_into(rules: &mut Rules, younger: EffectiveDestinationRule) {
    let of_host = rules.entry(younger.host.clone()).or_default();
    let same = |older: &&mut Arc<EffectiveDestinationRule>| {
        older.workload_selector == younger.workload_selector && older.export_to == younger.export_to
    };
    match of_host.iter_mut().find(same) {
        Some(older) => {
            let merged = Arc::make_mut(older);
            if merged.traffic_policy.is_none() {
                merged.traffic_policy = younger.traffic_policy;
            }
            add_subsets(merged, &younger.subsets);
            merged.rules.extend(younger.rules);
        }
        None => of_host.push(Arc::new(younger)),
    }
}

fn add_subsets(rule: &mut EffectiveDestinationRule, subsets: &[crate::resources::Subset]) {
    for subset in subsets {
        if rule.subset(&subset.name).is_none() {
            rule.subsets.push(subset.clone());
        }
    }
}

/// The exact host's rule, else that of the longest wildcard, among those allowed.
fn pick(
    rules: &Rules,
    host: &str,
    allowed: impl Fn(&EffectiveDestinationRule) -> bool,
) -> Option<Arc<EffectiveDestinationRule>> {
    let exact = rules.get(host).into_iter().flatten().find(|rule| allowed(rule));
    exact.or_else(|| longest_wildcard(rules, host, &allowed)).cloned()
}

fn longest_wildcard<'a>(
    rules: &'a Rules,
    host: &str,
    allowed: &impl Fn(&EffectiveDestinationRule) -> bool,
) -> Option<&'a Arc<EffectiveDestinationRule>> {
    // Narrower wildcards are longer, and come first.
    let wildcards = host::covering(host).filter(|pattern| host::is_wildcard(pattern));
    wildcards
        .filter_map(|pattern| rules.get(pattern.as_ref()))
        .find_map(|list| list.iter().find(|rule| allowed(rule)))
}

/// A rule that selects this client is preferred over one for everybody.
fn pick_for_labels(
    rules: &Rules,
    host: &str,
    labels: &BTreeMap<String, String>,
) -> Option<Arc<EffectiveDestinationRule>> {
    let selects = |rule: &EffectiveDestinationRule| {
        rule.workload_selector.as_ref().is_some_and(|selector| labels_match(&selector.match_labels, labels))
    };
    pick(rules, host, selects).or_else(|| pick(rules, host, |rule| rule.workload_selector.is_none()))
}
