//! The fault filter: delays and errors on purpose, to test those who call (Envoy docs, "Fault
//! Injection").
//!
//! Faults that a client asks for by headers are refused. It must not know where a request would go.

use std::time::Duration;

use bytes::Bytes;
use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3::HeaderMatcher as HeaderMatcherPb;
use carrick_xds::pb::envoy::extensions::filters::common::fault::v3::FaultDelay;
use carrick_xds::pb::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault};
use http::StatusCode;

use crate::access_log::ResponseFlag;
use crate::config::{optional_duration, share};
use crate::head::RequestHead;
use crate::http::reply::LocalReply;
use crate::matcher::HeaderMatcher;

/// An `HTTPFault` message, converted.
#[derive(Debug, Default)]
pub struct Fault {
    delay: Option<Delay>,
    abort: Option<Abort>,
    /// Only requests with all of these.
    headers: Vec<HeaderMatcher>,
}

#[derive(Debug)]
struct Delay {
    time: Duration,
    /// Of the requests, in millionths.
    share: u64,
}

#[derive(Debug)]
struct Abort {
    status: StatusCode,
    grpc_status: Option<u32>,
    body: Bytes,
    share: u64,
}

const BODY: &str = "fault filter abort";

impl Fault {
    pub fn from_proto(pb: &HttpFault) -> Result<Self, FieldError> {
        let HttpFault {
            delay,
            abort,
            upstream_cluster,
            headers,
            downstream_nodes,
            max_active_faults,
            response_rate_limit,
            // Carrick has no runtime layer that could override anything.
            delay_percent_runtime: _,
            abort_percent_runtime: _,
            delay_duration_runtime: _,
            abort_http_status_runtime: _,
            max_active_faults_runtime: _,
            response_rate_limit_percent_runtime: _,
            abort_grpc_status_runtime: _,
            // Statistics that are not kept.
            disable_downstream_cluster_stats: _,
            filter_metadata,
        } = pb;
        let refuse = |set: bool, field: &str| match set {
            true => Err(FieldError::new(field, "is not supported")),
            false => Ok(()),
        };
        refuse(!upstream_cluster.is_empty(), "upstream_cluster")?;
        refuse(!downstream_nodes.is_empty(), "downstream_nodes")?;
        refuse(max_active_faults.is_some(), "max_active_faults")?;
        refuse(response_rate_limit.is_some(), "response_rate_limit")?;
        refuse(filter_metadata.is_some(), "filter_metadata")?;
        let header = |(n, pb): (usize, &HeaderMatcherPb)| {
            HeaderMatcher::from_proto(pb).map_err(|error| error.within(format!("headers[{n}]")))
        };
        Ok(Self {
            delay: delay.as_ref().map(Delay::from_proto).transpose().map_err(|e| e.within("delay"))?,
            abort: abort.as_ref().map(Abort::from_proto).transpose().map_err(|e| e.within("abort"))?,
            headers: headers.iter().enumerate().map(header).collect::<Result<_, _>>()?,
        })
    }

    /// Whether requests like this one may meet the fault.
    pub fn is_for(&self, head: &RequestHead<'_>) -> bool {
        self.headers.iter().all(|matcher| matcher.matches(head))
    }

    /// How long this request is held up, if chance has it so. Each fault draws for itself.
    pub fn delay(&self) -> Option<Duration> {
        self.delay.as_ref().filter(|delay| draws(delay.share)).map(|delay| delay.time)
    }

    /// How this request is answered, if chance has it so.
    pub fn abort(&self) -> Option<LocalReply> {
        let abort = self.abort.as_ref().filter(|abort| draws(abort.share))?;
        let reply = LocalReply::new(abort.status, "fault_filter_abort").with_body(abort.body.clone());
        let reply = reply.flagged(ResponseFlag::FaultInjected);
        Some(match abort.grpc_status {
            Some(status) => reply.with_grpc_status(status),
            None => reply,
        })
    }
}

/// Whether this request is among those.
fn draws(share: u64) -> bool {
    share > 0 && rand::random_range(0..1_000_000) < share
}

impl Delay {
    fn from_proto(pb: &FaultDelay) -> Result<Self, FieldError> {
        let FaultDelay { percentage, fault_delay_secifier } = pb;
        let time = match fault_delay_secifier {
            Some(FaultDelaySecifier::FixedDelay(time)) => optional_duration(Some(time), "fixed_delay")?,
            Some(FaultDelaySecifier::HeaderDelay(_)) => {
                return Err(FieldError::new("header_delay", "is not supported; use fixed_delay"));
            }
            None => None,
        };
        let time = time.filter(|time| !time.is_zero());
        let time = time.ok_or_else(|| FieldError::new("fixed_delay", "must be above 0"))?;
        Ok(Self { time, share: share(percentage.as_ref()).map_err(|error| error.within("percentage"))? })
    }
}

impl Abort {
    fn from_proto(pb: &FaultAbort) -> Result<Self, FieldError> {
        let FaultAbort { percentage, response_body, error_type } = pb;
        let (status, grpc_status) = match error_type {
            Some(ErrorType::HttpStatus(status)) => {
                let code = u16::try_from(*status).ok().filter(|code| (200..600).contains(code));
                let code = code.and_then(|code| StatusCode::from_u16(code).ok());
                let reason = || FieldError::new("http_status", format!("{status} is not in 200 to 599"));
                (code.ok_or_else(reason)?, None)
            }
            Some(ErrorType::GrpcStatus(status)) => (StatusCode::OK, Some(*status)),
            Some(ErrorType::HeaderAbort(_)) => {
                return Err(FieldError::new("header_abort", "is not supported; use http_status"));
            }
            None => return Err(FieldError::new("error_type", "is required: http_status or grpc_status")),
        };
        let body = match response_body.is_empty() {
            true => Bytes::from_static(BODY.as_bytes()),
            false => Bytes::from(response_body.clone()),
        };
        let share = share(percentage.as_ref()).map_err(|error| error.within("percentage"))?;
        Ok(Self { status, grpc_status, body, share })
    }
}
