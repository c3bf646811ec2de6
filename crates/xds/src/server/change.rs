//! What a proxy was told about a resource, what it should hear next, and how that is said.

use std::sync::Arc;

use crate::resource::Resource;

/// What the proxy last heard about a name.
#[derive(Debug)]
pub(super) enum LastSent {
    /// It says that it has this version from an earlier stream.
    Claimed(String),
    Sent(Arc<Resource>),
    /// Some version, in a response that it dropped whole and that was not repeated.
    Dropped,
    /// There is no such resource.
    Absent,
}

impl LastSent {
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Claimed(version) => Some(version),
            Self::Sent(resource) => Some(&resource.version),
            Self::Dropped | Self::Absent => None,
        }
    }
}

/// What the proxy should hear about a name.
pub(super) enum Difference {
    Nothing,
    Changed(Arc<Resource>),
    /// It had the resource, and has to drop it.
    Gone,
    /// It asked, and there is none.
    Missing,
}

/// What a response of this kind says, in the protocol that the stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// What has changed and what is gone.
    Delta,
    /// All that there is.
    WholeSet,
    /// What has changed; that something is gone cannot be said.
    ChangesOnly,
}

/// What goes into one response.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub changed: Vec<Arc<Resource>>,
    pub removed: Vec<String>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What may go out now, as far as other kinds are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    pub changes: bool,
    pub removals: bool,
}
