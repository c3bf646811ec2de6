//! Gets the workload's certificate and renews it at half of its life.
//!
//! It must not know who uses the certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_backoff::Backoff;
use carrick_identity::validity::{Standing, rfc3339};
use carrick_identity::{PrivateKey, Validity, csr, renewal};
use carrick_xds::pb::istio::v1::auth::IstioCertificateRequest;
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use tokio::sync::watch;

use super::error::CertifyError;
use super::svid::Svid;
use crate::channel;

/// The ceilings of the first pause before a retry and of the longest, see [`Backoff`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The same where certificates come, and are of no use by this machine's clock.
const FIRST_CLOCK_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_CLOCK_PAUSE: Duration = Duration::from_secs(60);
/// A CA that has accepted a request and does not answer it for so long is taken for gone.
const DEADLINE: Duration = Duration::from_secs(10);

/// Publishes a certificate and, at half of each one's life, the next. An unreachable CA is asked
/// again and again, while the certificate at hand goes on being served.
pub async fn keep_fresh(control: PathBuf, ttl_seconds: i64, publish: watch::Sender<Option<Arc<Svid>>>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut clock_backoff = Backoff::new(FIRST_CLOCK_PAUSE, LONGEST_CLOCK_PAUSE);
    loop {
        match request(&control, ttl_seconds, DEADLINE).await {
            Ok(svid) => {
                backoff.reset();
                let (validity, now) = (svid.validity, SystemTime::now());
                tracing::info!(serial = svid.serial, "got a certificate");
                // Also one that is of no use by our clock: others' may be right.
                publish.send_replace(Some(Arc::new(svid)));
                if let Some(complaint) = clock_complaint(&validity, now) {
                    // Another one would be of no more use. Asked for at once, it would be asked for
                    // without end.
                    let pause = clock_backoff.next_pause();
                    tracing::error!(retry_in = ?pause, "{complaint}");
                    tokio::time::sleep(pause).await;
                    continue;
                }
                clock_backoff.reset();
                // From now on, not from the certificate's beginning, which CAs put back a little
                // for clocks that are late: half of a short life could be over already (Istio:
                // `CreatedTime` in `security/pkg/nodeagent/cache`).
                let jitter = renewal::random_jitter().unwrap_or(0.0);
                wait_until(renewal::renew_at(now, validity.not_after, jitter)).await;
            }
            Err(error) => {
                // All agents lose their CA at one moment; they must not come back at one moment
                // too.
                let pause = backoff.next_pause();
                let at_hand = describe(publish.borrow().as_deref(), SystemTime::now());
                tracing::warn!(retry_in = ?pause, "no new certificate: {error}; {at_hand}");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// What is wrong, if a certificate that was made a moment ago is not valid now: this clock and the
/// CA's do not agree.
fn clock_complaint(validity: &Validity, now: SystemTime) -> Option<String> {
    let (how, side) = match validity.standing(now) {
        Standing::Valid => return None,
        Standing::Expired => ("expired", "ahead of"),
        Standing::NotYetValid => ("not valid yet", "behind"),
    };
    Some(format!(
        "the certificate that the CA has just made is {how} by this machine's clock: it is valid from {} to \
         {}, and here it is {}; this clock is {side} the CA's, set the one that is wrong",
        rfc3339(validity.not_before),
        rfc3339(validity.not_after),
        rfc3339(now),
    ))
}

/// How long what is served now will do.
fn describe(at_hand: Option<&Svid>, now: SystemTime) -> String {
    let Some(svid) = at_hand else { return "there is none yet, and the proxy waits for it".into() };
    let until = rfc3339(svid.validity.not_after);
    match svid.validity.standing(now) {
        Standing::Expired => format!("the one at hand expired at {until}, connections are refused"),
        Standing::Valid | Standing::NotYetValid => {
            format!("the one at hand is served, and valid until {until}")
        }
    }
}

/// Sleeps by the wall clock, in slices, so that a clock that was set or a machine that slept is
/// noticed.
async fn wait_until(due: SystemTime) {
    while let Ok(left) = due.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.min(Duration::from_secs(30))).await;
    }
}

/// A fresh key for every certificate: a stolen key is worth no more than its certificate's life.
async fn request(control: &Path, ttl_seconds: i64, deadline: Duration) -> Result<Svid, CertifyError> {
    let key = PrivateKey::generate()?;
    let request = IstioCertificateRequest {
        csr: csr::make_request(&key, None)?,
        validity_duration: ttl_seconds,
        metadata: None,
    };
    let mut client = IstioCertificateServiceClient::new(channel::unix(control));
    let answer = tokio::time::timeout(deadline, client.create_certificate(request))
        .await
        .map_err(|_| format!("it has not answered within {deadline:?}"))
        .and_then(|answer| answer.map_err(|status| format!("{:?}: {}", status.code(), status.message())))
        .map_err(|reason| CertifyError::Ca { control: control.to_owned(), reason })?
        .into_inner();
    Ok(Svid::from_answer(&key, &answer.cert_chain)?)
}

#[cfg(test)]
mod tests;
