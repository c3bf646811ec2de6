//! Does a resource make sense: on its own ([`resource`]), and beside the others ([`references`]).
//!
//! An error refuses the resource, a warning does not. A value that Istio's own validation refuses
//! is an error; a reference that leads nowhere but that Istio would apply all the same is a
//! warning.

mod authorization;
mod checker;
mod destination_rule;
mod gateway;
mod kubernetes;
mod legacy_policy;
mod peer_authentication;
mod references;
mod refused;
mod service_entry;
mod sidecar;
mod virtual_service;

pub(crate) use references::{Surroundings, references};

use checker::Checker;

use crate::diagnostic::Diagnostic;
use crate::mesh::MeshSettings;
use crate::resource::{AnyResource, kinds};

macro_rules! define_check {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        /// Checks one resource on its own.
        pub(crate) fn resource(resource: &AnyResource, settings: &MeshSettings, found: &mut Vec<Diagnostic>) {
            let mut check = Checker::new(resource.meta(), settings, found);
            match resource {
                $(AnyResource::$kind(_one) => { $($check(&_one.spec, &mut check))? })*
            }
        }
    };
}

kinds!(define_check);
