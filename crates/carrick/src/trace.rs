//! The measured path of one request: the records of all proxies on its way, joined and shown.
//!
//! Everything here comes from what proxies recorded. It must not know what the configuration would
//! make one expect.

pub mod measure;
pub mod path;
pub mod render;
