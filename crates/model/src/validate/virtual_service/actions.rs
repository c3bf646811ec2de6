//! What an HTTP route does: redirect, answer, rewrite, inject faults.

use crate::diagnostic::codes;
use crate::resources::*;
use crate::validate::checker::Checker;

pub(super) fn actions_of(field: &str, route: &HttpRoute, check: &mut Checker<'_>) {
    if let Some(redirect) = &route.redirect
        && !matches!(redirect.redirect_code, 0 | 301 | 302 | 303 | 307 | 308)
    {
        let reason = format!("{} is no redirect status", redirect.redirect_code);
        let help = "use 301, 302, 303, 307 or 308";
        check.error(codes::OUT_OF_RANGE, &format!("{field}.redirect.redirectCode"), reason, help);
    }
    if let Some(direct) = &route.direct_response
        && !(200..=599).contains(&direct.status)
    {
        let reason = format!("{} is no status of a response", direct.status);
        check.error(
            codes::OUT_OF_RANGE,
            &format!("{field}.directResponse.status"),
            reason,
            "write 200 to 599",
        );
    }
    if let Some(rewrite) = route.rewrite.as_ref().and_then(|rewrite| rewrite.uri_regex_rewrite.as_ref()) {
        check.regex(&format!("{field}.rewrite.uriRegexRewrite.match"), &rewrite.pattern);
    }
    if let Some(abort) = route.fault.as_ref().and_then(|fault| fault.abort.as_ref()) {
        let field = format!("{field}.fault.abort");
        match abort.http_status {
            Some(status) if !(200..=599).contains(&status) => {
                let reason = format!("{status} is no status of a response");
                check.error(codes::OUT_OF_RANGE, &format!("{field}.httpStatus"), reason, "write 200 to 599");
            }
            None if abort.grpc_status.is_none() && abort.http2_error.is_none() => {
                check.missing(&format!("{field}.httpStatus"), "the status to abort with");
            }
            _ => {}
        }
        let named = abort
            .grpc_status
            .as_ref()
            .filter(|name| abort.http_status.is_none() && grpc_status_number(name).is_none());
        if let Some(name) = named {
            let reason = format!("`{name}` is no gRPC status");
            check.error(
                codes::UNKNOWN_VALUE,
                &format!("{field}.grpcStatus"),
                reason,
                "write, for example, UNAVAILABLE",
            );
        }
        check.percent(&format!("{field}.percentage.value"), abort.percentage.map_or(0.0, |p| p.value));
    }
    if let Some(delay) = route.fault.as_ref().and_then(|fault| fault.delay.as_ref()) {
        let field = format!("{field}.fault.delay");
        if delay.fixed_delay.is_none() && delay.exponential_delay.is_none() {
            check.missing(&format!("{field}.fixedDelay"), "the delay");
        }
        check.percent(&format!("{field}.percentage.value"), delay.percentage.map_or(0.0, |p| p.value));
    }
}
