//! Starts a root CA and one cluster's control plane in a folder of their own, and talks to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use carrick_control::cluster::{self, ControlOptions};
use carrick_control::root_ca::{self, RootStore};
use carrick_identity::{Certificate, PrivateKey, SpiffeId, TrustDomain, csr};
use carrick_xds::ResourceType;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use carrick_xds::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use carrick_xds::pb::istio::v1::auth::IstioCertificateRequest;
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

const DAY: Duration = Duration::from_secs(86_400);

pub struct Cluster {
    dir: tempfile::TempDir,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Cluster {
    /// The example's cluster1 with the given pods, each of which has a socket of its own name.
    pub async fn start(pods: &[&str]) -> Cluster {
        Self::start_with(&pods.iter().copied().enumerate().map(pod).collect::<String>()).await
    }

    /// The example's cluster1 with pods as the runtime writes them down.
    pub async fn start_with(pods: &str) -> Cluster {
        let dir = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/two-clusters");
        copy(&example, &dir.path().join("folder"));
        fs::write(dir.path().join("pods.yaml"), pods).unwrap();
        RootStore::init(&dir.path().join("root"), "test root", DAY, DAY, SystemTime::now()).unwrap();
        write_token(dir.path(), "cluster1.example");
        Self::run(dir).await
    }

    async fn run(dir: tempfile::TempDir) -> Cluster {
        let stop = CancellationToken::new();
        let at = |name: &str| dir.path().join(name);
        let root = RootStore::open(&at("root")).unwrap();
        let (socket, stopped) = (at("run/root.sock"), stop.clone());
        let root = tokio::spawn(async move {
            root_ca::serve(root, &socket, stopped.cancelled_owned()).await.unwrap();
        });
        let options = ControlOptions {
            federation: at("folder/federation.yaml"),
            cluster: "cluster1".into(),
            resources: vec![at("pods.yaml")],
            state: at("state"),
            proxies: at("run/proxies"),
            admin: at("run/admin.sock"),
            dns: None,
            root_ca: at("run/root.sock"),
            token: Some(at("token")),
            workload_ttl: DAY,
            flow_log: false,
        };
        let control = cluster::run(options, stop.clone());
        let control = tokio::spawn(async move { control.await.unwrap() });
        let cluster = Cluster { dir, stop, tasks: vec![root, control] };
        let status = cluster.status_after(0).await;
        let findings = status["diagnostics"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{findings:?}");
        cluster
    }

    pub async fn restart(mut self) -> Cluster {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
        // The token was good once; a second enrolment would fail.
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Self::run(dir).await
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path("folder").join(name), text).unwrap();
    }

    /// Replaces the first `old` in a file.
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path("folder").join(name)).unwrap();
        assert!(text.contains(old), "{name} does not have {old:?}");
        self.write(name, &text.replacen(old, new, 1));
    }

    /// Asks for a certificate as the given pod; `wish` is the identity that the request names.
    pub async fn certificate(&self, pod: &str, wish: &str) -> Result<Vec<String>, Status> {
        let key = PrivateKey::generate().unwrap();
        let wish = (!wish.is_empty()).then(|| SpiffeId::parse(wish).unwrap());
        let request = IstioCertificateRequest {
            csr: csr::make_request(&key, wish.as_ref()).unwrap(),
            validity_duration: 3600,
            metadata: None,
        };
        let channel = self.call_as(pod).await;
        let answer = IstioCertificateServiceClient::new(channel).create_certificate(request).await?;
        Ok(answer.into_inner().cert_chain)
    }

    /// A token for this trust domain, where the control plane looks for one.
    pub fn hand_out_token(&self, trust_domain: &str) {
        write_token(self.dir.path(), trust_domain);
    }

    /// Asks for a certificate until the CA can sign.
    pub async fn certificate_once_enrolled(&self, pod: &str) -> Vec<String> {
        let attempts = async {
            loop {
                match self.certificate(pod, "").await {
                    Err(status) if status.code() == tonic::Code::FailedPrecondition => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    answer => return answer.unwrap(),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), attempts).await.expect("enrolled within 20 s")
    }

    /// A connection by the socket of a pod.
    pub async fn call_as(&self, pod: &str) -> Channel {
        channel(&self.path("run/proxies").join(pod).join("xds.sock")).await
    }

    /// Opens a delta stream as the given pod and subscribes to everything of a kind.
    pub async fn subscribe(&self, pod: &str, ip: &str, kind: ResourceType) -> Result<Subscription, Status> {
        self.subscribe_over(self.call_as(pod).await, node(pod, ip), kind).await
    }

    /// The same over any connection, with any claims.
    pub async fn subscribe_over(
        &self,
        channel: Channel,
        node: Node,
        kind: ResourceType,
    ) -> Result<Subscription, Status> {
        self.subscribe_to(channel, node, kind, &[]).await
    }

    /// The same for resources of these names only.
    pub async fn subscribe_to(
        &self,
        channel: Channel,
        node: Node,
        kind: ResourceType,
        names: &[&str],
    ) -> Result<Subscription, Status> {
        let (sender, requests) = mpsc::channel(4);
        let request = DeltaDiscoveryRequest {
            node: Some(node),
            type_url: kind.type_url().into(),
            resource_names_subscribe: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        };
        sender.send(request).await.unwrap();
        let responses = AggregatedDiscoveryServiceClient::new(channel)
            .delta_aggregated_resources(ReceiverStream::new(requests))
            .await?
            .into_inner();
        Ok(Subscription { kind, sender, responses })
    }

    /// The operator's view, once it is newer than `version`.
    pub async fn status_after(&self, version: u64) -> serde_json::Value {
        self.status(&format!("after={version}")).await
    }

    /// The operator's view, once what proxies refuse has changed more than `refusals` times.
    pub async fn status_after_refusals(&self, refusals: u64) -> serde_json::Value {
        self.status(&format!("after=1000&refusals={refusals}")).await
    }

    async fn status(&self, query: &str) -> serde_json::Value {
        let stream = connect(&self.path("run/admin.sock")).await;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get(format!("/status?{query}"))
            .header("host", "localhost")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let body =
            client.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Debug)]
pub struct Subscription {
    kind: ResourceType,
    sender: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

impl Subscription {
    /// The names of what comes next, acknowledged.
    pub async fn added(&mut self) -> Result<Vec<String>, Status> {
        self.answer(None).await
    }

    /// The names of what the next answer says is not there, where it says nothing else.
    pub async fn absent(&mut self) -> Vec<String> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.responses.message());
        let response = next.await.expect("a response within 20 s").unwrap().expect("the stream goes on");
        assert_eq!(response.resources.len(), 0, "{:?}", response.resources);
        response.removed_resources
    }

    /// The names of what comes next, refused in these words.
    pub async fn refused(&mut self, words: &str) -> Result<Vec<String>, Status> {
        let detail =
            carrick_xds::pb::google::rpc::Status { code: 13, message: words.into(), details: vec![] };
        self.answer(Some(detail)).await
    }

    async fn answer(
        &mut self,
        error_detail: Option<carrick_xds::pb::google::rpc::Status>,
    ) -> Result<Vec<String>, Status> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.responses.message());
        let response = next.await.expect("a response within 20 s")?.expect("the stream goes on");
        let ack = DeltaDiscoveryRequest {
            type_url: self.kind.type_url().into(),
            response_nonce: response.nonce,
            error_detail,
            ..Default::default()
        };
        self.sender.send(ack).await.unwrap();
        assert_eq!(response.removed_resources, Vec::<String>::new());
        Ok(response.resources.into_iter().map(|resource| resource.name).collect())
    }
}

pub fn certificates(answer: &[String]) -> Vec<Certificate> {
    answer.iter().flat_map(|pem| Certificate::all_from_pem(pem.as_bytes()).unwrap()).collect()
}

pub fn service_entry(host: &str, port: u16) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{ name: {name}, namespace: default }}
spec:
  hosts: [{host}]
  ports: [{{ number: {port}, name: http, protocol: HTTP }}]
  resolution: STATIC
  endpoints: [{{ address: 192.0.2.1 }}]
",
        name = host.replace('.', "-"),
    )
}

fn write_token(dir: &Path, trust_domain: &str) {
    let root = RootStore::open(&dir.join("root")).unwrap();
    let token = root.issue_token(&TrustDomain::new(trust_domain).unwrap(), DAY).unwrap();
    fs::write(dir.join("token"), token.expose()).unwrap();
}

/// What a sidecar's proxy says of itself.
pub fn node(pod: &str, ip: &str) -> Node {
    Node {
        id: format!("sidecar~{ip}~{pod}.default~default.svc.cluster.local"),
        cluster: pod.into(),
        ..Default::default()
    }
}

/// A pod as the runtime writes it down.
pub fn pod((index, name): (usize, &str)) -> String {
    format!(
        "---
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: default
  labels: {{ app: {name} }}
  annotations: {{ carrick.dev/socket: {name} }}
spec: {{ serviceAccountName: {name}, containers: [{{ name: app }}] }}
status: {{ podIP: 10.10.0.{} }}
",
        11 + index
    )
}

/// The servers start beside us; a socket that is not there yet is tried again until it is.
async fn connect(socket: &Path) -> UnixStream {
    let attempts = async {
        loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), attempts).await.expect("a server within 20 s")
}

async fn channel(socket: &Path) -> Channel {
    let stream = std::sync::Mutex::new(Some(TokioIo::new(connect(socket).await)));
    let connector = tower::service_fn(move |_| {
        let stream = stream.lock().unwrap().take();
        async move { stream.ok_or_else(|| std::io::Error::other("one connection only")) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
