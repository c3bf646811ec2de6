//! Carrick's own `Federation` resource: which clusters there are and which files each of them gets.

mod spec;

pub use spec::*;
