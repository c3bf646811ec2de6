//! All resources of a mesh sorted by kind, each kind oldest first. Knows nothing of what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::resource::{AnyResource, Resource, ResourceName, kinds};
use crate::resources::*;

type List<T> = Vec<Arc<Resource<T>>>;

macro_rules! define_inventory {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(crate) struct Inventory {
            $($(pub $list: List<$spec>,)?)*
            /// By config path.
            pub by_path: BTreeMap<String, AnyResource>,
        }

        impl Inventory {
            /// Adds a resource to the list of its kind. Kinds without one are no part of a mesh, and validation refuses them.
            fn add(&mut self, resource: AnyResource) {
                self.by_path.insert(resource.meta().config_path(), resource.clone());
                match resource {
                    $(AnyResource::$kind(_resource) => { $(self.$list.push(_resource);)? })*
                }
            }
        }
    };
}

kinds!(define_inventory);

impl Inventory {
    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        let found = self.secrets.iter().find(|one| one.meta.namespace == namespace && one.meta.name == name);
        found.map(|one| &one.spec)
    }

    pub(crate) fn from_resources(mut resources: Vec<AnyResource>) -> Inventory {
        resources.sort_by_cached_key(|resource| resource.meta().age());
        let mut sorted = Inventory::default();
        resources.into_iter().for_each(|resource| sorted.add(resource));
        sorted
    }

    /// Takes out the VirtualServices that an error refuses.
    pub(crate) fn remove_virtual_services(&mut self, diagnostics: &[Diagnostic]) {
        let refused: BTreeSet<&ResourceName> = diagnostics
            .iter()
            .filter(|found| found.is_error())
            .filter_map(|found| found.resource.as_ref())
            .collect();
        self.virtual_services.retain(|resource| !refused.contains(&resource.meta.resource_name()));
        self.by_path.retain(|_, resource| !refused.contains(&resource.meta().resource_name()));
    }
}
