//! Carrying out a plan to forward: attempts upstream until one brings a response that is passed on, or no more are allowed.
//!
//! It must not know how a route was chosen.

use std::sync::Arc;
use std::time::Duration;

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::address::Address;
use carrick_policy::balance::outlier;
use carrick_policy::head::{grpc_as_http, is_grpc};
use carrick_policy::http::plan::ForwardPlan;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::{Failure, Hashed, HeaderRules, RetryPolicy};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::answer::{answer, apply_to_response, finish_head};
use super::attempt::{self, Attempt, Outcome, Timing};
use super::bodies::Bodies;
use super::failure::{self, Failed};
use super::outgoing::{ATTEMPT_COUNT, request_for, rewrite_head};
use super::record::Record;
use super::response::{BodyLimits, Home, ResponseBody};
use super::shadow;
use crate::cluster::http::{Answer, RequestBody, Tee};
use crate::cluster::{Permit, PickContext, UpstreamCluster};

const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

/// Forwards a request, and answers it with what came of that.
pub(crate) async fn forward(
    plan: ForwardPlan,
    mut prepared: Prepared,
    body: Incoming,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let grpc = is_grpc(&prepared.parts.headers);
    let env = record.downstream.env.clone();
    let Some(cluster) = env.clusters.get(&plan.cluster) else {
        record.keep_request_headers(&prepared.parts.headers);
        return answer(no_cluster(&plan), grpc, Some(&plan.route), record);
    };
    let labels = cluster.http.labels(&cluster, &env.stats);
    record.cluster(labels);
    record.downstream.stats.rq_total.increment();
    let timing = Timing::new(&plan, &prepared, &record.downstream.manager.limits);
    rewrite_head(&plan, &mut prepared, &mut record, &timing);
    let policy = plan.action().and_then(|action| action.retry.clone());
    let tees = mirror(&plan, &prepared, &timing, &record);
    let mut bodies = Bodies::new(body, &prepared, policy.is_some(), tees, &cluster, &mut record);
    let mut cookies = Vec::new();
    let hash = hash_of(&plan, &prepared, &record, &mut cookies);
    let mut tried: Vec<Address> = Vec::new();
    let mut retries = 0;
    // Counts a retry for as long as it lasts.
    let mut _retrying = None;
    loop {
        let skip =
            if policy.as_ref().is_some_and(|policy| policy.avoid_previous_hosts) { &tried[..] } else { &[] };
        let info = record.downstream.info.clone();
        let picked = match cluster.pick_for_request(&PickContext { downstream: &info, hash, skip }) {
            Ok(picked) => picked,
            Err(error) => {
                record.keep_request_headers(&prepared.parts.headers);
                return answer(failure::no_host(error), grpc, Some(&plan.route), record);
            }
        };
        record.attempt(picked.guard);
        let last = policy.as_ref().is_none_or(|policy| retries >= policy.retries) || !bodies.can_repeat();
        let (request, host) =
            request_for(&plan, &mut prepared, &picked.endpoint.hostname, &record, &cluster, last);
        if record.http().attempts == 1 {
            record.keep_request_headers(&request.0);
        }
        if policy.as_ref().is_some_and(|policy| policy.avoid_previous_hosts) {
            tried.push(picked.endpoint.address.clone());
        }
        let attempt = Attempt {
            cluster: &cluster,
            endpoint: &picked.endpoint,
            authority: host,
            head: request.0,
            method: prepared.parts.method.clone(),
            uri: request.1,
            version: request.2,
            alpn: prepared.alpn.clone(),
        };
        let outcome = attempt::run(attempt, bodies.next(), &timing, policy.as_deref(), &mut record).await;
        if let Some(outcome) = told(&outcome) {
            cluster.report(&picked.endpoint, outcome);
        }
        let retry = Retry { policy: policy.as_deref(), cluster: &cluster, bodies: &bodies, retries };
        _retrying = None;
        match outcome {
            Outcome::Response(response) => match retry.of_response(&response.answer, &mut record) {
                Some((pause, permit)) => {
                    _retrying = Some(permit);
                    retries += 1;
                    drop(response);
                    tokio::time::sleep(pause).await;
                }
                None => {
                    let home = Home { cluster, host: response.host, endpoint: picked.endpoint };
                    return pass_on(response.answer, response.millis, home, &plan, &timing, cookies, record);
                }
            },
            Outcome::Failed(failed) => match retry.of_failure(failed.failure, &timing, &mut record) {
                Some((pause, permit)) => {
                    _retrying = Some(permit);
                    retries += 1;
                    tokio::time::sleep(pause).await;
                }
                None => return give_up(failed, retries > 0, grpc, &plan, record),
            },
        }
    }
}

/// Sends copies to where the route mirrors to. Those whose body is still to come are fed with it as the original's is read.
fn mirror(plan: &ForwardPlan, prepared: &Prepared, timing: &Timing, record: &Record) -> Vec<Tee> {
    let Some(action) = plan.action() else { return Vec::new() };
    let downstream = &record.downstream;
    let mut tees = Vec::new();
    for mirror in action.mirrors.iter().filter(|mirror| mirror.draws()) {
        let Some(copy) = shadow::Copy::of(prepared, mirror, &downstream.env) else { continue };
        let body = match prepared.has_body {
            true => {
                let (tee, branch) = Tee::new();
                tees.push(tee);
                RequestBody::Branch(branch)
            }
            false => RequestBody::Empty,
        };
        let (info, env) = (downstream.info.clone(), downstream.env.clone());
        copy.send(body, timing.response(), info, env, downstream.is_http2);
    }
    tees
}

/// What decides between the hosts of a cluster that chooses by hash.
pub(crate) fn hash_of(
    plan: &ForwardPlan,
    prepared: &Prepared,
    record: &Record,
    set_cookies: &mut Vec<HeaderValue>,
) -> Option<u64> {
    let info = &record.downstream.info;
    let hashed = Hashed {
        headers: &prepared.parts.headers,
        query: prepared.parts.uri.query().unwrap_or_default(),
        client: record.entry.client.unwrap_or(info.remote).ip(),
        connection: (info.remote, info.local),
    };
    plan.action()?.hash.hash(&hashed, set_cookies)
}

/// Answers with the last failure, unless nobody is there to be answered.
fn give_up(
    failed: Failed,
    retried: bool,
    grpc: bool,
    plan: &ForwardPlan,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    if failed.client_is_gone() {
        record.downstream.client_is_gone();
        record.flag(ResponseFlag::DownstreamConnectionTermination);
        record.details("downstream_remote_disconnect");
        return Response::new(ResponseBody::unsent(record));
    }
    answer(failed.reply(retried), grpc, Some(&plan.route), record)
}

pub(crate) fn no_cluster(plan: &ForwardPlan) -> LocalReply {
    let status = plan.action().map_or(StatusCode::SERVICE_UNAVAILABLE, |action| action.cluster_not_found);
    LocalReply::new(status, "cluster_not_found").flagged(ResponseFlag::NoClusterFound)
}

/// What outlier detection is to know of an attempt.
fn told(outcome: &Outcome) -> Option<outlier::Outcome> {
    match outcome {
        Outcome::Response(answered) => {
            let response = &answered.answer.response;
            let status = grpc_as_http(response.headers()).unwrap_or(response.status().as_u16());
            Some(outlier::Outcome::Status(status))
        }
        Outcome::Failed(failed) => failed.outcome(),
    }
}

/// Whether and when to try again.
struct Retry<'a> {
    policy: Option<&'a RetryPolicy>,
    cluster: &'a UpstreamCluster,
    bodies: &'a Bodies,
    retries: u32,
}

impl Retry<'_> {
    fn of_response(&self, answer: &Answer, record: &mut Record) -> Option<(Duration, Permit)> {
        let policy = self.policy?;
        let (status, headers) = (answer.response.status(), answer.response.headers());
        self.pause(policy.retries_response(status, headers), policy, record)
    }

    fn of_failure(
        &self,
        failure: Option<Failure>,
        timing: &Timing,
        record: &mut Record,
    ) -> Option<(Duration, Permit)> {
        let policy = self.policy?;
        let retries = failure.is_some_and(|failure| policy.retries_failure(failure));
        if timing.is_over() {
            return None;
        }
        self.pause(retries, policy, record)
    }

    fn pause(&self, wanted: bool, policy: &RetryPolicy, record: &mut Record) -> Option<(Duration, Permit)> {
        if !wanted || !self.bodies.can_repeat() {
            return None;
        }
        if self.retries >= policy.retries {
            record.flag(ResponseFlag::UpstreamRetryLimitExceeded);
            record.count_upstream(|stats| &stats.upstream_rq_retry_limit_exceeded);
            return None;
        }
        let Some(permit) = self.cluster.breakers().retry(self.cluster.active_requests()) else {
            record.flag(ResponseFlag::UpstreamOverflow);
            record.count_upstream(|stats| &stats.upstream_rq_retry_overflow);
            return None;
        };
        record.count_upstream(|stats| &stats.upstream_rq_retry);
        record.forget_attempt();
        Some((policy.pause(self.retries + 1), permit))
    }
}

/// The upstream's response, with what this hop adds.
fn pass_on(
    answer: Answer,
    millis: u64,
    home: Home,
    plan: &ForwardPlan,
    timing: &Timing,
    cookies: Vec<HeaderValue>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let Answer { response, carrier } = answer;
    let (mut parts, incoming) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    if !record.downstream.manager.suppress_envoy_headers {
        parts.headers.insert(SERVICE_TIME, HeaderValue::from(millis));
    }
    if plan.route.attempt_count_in_response {
        let attempts = record.http().attempts;
        parts.headers.insert(ATTEMPT_COUNT, HeaderValue::from(attempts));
    }
    record.entry.response_code = Some(parts.status.as_u16());
    record.details("via_upstream");
    if plan.cluster_headers.is_some() || !plan.route.headers.is_empty() {
        let rules: Vec<&HeaderRules> =
            plan.cluster_headers.iter().chain(&plan.route.headers).map(Arc::as_ref).collect();
        apply_to_response(&rules, &mut parts.headers, &record);
    }
    for cookie in cookies {
        parts.headers.append(SET_COOKIE, cookie);
    }
    finish_head(&mut parts.headers, &mut record, false);
    record.keep_response_headers(&parts.headers);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    let limits = BodyLimits { deadline: timing.deadline(record.progress.as_deref()), idle: timing.idle };
    let body = ResponseBody::relay(incoming, carrier, home, limits, record);
    Response::from_parts(parts, body)
}

/// What an upstream says about its own connection is not for the client.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        headers.remove(name);
    }
}
