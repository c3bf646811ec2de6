//! All resources of a mesh sorted by kind, each kind oldest first. Knows nothing of what they mean
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::selection::LabelIndex;
use crate::diagnostic::Diagnostic;
use crate::resource::{AnyResource, Meta, Resource, ResourceName, kinds};
use crate::resources::*;

type List<T> = Vec<Arc<Resource<T>>>;

/// Places in a list by namespace and a name.
type ByName = BTreeMap<(String, String), Vec<usize>>;

macro_rules! define_inventory {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(crate) struct Inventory {
            $($(pub $list: List<$spec>,)?)*
            /// By config path.
            pub by_path: BTreeMap<String, AnyResource>,
            entries_by_label: LabelIndex,
            slices_by_service: ByName,
            endpoints_by_name: ByName,
            secrets_by_name: ByName,
        }

        impl Inventory {
            /// Adds a resource to the list of its kind. Kinds without one are no part of a mesh,
            /// and validation refuses them.
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
        named(&self.secrets_by_name, namespace, name, &self.secrets).next().map(|one| &one.spec)
    }

    /// The EndpointSlices of a Service.
    pub(crate) fn slices_of<'a>(
        &'a self,
        service: &Meta,
    ) -> impl Iterator<Item = &'a Resource<EndpointSlice>> {
        named(&self.slices_by_service, &service.namespace, &service.name, &self.endpoint_slices)
    }

    /// The Endpoints of a Service: those of its name.
    pub(crate) fn endpoints_of(&self, service: &Meta) -> Option<&Resource<Endpoints>> {
        named(&self.endpoints_by_name, &service.namespace, &service.name, &self.endpoints).next()
    }

    /// The WorkloadEntries of a namespace that have all of these labels.
    pub(crate) fn entries_selected_by<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Resource<WorkloadEntry>>> {
        let candidates = self.entries_by_label.candidates(labels).map(|place| &self.workload_entries[place]);
        candidates.filter(move |entry| {
            entry.meta.namespace == namespace && labels_match(labels, &entry.spec.labels)
        })
    }

    pub(crate) fn from_resources(mut resources: Vec<AnyResource>) -> Inventory {
        resources.sort_by_cached_key(|resource| resource.meta().age());
        let mut sorted = Inventory::default();
        resources.into_iter().for_each(|resource| sorted.add(resource));
        sorted.index();
        sorted
    }

    fn index(&mut self) {
        let own = |meta: &Meta| Some(meta.name.clone());
        self.secrets_by_name = by_name(&self.secrets, own);
        self.endpoints_by_name = by_name(&self.endpoints, own);
        self.slices_by_service =
            by_name(&self.endpoint_slices, |meta| meta.labels.get(SERVICE_NAME_LABEL).cloned());
        self.workload_entries.iter().for_each(|entry| self.entries_by_label.push(&entry.spec.labels));
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

fn by_name<T>(list: &List<T>, name: impl Fn(&Meta) -> Option<String>) -> ByName {
    let mut places = ByName::new();
    for (place, one) in list.iter().enumerate() {
        if let Some(name) = name(&one.meta) {
            places.entry((one.meta.namespace.clone(), name)).or_default().push(place);
        }
    }
    places
}

fn named<'a, T>(
    places: &'a ByName,
    namespace: &str,
    name: &str,
    list: &'a List<T>,
) -> impl Iterator<Item = &'a Resource<T>> + use<'a, T> {
    let found = places.get(&(namespace.to_owned(), name.to_owned()));
    found.into_iter().flatten().map(|place| list[*place].as_ref())
}
