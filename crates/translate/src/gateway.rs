use crate::context::Context;
use carrick_xds::ProxyResources;
pub fn add(_context: &Context<'_>, _resources: &mut ProxyResources) {}
