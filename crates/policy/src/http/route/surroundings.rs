//! What a route takes over from the virtual host and the table around it, and how fields are
//! refused.
//!
//! It must not know how any of it is converted.

use std::sync::Arc;

use carrick_xds::FieldError;

use super::mirror::Mirror;
use super::mutation::HeaderRules;
use super::retry::RetryPolicy;

/// What the routes of a virtual host take over from their surroundings.
pub(super) struct Surroundings {
    /// Header rules of the virtual host and of the table, in the order of application.
    pub(super) headers: Vec<Arc<HeaderRules>>,
    pub(super) route_rules_last: bool,
    pub(super) retry: Option<Arc<RetryPolicy>>,
    pub(super) mirrors: Arc<[Mirror]>,
    pub(super) attempt_count_in_request: bool,
    pub(super) attempt_count_in_response: bool,
    pub(super) direct_response_limit: usize,
}

pub(super) fn refused(field: &str) -> FieldError {
    FieldError::new(field, "is not supported")
}

/// Refuses a field that says something.
pub(super) fn refuse_if(set: bool, field: &str) -> Result<(), FieldError> {
    if set { Err(refused(field)) } else { Ok(()) }
}
