//! What is wrong, where, why, and what to do about it. Knows nothing of how the finding came about.

mod explain;
mod render;

use serde::Serialize;

pub use explain::{Explanation, explanations};
pub use render::{Colour, render, render_with};

use crate::resource::ResourceName;
use crate::source::Location;

/// What a finding means for the resource that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The resource is not applied; or, of a rule of `carrick-analyze`, what it asks for can never
    /// work.
    Error,
    /// The resource is applied, and probably does not do what its author wanted.
    Warning,
}

/// One finding in the operator's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable code such as `CRK201` (see [`codes`]) or `CRK101` (a rule of `carrick-analyze`).
    pub code: &'static str,
    pub severity: Severity,
    pub location: Location,
    /// The resource, as far as it could be read.
    pub resource: Option<ResourceName>,
    /// The field path as in `spec.http[0].route[1].destination.subset`; empty for a whole document.
    pub field: String,
    /// Why it is wrong, one sentence without a full stop.
    pub reason: String,
    /// What to do, one sentence without a full stop; empty when the reason says it all.
    pub help: String,
}

impl Diagnostic {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The codes, by their first digit: 0 text, 2 shape of one resource, 3 values of one resource, 4
/// references between resources, 5 the federation file, 9 what a machine can run. Those with 1 are
/// of federations as a whole, see [`crate::analyze::RULES`]. A number is never used again.
pub mod codes {
    /// The text is not YAML.
    pub const SYNTAX: &str = "CRK001";
    /// The document is larger or deeper than a configuration may be.
    pub const TOO_LARGE: &str = "CRK002";
    /// `apiVersion`, `kind` or `metadata.name` is missing or is no text.
    pub const NOT_A_RESOURCE: &str = "CRK003";
    /// The kind, or its API group, is not known.
    pub const UNKNOWN_KIND: &str = "CRK004";
    /// The kind is known but this version of its API is not.
    pub const UNKNOWN_VERSION: &str = "CRK005";
    /// A file or folder that cannot be read at all.
    pub const UNREADABLE: &str = "CRK006";
    /// A field that the kind does not have.
    pub const UNKNOWN_FIELD: &str = "CRK201";
    /// A value of the wrong type.
    pub const WRONG_TYPE: &str = "CRK202";
    /// A word that is none of the allowed ones.
    pub const UNKNOWN_VALUE: &str = "CRK203";
    /// A number outside its range.
    pub const OUT_OF_RANGE: &str = "CRK204";
    /// A required field is missing or empty.
    pub const MISSING_FIELD: &str = "CRK205";
    /// A value that does not have the form it must have.
    pub const BAD_FORM: &str = "CRK206";
    /// A host name or wildcard that can never match.
    pub const BAD_HOST: &str = "CRK301";
    /// An address or CIDR that is none.
    pub const BAD_ADDRESS: &str = "CRK302";
    /// Two fields that contradict each other.
    pub const CONTRADICTION: &str = "CRK303";
    /// One name or number used twice inside a resource.
    pub const REPEATED: &str = "CRK304";
    /// A field that has no effect where it stands.
    pub const NO_EFFECT: &str = "CRK305";
    /// A kind or field that Carrick does not support.
    pub const UNSUPPORTED: &str = "CRK306";
    /// A second resource of the same kind, namespace and name.
    pub const DUPLICATE: &str = "CRK401";
    /// A reference to a resource that does not exist.
    pub const DANGLING: &str = "CRK402";
    /// A route to a subset that no DestinationRule defines.
    pub const NO_SUBSET: &str = "CRK403";
    /// A route to a host that nothing declares.
    pub const UNKNOWN_HOST: &str = "CRK404";
    /// A port that the referenced thing does not have.
    pub const UNKNOWN_PORT: &str = "CRK405";
    /// A selector that matches no workload.
    pub const NO_WORKLOAD: &str = "CRK406";
    /// Another resource already decides this, and it wins.
    pub const SHADOWED: &str = "CRK407";
    /// The federation file contradicts itself.
    pub const FEDERATION: &str = "CRK501";
}
