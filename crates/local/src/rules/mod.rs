//! The packet rules of pods and networks, each as one table that is replaced whole. Knows ports,
//! addresses and marks; must not know why a mesh wants them.

mod capture;
mod forwarding;
mod guard;
mod services;

pub use capture::Capture;
pub(crate) use forwarding::forwarding_table;
pub use guard::Guard;
pub(crate) use guard::guard_table;
pub(crate) use services::services_table;
pub use services::{Protocol, ServicePort};
