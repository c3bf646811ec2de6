//! Networks and pods of a federation, made real.
//!
//! It must not know which programs run in the pods.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use anyhow::{Context, Result};
use carrick_local::{
    Attachment, Capture, Guard, Network, NetworkKind, NetworkPlan, Pod, PodDir, PodPlan, Resolver,
};

use super::layout::{IN_POD, RunDir, StateDir};
use super::plan::FederationPlan;
use super::pods::{Gateway, PodSpec, Role};

const INTERNET: &str = "internet";

/// All networks: one for each cluster, and the internet.
pub struct Networks {
    pub clusters: BTreeMap<String, Network>,
    pub internet: Network,
}

impl Networks {
    pub fn create(plan: &FederationPlan) -> Result<Self> {
        let ranges = &plan.federation.networks;
        let make = |name: &str, range: carrick_model::Cidr, kind| -> Result<Network> {
            let gateway = FederationPlan::address(range, 1)?;
            Ok(Network::create(&NetworkPlan { name: name.into(), gateway, prefix: range.prefix(), kind })?)
        };
        let mut clusters = BTreeMap::new();
        for cluster in &plan.clusters {
            let name = &cluster.spec.name;
            clusters.insert(name.clone(), make(name, ranges.pods, NetworkKind::Routed)?);
        }
        Ok(Self { clusters, internet: make(INTERNET, ranges.internet, NetworkKind::Switched)? })
    }

    fn of(&self, cluster: &str) -> Vec<Network> {
        self.clusters.get(cluster).into_iter().chain([&self.internet]).cloned().collect()
    }
}

/// Makes a pod of a cluster.
pub fn pod(
    networks: &Networks,
    cluster: &str,
    spec: &PodSpec,
    address: Ipv4Addr,
    internet: Option<Ipv4Addr>,
    resolver: Ipv4Addr,
    dirs: &Dirs<'_>,
) -> Result<Pod> {
    let on = |network: &str, address, guard| Attachment { network: network.into(), address, guard };
    let mut attachments = vec![on(cluster, address, Guard::Open)];
    attachments.extend(internet.map(|address| on(INTERNET, address, guard(spec.role))));
    let plan = PodPlan {
        name: format!("{cluster}/{}", spec.name),
        hostname: spec.name.chars().take(63).collect(),
        attachments,
        resolver: Some(Resolver {
            nameserver: resolver.into(),
            search: ["{}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
                .map(|domain| domain.replace("{}", &spec.namespace))
                .to_vec(),
            ndots: 5,
        }),
        hosts: Vec::new(),
        dirs: dirs.in_pod(cluster, spec),
        hidden: vec![dirs.run.path().to_owned(), dirs.state.path().to_owned()],
        capture: (spec.role == Role::Sidecar).then(|| Capture {
            // DNS over TCP goes where DNS over UDP goes; the sidecar knows no such service.
            outbound_excluded: vec![SocketAddrV4::new(resolver, 53)],
            ..Capture::default()
        }),
    };
    Pod::create(&plan, &networks.of(cluster)).with_context(|| format!("cannot make the pod {}", spec.name))
}

/// The control plane's pod: it sees the machine's files, since it reads the operator's.
pub fn control_plane(networks: &Networks, cluster: &str, address: Ipv4Addr) -> Result<Pod> {
    let attachments = vec![Attachment { network: cluster.into(), address, guard: Guard::Open }];
    system_pod(format!("{cluster}/control"), "control".into(), attachments, &networks.of(cluster))
}

/// A pod without any network, for the root CA.
pub fn isolated(name: &str) -> Result<Pod> {
    system_pod(name.into(), name.into(), Vec::new(), &[])
}

/// A pod on the internet that belongs to no cluster.
pub fn stranger(networks: &Networks, address: Ipv4Addr) -> Result<Pod> {
    let attachments = vec![Attachment { network: INTERNET.into(), address, guard: Guard::Open }];
    system_pod("stranger".into(), "stranger".into(), attachments, std::slice::from_ref(&networks.internet))
}

fn system_pod(
    name: String,
    hostname: String,
    attachments: Vec<Attachment>,
    networks: &[Network],
) -> Result<Pod> {
    Ok(Pod::create(&PodPlan { name, hostname, attachments, ..PodPlan::default() }, networks)?)
}

/// Only ingress gateways are there for the internet.
fn guard(role: Role) -> Guard {
    match role {
        Role::Gateway(Gateway::Ingress) => Guard::TcpPorts(vec![80, 443, 15443]),
        Role::Gateway(Gateway::Egress | Gateway::Other) | Role::Sidecar | Role::Plain => Guard::AnswersOnly,
    }
}

/// Where a federation's files are.
pub struct Dirs<'a> {
    pub run: &'a RunDir,
    pub state: &'a StateDir,
}

impl Dirs<'_> {
    /// Of all these files a pod with a proxy sees its own, and its control plane's socket.
    fn in_pod(&self, cluster: &str, spec: &PodSpec) -> Vec<PodDir> {
        let show =
            |name: &str, path: PathBuf| PodDir { at: PathBuf::from(IN_POD).join(name), shows: Some(path) };
        match spec.role.has_proxy() {
            true => vec![
                show("pod", self.run.pod(cluster, &spec.namespace, &spec.name)),
                show("proxies", self.run.proxies_dir(cluster)),
            ],
            false => Vec::new(),
        }
    }
}
