//! What every resource has: kind, name, labels, and the place where it was written. Knows no kind's
//! fields.

mod any;
mod kind;
mod kinds;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

pub use any::AnyResource;
pub use kind::Kind;
pub(crate) use kind::{group, is_kubernetes_group};
pub(crate) use kinds::kinds;

use crate::source::{Location, Positions};

/// The name of a resource, unique in a cluster. Cluster-scoped kinds have an empty namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ResourceName {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// A resource's metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    pub kind: Kind,
    /// As written, for example `networking.istio.io/v1alpha3`.
    pub api_version: String,
    pub name: String,
    /// Empty for cluster-scoped kinds, `default` where the author gave none.
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// `metadata.creationTimestamp`; rarely set in files.
    pub created: Option<OffsetDateTime>,
    /// Where the document begins.
    pub source: Location,
    pub(crate) positions: Positions,
    /// It could not be read, or makes no sense, and stands for the closed reading of what it may
    /// have been.
    pub(crate) unreadable: bool,
}

impl Meta {
    /// Metadata of a resource that no file holds (made by the program or by a test).
    pub fn made(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Meta {
        Meta {
            kind,
            api_version: kind.api_version().to_owned(),
            name: name.into(),
            namespace: namespace.into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            created: None,
            source: Location::new("(made by carrick)", 1, 1),
            positions: Positions::default(),
            unreadable: false,
        }
    }

    pub fn resource_name(&self) -> ResourceName {
        ResourceName { kind: self.kind, namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The path that Istio writes into `metadata.filter_metadata.istio.config` of what the resource
    /// caused: `/apis/networking.istio.io/v1alpha3/namespaces/NS/virtual-service/NAME`.
    pub fn config_path(&self) -> String {
        format!(
            "/apis/{}/namespaces/{}/{}/{}",
            self.api_version,
            self.namespace,
            self.kind.kebab(),
            self.name
        )
    }

    /// Where a field stands, for example `spec.http[0].match`. The nearest enclosing field that was
    /// written, if this one was not.
    pub fn locate(&self, field: &str) -> Location {
        match self.positions.nearest(field) {
            Some((line, column)) => Location { file: self.source.file.clone(), line, column },
            None => self.source.clone(),
        }
    }

    /// The order in which "oldest wins": creation time, then name, then namespace. Resources
    /// without a time count as equally old among themselves, and as older than any that has one.
    pub fn age(&self) -> impl Ord + use<> {
        (self.created, self.name.clone(), self.namespace.clone())
    }
}

/// A typed resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource<T> {
    pub meta: Meta,
    pub spec: T,
}

impl<T> Resource<T> {
    pub fn new(meta: Meta, spec: T) -> Resource<T> {
        Resource { meta, spec }
    }
}
