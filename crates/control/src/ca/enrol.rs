//! Asks the root CA for a cluster CA certificate.
//!
//! It must not know what the certificate is used for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use carrick_identity::TrustDomain;
use carrick_xds::pb::carrick::ca::v1::root_certificate_authority_client::RootCertificateAuthorityClient;
use carrick_xds::pb::carrick::ca::v1::{SignClusterCaRequest, SignClusterCaResponse};

use crate::channel;

/// The root CA may start later than the cluster; connecting is tried for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the root CA on this machine.
#[derive(Debug, Clone)]
pub struct RootClient {
    pub socket: PathBuf,
}

impl RootClient {
    /// Sends a signing request and the single-use token that allows it.
    pub async fn sign(
        &self,
        csr: String,
        token: String,
        trust_domain: &TrustDomain,
    ) -> Result<SignClusterCaResponse> {
        let channel = channel::unix_with_patience(&self.socket, PATIENCE)
            .await
            .with_context(|| format!("cannot reach the root CA at {}", self.socket.display()))?;
        let request = SignClusterCaRequest {
            token,
            csr,
            validity_seconds: 0,
            trust_domain: trust_domain.as_str().into(),
        };
        let response = RootCertificateAuthorityClient::new(channel).sign_cluster_ca(request).await.map_err(
            |status| anyhow::anyhow!("the root CA refused to enrol this cluster: {}", status.message()),
        )?;
        Ok(response.into_inner())
    }
}
