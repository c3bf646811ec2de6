//! Gets the workload's certificate and renews it at half of its life.
//!
//! It must not know who uses the certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_backoff::Backoff;
use carrick_identity::{PrivateKey, csr, renewal};
use carrick_xds::pb::istio::v1::auth::IstioCertificateRequest;
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use tokio::sync::watch;

use super::error::CertifyError;
use super::svid::Svid;
use crate::channel;

/// The ceilings of the first pause before a retry and of the longest, see [`Backoff`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Publishes a certificate and, at half of each one's life, the next. An unreachable CA is asked again and again, while the
/// certificate at hand goes on being served.
pub async fn keep_fresh(control: PathBuf, ttl_seconds: i64, publish: watch::Sender<Option<Arc<Svid>>>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        match request(&control, ttl_seconds).await {
            Ok(svid) => {
                // From now on, not from the certificate's beginning, which CAs put back a little for clocks that are late: half of a
                // short life could be over already (Istio: `CreatedTime` in `security/pkg/nodeagent/cache`).
                let due = renewal::renew_at(
                    SystemTime::now(),
                    svid.validity.not_after,
                    renewal::random_jitter().unwrap_or(0.0),
                );
                tracing::info!(serial = svid.serial, "got a certificate");
                publish.send_replace(Some(Arc::new(svid)));
                backoff.reset();
                wait_until(due).await;
            }
            Err(error) => {
                // All agents lose their CA at one moment; they must not come back at one moment too.
                let pause = backoff.next_pause();
                tracing::warn!(retry_in = ?pause, "no new certificate: {error}");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Sleeps by the wall clock, in slices, so that a clock that was set or a machine that slept is noticed.
async fn wait_until(due: SystemTime) {
    while let Ok(left) = due.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.min(Duration::from_secs(30))).await;
    }
}

/// A fresh key for every certificate: a stolen key is worth no more than its certificate's life.
async fn request(control: &Path, ttl_seconds: i64) -> Result<Svid, CertifyError> {
    let key = PrivateKey::generate()?;
    let request = IstioCertificateRequest {
        csr: csr::make_request(&key, None)?,
        validity_duration: ttl_seconds,
        metadata: None,
    };
    let answer = IstioCertificateServiceClient::new(channel::unix(control))
        .create_certificate(request)
        .await
        .map_err(|status| CertifyError::Ca {
            control: control.to_owned(),
            reason: format!("{:?}: {}", status.code(), status.message()),
        })?
        .into_inner();
    Ok(Svid::from_answer(&key, &answer.cert_chain)?)
}
