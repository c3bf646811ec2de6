//! What rules are made of when they become RBAC policies: clauses, what the filter can see of them,
//! and what cannot be said.

use carrick_model::MeshSettings;
use carrick_model::resources::Attribute;

/// What the filter can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Http,
    /// Bytes only: no method, no path, no header.
    Tcp,
}

/// What a rule is read against.
pub(super) struct Scope<'a> {
    pub settings: &'a MeshSettings,
    /// The policy's own namespace.
    pub namespace: &'a str,
    pub layer: Layer,
    /// Whether a part that cannot be said takes its whole rule away (ALLOW), or only itself (DENY,
    /// AUDIT).
    pub strict: bool,
}

/// One attribute that must have one of the values and none of the others. Without an attribute:
/// nobody knows which.
#[derive(Clone)]
pub(super) struct Clause<'a> {
    pub attribute: Option<Attribute>,
    pub values: &'a [String],
    pub excluded: &'a [String],
}

impl Clause<'_> {
    /// Says nothing at all, which is a mistake and no permission.
    pub(super) fn is_void(&self) -> bool {
        self.values.is_empty() && self.excluded.is_empty()
    }
}

/// A part of a rule that cannot be expressed here.
#[derive(Debug)]
pub(super) struct Unsayable;

/// One side of an RBAC policy: what is done, or who does it. Both are trees of the same three
/// branches.
pub(super) trait Side: Sized {
    fn anything() -> Self;
    fn all(parts: Vec<Self>) -> Self;
    fn any(parts: Vec<Self>) -> Self;
    fn not(part: Self) -> Self;

    /// What holds for one of these values of an attribute.
    fn one_of(attribute: &Attribute, values: &[String], scope: &Scope<'_>) -> Result<Vec<Self>, Unsayable>;
}

/// All clauses together: of each one any of its values, and none of those that it excludes.
pub(super) fn all_of<S: Side>(clauses: &[Clause<'_>], scope: &Scope<'_>) -> Result<S, Unsayable> {
    if scope.strict && clauses.iter().any(Clause::is_void) {
        return Err(Unsayable);
    }
    let mut all = Vec::new();
    for clause in clauses {
        for (values, is_excluded) in [(clause.values, false), (clause.excluded, true)] {
            if values.is_empty() {
                continue;
            }
            match any_of::<S>(clause, values, scope) {
                Ok(any) if is_excluded => all.push(S::not(any)),
                Ok(any) => all.push(any),
                Err(unsayable) if scope.strict => return Err(unsayable),
                // Without this part, more is denied.
                Err(_) => {}
            }
        }
    }
    if all.is_empty() {
        all.push(S::anything());
    }
    Ok(S::all(all))
}

fn any_of<S: Side>(clause: &Clause<'_>, values: &[String], scope: &Scope<'_>) -> Result<S, Unsayable> {
    let attribute = clause.attribute.as_ref().ok_or(Unsayable)?;
    Ok(S::any(S::one_of(attribute, values, scope)?))
}
