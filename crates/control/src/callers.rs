//! Which workload a caller is: the pod whose network namespace the kernel named.
//!
//! It must not know what the caller wants. Nobody gets configuration or a certificate for an identity that is not its own.

use std::sync::Arc;
use std::time::Duration;

use carrick_identity::{SpiffeId, TrustDomain};
use carrick_model::{MeshSnapshot, Workload};
use tokio::sync::watch;
use tonic::{Request, Status};

use crate::peer::PeerInfo;
use crate::pipeline::Published;

/// A pod can call before its file has been read; it is given this long to become known.
const PATIENCE: Duration = Duration::from_secs(5);

/// Finds workloads by their callers' network namespaces, in the newest snapshot.
#[derive(Debug, Clone)]
pub struct Callers {
    published: watch::Receiver<Arc<Published>>,
}

impl Callers {
    pub fn new(published: watch::Receiver<Arc<Published>>) -> Self {
        Self { published }
    }

    /// The workload that is calling.
    ///
    /// # Errors
    /// `unauthenticated` if the kernel gave no word on the peer, or no pod has its network namespace.
    pub async fn identify<T>(&self, request: &Request<T>) -> Result<Arc<Workload>, Status> {
        let netns = request
            .extensions()
            .get::<PeerInfo>()
            .and_then(|peer| peer.netns)
            .ok_or_else(|| Status::unauthenticated("the kernel does not say which process is calling"))?;
        let mut published = self.published.clone();
        let known = tokio::time::timeout(
            PATIENCE,
            published.wait_for(|published| find(&published.snapshot, netns).is_some()),
        )
        .await;
        match known {
            Ok(Ok(published)) => find(&published.snapshot, netns),
            Ok(Err(_)) | Err(_) => None,
        }
        .ok_or_else(|| {
            Status::unauthenticated(format!(
                "no pod of this cluster has the caller's network namespace {netns}; only pods may call"
            ))
        })
    }
}

fn find(snapshot: &MeshSnapshot, netns: u64) -> Option<Arc<Workload>> {
    snapshot.workloads().iter().find(|workload| workload.netns == Some(netns)).cloned()
}

/// The SPIFFE ID of a workload, by Istio's form `spiffe://TD/ns/NS/sa/SA`.
///
/// # Errors
/// `failed_precondition` if its namespace or account cannot stand in a SPIFFE ID.
pub fn identity_of(workload: &Workload, domain: &TrustDomain) -> Result<SpiffeId, Status> {
    SpiffeId::workload(domain, &workload.namespace, &workload.service_account)
        .map_err(|error| Status::failed_precondition(error.to_string()))
}
