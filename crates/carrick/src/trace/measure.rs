//! Sends one request from a pod and collects what every proxy recorded meanwhile.
//!
//! It must not know which path the request should take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrick_api::fleet::Pod;
use carrick_api::trace::{Client, Path, Rule, Trace};
use carrick_local::Privileges;
use futures_util::future::join_all;

use super::path::{self, Observation};
use crate::fleet::client::Federation;
use crate::probe::{self, HttpOrder, Order};

/// Records of the far side are written when the response has passed; they are there a moment later.
const PATIENCE: Duration = Duration::from_secs(3);

/// How `env` and shells say that a program was not found.
const NOT_FOUND: i32 = 127;
const TIMEOUT_MS: u64 = 10_000;

/// What a client saw.
struct Response {
    client: Client,
    answer: String,
    status: Option<i32>,
    complaint: String,
}

/// Makes a request in the pod, with curl if the machine has it, and joins what the proxies saw.
pub async fn request(federation: &Federation, pod: &Pod, url: &str) -> Result<Trace> {
    let fleet = federation.ps().await?;
    let proxies: Vec<&Pod> = fleet.pods.iter().filter(|row| row.has_proxy).collect();
    let mut before = BTreeMap::new();
    let mut answering = Vec::new();
    for (row, records) in flows(federation, &proxies).await {
        match records {
            Ok(records) => {
                before.insert(key(row), records.last().map_or(0, |record| record.sequence));
                answering.push(row);
            }
            // The path is shown as far as the others saw it.
            Err(error) => tracing::warn!("{}/{}: {error:#}", row.cluster, row.pod),
        }
    }
    let response = match curl(federation, pod, url).await? {
        Some(response) => response,
        None => built_in(federation, pod, url).await?,
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let path = loop {
        let mut seen = Vec::new();
        // A connection that is kept open was recorded before; its records are needed to join.
        for (row, records) in flows(federation, &answering).await {
            let since = before.get(&key(row)).copied().unwrap_or(0);
            let records = records.unwrap_or_default();
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
            None => Path::default(),
        };
        let ended =
            measured.hops.last().is_some_and(|hop| hop.downstream.as_ref().is_some_and(|tls| tls.terminated));
        if ended || tokio::time::Instant::now() >= deadline || response.status != Some(0) {
            break measured;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    Ok(Trace {
        url: url.into(),
        client: response.client,
        answer: response.answer,
        status: response.status,
        complaint: response.complaint,
        path,
    })
}

/// What each of these proxies recorded. All are asked at once: several that do not answer cost the
/// time of one.
async fn flows<'a>(
    federation: &Federation,
    rows: &[&'a Pod],
) -> Vec<(&'a Pod, Result<Vec<carrick_proxy::flow::FlowRecord>>)> {
    join_all(rows.iter().map(|row| async { (*row, federation.flows(row, 0).await) })).await
}

fn key(row: &Pod) -> (String, String, String) {
    (row.cluster.clone(), row.namespace.clone(), row.pod.clone())
}

fn observation(row: &Pod, record: carrick_proxy::flow::FlowRecord) -> Observation {
    Observation {
        cluster: row.cluster.clone(),
        pod: row.pod.clone(),
        role: row.role,
        envoy: row.envoy,
        record,
    }
}

/// Joins, with every rule's name and place as the control planes know them.
async fn join(federation: &Federation, first: &Observation, all: &[Observation]) -> Path {
    let mut rules = BTreeMap::new();
    let mut silent = BTreeSet::new();
    for seen in all {
        for path in [&seen.record.chain_rule, &seen.record.route_rule, &seen.record.cluster_rule]
            .into_iter()
            .flatten()
        {
            let key = (seen.cluster.clone(), path.clone());
            if let std::collections::btree_map::Entry::Vacant(unknown) = rules.entry(key) {
                if silent.contains(&seen.cluster) {
                    continue;
                }
                match federation.resolve(&seen.cluster, path).await {
                    Ok(rule) => {
                        unknown.insert(rule);
                    }
                    Err(_) => {
                        silent.insert(seen.cluster.clone());
                    }
                }
            }
        }
    }
    path::join(first, all, |cluster, path| {
        let known = rules.get(&(cluster.to_owned(), path.to_owned())).cloned();
        known.unwrap_or(Rule { resource: path.to_owned(), place: None })
    })
}

/// `None` if the machine has no curl.
async fn curl(federation: &Federation, pod: &Pod, url: &str) -> Result<Option<Response>> {
    let entry = federation.entry(&pod.name()).await?;
    let supervisor = federation.supervisor_pid()?;
    let words = ["curl", "--silent", "--show-error", "--max-time", "10", url].map(String::from);
    let mut command = entry.command(supervisor, Privileges::App, std::path::Path::new("/"), &words);
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = run.await?.context("curl could not be run in the pod")?;
    if output.status.code() == Some(NOT_FOUND) {
        return Ok(None);
    }
    Ok(Some(Response {
        client: Client::Curl,
        answer: String::from_utf8_lossy(&output.stdout).into_owned(),
        status: output.status.code(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    }))
}

async fn built_in(federation: &Federation, pod: &Pod, url: &str) -> Result<Response> {
    let outcome = probe::run_in(federation, &pod.name(), &order(url)?).await?;
    Ok(Response {
        client: Client::BuiltIn,
        status: Some(if outcome.status.is_some() { 0 } else { 1 }),
        answer: outcome.body.unwrap_or_default(),
        complaint: outcome.error.unwrap_or_default(),
    })
}

fn order(url: &str) -> Result<Order> {
    let uri: http::Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
    let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
    ensure!(
        uri.scheme_str() == Some("http"),
        "{url}: the built-in client speaks plain HTTP only; install curl for others"
    );
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(Order {
        target: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
        tls: None,
        request: Some(HttpOrder { host: authority.as_str().into(), path: path.into() }),
        timeout_ms: TIMEOUT_MS,
    })
}
