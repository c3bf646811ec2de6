//! A resource of any kind, as the parser yields it.

use std::sync::Arc;

use super::kinds::kinds;
use crate::resource::{Meta, Resource};
use crate::resources::*;

macro_rules! define_any {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        /// A resource of any kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyResource {
            $($kind(Arc<Resource<$spec>>),)*
        }

        impl AnyResource {
            pub fn meta(&self) -> &Meta {
                match self {
                    $(AnyResource::$kind(resource) => &resource.meta,)*
                }
            }
        }
    };
}

kinds!(define_any);
