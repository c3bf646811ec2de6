//! Keeps the cluster CA one of the trust domain that the configuration names: when that changes,
//! the CA is enrolled anew.
//!
//! Until then nothing is signed, since no peer would believe it. It must not know how configuration
//! comes about.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use carrick_backoff::Backoff;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::error::{CaError, RootError};
use super::store::{ClusterCa, Enrolment, is_for, load_or_enrol};
use crate::pipeline::Published;

/// The ceilings of the first pause between attempts and of the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows for ever. A token that was refused is not sent again: whoever edits the domain hands out
/// a new one.
pub async fn follow(
    ca: Arc<ClusterCa>,
    enrolment: Enrolment,
    mut published: watch::Receiver<Arc<Published>>,
) -> Infallible {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut refused: Option<Zeroizing<String>> = None;
    loop {
        let domain = published.borrow_and_update().trust_domain().clone();
        if is_for(&ca.active(), &domain) {
            backoff.reset();
            if published.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        }
        let token = enrolment.read_token().ok();
        if token.is_none() || token != refused {
            match load_or_enrol(&enrolment, &domain).await {
                Ok(certs) => {
                    ca.replace(certs);
                    continue;
                }
                Err(error) => {
                    tracing::warn!("nothing is signed for {domain}: {error}");
                    refused = token.filter(|_| is_refusal(&error));
                }
            }
        }
        // A new token tells nobody that it is there; the operator may take the edit back meanwhile.
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            Ok(()) = published.changed() => {}
        }
    }
}

fn is_refusal(error: &CaError) -> bool {
    match error {
        CaError::OtherDomain { reason, .. } => is_refusal(reason),
        CaError::Root(RootError::Refused { .. }) => true,
        _ => false,
    }
}
