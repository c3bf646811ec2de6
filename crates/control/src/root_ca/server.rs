//! The root CA's gRPC service on a Unix socket.
//!
//! It must not know how the root is stored.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_identity::{CertificateRequest, TrustDomain};
use carrick_xds::pb::carrick::ca::v1::root_certificate_authority_server::{
    RootCertificateAuthority, RootCertificateAuthorityServer,
};
use carrick_xds::pb::carrick::ca::v1::{SignClusterCaRequest, SignClusterCaResponse};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

use super::error::{EnrolError, RootCaError};
use super::store::RootStore;
use crate::channel;
use crate::socket::bind_private;

/// What a cluster CA gets that names no lifetime: a year, as Istio's plug-in CA guide suggests at most.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Signs cluster CAs until `shutdown` completes. The socket may be used by this user only.
pub async fn serve(
    store: RootStore,
    listen: &Path,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RootCaError> {
    let listener = bind_private(listen)?;
    tonic::transport::Server::builder()
        .add_service(RootCertificateAuthorityServer::new(Service { store: Arc::new(store) }))
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), shutdown)
        .await
        .map_err(|error| RootCaError::Server(channel::describe(&error)))
}

struct Service {
    store: Arc<RootStore>,
}

#[tonic::async_trait]
impl RootCertificateAuthority for Service {
    async fn sign_cluster_ca(
        &self,
        request: Request<SignClusterCaRequest>,
    ) -> Result<Response<SignClusterCaResponse>, Status> {
        let request = request.into_inner();
        let store = self.store.clone();
        // Signing and syncing files block; neither belongs on an async worker.
        tokio::task::spawn_blocking(move || sign(&store, &request))
            .await
            .map_err(|_| Status::internal("the signing task failed"))?
            .map(Response::new)
    }
}

fn sign(store: &RootStore, request: &SignClusterCaRequest) -> Result<SignClusterCaResponse, Status> {
    let now = SystemTime::now();
    // The request is read before the token is used up: a malformed request should not cost a token.
    let csr = CertificateRequest::from_pem(request.csr.as_bytes())
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let lifetime = match u64::try_from(request.validity_seconds) {
        Err(_) | Ok(0) => DEFAULT_LIFETIME,
        Ok(seconds) => Duration::from_secs(seconds),
    };
    let claimed = TrustDomain::new(&request.trust_domain)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let grant = store.consume(&request.token, &claimed, now).map_err(|error| match error {
        EnrolError::Storage(_) | EnrolError::Damaged { .. } => Status::internal(error.to_string()),
        EnrolError::Refused(_) => Status::permission_denied(error.to_string()),
    })?;
    let authority = store.authority();
    let certificate = authority
        .issue_cluster_ca(csr.public_key(), &grant.trust_domain, lifetime, now)
        .map_err(|error| Status::failed_precondition(error.to_string()))?;
    tracing::info!(trust_domain = %grant.trust_domain, serial = certificate.serial(), "signed a cluster CA");
    Ok(SignClusterCaResponse {
        certificate: certificate.pem(),
        intermediates: Vec::new(),
        roots: vec![authority.certificate().pem()],
    })
}

#[cfg(test)]
mod tests;
