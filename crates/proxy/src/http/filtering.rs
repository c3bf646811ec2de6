//! A request's way through the filters before the router, in the order of the configuration: what
//! they decide is done and counted.
//!
//! It must not know how a filter decides, nor where a request goes after them.

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::head::RequestHead;
use carrick_policy::http::filters::{CorsPolicy, Fault, Filter, FilterKind, Rbac, Stopped};
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::Route;
use carrick_policy::rbac::Subject;

use super::record::Record;

/// Lets the request through all filters, unless one answers it.
pub(crate) async fn run(
    filters: &[Filter],
    route: Option<&Route>,
    prepared: &mut Prepared,
    record: &mut Record,
) -> Option<Stopped> {
    for filter in filters {
        let of_route = route.map(|route| &route.filters);
        let stopped = match &filter.kind {
            FilterKind::Rbac(rbac) => judge(rbac, prepared, record).map(Stopped::from),
            FilterKind::Fault(fault) => {
                let fault = of_route.and_then(|routes| routes.fault(&filter.name)).unwrap_or(fault);
                inject(fault, &prepared.head(), record).await.map(Stopped::from)
            }
            FilterKind::Alpn(alpn) => {
                let of_route = of_route.and_then(|routes| routes.alpn(&filter.name));
                prepared.alpn = of_route.or(alpn.as_ref()).cloned();
                None
            }
            FilterKind::Cors => {
                // A route that does not forward has no resource to share.
                let policy = of_route.filter(|_| route.is_some_and(Route::forwards));
                let policy = policy.and_then(|routes| routes.cors(&filter.name));
                policy.and_then(|policy| share(policy, prepared, record))
            }
        };
        if stopped.is_some() {
            return stopped;
        }
    }
    None
}

/// An answer if the request is refused.
fn judge(rbac: &Rbac, prepared: &Prepared, record: &Record) -> Option<LocalReply> {
    let head = prepared.head();
    let info = &record.downstream.info;
    let client = record.entry.client.unwrap_or(info.remote);
    let judged = rbac.judge(&Subject { connection: info, client, head: Some(&head) });
    let stats = record.downstream.stats();
    match judged.shadow {
        Some(true) => stats.rbac_shadow_allowed.increment(),
        Some(false) => stats.rbac_shadow_denied.increment(),
        None => {}
    }
    match judged.rules? {
        Ok(()) => {
            stats.rbac_allowed.increment();
            None
        }
        Err(reply) => {
            stats.rbac_denied.increment();
            Some(reply)
        }
    }
}

/// Waits, or answers, or neither.
async fn inject(fault: &Fault, head: &RequestHead<'_>, record: &mut Record) -> Option<LocalReply> {
    if !fault.is_for(head) {
        return None;
    }
    if let Some(time) = fault.delay() {
        record.flag(ResponseFlag::DelayInjected);
        record.downstream.stats().fault_delays_injected.increment();
        tokio::time::sleep(time).await;
    }
    let reply = fault.abort()?;
    record.downstream.stats().fault_aborts_injected.increment();
    Some(reply)
}

/// Answers a preflight; for other requests, leaves what their answers are to say in the record.
fn share(policy: &CorsPolicy, prepared: &Prepared, record: &mut Record) -> Option<Stopped> {
    let decision = policy.decide(&prepared.parts.method, &prepared.parts.headers)?;
    match decision.allowed {
        true => record.downstream.stats().cors_origin_valid.increment(),
        false => record.downstream.stats().cors_origin_invalid.increment(),
    }
    if let Some(headers) = decision.answer_headers {
        record.answer_headers = headers;
    }
    decision.answer
}
