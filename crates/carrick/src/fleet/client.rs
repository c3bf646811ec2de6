//! Talks to the sockets of a running federation: HTTP/1.1 and JSON over Unix sockets.
//!
//! It must not know what the answers are used for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use carrick_api::control::{Resolved, Status};
use carrick_api::fleet::{Fleet, Pod, PodName};
use carrick_api::trace::Rule;
use carrick_proxy::flow::FlowRecord;
use hyper::Method;

use super::http::{LONG_PATIENCE, PATIENCE, Silent, ask_json, connect, escape, get, send, wait_json};
use super::layout::RunDir;
use crate::envoy_log;

/// A running federation, from outside.
#[derive(Debug, Clone)]
pub struct Federation {
    pub run: RunDir,
}

impl Federation {
    pub fn new(run: RunDir) -> Self {
        Self { run }
    }

    pub async fn ps(&self) -> Result<Fleet> {
        ask_json(&self.run.supervisor(), "/ps").await
    }

    /// An answer of a proxy's admin interface.
    pub async fn fetch(&self, pod: &PodName, path: &str) -> Result<String> {
        let query = query(pod)?;
        // The supervisor bounds the proxy's part; a large dump takes its time on the way through
        // it.
        let path = format!("/fetch?{query}&path={}", escape(path));
        get(&self.run.supervisor(), &path, LONG_PATIENCE).await
    }

    /// What a pod's proxy recorded after the record numbered `since`.
    pub async fn flows(&self, pod: &Pod, since: u64) -> Result<Vec<FlowRecord>> {
        if pod.envoy {
            return self.flows_of_envoy(pod, since).await;
        }
        let text = self.fetch(&pod.name(), &format!("/flows?since={since}")).await?;
        serde_json::from_str(&text).context("the proxy's flow records cannot be read")
    }

    /// Envoy's are in its access log; who wrote the rules is in its resources.
    async fn flows_of_envoy(&self, pod: &Pod, since: u64) -> Result<Vec<FlowRecord>> {
        let path = self.run.log(&pod.cluster, &pod.namespace, &pod.pod, "proxy");
        let log = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let log = String::from_utf8_lossy(&log);
        // The dump is large, and most often there is no news.
        if envoy_log::records(&log, &serde_json::Value::Null).iter().all(|record| record.sequence <= since) {
            return Ok(Vec::new());
        }
        let dump = self.fetch(&pod.name(), "/config_dump").await?;
        let dump = serde_json::from_str(&dump).context("Envoy's configuration dump cannot be read")?;
        let mut records = envoy_log::records(&log, &dump);
        records.retain(|record| record.sequence > since);
        Ok(records)
    }

    /// How often Envoy has refused a TLS client, by counter: its access log does not tell.
    pub async fn tls_refusals(&self, pod: &Pod) -> Result<BTreeMap<String, u64>> {
        let text = self.fetch(&pod.name(), "/stats?filter=ssl.fail_verify").await?;
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        Ok(lines.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect())
    }

    pub async fn is_ready(&self, pod: &PodName) -> bool {
        self.fetch(pod, "/ready").await.is_ok()
    }

    pub async fn entry(&self, pod: &PodName) -> Result<carrick_local::PodEntry> {
        ask_json(&self.run.supervisor(), &format!("/entry?{}", query(pod)?)).await
    }

    /// The resource behind a path in a proxy's record.
    ///
    /// # Errors
    /// [`Silent`]: there is no sense in asking this control plane again.
    pub async fn resolve(&self, cluster: &str, path: &str) -> Result<Rule, Silent> {
        let query = format!("/resolve?path={}", escape(path));
        match ask_json::<Resolved>(&self.run.admin(cluster), &query).await {
            Ok(found) => Ok(Rule { resource: found.resource, place: Some(found.place) }),
            Err(error) => match error.downcast::<Silent>() {
                Ok(silent) => Err(silent),
                // What the control plane does not know any more keeps the name that the proxy
                // knows.
                Err(_) => Ok(Rule { resource: path.to_owned(), place: None }),
            },
        }
    }

    /// A control plane's state, once it is newer than `known`: a version, and a count of refusals.
    pub async fn status(&self, cluster: &str, known: Option<(u64, u64)>) -> Result<Status> {
        let query = known
            .map_or_else(String::new, |(version, refusals)| format!("?after={version}&refusals={refusals}"));
        let path = format!("/status{query}");
        match known {
            None => ask_json(&self.run.admin(cluster), &path).await,
            Some(_) => wait_json(&self.run.admin(cluster), &path).await,
        }
    }

    /// The supervisor's process number as this process sees it.
    pub fn supervisor_pid(&self) -> Result<u32> {
        let stream = std::os::unix::net::UnixStream::connect(self.run.supervisor())?;
        let credentials = rustix::net::sockopt::socket_peercred(&stream)?;
        u32::try_from(credentials.pid.as_raw_nonzero().get()).context("the supervisor has no process number")
    }

    pub async fn down(&self) -> Result<()> {
        let socket = self.run.supervisor();
        let (status, text) =
            send(connect(&socket).await?, Method::POST, "/down", PATIENCE).await.with_context(|| {
                format!(
                    "the supervisor at {} was asked to stop; ending `carrick up` ends everything",
                    socket.display()
                )
            })?;
        if !status.is_success() {
            bail!("the supervisor answered {status}: {text}");
        }
        Ok(())
    }

    /// The pod that a name means: `[CLUSTER/][NAMESPACE/]POD`, where a unique beginning of the
    /// pod's name is enough.
    pub async fn find(&self, name: &str) -> Result<Pod> {
        let fleet = self.ps().await?;
        let parts: Vec<&str> = name.split('/').collect();
        let (scope, pod) = parts.split_at(parts.len() - 1);
        let in_scope = |row: &&Pod| match scope {
            [] => true,
            [one] => row.cluster == *one || row.namespace == *one,
            [cluster, namespace] => row.cluster == *cluster && row.namespace == *namespace,
            _ => false,
        };
        let candidates: Vec<&Pod> = fleet.pods.iter().filter(in_scope).collect();
        let exact = candidates.iter().filter(|row| row.pod == pod[0]);
        let owner = candidates
            .iter()
            .filter(|row| row.pod.rsplit_once('-').is_some_and(|(owner, _)| owner == pod[0]));
        let prefix = candidates.iter().filter(|row| row.pod.starts_with(pod[0]));
        let found: Vec<Vec<&&Pod>> = vec![exact.collect(), owner.collect(), prefix.collect()];
        match found.iter().find(|rows| !rows.is_empty()).map(Vec::as_slice) {
            Some([row]) => Ok((**row).clone()),
            Some(rows) => {
                bail!("{name} may be any of {}; write more of the name", names(rows.iter().copied().copied()))
            }
            None => bail!("there is no pod {name}; there are {}", names(fleet.pods.iter())),
        }
    }
}

fn names<'a>(rows: impl Iterator<Item = &'a Pod>) -> String {
    rows.map(|row| format!("{}/{}/{}", row.cluster, row.namespace, row.pod)).collect::<Vec<_>>().join(", ")
}

/// The run directories of this user, one for each federation that runs (or was killed).
pub fn running(parent: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().join("supervisor.sock").exists())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    found.sort();
    found
}

fn query(pod: &PodName) -> Result<String> {
    let parts = [("cluster", &pod.cluster), ("namespace", &pod.namespace), ("pod", &pod.pod)];
    Ok(parts.map(|(name, value)| format!("{name}={}", escape(value))).join("&"))
}
