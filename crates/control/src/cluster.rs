//! One cluster's control plane, put together: certificate authority, pipeline, ADS, CA service,
//! DNS, the operator's socket.
//!
//! Read top to bottom; it must not know how any part works.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carrick_identity::ttl::TtlPolicy;
use carrick_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_server::IstioCertificateServiceServer;
use carrick_xds::server::MAX_REQUEST_BYTES;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::ads::AdsService;
use crate::ca::{self, CaError, CaService, ClusterCa, Enrolment, RootClient, load_or_enrol};
use crate::callers::Callers;
use crate::pipeline::{Pipeline, PipelineError, PipelineOptions};
use crate::proxies::Proxies;
use crate::{admin, channel, files, name_server, names, pod_sockets};

/// The file in the state folder with what a server of names answers, see [`name_server`].
pub const NAMES_FILE: &str = "names.json";

/// What a control plane needs to know.
#[derive(Debug, Clone)]
pub struct ControlOptions {
    /// The federation file.
    pub federation: PathBuf,
    /// Which of its clusters this is.
    pub cluster: String,
    /// The runtime's own resources: which pods there are, and by which socket each calls.
    pub resources: Vec<PathBuf>,
    /// Where the cluster CA, allocated addresses and names are kept.
    pub state: PathBuf,
    /// The folder for the Unix sockets of proxies and agents, one for each pod: `NAME/xds.sock`,
    /// where NAME is what the runtime's own resources say of the pod.
    pub proxies: PathBuf,
    /// The Unix socket for the operator.
    pub admin: PathBuf,
    /// Where DNS is served, UDP and TCP.
    pub dns: Option<SocketAddr>,
    /// The root CA's Unix socket.
    pub root_ca: PathBuf,
    /// A file that holds the enrolment token.
    pub token: Option<PathBuf>,
    /// Lifetime of workload certificates that do not ask for one.
    pub workload_ttl: Duration,
    /// Whether access logs have the fields that flow records are made of.
    pub flow_log: bool,
}

/// Why a control plane does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Configuration(#[from] PipelineError),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("the server for proxies failed: {0}")]
    Server(String),
    #[error("DNS cannot be served: {0}")]
    Dns(io::Error),
    #[error("the operator's socket failed: {0}")]
    Operator(io::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the control plane until `stop` is cancelled, or a part of it cannot go on.
pub async fn run(options: ControlOptions, stop: CancellationToken) -> Result<(), ControlError> {
    files::private_dir(&options.state)?;
    let (pipeline, published) = Pipeline::start(PipelineOptions {
        federation: options.federation.clone(),
        cluster: options.cluster.clone(),
        runtime: options.resources.clone(),
        addresses: options.state.join("addresses.json"),
        last_good: options.state.join("last-good.json"),
        flow_log: options.flow_log,
    })?;

    let enrolment = Enrolment {
        dir: options.state.join("cacerts"),
        root: RootClient { socket: options.root_ca.clone() },
        token: options.token.clone(),
    };
    let wanted = published.borrow().trust_domain().clone();
    let ca = Arc::new(ClusterCa::new(load_or_enrol(&enrolment, &wanted).await?));
    let following = ca::follow(ca.clone(), enrolment, published.clone());
    let ttl = TtlPolicy { default: options.workload_ttl, ..TtlPolicy::default() };

    let callers = Callers::new(published.clone(), &options.resources);
    let proxies = Arc::new(Proxies::default());
    let ads = AdsService {
        published: published.clone(),
        callers: callers.clone(),
        proxies: proxies.clone(),
        translations: Arc::default(),
    };
    let ca_service = CaService { ca, callers: callers.clone(), published: published.clone(), ttl };

    files::private_dir(&options.proxies)?;
    let incoming = ReceiverStream::new(pod_sockets::listen(options.proxies, callers));
    let grpc = tonic::transport::Server::builder()
        .add_service(AggregatedDiscoveryServiceServer::new(ads).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(IstioCertificateServiceServer::new(ca_service))
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let tables = names::tables(published.clone(), Some(options.state.join(NAMES_FILE)));
    let dns = serve_dns(options.dns, tables, stop.clone());
    let operator = admin::serve(options.admin.clone(), published, proxies, stop.clone());

    tokio::select! {
        result = apart(grpc) => result.map_err(|error| ControlError::Server(channel::describe(&error))),
        result = apart(dns) => result.map_err(ControlError::Dns),
        result = apart(operator) => result.map_err(ControlError::Operator),
        never = pipeline.run() => match never {},
        never = following => match never {},
        () = stop.cancelled() => Ok(()),
    }
}

/// Something that serves, on a task of its own: what the others do does not hold it up.
async fn apart<E: Send + 'static>(
    serving: impl Future<Output = Result<(), E>> + Send + 'static,
) -> Result<(), E> {
    match AbortOnDropHandle::new(tokio::spawn(serving)).await {
        Ok(ended) => ended,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this with it.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

async fn serve_dns(
    address: Option<SocketAddr>,
    tables: names::Tables,
    stop: CancellationToken,
) -> io::Result<()> {
    match address {
        Some(address) => name_server::serve(address, tables, stop).await,
        // The tables are kept up to date for others.
        None => {
            stop.cancelled().await;
            drop(tables);
            Ok(())
        }
    }
}
