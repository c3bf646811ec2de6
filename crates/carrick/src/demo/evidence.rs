//! Who refused: the records that proxies made while an attempt ran.
//!
//! It must not know what was attempted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use carrick_api::fleet::Pod;
use carrick_proxy::flow::FlowRecord;

use crate::fleet::client::Federation;

/// A refusal is recorded when its connection ends, which may be a moment after the client noticed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far each proxy's records go at a moment.
pub struct Evidence {
    proxies: Vec<Seen>,
}

struct Seen {
    row: Pod,
    last: u64,
    /// Envoy's counters of refused TLS clients.
    refusals: BTreeMap<String, u64>,
}

/// A refusal, and who recorded it.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub by: String,
    pub why: String,
}

impl Evidence {
    pub async fn start(federation: &Federation) -> Result<Self> {
        let mut proxies = Vec::new();
        for row in federation.ps().await?.pods.into_iter().filter(|row| row.has_proxy) {
            let last = federation.flows(&row, 0).await?.last().map_or(0, |record| record.sequence);
            let refusals = match row.envoy {
                true => federation.tls_refusals(&row).await?,
                false => BTreeMap::new(),
            };
            proxies.push(Seen { row, last, refusals });
        }
        Ok(Self { proxies })
    }

    /// What was refused since; of several, by the last proxy on the way: whoever stands farthest
    /// made the decision. If the attempt was a TLS connection, only records of that connection
    /// count.
    pub async fn refusal(&self, federation: &Federation, random: Option<&str>) -> Result<Option<Refusal>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut newest: Option<(u64, Refusal)> = None;
            for Seen { row, last, .. } in &self.proxies {
                for record in federation.flows(row, *last).await? {
                    let Some(why) = refusal(&record).filter(|_| is_of(&record, random, row.envoy)) else {
                        continue;
                    };
                    if newest.as_ref().is_none_or(|(started, _)| *started < record.started_micros) {
                        newest = Some((record.started_micros, Refusal { by: who(row), why }));
                    }
                }
            }
            // Whoever takes part in the handshake is the last on its way.
            let found = self.refused_handshake(federation).await?.or(newest.map(|(_, refusal)| refusal));
            if found.is_some() || tokio::time::Instant::now() > deadline {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// By the counters of those proxies that have no record of it.
    async fn refused_handshake(&self, federation: &Federation) -> Result<Option<Refusal>> {
        for Seen { row, refusals, .. } in self.proxies.iter().filter(|seen| seen.row.envoy) {
            let now = federation.tls_refusals(row).await?;
            let risen = now.iter().find(|(name, count)| **count > refusals.get(*name).copied().unwrap_or(0));
            if let Some((name, _)) = risen {
                let why = format!("TLS_error, by its counter {name}");
                return Ok(Some(Refusal { by: who(row), why }));
            }
        }
        Ok(None)
    }
}

fn who(row: &Pod) -> String {
    format!("{} {}/{}", row.role, row.cluster, row.pod)
}

/// Whether the record is of the TLS connection with this ClientHello.random; Envoy's may be of any.
fn is_of(record: &FlowRecord, random: Option<&str>, envoy: bool) -> bool {
    let known = record.downstream.as_ref().map(|tls| tls.client_hello_random.as_str());
    envoy || random.is_none() || known == random
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
