//! The kinds that Carrick reads, and the API groups and versions under which it accepts them.

use std::fmt;

use serde::{Serialize, Serializer};

use super::kinds::kinds;

const CORE: &[&str] = &["v1"];
const APPS: &[&str] = &["apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"];
const DISCOVERY: &[&str] = &["discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"];
const NETWORKING: &[&str] =
    &["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"];
const SECURITY: &[&str] = &["security.istio.io/v1", "security.istio.io/v1beta1"];
const AUTHENTICATION: &[&str] = &["authentication.istio.io/v1alpha1"];
const CARRICK: &[&str] = &["carrick.dev/v1alpha1"];

/// Where resources live.
#[derive(PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespaced,
}

macro_rules! define_kind {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        /// A kind of resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($kind,)*
        }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// As it is written in `kind:`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => stringify!($kind),)*
                }
            }

            /// The `apiVersion`s accepted for this kind, the newest first.
            pub(crate) fn api_versions(self) -> &'static [&'static str] {
                match self {
                    $(Kind::$kind => $versions,)*
                }
            }

            fn scope(self) -> Scope {
                match self {
                    $(Kind::$kind => Scope::$scope,)*
                }
            }
        }
    };
}

kinds!(define_kind);

impl Kind {
    /// The newest accepted `apiVersion`.
    pub(crate) fn api_version(self) -> &'static str {
        self.api_versions()[0]
    }

    /// Whether resources of this kind live outside namespaces.
    pub(crate) fn is_cluster_scoped(self) -> bool {
        self.scope() == Scope::Cluster
    }

    /// Whether the kind is Kubernetes' own; of these Carrick reads only a part of the fields.
    pub(crate) fn is_kubernetes(self) -> bool {
        is_kubernetes_group(group(self.api_version()))
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

/// The API group of an `apiVersion`; empty for the core group.
pub(crate) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

pub(crate) fn is_kubernetes_group(group: &str) -> bool {
    group.ends_with(".k8s.io")
        || matches!(group, "" | "apps" | "batch" | "policy" | "autoscaling" | "extensions")
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
