//! One downstream request, from its head to the answer's head, top to bottom: cleaned, planned,
//! filtered, carried out.
//!
//! It must not know how an attempt upstream is made.

use std::future::Future;
use std::sync::Arc;

use carrick_policy::access_log::HttpLog;
use carrick_policy::head::is_grpc;
use carrick_policy::http::filters::Stopped;
use carrick_policy::http::plan::{self, Plan};
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::Route;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::answer::answer;
use super::downstream::Downstream;
use super::exchange;
use super::filtering;
use super::record::Record;
use super::request::prepare;
use super::response::ResponseBody;
use super::upgrade;

/// Answers one request. What is written down about it begins at once, not when the answer is first
/// waited for: the client may be gone by then.
pub(crate) fn handle(
    request: Request<Incoming>,
    downstream: Arc<Downstream>,
) -> impl Future<Output = Response<ResponseBody>> {
    let (parts, body) = request.into_parts();
    let record = Record::new(
        &downstream,
        HttpLog {
            method: parts.method.clone(),
            version: parts.version,
            path: parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
            ..HttpLog::default()
        },
    );
    respond(parts, body, downstream, record)
}

async fn respond(
    parts: Parts,
    body: Incoming,
    downstream: Arc<Downstream>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let grpc = is_grpc(&parts.headers);
    let mut prepared = match prepare(parts, &body, &mut record) {
        Ok(prepared) => prepared,
        Err(reply) => return answer(reply, grpc, None, record),
    };
    let plan = match downstream.service.routes.load() {
        Some(table) => plan::plan(&prepared.head(), &table),
        None => Plan::Answer(LocalReply::route_not_found(), None),
    };
    let filters = &downstream.manager().filters;
    if let Some(stopped) = filtering::run(filters, plan.route(), &mut prepared, &mut record).await {
        return stop(stopped, &plan, &prepared, grpc, record);
    }
    match plan {
        Plan::Answer(reply, route) => {
            record.keep_request_headers(&prepared.parts.headers);
            if let Some(route) = &route {
                name_route(&mut record, route);
            }
            answer(reply, grpc, route.as_deref(), record)
        }
        Plan::Forward(plan) => {
            name_route(&mut record, &plan.route);
            let of_route = plan.action().map_or(&[][..], |action| action.upgrades.as_slice());
            if let Some(kind) = &prepared.upgrade
                && !downstream.manager().allows_upgrade(kind, of_route)
            {
                record.keep_request_headers(&prepared.parts.headers);
                // Where it would have gone.
                record.entry.upstream_cluster = Some(plan.cluster.clone());
                let reply = LocalReply::new(StatusCode::FORBIDDEN, "upgrade_failed").closing();
                return answer(reply, grpc, Some(&plan.route), record);
            }
            match prepared.upgrade.take() {
                Some(kind) => upgrade::forward(plan, prepared, kind, body, record).await,
                None => exchange::forward(plan, prepared, body, record).await,
            }
        }
    }
}

/// A filter's answer.
fn stop(
    stopped: Stopped,
    plan: &Plan,
    prepared: &Prepared,
    grpc: bool,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    record.keep_request_headers(&prepared.parts.headers);
    if let Some(route) = plan.route() {
        name_route(&mut record, route);
    }
    if let Plan::Forward(plan) = plan {
        // Where it would have gone.
        record.entry.upstream_cluster = Some(plan.cluster.clone());
    }
    match stopped.as_it_is {
        true => answer(stopped.reply, false, None, record),
        false => answer(stopped.reply, grpc, plan.route(), record),
    }
}

fn name_route(record: &mut Record, route: &Route) {
    record.entry.route_name = (!route.name.is_empty()).then(|| route.name.clone());
    record.entry.route_rule.clone_from(&route.rule);
}
