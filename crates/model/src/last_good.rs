//! A broken edit changes nothing: what was good before stays until something good replaces it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::resource::{AnyResource, ResourceName};

/// Adds to `now` those resources of `previous` that are missing only because of an error: an error names the
/// resource, or stands in its file in a document that could not be read far enough to say whose it is.
///
/// A resource that `now` has under the same name, but that an error of [`crate::build`] refuses, is replaced by
/// the previous one. A resource that is simply gone stays gone.
pub fn keep_last_good(
    previous: &[AnyResource],
    mut now: Vec<AnyResource>,
    diagnostics: &[Diagnostic],
) -> Vec<AnyResource> {
    let errors = || diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let refused: BTreeSet<&ResourceName> = errors().filter_map(|error| error.resource.as_ref()).collect();
    let unreadable: BTreeSet<&Arc<str>> =
        errors().filter(|error| error.resource.is_none()).map(|error| &error.location.file).collect();
    for old in previous {
        let name = old.meta().resource_name();
        let current = now.iter().position(|resource| resource.meta().resource_name() == name);
        match current {
            Some(position) if refused.contains(&name) => now[position] = old.clone(),
            Some(_) => {}
            None if refused.contains(&name) || unreadable.contains(&old.meta().source.file) => {
                now.push(old.clone())
            }
            None => {}
        }
    }
    now
}
