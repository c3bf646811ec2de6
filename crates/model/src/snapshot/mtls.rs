//! What a workload's port accepts: PeerAuthentication (Istio `authn/policy_applier.go`), and its
//! ancestors.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::inventory::Inventory;
use super::service::Service;
use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::*;

/// The server side of mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MtlsMode {
    Disable,
    Permissive,
    Strict,
}

/// The mode of one port and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerMtls {
    pub mode: MtlsMode,
    /// Decided by a MeshPolicy or Policy: PERMISSIVE splits on TLS or not, whatever the ALPN.
    pub legacy: bool,
    /// The config path of the resource that decided; `None` for the default.
    pub decided_by: Option<String>,
}

/// A service that a workload serves: the service, the port's index, the workload's port.
pub(crate) type Serving = (Arc<Service>, usize, u16);

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AuthenticationIndex {
    root_namespace: String,
    /// By namespace, oldest first.
    modern: BTreeMap<String, Vec<Arc<Resource<PeerAuthentication>>>>,
    /// Those that cannot be read. They are STRICT for all that they may select, whatever others
    /// say.
    unreadable: Vec<Arc<Resource<PeerAuthentication>>>,
    mesh_policy: Option<Arc<Resource<LegacyPolicy>>>,
    policies: Vec<Arc<Resource<LegacyPolicy>>>,
}

impl AuthenticationIndex {
    pub(super) fn build(inventory: &Inventory, settings: &MeshSettings) -> AuthenticationIndex {
        let mut modern: BTreeMap<String, Vec<_>> = BTreeMap::new();
        let (unreadable, sound): (Vec<_>, Vec<_>) =
            inventory.peer_authentications.iter().cloned().partition(|policy| policy.meta.unreadable);
        for policy in &sound {
            modern.entry(policy.meta.namespace.clone()).or_default().push(policy.clone());
        }
        AuthenticationIndex {
            root_namespace: settings.root_namespace.clone(),
            modern,
            unreadable,
            mesh_policy: inventory.mesh_policies.iter().find(|policy| policy.meta.name == "default").cloned(),
            policies: inventory.policies.clone(),
        }
    }

    /// Modern policies first: workload port, workload, namespace, mesh. Where they say nothing,
    /// legacy ones: service port, service, namespace, mesh. Where those say nothing: PERMISSIVE.
    pub(super) fn mode(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        target_port: u16,
        serving: &[Serving],
    ) -> ServerMtls {
        self.closed(namespace, labels)
            .or_else(|| self.of_workload(namespace, labels, target_port))
            .or_else(|| self.of_namespace(namespace))
            .or_else(|| self.legacy(namespace, target_port, serving))
            .unwrap_or(ServerMtls { mode: MtlsMode::Permissive, legacy: false, decided_by: None })
    }

    /// What a client infers about a whole namespace, as Istio's automatic mutual TLS does.
    pub(super) fn inferred(&self, namespace: &str) -> ServerMtls {
        self.mode(namespace, &BTreeMap::new(), 0, &[])
    }

    fn closed(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<ServerMtls> {
        let policy = self.unreadable.iter().find(|policy| {
            let selected = selector_of(&policy.spec).is_none_or(|wanted| labels_match(wanted, labels));
            let of = policy.meta.namespace.as_str();
            of == self.root_namespace || (of == namespace && selected)
        })?;
        let decided_by = Some(policy.meta.config_path());
        Some(ServerMtls { mode: MtlsMode::Strict, legacy: false, decided_by })
    }

    fn of_workload(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        target_port: u16,
    ) -> Option<ServerMtls> {
        if namespace == self.root_namespace {
            // A selector in the root namespace is ignored.
            return None;
        }
        let mut own = self.modern.get(namespace)?.iter();
        let policy =
            own.find(|policy| selector_of(&policy.spec).is_some_and(|wanted| labels_match(wanted, labels)))?;
        let of_port = policy.spec.port_level_mtls.get(&target_port).and_then(|mtls| modern_mode(mtls.mode));
        let mode = of_port.or_else(|| modern_mode(policy.spec.mtls?.mode))?;
        Some(ServerMtls { mode, legacy: false, decided_by: Some(policy.meta.config_path()) })
    }

    fn of_namespace(&self, namespace: &str) -> Option<ServerMtls> {
        let without_selector = |of: &str| {
            let policy = self.modern.get(of)?.iter().find(|policy| selector_of(&policy.spec).is_none())?;
            let mode = modern_mode(policy.spec.mtls?.mode)?;
            Some(ServerMtls { mode, legacy: false, decided_by: Some(policy.meta.config_path()) })
        };
        without_selector(namespace).or_else(|| without_selector(&self.root_namespace))
    }

    fn legacy(&self, namespace: &str, target_port: u16, serving: &[Serving]) -> Option<ServerMtls> {
        let own: Vec<_> = self.policies.iter().filter(|policy| policy.meta.namespace == namespace).collect();
        let targeting = |with_ports: bool| {
            own.iter().copied().find(|policy| {
                policy.spec.targets.iter().any(|target| {
                    target.ports.is_empty() != with_ports
                        && serving.iter().any(|one| hits(target, one, target_port))
                })
            })
        };
        let policy = targeting(true)
            .or_else(|| targeting(false))
            .or_else(|| own.iter().copied().find(|policy| policy.spec.targets.is_empty()))
            .or(self.mesh_policy.as_ref())?;
        let mode = legacy_mode(&policy.spec);
        Some(ServerMtls { mode, legacy: true, decided_by: Some(policy.meta.config_path()) })
    }
}

fn selector_of(policy: &PeerAuthentication) -> Option<&BTreeMap<String, String>> {
    policy.selector.as_ref().map(|selector| &selector.match_labels).filter(|labels| !labels.is_empty())
}

fn modern_mode(mode: MutualTlsMode) -> Option<MtlsMode> {
    match mode {
        MutualTlsMode::Unset => None,
        MutualTlsMode::Disable => Some(MtlsMode::Disable),
        MutualTlsMode::Permissive => Some(MtlsMode::Permissive),
        MutualTlsMode::Strict => Some(MtlsMode::Strict),
    }
}

/// A policy without mutual TLS among its peers asks for none.
fn legacy_mode(policy: &LegacyPolicy) -> MtlsMode {
    match policy.peers.iter().find_map(|peer| peer.mtls.as_ref()) {
        None => MtlsMode::Disable,
        Some(mtls) if mtls.mode == LegacyMode::Permissive || policy.peer_is_optional => MtlsMode::Permissive,
        Some(_) => MtlsMode::Strict,
    }
}

/// Whether a legacy target means this service and the port of it that ends at `target_port`.
fn hits(target: &LegacyTarget, serving: &Serving, target_port: u16) -> bool {
    let (service, port, listening) = serving;
    if service.name != target.name || *listening != target_port {
        return false;
    }
    let Some(port) = service.ports.get(*port) else { return false };
    let names = |wanted: &LegacyPort| match (&wanted.number, &wanted.name) {
        (Some(number), _) => *number == port.number,
        (None, Some(IntOrString::Int(number))) => *number == port.number,
        (None, Some(IntOrString::String(name))) => *name == port.name,
        (None, None) => false,
    };
    target.ports.is_empty() || target.ports.iter().any(names)
}
