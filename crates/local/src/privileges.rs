//! What a program in a pod may do beyond using its own files and sockets (man 7 capabilities).
//! Inside our user namespace everybody has user id 0, so capabilities are the only thing that tells
//! a proxy from an application.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, failed};

/// How much a program is trusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privileges {
    /// Nothing at all, and no way to gain it. It may still listen on any port of its pod.
    App,
    /// CAP_NET_ADMIN and CAP_NET_BIND_SERVICE: may mark its sockets as the proxy's own.
    Proxy,
}

impl Privileges {
    fn capabilities(self) -> CapabilitySet {
        match self {
            Privileges::App => CapabilitySet::empty(),
            Privileges::Proxy => CapabilitySet::NET_ADMIN | CapabilitySet::NET_BIND_SERVICE,
        }
    }

    /// Gives up everything else, for this process and all that it will ever start. Only in a
    /// single-threaded process: capabilities belong to threads.
    pub(crate) fn assume(self) -> Result<(), Error> {
        let kept = self.capabilities();
        for number in 0..u64::BITS {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            // An error means: this kernel has no capability of that number.
            if capability_is_in_bounding_set(capability) == Ok(true) && !kept.contains(capability) {
                remove_capability_from_bounding_set(capability)
                    .map_err(failed(format!("drop capability {number} for good")))?;
            }
        }
        clear_ambient_capability_set().map_err(failed("clear the ambient capabilities"))?;
        // Without new privileges, an executed file gives its process no capability that it had not
        // before, even though the user id is 0.
        set_no_new_privs(true).map_err(failed("set no_new_privs"))?;
        set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })
            .map_err(failed("reduce capabilities"))
    }
}
