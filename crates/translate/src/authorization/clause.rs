//! What rules are made of when they become RBAC policies: clauses, what the filter can see of them, and what cannot be said.

use carrick_model::MeshSettings;
use carrick_model::resources::Attribute;

/// What the filter can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    Http,
    /// Bytes only: no method, no path, no header.
    Tcp,
}

/// What a rule is read against.
pub struct Scope<'a> {
    pub settings: &'a MeshSettings,
    /// The policy's own namespace.
    pub namespace: &'a str,
    pub layer: Layer,
    /// Whether a part that cannot be said takes its whole rule away (ALLOW), or only itself (DENY, AUDIT).
    pub strict: bool,
}

/// One attribute that must have one of the values and none of the others. Without an attribute: nobody knows which.
#[derive(Clone)]
pub struct Clause<'a> {
    pub attribute: Option<Attribute>,
    pub values: &'a [String],
    pub excluded: &'a [String],
}

impl Clause<'_> {
    /// Says nothing at all, which is a mistake and no permission.
    pub fn is_void(&self) -> bool {
        self.values.is_empty() && self.excluded.is_empty()
    }
}

/// A part of a rule that cannot be expressed here.
#[derive(Debug)]
pub struct Unsayable;
