//! Sends one request from a pod and collects what every proxy recorded meanwhile.
//!
//! It must not know which path the request should take.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use carrick_local::Privileges;
use serde::Serialize;

use super::path::{self, MeasuredPath, Observation};
use crate::fleet::api::PodRow;
use crate::fleet::client::Federation;

/// Records of the far side are written when the response has passed; they are there a moment later.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came of a request.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub url: String,
    /// What curl printed: the body.
    pub answer: String,
    /// curl's exit status; `None` if it was killed.
    pub status: Option<i32>,
    pub complaint: String,
    pub path: MeasuredPath,
}

/// Runs curl in the pod and joins what the proxies saw.
pub async fn request(federation: &Federation, pod: &PodRow, url: &str) -> Result<Measured> {
    let fleet = federation.ps().await?;
    let proxies: Vec<&PodRow> = fleet.pods.iter().filter(|row| row.has_proxy).collect();
    let mut before = BTreeMap::new();
    for row in &proxies {
        let last = federation.flows(&row.name(), 0).await?.last().map_or(0, |record| record.sequence);
        before.insert(key(row), last);
    }
    let output = curl(federation, pod, url).await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let path = loop {
        let mut seen = Vec::new();
        for row in &proxies {
            let since = before.get(&key(row)).copied().unwrap_or(0);
            // A connection that is kept open was recorded before; its records are needed to join.
            let records = federation.flows(&row.name(), 0).await?;
            seen.extend(
                records.into_iter().map(|record| (record.sequence > since, observation(row, record))),
            );
        }
        let first = seen
            .iter()
            .find(|(fresh, seen)| {
                *fresh && seen.cluster == pod.cluster && seen.pod == pod.pod && seen.record.kind == "http"
            })
            .map(|(_, seen)| seen.clone());
        let all: Vec<Observation> = seen.into_iter().map(|(_, seen)| seen).collect();
        let measured = match &first {
            Some(first) => join(federation, first, &all).await,
            None => MeasuredPath { client_hello_random: None, hops: Vec::new() },
        };
        let ended =
            measured.hops.last().is_some_and(|hop| hop.downstream.as_ref().is_some_and(|tls| tls.terminated));
        if ended || tokio::time::Instant::now() >= deadline || output.status.code() != Some(0) {
            break measured;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    Ok(Measured {
        url: url.into(),
        answer: String::from_utf8_lossy(&output.stdout).into_owned(),
        status: output.status.code(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
        path,
    })
}

fn key(row: &PodRow) -> (String, String, String) {
    (row.cluster.clone(), row.namespace.clone(), row.pod.clone())
}

fn observation(row: &PodRow, record: carrick_proxy::flow::FlowRecord) -> Observation {
    Observation { cluster: row.cluster.clone(), pod: row.pod.clone(), role: row.role.clone(), record }
}

/// Joins, with every rule's name and place as the control planes know them.
async fn join(federation: &Federation, first: &Observation, all: &[Observation]) -> MeasuredPath {
    let mut rules = BTreeMap::new();
    for seen in all {
        for path in [&seen.record.chain_rule, &seen.record.route_rule, &seen.record.cluster_rule]
            .into_iter()
            .flatten()
        {
            let key = (seen.cluster.clone(), path.clone());
            if let std::collections::btree_map::Entry::Vacant(unknown) = rules.entry(key) {
                unknown.insert(federation.resolve(&seen.cluster, path).await);
            }
        }
    }
    path::join(first, all, |cluster, path| {
        let known = rules.get(&(cluster.to_owned(), path.to_owned())).cloned();
        known.unwrap_or(path::Rule { resource: path.to_owned(), place: None })
    })
}

async fn curl(federation: &Federation, pod: &PodRow, url: &str) -> Result<std::process::Output> {
    let entry = federation.entry(&pod.name()).await?;
    let supervisor = federation.supervisor_pid()?;
    let words = ["curl", "--silent", "--show-error", "--max-time", "10", url].map(String::from);
    let mut command = entry.command(supervisor, Privileges::App, Path::new("/"), &words);
    tokio::task::spawn_blocking(move || command.output()).await?.context("curl could not be run in the pod")
}
