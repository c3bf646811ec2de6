//! An error that knows which field of a message it is about: the reason a proxy gives when it
//! refuses a resource.
//!
//! It must not know any message; each level of a conversion adds its own step of the path.

use std::fmt;

/// What is wrong with one field, and the field's path from the outermost message that was looked
/// at.
///
/// A conversion reports the innermost field and every caller puts its own step in front with
/// [`within`](Self::within), so that the operator reads
/// `filter_chains[2].filters[0].typed_config.cluster: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    path: String,
    reason: String,
}

impl FieldError {
    /// `field` may be empty, when it is the message itself that is wrong.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: field.into(), reason: reason.into() }
    }

    /// The same error, seen from the message that holds `outer`.
    pub fn within(self, outer: impl fmt::Display) -> Self {
        let outer = outer.to_string();
        let path = match (outer.as_str(), self.path.as_str()) {
            (_, "") => outer,
            ("", _) => self.path,
            (_, inner) if inner.starts_with('[') => format!("{outer}{inner}"),
            (_, inner) => format!("{outer}.{inner}"),
        };
        Self { path, reason: self.reason }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for FieldError {}

#[cfg(test)]
mod tests;
