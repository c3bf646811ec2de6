//! The server's side of one ADS stream, without sockets or time: requests go in, responses come
//! out.
//!
//! [`DeltaSession`] and [`SotwSession`] are two codecs over one [`stream`]: what the proxy
//! subscribed, what it was told, what it has not answered yet, and in which order news may go out.
//! It must not know where resources come from, nor who the proxy is: the owner authenticates the
//! stream and hands in the set of resources of that one proxy.
//!
//! Rules: Envoy docs, "xDS REST and gRPC protocol"; `discovery.proto`. What Envoy does beyond the
//! text is noted where it matters.

mod change;
mod delta;
mod in_flight;
mod kind;
mod order;
mod sotw;
mod stream;
mod subscription;

use std::time::Duration;

use crate::resource::ResourceType;

pub use delta::DeltaSession;
pub use sotw::SotwSession;

/// How long the owner of a session should let it wait for an answer before it calls `stop_waiting`.
///
/// A session holds back what must come later while a response is unanswered. Envoy does not answer
/// a CDS response while a cluster of it still warms, which for a name that does not resolve can be
/// for ever; the correction of that very cluster must still get through.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A longer resource name is an error (the longest that Istio's conventions make are
/// `file-cert:PATH~PATH`).
pub const MAX_NAME_BYTES: usize = 16 * 1024;

/// A stream may name this many resources of one kind: a hundred thousand hosts with ten ports each.
pub const MAX_NAMES: usize = 1_000_000;

/// The longest request that the owner of a session should take, in bytes: a proxy that comes back
/// names all of its resources with their versions in one.
pub const MAX_REQUEST_BYTES: usize = 256 << 20;

/// What came of a request.
#[derive(Debug)]
pub struct Outcome<Response> {
    pub events: Vec<Event>,
    /// To be sent in this order.
    pub responses: Vec<Response>,
}

/// Something the operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The proxy runs what it was sent under this nonce: it has taken over, or given up, `names`.
    Acked { kind: ResourceType, nonce: String, names: Vec<String> },
    /// The proxy refused at least one of `names`, in its own words `reason`; they are not sent
    /// again until they change.
    ///
    /// If the proxy dropped the whole response and it is not clear whose fault that is, the session
    /// offers the resources again in smaller groups; later events then name fewer. The last event
    /// for a resource tells.
    Nacked { kind: ResourceType, nonce: String, names: Vec<String>, reason: String },
    /// An answer to a response that was never sent, or was answered before. It changes nothing.
    StaleNonce { kind: ResourceType, nonce: String },
    /// A kind of resource that Carrick does not serve. It is never answered, as if no such resource
    /// existed.
    UnknownType { type_url: String },
}

/// The stream cannot go on; close it with INVALID_ARGUMENT and this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("a {kind} name of {bytes} bytes was asked for; at most {MAX_NAME_BYTES} are allowed")]
    NameTooLong { kind: ResourceType, bytes: usize },
    #[error("an empty {kind} name was asked for")]
    EmptyName { kind: ResourceType },
    #[error("more than {MAX_NAMES} names of {kind} were asked for on one stream")]
    TooManyNames { kind: ResourceType },
    #[error("a {kind} was asked for by resource_locators, which are not supported: use resource names")]
    Locator { kind: ResourceType },
}

#[cfg(test)]
mod tests;
