//! The operators that Carrick knows, and their syntax.
//!
//! It must not know how a value is written.

use carrick_xds::FieldError;
use http::HeaderName;

use super::clock::TimeFormat;
use super::{Field, WantedHeaders};

/// One fact that a format can ask for.
#[derive(Debug, Clone)]
pub enum Operator {
    StartTime(TimeFormat),
    Request(HeaderChoice),
    Response(HeaderChoice),
    Trailer(HeaderChoice),
    Protocol,
    UpstreamProtocol,
    ResponseCode,
    ResponseCodeDetails,
    ConnectionTerminationDetails,
    ResponseFlags,
    UpstreamTransportFailureReason,
    BytesReceived,
    BytesSent,
    Duration,
    ResponseDuration,
    ResponseTransmitDuration,
    UpstreamHost(AddressPart),
    UpstreamLocal(AddressPart),
    UpstreamCluster,
    UpstreamAttempts,
    DownstreamLocal(AddressPart),
    DownstreamRemote(AddressPart),
    DownstreamDirectRemote(AddressPart),
    RequestedServerName,
    RouteName,
    FilterChainName,
    ConnectionId,
    StreamId,
    Downstream(TlsFact),
    Upstream(TlsFact),
}

/// `REQ(FIRST?SECOND)`: the second where the first is missing.
#[derive(Debug, Clone)]
pub struct HeaderChoice {
    pub first: HeaderSource,
    pub second: Option<HeaderSource>,
}

/// A header, or one of the parts of the request line.
#[derive(Debug, Clone)]
pub enum HeaderSource {
    Method,
    Path,
    Authority,
    Scheme,
    Status,
    Header(HeaderName),
}

#[derive(Debug, Clone, Copy)]
pub enum AddressPart {
    Whole,
    WithoutPort,
    Port,
}

#[derive(Debug, Clone, Copy)]
pub enum TlsFact {
    PeerUriSan,
    PeerDnsSan,
    PeerSubject,
    PeerFingerprint,
    LocalUriSan,
    LocalSubject,
    Version,
    Cipher,
    Group,
}

/// Reads one operator from just behind its opening `%`; also returns what follows its closing `%`.
pub(super) fn parse(text: &str) -> Result<(Field, &str), FieldError> {
    let name_end = text.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let Some(name_end) = name_end else { return Err(unclosed(text)) };
    let (name, mut rest) = text.split_at(name_end);
    let mut argument = None;
    if let Some(inside) = rest.strip_prefix('(') {
        let (inner, after) = inside.split_once(')').ok_or_else(|| unclosed(text))?;
        argument = Some(inner);
        rest = after;
    }
    let mut limit = None;
    if let Some(number) = rest.strip_prefix(':') {
        let end = number.find('%').ok_or_else(|| unclosed(text))?;
        let parsed = number[..end]
            .parse()
            .map_err(|_| error(format!("%{name}%: not a length: {}", &number[..end])))?;
        limit = Some(parsed);
        rest = &number[end..];
    }
    let after = rest.strip_prefix('%').ok_or_else(|| unclosed(text))?;
    Ok((Field { operator: operator(name, argument)?, limit }, after))
}

fn unclosed(text: &str) -> FieldError {
    let start: String = text.chars().take(40).collect();
    error(format!("no operator can be read at %{start}; a percent sign itself is written %%"))
}

fn error(reason: String) -> FieldError {
    FieldError::new("", reason)
}

fn operator(name: &str, argument: Option<&str>) -> Result<Operator, FieldError> {
    if let Some(operator) = with_argument(name, argument)? {
        return Ok(operator);
    }
    let Some(operator) = plain(name) else {
        return Err(error(format!("operator %{name}% is not supported")));
    };
    match argument {
        None | Some("") => Ok(operator),
        Some(argument) => Err(error(format!("operator %{name}% takes no argument, but has ({argument})"))),
    }
}

fn with_argument(name: &str, argument: Option<&str>) -> Result<Option<Operator>, FieldError> {
    let headers = || {
        let argument =
            argument.ok_or_else(|| error(format!("operator %{name}% needs a header name in parentheses")))?;
        HeaderChoice::parse(argument)
    };
    Ok(Some(match name {
        "START_TIME" => Operator::StartTime(TimeFormat::parse(argument.unwrap_or_default())?),
        "REQ" => Operator::Request(headers()?),
        "RESP" => Operator::Response(headers()?),
        "TRAILER" => Operator::Trailer(headers()?),
        _ => return Ok(None),
    }))
}

fn plain(name: &str) -> Option<Operator> {
    use AddressPart::{Port, Whole, WithoutPort};
    Some(match name {
        "PROTOCOL" => Operator::Protocol,
        "UPSTREAM_PROTOCOL" => Operator::UpstreamProtocol,
        "RESPONSE_CODE" => Operator::ResponseCode,
        "RESPONSE_CODE_DETAILS" => Operator::ResponseCodeDetails,
        "CONNECTION_TERMINATION_DETAILS" => Operator::ConnectionTerminationDetails,
        "RESPONSE_FLAGS" => Operator::ResponseFlags,
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => Operator::UpstreamTransportFailureReason,
        "BYTES_RECEIVED" => Operator::BytesReceived,
        "BYTES_SENT" => Operator::BytesSent,
        "DURATION" => Operator::Duration,
        "RESPONSE_DURATION" => Operator::ResponseDuration,
        "RESPONSE_TX_DURATION" => Operator::ResponseTransmitDuration,
        "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => Operator::UpstreamHost(Whole),
        "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Operator::UpstreamHost(WithoutPort),
        "UPSTREAM_REMOTE_PORT" => Operator::UpstreamHost(Port),
        "UPSTREAM_LOCAL_ADDRESS" => Operator::UpstreamLocal(Whole),
        "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Operator::UpstreamLocal(WithoutPort),
        "UPSTREAM_LOCAL_PORT" => Operator::UpstreamLocal(Port),
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Operator::UpstreamCluster,
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Operator::UpstreamAttempts,
        "DOWNSTREAM_LOCAL_ADDRESS" => Operator::DownstreamLocal(Whole),
        "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Operator::DownstreamLocal(WithoutPort),
        "DOWNSTREAM_LOCAL_PORT" => Operator::DownstreamLocal(Port),
        "DOWNSTREAM_REMOTE_ADDRESS" => Operator::DownstreamRemote(Whole),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Operator::DownstreamRemote(WithoutPort),
        "DOWNSTREAM_REMOTE_PORT" => Operator::DownstreamRemote(Port),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => Operator::DownstreamDirectRemote(Whole),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" => Operator::DownstreamDirectRemote(WithoutPort),
        "DOWNSTREAM_DIRECT_REMOTE_PORT" => Operator::DownstreamDirectRemote(Port),
        "REQUESTED_SERVER_NAME" => Operator::RequestedServerName,
        "ROUTE_NAME" => Operator::RouteName,
        "FILTER_CHAIN_NAME" => Operator::FilterChainName,
        "CONNECTION_ID" => Operator::ConnectionId,
        "STREAM_ID" => Operator::StreamId,
        _ => {
            if let Some(fact) = name.strip_prefix("DOWNSTREAM_") {
                return TlsFact::from_name(fact).map(Operator::Downstream);
            }
            return TlsFact::from_name(name.strip_prefix("UPSTREAM_")?).map(Operator::Upstream);
        }
    })
}

impl TlsFact {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "PEER_URI_SAN" => Self::PeerUriSan,
            "PEER_DNS_SAN" => Self::PeerDnsSan,
            "PEER_SUBJECT" => Self::PeerSubject,
            "PEER_FINGERPRINT_256" => Self::PeerFingerprint,
            "LOCAL_URI_SAN" => Self::LocalUriSan,
            "LOCAL_SUBJECT" => Self::LocalSubject,
            "TLS_VERSION" => Self::Version,
            "TLS_CIPHER" => Self::Cipher,
            "TLS_GROUP" => Self::Group,
            _ => return None,
        })
    }
}

impl HeaderChoice {
    fn parse(text: &str) -> Result<Self, FieldError> {
        let (first, second) = match text.split_once('?') {
            Some((first, second)) => (first, Some(second)),
            None => (text, None),
        };
        Ok(Self { first: HeaderSource::parse(first)?, second: second.map(HeaderSource::parse).transpose()? })
    }

    fn each(&self, mut see: impl FnMut(&HeaderName)) {
        for source in [Some(&self.first), self.second.as_ref()].into_iter().flatten() {
            if let HeaderSource::Header(name) = source {
                see(name);
            }
        }
    }
}

impl HeaderSource {
    fn parse(name: &str) -> Result<Self, FieldError> {
        let name = name.to_ascii_lowercase();
        Ok(match name.as_str() {
            ":method" => Self::Method,
            ":path" => Self::Path,
            ":authority" | "host" => Self::Authority,
            ":scheme" => Self::Scheme,
            ":status" => Self::Status,
            _ => Self::Header(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| error(format!("not a header name: {name:?}")))?,
            ),
        })
    }
}

impl Operator {
    pub(super) fn want(&self, wanted: &mut WantedHeaders) {
        match self {
            Self::Request(choice) => choice.each(|name| wanted.request(name)),
            Self::Response(choice) => choice.each(|name| wanted.response(name)),
            Self::Trailer(choice) => choice.each(|name| wanted.trailer(name)),
            _ => {}
        }
    }
}
