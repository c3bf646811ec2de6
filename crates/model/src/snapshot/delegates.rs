//! VirtualServices that leave their routes to others (Istio `model/virtualservice.go`,
//! `mergeVirtualServicesIfNeeded`; Istio reference, `Delegate`). A delegate has no hosts of its
//! own.

use std::collections::BTreeMap;

use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::{Delegate, HttpMatchRequest, HttpRoute, StringMatch, VirtualService};
use crate::visibility::ExportTo;

/// Whether a VirtualService is only there to be delegated to.
pub(crate) fn is_delegate(spec: &VirtualService) -> bool {
    spec.hosts.is_empty()
}

/// All delegates by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Delegates<'a> {
    by_name: BTreeMap<(&'a str, &'a str), &'a Resource<VirtualService>>,
}

impl<'a> FromIterator<&'a Resource<VirtualService>> for Delegates<'a> {
    fn from_iter<I: IntoIterator<Item = &'a Resource<VirtualService>>>(all: I) -> Self {
        let mut by_name = BTreeMap::new();
        for one in all.into_iter().filter(|one| is_delegate(&one.spec)) {
            by_name.entry((one.meta.namespace.as_str(), one.meta.name.as_str())).or_insert(one);
        }
        Self { by_name }
    }
}

impl<'a> Delegates<'a> {
    /// The VirtualService that a route of `namespace` means, if it may see it.
    pub(crate) fn find(
        &self,
        delegate: &Delegate,
        namespace: &str,
        settings: &MeshSettings,
    ) -> Option<&'a Resource<VirtualService>> {
        let of = if delegate.namespace.is_empty() { namespace } else { &delegate.namespace };
        let found = *self.by_name.get(&(of, delegate.name.as_str()))?;
        let export_to = ExportTo::parse(
            found.spec.export_to.iter().map(String::as_str),
            &settings.default_virtual_service_export_to,
        );
        export_to.admits(of, namespace).then_some(found)
    }
}

/// A delegate's route under the conditions of the one that delegates, with what that one adds.
/// `None`: no request can meet both.
pub(crate) fn merged(root: &HttpRoute, leaf: &HttpRoute) -> Option<HttpRoute> {
    // Delegation goes one step deep.
    if leaf.delegate.is_some() {
        return None;
    }
    let mut route = leaf.clone();
    route.name = joined(&root.name, &leaf.name);
    route.matches = conditions(&root.matches, &leaf.matches)?;
    inherit(&mut route.rewrite, &root.rewrite);
    inherit(&mut route.timeout, &root.timeout);
    inherit(&mut route.retries, &root.retries);
    inherit(&mut route.fault, &root.fault);
    inherit(&mut route.mirror, &root.mirror);
    inherit(&mut route.mirror_percent, &root.mirror_percent);
    inherit(&mut route.mirror_percentage, &root.mirror_percentage);
    inherit(&mut route.cors_policy, &root.cors_policy);
    inherit(&mut route.headers, &root.headers);
    if route.mirrors.is_empty() {
        route.mirrors.clone_from(&root.mirrors);
    }
    Some(route)
}

/// Every alternative of the delegate with every one of the root that it does not contradict; each
/// must find at least one.
fn conditions(root: &[HttpMatchRequest], leaf: &[HttpMatchRequest]) -> Option<Vec<HttpMatchRequest>> {
    if root.is_empty() || leaf.is_empty() {
        return Some([root, leaf].concat());
    }
    let mut all = Vec::new();
    for narrow in leaf {
        let compatible = root.iter().filter(|wide| !contradict(wide, narrow));
        let before = all.len();
        all.extend(compatible.map(|wide| both(wide, narrow)));
        if all.len() == before {
            return None;
        }
    }
    Some(all)
}

fn both(wide: &HttpMatchRequest, narrow: &HttpMatchRequest) -> HttpMatchRequest {
    let mut both = narrow.clone();
    both.name = joined(&wide.name, &narrow.name);
    inherit(&mut both.uri, &wide.uri);
    inherit(&mut both.scheme, &wide.scheme);
    inherit(&mut both.method, &wide.method);
    inherit(&mut both.authority, &wide.authority);
    inherit(&mut both.port, &wide.port);
    unite(&mut both.headers, &wide.headers);
    unite(&mut both.without_headers, &wide.without_headers);
    unite(&mut both.query_params, &wide.query_params);
    unite(&mut both.source_labels, &wide.source_labels);
    if both.source_namespace.is_empty() {
        both.source_namespace.clone_from(&wide.source_namespace);
    }
    if both.gateways.is_empty() {
        both.gateways.clone_from(&wide.gateways);
    }
    if both.stat_prefix.is_empty() {
        both.stat_prefix.clone_from(&wide.stat_prefix);
    }
    both.ignore_uri_case |= wide.ignore_uri_case;
    both
}

fn contradict(wide: &HttpMatchRequest, narrow: &HttpMatchRequest) -> bool {
    let tests = [
        (&wide.uri, &narrow.uri),
        (&wide.scheme, &narrow.scheme),
        (&wide.method, &narrow.method),
        (&wide.authority, &narrow.authority),
    ];
    let maps = [
        (&wide.headers, &narrow.headers),
        (&wide.without_headers, &narrow.without_headers),
        (&wide.query_params, &narrow.query_params),
    ];
    let pairs = maps
        .iter()
        .flat_map(|(wide, narrow)| wide.iter().filter_map(|(name, test)| Some((test, narrow.get(name)?))));
    let differ = |wide: &str, narrow: &str| !wide.is_empty() && !narrow.is_empty() && wide != narrow;
    tests.iter().any(|(wide, narrow)| match (wide, narrow) {
        (Some(wide), Some(narrow)) => exclude(wide, narrow),
        _ => false,
    }) || pairs.into_iter().any(|(wide, narrow)| exclude(wide, narrow))
        || wide.port.zip(narrow.port).is_some_and(|(wide, narrow)| wide != narrow)
        || differ(&wide.source_namespace, &narrow.source_namespace)
        || differ(&wide.stat_prefix, &narrow.stat_prefix)
        || wide
            .source_labels
            .iter()
            .any(|(key, value)| narrow.source_labels.get(key).is_some_and(|other| other != value))
        || (!wide.gateways.is_empty()
            && narrow.gateways.iter().any(|gateway| !wide.gateways.contains(gateway)))
}

/// Whether the narrow test does not lie inside of the wide one. Expressions are compared with
/// nothing.
fn exclude(wide: &StringMatch, narrow: &StringMatch) -> bool {
    match (wide, narrow) {
        (StringMatch::Present, _) => false,
        (StringMatch::Prefix(wide), StringMatch::Exact(narrow) | StringMatch::Prefix(narrow)) => {
            !narrow.starts_with(wide.as_str())
        }
        (wide, narrow) => wide != narrow || matches!(wide, StringMatch::Regex(_)),
    }
}

fn inherit<T: Clone>(ours: &mut Option<T>, theirs: &Option<T>) {
    if ours.is_none() {
        ours.clone_from(theirs);
    }
}

fn unite<T: Clone>(ours: &mut BTreeMap<String, T>, theirs: &BTreeMap<String, T>) {
    for (key, value) in theirs {
        ours.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

fn joined(wide: &str, narrow: &str) -> String {
    match (wide, narrow) {
        ("", one) | (one, "") => one.to_owned(),
        (wide, narrow) => format!("{wide}-{narrow}"),
    }
}
