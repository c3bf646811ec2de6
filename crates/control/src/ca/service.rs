//! Istio's `IstioCertificateService`: a workload sends a signing request and gets a certificate for the identity that it has.
//!
//! Whatever names the request asks for are ignored (Istio `security/pkg/server/ca/server.go`). It must not know how callers are told apart.

use std::sync::Arc;
use std::time::SystemTime;

use carrick_identity::ttl::TtlPolicy;
use carrick_identity::{Certificate, CertificateRequest, TrustDomain};
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_server::IstioCertificateService;
use carrick_xds::pb::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use tonic::{Request, Response, Status};

use super::store::ClusterCa;
use crate::callers::{Callers, identity_of};

/// The service; one for each cluster.
pub struct CaService {
    pub ca: Arc<ClusterCa>,
    pub callers: Callers,
    pub trust_domain: TrustDomain,
    pub ttl: TtlPolicy,
}

#[tonic::async_trait]
impl IstioCertificateService for CaService {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let workload = self.callers.identify(&request).await?;
        let id = identity_of(&workload, &self.trust_domain)?;
        let request = request.into_inner();
        let csr = CertificateRequest::from_pem(request.csr.as_bytes())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let lifetime = self
            .ttl
            .grant(request.validity_duration)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let authority = self.ca.active();
        let leaf = authority
            .issue_workload(csr.public_key(), &id, lifetime, SystemTime::now())
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        tracing::info!(%id, serial = leaf.serial(), pod = workload.name, "signed a workload");
        let mut cert_chain = vec![leaf.pem()];
        cert_chain.extend(authority.chain().iter().map(Certificate::pem));
        // The roots come last, as one element, however many there are.
        cert_chain.push(self.ca.roots_pem());
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}
