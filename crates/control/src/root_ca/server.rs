//! The root CA's gRPC service on a Unix socket.
//!
//! It must not know how the root is stored.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use carrick_identity::{CertificateRequest, TrustDomain};
use carrick_xds::pb::carrick::ca::v1::root_certificate_authority_server::{
    RootCertificateAuthority, RootCertificateAuthorityServer,
};
use carrick_xds::pb::carrick::ca::v1::{SignClusterCaRequest, SignClusterCaResponse};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

use super::error::{RootCaError, SignError};
use super::record::Wanted;
use super::store::RootStore;
use crate::channel;
use crate::socket::bind_private;

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
    let claimed = TrustDomain::new(&request.trust_domain)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let wanted = Wanted {
        token: &request.token,
        claimed: &claimed,
        key: csr.public_key(),
        seconds: request.validity_seconds,
    };
    let issued = store.sign(&wanted, now).map_err(|error| {
        tracing::warn!(trust_domain = %claimed, "refused to sign: {error}");
        match &error {
            // The same request may succeed later, and does no harm if it has already.
            SignError::Record(_) => Status::unavailable(error.to_string()),
            SignError::Refused(_) => Status::permission_denied(error.to_string()),
            SignError::Lifetime(_) => Status::invalid_argument(error.to_string()),
            SignError::Issue(_) => Status::failed_precondition(error.to_string()),
        }
    })?;
    tracing::info!(trust_domain = %issued.trust_domain, serial = issued.serial, "signed a cluster CA");
    Ok(SignClusterCaResponse {
        certificate: issued.certificate,
        intermediates: Vec::new(),
        roots: vec![store.authority().certificate().pem()],
    })
}

#[cfg(test)]
mod tests;
