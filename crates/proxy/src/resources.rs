//! Every xDS resource as it was received, and what became of it: the source of `/config_dump`.
//!
//! A notebook: nothing in the data path reads it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use carrick_xds::ResourceType;
use prost_types::Any;

/// Where a resource came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The bootstrap's `static_resources`.
    Static,
    /// An xDS server.
    Dynamic,
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedVersion {
    pub version: String,
    pub at: SystemTime,
    pub body: Any,
}

/// What this proxy holds under one name. At least one of the three is present.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadedResource {
    /// In use now.
    pub active: Option<LoadedVersion>,
    /// Accepted, and waiting for the resources that it names.
    pub warming: Option<LoadedVersion>,
    /// The last one that was refused, and why; cleared by the next good one.
    pub refused: Option<(LoadedVersion, String)>,
}

/// All resources by kind and name.
#[derive(Debug, Default)]
pub struct ResourceLog {
    resources: Mutex<BTreeMap<(ResourceType, String), (Origin, LoadedResource)>>,
}

impl ResourceLog {
    /// A copy of everything of one kind, in name order.
    pub fn of(&self, kind: ResourceType) -> Vec<(String, Origin, LoadedResource)> {
        let resources = self.lock();
        let of_kind = resources.iter().filter(|((k, _), _)| *k == kind);
        of_kind.map(|((_, name), (origin, resource))| (name.clone(), *origin, resource.clone())).collect()
    }

    /// A good version that waits for what it names.
    pub(crate) fn warm(&self, kind: ResourceType, name: &str, origin: Origin, version: LoadedVersion) {
        self.update(kind, name, origin, |resource| {
            resource.warming = Some(version);
            resource.refused = None;
        });
    }

    /// The warming version is now the one in use.
    pub(crate) fn promote(&self, kind: ResourceType, name: &str) {
        if let Some((_, resource)) = self.lock().get_mut(&(kind, name.to_owned()))
            && let Some(warm) = resource.warming.take()
        {
            resource.active = Some(warm);
        }
    }

    pub(crate) fn activate(&self, kind: ResourceType, name: &str, origin: Origin, version: LoadedVersion) {
        self.update(kind, name, origin, |resource| {
            *resource = LoadedResource { active: Some(version), ..LoadedResource::default() };
        });
    }

    pub(crate) fn refuse(
        &self,
        kind: ResourceType,
        name: &str,
        origin: Origin,
        version: LoadedVersion,
        reason: String,
    ) {
        self.update(kind, name, origin, |resource| resource.refused = Some((version, reason)));
    }

    /// The version that was warming cannot be used after all.
    pub(crate) fn refuse_warming(&self, kind: ResourceType, name: &str, reason: String) {
        if let Some((_, resource)) = self.lock().get_mut(&(kind, name.to_owned()))
            && let Some(warm) = resource.warming.take()
        {
            resource.refused = Some((warm, reason));
        }
    }

    pub(crate) fn remove(&self, kind: ResourceType, name: &str) {
        self.lock().remove(&(kind, name.to_owned()));
    }

    fn update(
        &self,
        kind: ResourceType,
        name: &str,
        origin: Origin,
        change: impl FnOnce(&mut LoadedResource),
    ) {
        let mut resources = self.lock();
        let entry = resources.entry((kind, name.to_owned()));
        let (known_origin, resource) = entry.or_insert_with(|| (origin, LoadedResource::default()));
        *known_origin = origin;
        change(resource);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(ResourceType, String), (Origin, LoadedResource)>> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
