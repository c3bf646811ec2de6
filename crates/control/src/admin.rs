//! What the operator may ask of a control plane, over a Unix socket of their own: JSON, read-only.
//!
//! It must not know who asks; whoever may open the socket may read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use carrick_api::control::{Resolved, Service, ServicePort, Services, Status};
use carrick_model::{EndpointAddress, MeshSnapshot, ServiceKind};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::findings::findings;
use crate::pipeline::Published;
use crate::proxies::Proxies;
use crate::socket::bind_private;

/// A waiting reader is answered after this long even without news, so that dead ones do not pile
/// up.
const LONG_POLL: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Facts {
    published: watch::Receiver<Arc<Published>>,
    proxies: Arc<Proxies>,
}

/// Serves until `stop` is cancelled.
pub async fn serve(
    socket: PathBuf,
    published: watch::Receiver<Arc<Published>>,
    proxies: Arc<Proxies>,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/status", get(status))
        .route("/resolve", get(resolve))
        .route("/services", get(services))
        .with_state(Facts { published, proxies });
    let listener = bind_private(&socket)?;
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Which version a reader has already.
#[derive(Debug, Deserialize)]
struct After {
    after: Option<u64>,
    /// The count of refusals that came with it; news of these end the waiting too.
    refusals: Option<u64>,
}

async fn status(State(facts): State<Facts>, Query(After { after, refusals }): Query<After>) -> Json<Status> {
    let mut refused = facts.proxies.refusals();
    let published = tokio::select! {
        published = newer(facts.published.clone(), after) => published,
        () = more(&mut refused, refusals) => facts.published.borrow().clone(),
    };
    let refusals = *refused.borrow();
    Json(Status {
        refusals,
        version: published.version,
        diagnostics: findings(&published.diagnostics),
        rendered: carrick_model::render(&published.diagnostics, &published.files),
        proxies: facts.proxies.list(),
    })
}

#[derive(Debug, Deserialize)]
struct ResolveQuery {
    path: String,
}

async fn resolve(
    State(facts): State<Facts>,
    Query(query): Query<ResolveQuery>,
) -> Result<Json<Resolved>, StatusCode> {
    let snapshot = facts.published.borrow().snapshot.clone();
    let meta = snapshot.find(&query.path).ok_or(StatusCode::NOT_FOUND)?;
    let place = format!("{}:{}", meta.source.file, meta.source.line);
    Ok(Json(Resolved { resource: meta.resource_name().to_string(), place }))
}

async fn services(State(facts): State<Facts>, Query(After { after, .. }): Query<After>) -> Json<Services> {
    let published = newer(facts.published, after).await;
    Json(Services { version: published.version, services: service_rows(&published.snapshot) })
}

fn service_rows(snapshot: &MeshSnapshot) -> Vec<Service> {
    let kubernetes = snapshot.services().iter().filter(|service| service.kind == ServiceKind::Kubernetes);
    kubernetes
        .map(|service| Service {
            host: service.host.clone(),
            addresses: service.ips().collect(),
            ports: (0..service.ports.len())
                .map(|index| ServicePort {
                    number: service.ports[index].number,
                    targets: service
                        .endpoints_of(index)
                        .iter()
                        .filter(|endpoint| endpoint.healthy)
                        .filter_map(|endpoint| match endpoint.address {
                            EndpointAddress::Ip(ip) => Some((ip, endpoint.port).into()),
                            _ => None,
                        })
                        .collect(),
                })
                .collect(),
        })
        .collect()
}

/// Completes when there are more refusals than the reader knows of; never, if it does not ask.
async fn more(refused: &mut watch::Receiver<u64>, known: Option<u64>) {
    let Some(known) = known else { return std::future::pending().await };
    if refused.wait_for(|count| *count != known).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The newest state; waits a while for one that the reader does not have.
async fn newer(mut published: watch::Receiver<Arc<Published>>, after: Option<u64>) -> Arc<Published> {
    let Some(after) = after else { return published.borrow().clone() };
    let wait = published.wait_for(|published| published.version > after);
    if let Ok(Ok(newer)) = tokio::time::timeout(LONG_POLL, wait).await {
        return newer.clone();
    }
    published.borrow().clone()
}
