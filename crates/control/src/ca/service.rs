//! Istio's `IstioCertificateService`: a workload sends a signing request and gets a certificate for
//! the identity that it has.
//!
//! Whatever names the request asks for are ignored (Istio `security/pkg/server/ca/server.go`). It
//! must not know how callers are told apart.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_identity::cacerts::CaCerts;
use carrick_identity::ttl::{TtlError, TtlPolicy};
use carrick_identity::{Certificate, CertificateRequest};
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_server::IstioCertificateService;
use carrick_xds::pb::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::store::{ClusterCa, is_for};
use crate::callers::{Callers, identity_of};
use crate::pipeline::Published;

/// The service; one for each cluster.
pub struct CaService {
    pub ca: Arc<ClusterCa>,
    pub callers: Callers,
    /// The newest configuration says which trust domain workloads belong to.
    pub published: watch::Receiver<Arc<Published>>,
    /// What is granted as long as the CA itself lives longer.
    pub ttl: TtlPolicy,
}

#[tonic::async_trait]
impl IstioCertificateService for CaService {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let workload = self.callers.identify(&request)?;
        let (trust_domain, active) = (self.published.borrow().trust_domain().clone(), self.ca.active());
        if !is_for(&active, &trust_domain) {
            return Err(Status::failed_precondition(format!(
                "this cluster's CA cannot sign for {trust_domain} before it is enrolled anew; the control \
                 plane's log says what is missing"
            )));
        }
        let id = identity_of(&workload, &trust_domain)?;
        let request = request.into_inner();
        let csr = CertificateRequest::from_pem(request.csr.as_bytes())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let now = SystemTime::now();
        let lifetime = lifetime(&active, self.ttl, request.validity_duration, now).map_err(|error| {
            let message = error.to_string();
            match error {
                TtlError::TooLong { .. } => Status::invalid_argument(message),
                TtlError::ChainExpired { .. } => Status::failed_precondition(message),
            }
        })?;
        let authority = &active.authority;
        let leaf = authority
            .issue_workload(csr.public_key(), &id, lifetime, now)
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        tracing::info!(%id, serial = leaf.serial(), pod = workload.name, "signed a workload");
        let mut cert_chain = vec![leaf.pem()];
        cert_chain.extend(authority.chain().iter().map(Certificate::pem));
        // The roots come last, as one element, however many there are.
        cert_chain.push(active.bundle.pem());
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}

/// The lifetime to grant for a request of `seconds`, within what is left of the CA's own chain at
/// this moment. (Istio cuts the default once, when it starts; a CA that is replaced or grows old
/// later would be forgotten.)
fn lifetime(certs: &CaCerts, policy: TtlPolicy, seconds: i64, now: SystemTime) -> Result<Duration, TtlError> {
    certs.lifetimes(policy, now)?.grant(seconds)
}

#[cfg(test)]
mod tests;
