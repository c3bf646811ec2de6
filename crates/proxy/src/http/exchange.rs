//! Carrying out a plan to forward: attempts upstream until one brings a response that is passed on,
//! or no more are allowed.
//!
//! It must not know how a route was chosen.

use std::sync::Arc;
use std::time::Duration;

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::address::Address;
use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::balance::outlier;
use carrick_policy::head::{grpc_as_http, is_grpc};
use carrick_policy::http::plan::ForwardPlan;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::{Hashed, HeaderRules, RetryPolicy};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::answer::{answer, apply_to_response, finish_head};
use super::attempt::{self, Answered, Attempt, Outcome, Timing};
use super::bodies::Bodies;
use super::downstream::End;
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
    prepared: Prepared,
    body: Incoming,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let grpc = is_grpc(&prepared.parts.headers);
    let Some(cluster) = record.downstream.env.clusters.get(&plan.cluster) else {
        record.keep_request_headers(&prepared.parts.headers);
        return answer(no_cluster(&plan), grpc, Some(&plan.route), record);
    };
    record.cluster(cluster.labels());
    record.downstream.stats().rq_total.increment();
    let mut attempts = Attempts::new(plan, prepared, cluster, body, &mut record);
    loop {
        let (endpoint, outcome) = match attempts.next(&mut record).await {
            Ok(made) => made,
            Err(no_host) => return answer(no_host, grpc, Some(&attempts.plan.route), record),
        };
        if let Some(pause) = attempts.pause_before_another(&outcome, &mut record) {
            drop(outcome);
            tokio::time::sleep(pause).await;
            continue;
        }
        return match outcome {
            Outcome::Response(response) => attempts.pass_on(response, endpoint, record),
            Outcome::Failed(failed) => give_up(failed, attempts.retries > 0, grpc, &attempts.plan, record),
        };
    }
}

/// A request on its way through one attempt or several.
struct Attempts {
    plan: ForwardPlan,
    prepared: Prepared,
    cluster: Arc<UpstreamCluster>,
    bodies: Bodies,
    timing: Timing,
    policy: Option<Arc<RetryPolicy>>,
    hash: Option<u64>,
    /// To be set with the answer.
    cookies: Vec<HeaderValue>,
    /// Hosts that another attempt is to avoid.
    tried: Vec<Address>,
    retries: u32,
    /// Counts a retry for as long as it lasts.
    retrying: Option<Permit>,
}

impl Attempts {
    fn new(
        plan: ForwardPlan,
        mut prepared: Prepared,
        cluster: Arc<UpstreamCluster>,
        body: Incoming,
        record: &mut Record,
    ) -> Self {
        let timing = Timing::new(&plan, &prepared, &record.downstream.manager().limits);
        rewrite_head(&plan, &mut prepared, record, &timing);
        let policy = plan.action().and_then(|action| action.retry.clone());
        let tees = mirror(&plan, &prepared, &timing, record);
        let bodies = Bodies::new(body, &prepared, policy.is_some(), tees, &cluster, record);
        let mut cookies = Vec::new();
        let hash = hash_of(&plan, &prepared, record, &mut cookies);
        Self {
            plan,
            prepared,
            cluster,
            bodies,
            timing,
            policy,
            hash,
            cookies,
            tried: Vec::new(),
            retries: 0,
            retrying: None,
        }
    }

    /// Makes an attempt. The answer if there is no host for one.
    async fn next(&mut self, record: &mut Record) -> Result<(Arc<Endpoint>, Outcome), LocalReply> {
        let info = record.downstream.info.clone();
        let context = PickContext { downstream: &info, hash: self.hash, skip: &self.tried };
        let picked = self.cluster.pick_for_request(&context).map_err(|error| {
            record.keep_request_headers(&self.prepared.parts.headers);
            failure::no_host(error)
        })?;
        record.attempt(picked.guard);
        let policy = self.policy.as_deref();
        let last = policy.is_none_or(|policy| self.retries >= policy.retries) || !self.bodies.can_repeat();
        let hostname = &picked.endpoint.hostname;
        let ((head, uri, version), authority) =
            request_for(&self.plan, &mut self.prepared, hostname, record, &self.cluster, last);
        if record.http().attempts == 1 {
            record.keep_request_headers(&head);
        }
        if policy.is_some_and(|policy| policy.avoid_previous_hosts) {
            self.tried.push(picked.endpoint.address.clone());
        }
        let (method, alpn) = (self.prepared.parts.method.clone(), self.prepared.alpn.clone());
        let (cluster, endpoint) = (&self.cluster, &picked.endpoint);
        let attempt = Attempt { cluster, endpoint, authority, head, method, uri, version, alpn };
        let outcome = attempt::run(attempt, self.bodies.next(), &self.timing, policy, record).await;
        if let Some(outcome) = told(&outcome) {
            self.cluster.report(&picked.endpoint, outcome);
        }
        Ok((picked.endpoint, outcome))
    }

    /// How long to wait before another attempt, if one is wanted and allowed.
    fn pause_before_another(&mut self, outcome: &Outcome, record: &mut Record) -> Option<Duration> {
        self.retrying = None;
        let policy = self.policy.as_deref()?;
        let wanted = match outcome {
            Outcome::Response(Answered { answer: Answer { response, .. }, .. }) => {
                policy.retries_response(response.status(), response.headers())
            }
            // What is final, or came when the time was over, is no matter of policies.
            Outcome::Failed(failed) => {
                policy.retries_failure(failed.failure.filter(|_| !self.timing.is_over())?)
            }
        };
        if !wanted && self.retries > 0 {
            // An attempt that needs no other one made the retries before it a success, as Envoy has
            // it.
            record.count_upstream(|stats| &stats.upstream_rq_retry_success);
        }
        if !wanted || !self.bodies.can_repeat() {
            return None;
        }
        if self.retries >= policy.retries {
            record.flag(ResponseFlag::UpstreamRetryLimitExceeded);
            record.count_upstream(|stats| &stats.upstream_rq_retry_limit_exceeded);
            return None;
        }
        self.retrying = self.cluster.breakers().retry(self.cluster.active_requests());
        if self.retrying.is_none() {
            record.flag(ResponseFlag::UpstreamOverflow);
            record.count_upstream(|stats| &stats.upstream_rq_retry_overflow);
            return None;
        }
        record.count_upstream(|stats| &stats.upstream_rq_retry);
        record.forget_attempt();
        self.retries += 1;
        Some(policy.pause(self.retries))
    }

    /// The upstream's response, with what this hop adds.
    fn pass_on(
        self,
        answered: Answered,
        endpoint: Arc<Endpoint>,
        mut record: Box<Record>,
    ) -> Response<ResponseBody> {
        let Self { plan, cluster, timing, cookies, .. } = self;
        let Answered { answer: Answer { response, carrier }, host, millis } = answered;
        let home = Home { cluster, host, endpoint };
        let (mut parts, incoming) = response.into_parts();
        remove_hop_by_hop(&mut parts.headers);
        if !record.downstream.manager().suppress_envoy_headers {
            parts.headers.insert(SERVICE_TIME, HeaderValue::from(millis));
        }
        if plan.route.attempt_count_in_response {
            let attempts = record.http().attempts;
            parts.headers.insert(ATTEMPT_COUNT, HeaderValue::from(attempts));
        }
        record.entry.response_code = Some(parts.status.as_u16());
        record.passes_on();
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
}

/// Sends copies to where the route mirrors to. Those whose body is still to come are fed with it as
/// the original's is read.
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
        copy.send(body, timing.response(), downstream.info.clone(), downstream.is_http2);
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
        // Over HTTP/2 only a stream ends.
        if !record.downstream.is_http2 {
            record.downstream.ends(End::ClientGone);
        }
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

/// What an upstream says about its own connection is not for the client.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        headers.remove(name);
    }
}
