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
    /// The resource is not applied; or, of a rule of `carrick-analyze`, what it asks for can never work.
    Error,
    /// The resource is applied, and probably does not do what its author wanted.
    Warning,
}

/// One finding in the operator's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable code such as `CK0101` (see [`codes`]) or `CRK101` (a rule of `carrick-analyze`).
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

/// The codes, by family: 00 text, 01 shape of one resource, 02 values of one resource, 03 references between
/// resources, 04 the federation file.
pub mod codes {
    /// The text is not YAML.
    pub const SYNTAX: &str = "CK0001";
    /// The document is larger or deeper than a configuration may be.
    pub const TOO_LARGE: &str = "CK0002";
    /// `apiVersion`, `kind` or `metadata.name` is missing or is no text.
    pub const NOT_A_RESOURCE: &str = "CK0003";
    /// The kind, or its API group, is not known.
    pub const UNKNOWN_KIND: &str = "CK0004";
    /// The kind is known but this version of its API is not.
    pub const UNKNOWN_VERSION: &str = "CK0005";
    /// A field that the kind does not have.
    pub const UNKNOWN_FIELD: &str = "CK0101";
    /// A value of the wrong type.
    pub const WRONG_TYPE: &str = "CK0102";
    /// A word that is none of the allowed ones.
    pub const UNKNOWN_VALUE: &str = "CK0103";
    /// A number outside its range.
    pub const OUT_OF_RANGE: &str = "CK0104";
    /// A required field is missing or empty.
    pub const MISSING_FIELD: &str = "CK0105";
    /// A value that does not have the form it must have.
    pub const BAD_FORM: &str = "CK0106";
    /// A host name or wildcard that can never match.
    pub const BAD_HOST: &str = "CK0201";
    /// An address or CIDR that is none.
    pub const BAD_ADDRESS: &str = "CK0202";
    /// Two fields that contradict each other.
    pub const CONTRADICTION: &str = "CK0203";
    /// One name or number used twice inside a resource.
    pub const REPEATED: &str = "CK0204";
    /// A field that has no effect where it stands.
    pub const NO_EFFECT: &str = "CK0205";
    /// A kind or field that Carrick does not support.
    pub const UNSUPPORTED: &str = "CK0206";
    /// A second resource of the same kind, namespace and name.
    pub const DUPLICATE: &str = "CK0301";
    /// A reference to a resource that does not exist.
    pub const DANGLING: &str = "CK0302";
    /// A route to a subset that no DestinationRule defines.
    pub const NO_SUBSET: &str = "CK0303";
    /// A route to a host that nothing declares.
    pub const UNKNOWN_HOST: &str = "CK0304";
    /// A port that the referenced thing does not have.
    pub const UNKNOWN_PORT: &str = "CK0305";
    /// A selector that matches no workload.
    pub const NO_WORKLOAD: &str = "CK0306";
    /// Another resource already decides this, and it wins.
    pub const SHADOWED: &str = "CK0307";
    /// The federation file contradicts itself.
    pub const FEDERATION: &str = "CK0401";
}
