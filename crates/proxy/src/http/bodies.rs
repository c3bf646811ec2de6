//! The client's body on its way into attempts: streamed into one, or remembered for several.
//!
//! It must not know why an attempt is repeated.

use std::sync::Arc;

use carrick_policy::http::prepared::Prepared;
use hyper::body::Incoming;

use super::outgoing::speaks_http2;
use super::record::Record;
use crate::cluster::UpstreamCluster;
use crate::cluster::http::{Progress, Replay, RequestBody, Source, Tee};

/// The client's body, for one attempt or for several.
pub(crate) enum Bodies {
    Empty,
    Once(Option<RequestBody>),
    Again(Arc<Replay>),
}

impl Bodies {
    pub(crate) fn new(
        incoming: Incoming,
        prepared: &Prepared,
        may_retry: bool,
        tees: Vec<Tee>,
        cluster: &UpstreamCluster,
        record: &mut Record,
    ) -> Self {
        if !prepared.has_body {
            return Self::Empty;
        }
        let progress = Arc::new(Progress::new());
        record.progress = Some(progress.clone());
        let downstream = &record.downstream;
        let trailers = (downstream.is_http2 || downstream.manager().http1.trailers)
            && (speaks_http2(cluster, record) || cluster.config().http.trailers);
        let source = Source::new(incoming, progress, tees, trailers);
        match may_retry {
            true => Self::Again(Replay::new(source)),
            false => Self::Once(Some(RequestBody::Once(source))),
        }
    }

    pub(crate) fn next(&mut self) -> RequestBody {
        match self {
            Self::Empty => RequestBody::Empty,
            Self::Once(body) => body.take().unwrap_or(RequestBody::Empty),
            Self::Again(replay) => replay.read(),
        }
    }

    pub(crate) fn can_repeat(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(_) => false,
            Self::Again(replay) => replay.can_repeat(),
        }
    }
}
