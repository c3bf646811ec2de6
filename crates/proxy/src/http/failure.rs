//! Failures upstream, in Envoy's words: the body of the answer, response flags, and response code
//! details.
//!
//! It must not know how a failure came about.

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::balance::outlier::Outcome;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::Failure;
use http::{HeaderName, HeaderValue, StatusCode};

use super::record::Record;
use crate::cluster::PickError;
use crate::cluster::http::{self as upstream, NoResponse};

/// Tells clients of a mesh that it is no use to try again now.
pub(crate) const OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");

/// An attempt that brought no response.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What a retry policy may say about it; nothing if it is final.
    pub(crate) failure: Option<Failure>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The cluster has as much to do as it may.
    Overflow,
    /// The connection, or the stream, broke before the response: Envoy's reason, its short form,
    /// and the flag.
    Broken { reason: &'static str, details: String, flag: ResponseFlag },
    /// The client went away before it had sent its request.
    ClientGone,
    /// Took too long.
    TooLate { status: StatusCode, body: &'static str, details: &'static str, flag: Option<ResponseFlag> },
}

impl Failed {
    fn broken(
        failure: Failure,
        reason: &'static str,
        details: impl Into<String>,
        flag: ResponseFlag,
    ) -> Self {
        Self { failure: Some(failure), kind: Kind::Broken { reason, details: details.into(), flag } }
    }

    /// No connection. Its reason is also logged as `%UPSTREAM_TRANSPORT_FAILURE_REASON%`.
    pub(crate) fn connect(error: upstream::Failed, record: &mut Record) -> Self {
        if error.overflow {
            // Never tried again: that would only add to the load.
            return Self { failure: None, kind: Kind::Overflow };
        }
        let flag = ResponseFlag::UpstreamConnectionFailure;
        if error.timeout {
            return Self::broken(Failure::Connect, "connection timeout", "connection_timeout", flag);
        }
        let details = format!("remote_connection_failure|{}", error.reason);
        record.entry.upstream_failure = Some(error.reason);
        Self::broken(Failure::Connect, "remote connection failure", details, flag)
    }

    pub(crate) fn no_response(reason: &NoResponse) -> Self {
        let sent = Failure::Reset { request_sent: true };
        match reason {
            NoResponse::NotSent => Self::broken(
                Failure::Reset { request_sent: false },
                "connection termination",
                "connection_termination",
                ResponseFlag::UpstreamConnectionTermination,
            ),
            NoResponse::Refused => Self::broken(
                Failure::Refused,
                "remote refused stream reset",
                "remote_refused_stream_reset",
                ResponseFlag::UpstreamRemoteReset,
            ),
            NoResponse::StreamReset => {
                Self::broken(sent, "remote reset", "remote_reset", ResponseFlag::UpstreamRemoteReset)
            }
            NoResponse::Reset { by_peer: true } => Self::broken(
                sent,
                "connection termination",
                "connection_termination",
                ResponseFlag::UpstreamConnectionTermination,
            ),
            NoResponse::Reset { by_peer: false } => {
                Self::broken(sent, "local reset", "local_reset", ResponseFlag::LocalReset)
            }
            NoResponse::Protocol => {
                Self::broken(sent, "protocol error", "protocol_error", ResponseFlag::UpstreamProtocolError)
            }
            NoResponse::DownstreamBody { malformed: false } => Self { failure: None, kind: Kind::ClientGone },
            NoResponse::DownstreamBody { malformed: true } => Self::too_late(
                None,
                StatusCode::BAD_REQUEST,
                "Bad Request",
                "http1.codec_error",
                ResponseFlag::DownstreamProtocolError,
            ),
        }
    }

    fn too_late(
        failure: Option<Failure>,
        status: StatusCode,
        body: &'static str,
        details: &'static str,
        flag: impl Into<Option<ResponseFlag>>,
    ) -> Self {
        let flag = flag.into();
        Self { failure, kind: Kind::TooLate { status, body, details, flag } }
    }

    pub(crate) fn timeout() -> Self {
        let flag = ResponseFlag::UpstreamRequestTimeout;
        Self::too_late(
            None,
            StatusCode::GATEWAY_TIMEOUT,
            "upstream request timeout",
            "response_timeout",
            flag,
        )
    }

    pub(crate) fn per_try_timeout() -> Self {
        let flag = ResponseFlag::UpstreamRequestTimeout;
        let (status, body) = (StatusCode::GATEWAY_TIMEOUT, "upstream request timeout");
        Self::too_late(Some(Failure::PerTryTimeout), status, body, "upstream_per_try_timeout", flag)
    }

    /// `sending`: the client has not sent all of its request yet, so it is the one who is late.
    pub(crate) fn idle(sending: bool) -> Self {
        let flag = ResponseFlag::StreamIdleTimeout;
        Self::too_late(None, late(sending), "stream timeout", "stream_idle_timeout", flag)
    }

    pub(crate) fn request_timeout() -> Self {
        let flag = ResponseFlag::DownstreamConnectionTermination;
        Self::too_late(None, StatusCode::REQUEST_TIMEOUT, "request timeout", "request_overall_timeout", flag)
    }

    /// Envoy has no flag for this one.
    pub(crate) fn stream_duration(sending: bool) -> Self {
        Self::too_late(None, late(sending), "downstream duration timeout", "max_duration_timeout", None)
    }

    /// What outlier detection is to know of it. Failures to connect were reported when they
    /// happened.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match (&self.kind, self.failure) {
            (Kind::Broken { .. }, Some(Failure::Reset { .. } | Failure::Refused)) => Some(Outcome::Failed),
            (Kind::TooLate { flag: Some(ResponseFlag::UpstreamRequestTimeout), .. }, _) => {
                Some(Outcome::TimedOut)
            }
            _ => None,
        }
    }

    pub(crate) fn client_is_gone(&self) -> bool {
        matches!(self.kind, Kind::ClientGone)
    }

    /// The answer to the client. Envoy says whether this was the last of several attempts.
    pub(crate) fn reply(self, retried: bool) -> LocalReply {
        match self.kind {
            Kind::Overflow => overflow(),
            Kind::Broken { reason, details, flag } => {
                let latest = if retried { "retried and the latest reset reason" } else { "reset reason" };
                let body =
                    format!("upstream connect error or disconnect/reset before headers. {latest}: {reason}");
                let details = format!("upstream_reset_before_response_started{{{details}}}");
                let status = match flag {
                    ResponseFlag::UpstreamProtocolError => StatusCode::BAD_GATEWAY,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                LocalReply::new(status, details).with_body(body).flagged(flag)
            }
            // Sent to nobody.
            Kind::ClientGone => LocalReply::bad_request("downstream_remote_disconnect")
                .flagged(ResponseFlag::DownstreamConnectionTermination),
            Kind::TooLate { status, body, details, flag } => {
                let mut reply = LocalReply::new(status, details).with_body(body);
                reply.flag = flag;
                // The client may still be sending: what it sends next would be read as another
                // request.
                if status == StatusCode::GATEWAY_TIMEOUT { reply } else { reply.closing() }
            }
        }
    }
}

/// Who is late: the client, or the upstream.
fn late(sending: bool) -> StatusCode {
    if sending { StatusCode::REQUEST_TIMEOUT } else { StatusCode::GATEWAY_TIMEOUT }
}

fn overflow() -> LocalReply {
    let body = "upstream connect error or disconnect/reset before headers. reset reason: overflow";
    let details = "upstream_reset_before_response_started{overflow}";
    LocalReply::new(StatusCode::SERVICE_UNAVAILABLE, details)
        .with_header(OVERLOADED, HeaderValue::from_static("true"))
        .with_body(body)
        .flagged(ResponseFlag::UpstreamOverflow)
}

/// No endpoint to try.
pub(crate) fn no_host(error: PickError) -> LocalReply {
    match error {
        PickError::Overflow => overflow(),
        PickError::NoHealthyHost | PickError::NoOriginalDestination | PickError::Loop => {
            LocalReply::new(StatusCode::SERVICE_UNAVAILABLE, "no_healthy_upstream")
                .with_body("no healthy upstream")
                .flagged(ResponseFlag::NoHealthyUpstream)
        }
    }
}
