//! Asks the root CA for a cluster CA certificate.
//!
//! It must not know what the certificate is used for.

use std::path::PathBuf;
use std::time::Duration;

use carrick_identity::TrustDomain;
use carrick_xds::pb::carrick::ca::v1::root_certificate_authority_client::RootCertificateAuthorityClient;
use carrick_xds::pb::carrick::ca::v1::{SignClusterCaRequest, SignClusterCaResponse};
use tonic::Code;

use super::error::RootError;
use crate::channel;

/// The root CA may start later than the cluster; connecting is tried for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A root that has accepted a request and does not answer it for so long is taken for gone. The
/// same request later gets the answer that was lost.
const DEADLINE: Duration = Duration::from_secs(15);

/// A client of the root CA on this machine.
#[derive(Debug, Clone)]
pub struct RootClient {
    pub socket: PathBuf,
}

impl RootClient {
    /// Sends a signing request and the single-use token that allows it.
    ///
    /// # Errors
    /// That the root cannot be reached, or refuses.
    pub async fn sign(
        &self,
        csr: String,
        token: String,
        trust_domain: &TrustDomain,
    ) -> Result<SignClusterCaResponse, RootError> {
        let unreachable = |reason| RootError::Unreachable { socket: self.socket.clone(), reason };
        let channel = channel::unix_with_patience(&self.socket, PATIENCE)
            .await
            .map_err(|error| unreachable(channel::describe(&error)))?;
        let request = SignClusterCaRequest {
            token,
            csr,
            validity_seconds: 0,
            trust_domain: trust_domain.as_str().into(),
        };
        let mut client = RootCertificateAuthorityClient::new(channel);
        let answer = tokio::time::timeout(DEADLINE, client.sign_cluster_ca(request)).await;
        let answer = answer.map_err(|_| unreachable(format!("no answer for {} s", DEADLINE.as_secs())))?;
        answer.map(tonic::Response::into_inner).map_err(|status| match status.code() {
            // The connection broke; whether the token was used up, the next attempt tells.
            Code::Unavailable | Code::Unknown | Code::Cancelled => unreachable(status.message().to_owned()),
            _ => RootError::Refused { reason: status.message().to_owned() },
        })
    }
}
