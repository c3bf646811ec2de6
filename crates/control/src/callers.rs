//! Which workload a caller is: the pod whose socket it called by.
//!
//! It must not know what the caller wants. Nobody gets configuration or a certificate for an
//! identity that is not its own.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use carrick_identity::{SpiffeId, TrustDomain};
use carrick_model::{Meta, Workload};
use tokio::sync::watch;
use tonic::{Request, Status};

use crate::peer::PeerInfo;
use crate::pipeline::Published;

/// Finds workloads by their sockets, in the newest snapshot.
#[derive(Debug, Clone)]
pub struct Callers {
    published: watch::Receiver<Arc<Published>>,
    /// Where the runtime writes down which pods it runs. What other files say of a pod's socket
    /// counts for nothing.
    runtime: Arc<[PathBuf]>,
}

impl Callers {
    pub fn new(published: watch::Receiver<Arc<Published>>, runtime: &[PathBuf]) -> Self {
        Self { published, runtime: runtime.into() }
    }

    /// The workload that is calling.
    ///
    /// # Errors
    /// `unauthenticated` if the call came by no pod's socket, or by that of a pod that is gone.
    pub fn identify<T>(&self, request: &Request<T>) -> Result<Arc<Workload>, Status> {
        let peer = request.extensions().get::<PeerInfo>();
        let socket = &peer.ok_or_else(|| Status::unauthenticated("only pods may call"))?.socket;
        self.pod_of(socket).ok_or_else(|| {
            Status::unauthenticated(format!("the pod of socket {socket} runs no more; only pods may call"))
        })
    }

    /// The pod whose socket has this name, by the newest record.
    pub fn pod_of(&self, socket: &str) -> Option<Arc<Workload>> {
        self.pods().find(|pod| pod.socket.as_deref() == Some(socket))
    }

    /// The names of all pods' sockets.
    pub fn sockets(&self) -> BTreeSet<Arc<str>> {
        self.pods().filter_map(|pod| pod.socket.as_deref().map(Arc::from)).collect()
    }

    /// Returns when pods may have come or gone.
    ///
    /// # Errors
    /// If there will be no news any more.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        self.published.changed().await
    }

    fn pods(&self) -> impl Iterator<Item = Arc<Workload>> {
        let snapshot = self.published.borrow().snapshot.clone();
        let pods: Vec<_> = snapshot
            .workloads()
            .iter()
            .filter(|workload| self.is_told_by_the_runtime(&workload.meta))
            .cloned()
            .collect();
        pods.into_iter()
    }

    fn is_told_by_the_runtime(&self, meta: &Meta) -> bool {
        let file = Path::new(&*meta.source.file);
        let plain = file.components().all(|part| part != Component::ParentDir);
        plain && self.runtime.iter().any(|place| file.starts_with(place))
    }
}

/// The SPIFFE ID of a workload, by Istio's form `spiffe://TD/ns/NS/sa/SA`.
///
/// # Errors
/// `failed_precondition` if its namespace or account cannot stand in a SPIFFE ID.
pub fn identity_of(workload: &Workload, domain: &TrustDomain) -> Result<SpiffeId, Status> {
    SpiffeId::workload(domain, &workload.namespace, &workload.service_account)
        .map_err(|error| Status::failed_precondition(error.to_string()))
}
