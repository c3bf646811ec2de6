//! Carrick's own `Federation` resource: which clusters there are and which files each of them gets.

mod mesh_config;
mod read;
mod spec;

#[cfg(test)]
mod tests;

pub use mesh_config::*;
pub use read::parse_federation;
pub use spec::*;
