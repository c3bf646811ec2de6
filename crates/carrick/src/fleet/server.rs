//! The supervisor's socket: what runs, how to enter a pod, a pod's own HTTP servers, stopping.
//!
//! Only the user who started the federation can open it. It must not know what its answers are used
//! for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use carrick_api::fleet::{self, Fleet, PodName, ProcessState};
use carrick_local::{Pod, PodEntry, Status};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::http;
use super::runtime::{Runtime, Shared};

/// The port of a proxy's admin interface, on the pod's loopback.
pub const ADMIN_PORT: u16 = 15000;
/// How long a proxy's admin interface may take to accept, and again for each part of its answer.
const PROXY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for whoever changes the fleet just now, before what it was before is told.
const BUSY: Duration = Duration::from_millis(300);

#[derive(Clone)]
struct Facts {
    runtime: Shared,
    stop: CancellationToken,
    /// What was told last.
    last: Arc<Mutex<Option<Fleet>>>,
}

/// Serves until `stop` is cancelled, which `POST /down` does too.
pub async fn serve(socket: PathBuf, runtime: Shared, stop: CancellationToken) -> Result<()> {
    let router = Router::new()
        .route("/ps", get(ps))
        .route("/entry", get(entry))
        .route("/fetch", get(fetch))
        .route("/down", post(down))
        .with_state(Facts { runtime, stop: stop.clone(), last: Arc::default() });
    let listener = UnixListener::from_std(carrick_files::listen_private(&socket)?)?;
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}

async fn ps(State(facts): State<Facts>) -> Json<Fleet> {
    let busy = tokio::time::timeout(BUSY, facts.runtime.lock()).await;
    let last = || facts.last.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = match busy {
        Ok(runtime) => runtime,
        Err(_elapsed) => {
            let told = last().clone();
            if let Some(told) = told {
                return Json(told);
            }
            facts.runtime.lock().await
        }
    };
    let told = told(&runtime);
    *last() = Some(told.clone());
    Json(told)
}

fn told(runtime: &Runtime) -> Fleet {
    let pods = runtime.pods.values().map(|running| fleet::Pod {
        cluster: running.cluster.clone(),
        namespace: running.spec.namespace.clone(),
        pod: running.spec.name.clone(),
        role: running.spec.role.into(),
        address: running.address.to_string(),
        has_proxy: running.spec.role.has_proxy(),
        envoy: running.envoy,
        processes: running
            .processes
            .iter()
            .map(|process| (process.name().into(), row(process.status())))
            .collect(),
    });
    let system = runtime.system.iter().map(|(name, _, process)| (name.clone(), row(process.status())));
    Fleet { name: runtime.name.clone(), pods: pods.collect(), system: system.collect() }
}

fn row(status: Status) -> fleet::Process {
    let (state, restarts) = match status {
        Status::Running { restarts, .. } => (ProcessState::Running, restarts),
        Status::Waiting { restarts, .. } => (ProcessState::Waiting, restarts),
        Status::Ended(_) => (ProcessState::Ended, 0),
        Status::Failed => (ProcessState::Failed, 0),
    };
    fleet::Process { state, restarts }
}

/// The pod of that name; `outsider` stands on the internet, in no cluster.
async fn find(facts: &Facts, name: &PodName) -> Result<Pod, (StatusCode, String)> {
    let runtime = facts.runtime.lock().await;
    if name.cluster.is_empty() && name.pod == "outsider" {
        return Ok(runtime.outsider.clone());
    }
    let key = (name.cluster.clone(), name.namespace.clone(), name.pod.clone());
    let running = runtime.pods.get(&key).ok_or_else(|| {
        (
            StatusCode::NOT_FOUND,
            format!("there is no pod {}/{} in {}", name.namespace, name.pod, name.cluster),
        )
    })?;
    Ok(running.pod.clone())
}

async fn entry(
    State(facts): State<Facts>,
    Query(name): Query<PodName>,
) -> Result<Json<PodEntry>, (StatusCode, String)> {
    Ok(Json(find(&facts, &name).await?.entry()))
}

#[derive(Debug, Deserialize)]
struct Fetch {
    cluster: String,
    namespace: String,
    pod: String,
    path: String,
}

/// `GET /fetch?…&path=/flows`: an answer of the pod's proxy, whose admin interface listens on the
/// pod's loopback only.
async fn fetch(
    State(facts): State<Facts>,
    Query(fetch): Query<Fetch>,
) -> Result<String, (StatusCode, String)> {
    let name = PodName { cluster: fetch.cluster, namespace: fetch.namespace, pod: fetch.pod };
    let pod = find(&facts, &name).await?;
    let failed = |error: anyhow::Error| (StatusCode::BAD_GATEWAY, format!("{error:#}"));
    let address = SocketAddr::from(([127, 0, 0, 1], ADMIN_PORT));
    let stream = tokio::task::spawn_blocking(move || pod.connect(address, PROXY_TIMEOUT))
        .await
        .map_err(|error| failed(error.into()))?
        .and_then(|stream| stream.set_nonblocking(true).map(|()| stream))
        .and_then(tokio::net::TcpStream::from_std)
        .map_err(|error| {
            failed(anyhow::Error::new(error).context("the proxy's admin interface does not answer"))
        })?;
    let (status, body) = http::get_over(stream, &fetch.path, PROXY_TIMEOUT)
        .await
        .map_err(|error| failed(error.context("of the proxy's admin interface")))?;
    match status.is_success() {
        true => Ok(body),
        false => Err((StatusCode::BAD_GATEWAY, format!("the proxy answered {status}: {body}"))),
    }
}

async fn down(State(facts): State<Facts>) -> StatusCode {
    facts.stop.cancel();
    StatusCode::ACCEPTED
}
