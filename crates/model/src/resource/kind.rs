//! The kinds that Carrick reads, and the API groups and versions under which it accepts them.

use std::fmt;

use serde::{Serialize, Serializer};

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Namespace,
    Service,
    ServiceAccount,
    Secret,
    Pod,
    Deployment,
    Endpoints,
    EndpointSlice,
    VirtualService,
    DestinationRule,
    ServiceEntry,
    WorkloadEntry,
    Gateway,
    Sidecar,
    PeerAuthentication,
    AuthorizationPolicy,
    RequestAuthentication,
    MeshPolicy,
    Policy,
    Federation,
}

const NETWORKING: &[&str] =
    &["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"];
const SECURITY: &[&str] = &["security.istio.io/v1", "security.istio.io/v1beta1"];
const AUTHENTICATION: &[&str] = &["authentication.istio.io/v1alpha1"];
const DEPLOYMENT: &[&str] = &["apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"];

impl Kind {
    pub const ALL: [Kind; 20] = [
        Kind::Namespace,
        Kind::Service,
        Kind::ServiceAccount,
        Kind::Secret,
        Kind::Pod,
        Kind::Deployment,
        Kind::Endpoints,
        Kind::EndpointSlice,
        Kind::VirtualService,
        Kind::DestinationRule,
        Kind::ServiceEntry,
        Kind::WorkloadEntry,
        Kind::Gateway,
        Kind::Sidecar,
        Kind::PeerAuthentication,
        Kind::AuthorizationPolicy,
        Kind::RequestAuthentication,
        Kind::MeshPolicy,
        Kind::Policy,
        Kind::Federation,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Service => "Service",
            Kind::ServiceAccount => "ServiceAccount",
            Kind::Secret => "Secret",
            Kind::Pod => "Pod",
            Kind::Deployment => "Deployment",
            Kind::Endpoints => "Endpoints",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::VirtualService => "VirtualService",
            Kind::DestinationRule => "DestinationRule",
            Kind::ServiceEntry => "ServiceEntry",
            Kind::WorkloadEntry => "WorkloadEntry",
            Kind::Gateway => "Gateway",
            Kind::Sidecar => "Sidecar",
            Kind::PeerAuthentication => "PeerAuthentication",
            Kind::AuthorizationPolicy => "AuthorizationPolicy",
            Kind::RequestAuthentication => "RequestAuthentication",
            Kind::MeshPolicy => "MeshPolicy",
            Kind::Policy => "Policy",
            Kind::Federation => "Federation",
        }
    }

    /// The `apiVersion`s accepted for this kind, the newest first.
    pub fn api_versions(self) -> &'static [&'static str] {
        match self {
            Kind::Namespace
            | Kind::Service
            | Kind::ServiceAccount
            | Kind::Secret
            | Kind::Pod
            | Kind::Endpoints => &["v1"],
            Kind::Deployment => DEPLOYMENT,
            Kind::EndpointSlice => &["discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"],
            Kind::VirtualService
            | Kind::DestinationRule
            | Kind::ServiceEntry
            | Kind::WorkloadEntry
            | Kind::Gateway
            | Kind::Sidecar => NETWORKING,
            Kind::PeerAuthentication | Kind::AuthorizationPolicy | Kind::RequestAuthentication => SECURITY,
            Kind::MeshPolicy | Kind::Policy => AUTHENTICATION,
            Kind::Federation => &["carrick.dev/v1alpha1"],
        }
    }

    /// The newest accepted `apiVersion`.
    pub fn api_version(self) -> &'static str {
        self.api_versions()[0]
    }

    /// Whether resources of this kind live outside namespaces.
    pub fn is_cluster_scoped(self) -> bool {
        matches!(self, Kind::Namespace | Kind::MeshPolicy | Kind::Federation)
    }

    /// Whether the kind is Kubernetes' own; of these Carrick reads only a part of the fields.
    pub fn is_kubernetes(self) -> bool {
        matches!(
            self,
            Kind::Namespace
                | Kind::Service
                | Kind::ServiceAccount
                | Kind::Secret
                | Kind::Pod
                | Kind::Deployment
                | Kind::Endpoints
                | Kind::EndpointSlice
        )
    }

    /// `virtual-service`, as Istio writes kinds in config paths.
    pub fn kebab(self) -> String {
        let mut kebab = String::new();
        for letter in self.name().chars() {
            if letter.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(letter.to_ascii_lowercase());
        }
        kebab
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
