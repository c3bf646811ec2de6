//! Which resources of one kind a proxy wants.

use std::collections::BTreeSet;

use crate::WILDCARD;
use crate::resource::ResourceType;

use super::{MAX_NAME_BYTES, MAX_NAMES, ProtocolError};

/// Names, and perhaps "all of this kind".
#[derive(Debug, Default)]
pub(super) struct Subscription {
    pub wildcard: bool,
    pub names: BTreeSet<String>,
}

impl Subscription {
    pub fn covers(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }
}

/// Whether `*` means everything here; for kinds without a wildcard it is a name like any other.
pub(super) fn is_wildcard(kind: ResourceType, name: &str) -> bool {
    name == WILDCARD && kind.allows_wildcard()
}

/// Refuses names that no honest proxy sends, before anything of the request is applied.
pub(super) fn check<'a>(
    kind: ResourceType,
    already: usize,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), ProtocolError> {
    let mut count = already;
    for name in names {
        count += 1;
        if name.is_empty() {
            return Err(ProtocolError::EmptyName { kind });
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(ProtocolError::NameTooLong { kind, bytes: name.len() });
        }
        if count > MAX_NAMES {
            return Err(ProtocolError::TooManyNames { kind });
        }
    }
    Ok(())
}
