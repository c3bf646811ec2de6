//! Who refused: the records that proxies made while an attempt ran.
//!
//! It must not know what was attempted.

use std::time::Duration;

use anyhow::Result;
use carrick_proxy::flow::FlowRecord;

use crate::fleet::api::PodRow;
use crate::fleet::client::Federation;

/// A refusal is recorded when its connection ends, which may be a moment after the client noticed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far each proxy's records go at a moment.
pub struct Witness {
    proxies: Vec<(PodRow, u64)>,
}

/// A refusal, and who recorded it.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub by: String,
    pub why: String,
}

impl Witness {
    pub async fn start(federation: &Federation) -> Result<Self> {
        let mut proxies = Vec::new();
        for row in federation.ps().await?.pods.into_iter().filter(|row| row.has_proxy) {
            let last = federation.flows(&row.name(), 0).await?.last().map_or(0, |record| record.sequence);
            proxies.push((row, last));
        }
        Ok(Self { proxies })
    }

    /// What was refused since; of several, by the last proxy on the way: whoever stands farthest made the decision. If the attempt was
    /// a TLS connection, only records of that connection count.
    pub async fn refusal(&self, federation: &Federation, random: Option<&str>) -> Result<Option<Refusal>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut newest: Option<(u64, Refusal)> = None;
            for (row, since) in &self.proxies {
                for record in federation.flows(&row.name(), *since).await? {
                    let Some(why) = refusal(&record).filter(|_| is_of(&record, random)) else { continue };
                    if newest.as_ref().is_none_or(|(started, _)| *started < record.started_micros) {
                        let by = format!("{} {}/{}", row.role, row.cluster, row.pod);
                        newest = Some((record.started_micros, Refusal { by, why }));
                    }
                }
            }
            if newest.is_some() || tokio::time::Instant::now() > deadline {
                return Ok(newest.map(|(_, refusal)| refusal));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Whether the record is of the TLS connection with this ClientHello.random.
fn is_of(record: &FlowRecord, random: Option<&str>) -> bool {
    random
        .is_none_or(|random| record.downstream.as_ref().is_some_and(|tls| tls.client_hello_random == random))
}

/// Why the record is one of a refusal; `None` if it is not.
fn refusal(record: &FlowRecord) -> Option<String> {
    let failed = record.response_code.is_some_and(|code| code >= 400);
    let flagged = !matches!(record.response_flags.as_str(), "" | "-" | "DC");
    (record.kind == "refused" || failed || flagged).then(|| {
        let code = record.response_code.map_or_else(String::new, |code| format!("{code} "));
        let flags = if flagged { format!("{} ", record.response_flags) } else { String::new() };
        format!("{code}{flags}{}", record.details)
    })
}
