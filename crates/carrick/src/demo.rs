//! The demo: two clusters, one request through four proxies, then attacks that must all be refused.
//!
//! It must not decide what is true: the path and the refusals are what proxies recorded.

pub mod attacks;
pub mod evidence;
pub mod example;
pub mod report;
