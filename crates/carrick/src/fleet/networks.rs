//! Networks and pods of a federation, made real.
//!
//! It must not know which programs run in the pods.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

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

/// Where a pod is reached, and by what it reaches others.
pub struct Place<'a> {
    pub address: Ipv4Addr,
    pub internet: Option<Ipv4Addr>,
    pub resolver: Ipv4Addr,
    /// The name of its socket to the control plane.
    pub socket: &'a str,
}

/// Makes a pod of a cluster.
pub fn pod(
    networks: &Networks,
    cluster: &str,
    spec: &PodSpec,
    place: &Place<'_>,
    dirs: &Dirs<'_>,
) -> Result<Pod> {
    let on = |network: &str, address, guard| Attachment { network: network.into(), address, guard };
    let mut attachments = vec![on(cluster, place.address, Guard::Open)];
    attachments.extend(place.internet.map(|address| on(INTERNET, address, guard(spec.role))));
    let plan = PodPlan {
        name: format!("{cluster}/{}", spec.name),
        hostname: spec.name.chars().take(63).collect(),
        attachments,
        resolver: Some(Resolver {
            nameserver: place.resolver.into(),
            search: ["{}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
                .map(|domain| domain.replace("{}", &spec.namespace))
                .to_vec(),
            ndots: 5,
        }),
        hosts: Vec::new(),
        dirs: dirs.in_pod(cluster, spec, place.socket),
        hidden: dirs.hidden(),
        capture: (spec.role == Role::Sidecar).then(|| Capture {
            // DNS over TCP goes where DNS over UDP goes; the sidecar knows no such service.
            outbound_excluded: vec![SocketAddrV4::new(place.resolver, 53)],
            ..Capture::default()
        }),
    };
    Pod::create(&plan, &networks.of(cluster)).with_context(|| format!("cannot make the pod {}", spec.name))
}

/// The control plane's pod. It sees the machine's files, since it reads the operator's in `folder`;
/// of the federation's own files its cluster's and the root CA's socket.
pub fn control_plane(
    networks: &Networks,
    cluster: &str,
    address: Ipv4Addr,
    folder: &Path,
    dirs: &Dirs<'_>,
) -> Result<Pod> {
    let mut shown = vec![
        shown("cluster", dirs.run.cluster(cluster)),
        shown("state", dirs.state.cluster(cluster)),
        PodDir { read_only: true, ..shown("root-ca", dirs.run.root_ca()) },
    ];
    // The demo's folder is among what is hidden.
    if dirs.hidden().iter().any(|hidden| folder.starts_with(hidden)) {
        shown.push(PodDir { at: folder.to_owned(), shows: Some(folder.to_owned()), read_only: true });
    }
    let plan = PodPlan {
        name: format!("{cluster}/control"),
        hostname: "control".into(),
        attachments: vec![Attachment { network: cluster.into(), address, guard: Guard::Open }],
        dirs: shown,
        hidden: dirs.hidden(),
        ..PodPlan::default()
    };
    Ok(Pod::create(&plan, &networks.of(cluster))?)
}

/// A pod without any network, which alone sees the root CA's files.
pub fn root_ca(dirs: &Dirs<'_>) -> Result<Pod> {
    let plan = PodPlan {
        name: "root-ca".into(),
        hostname: "root-ca".into(),
        dirs: vec![shown("root-ca", dirs.run.root_ca()), shown("state", dirs.state.root_ca())],
        hidden: dirs.hidden(),
        ..PodPlan::default()
    };
    Ok(Pod::create(&plan, &[])?)
}

/// A pod on the internet that belongs to no cluster.
pub fn outsider(networks: &Networks, address: Ipv4Addr, dirs: &Dirs<'_>) -> Result<Pod> {
    let plan = PodPlan {
        name: "outsider".into(),
        hostname: "outsider".into(),
        attachments: vec![Attachment { network: INTERNET.into(), address, guard: Guard::Open }],
        hidden: dirs.hidden(),
        ..PodPlan::default()
    };
    Ok(Pod::create(&plan, std::slice::from_ref(&networks.internet))?)
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
    /// Of all these files a pod with a proxy sees its own, and its own socket to the control plane.
    fn in_pod(&self, cluster: &str, spec: &PodSpec, socket: &str) -> Vec<PodDir> {
        match spec.role.has_proxy() {
            true => vec![
                shown("pod", self.run.pod(cluster, &spec.namespace, &spec.name)),
                PodDir { read_only: true, ..shown("proxies", self.run.pod_socket(cluster, socket)) },
            ],
            false => Vec::new(),
        }
    }

    /// What no pod sees: the files of this user's federations, this one's and all others'.
    fn hidden(&self) -> Vec<PathBuf> {
        let home = |path: &Path| path.parent().unwrap_or(path).to_owned();
        vec![home(self.run.path()), home(self.state.path())]
    }
}

fn shown(name: &str, path: PathBuf) -> PodDir {
    PodDir { at: PathBuf::from(IN_POD).join(name), shows: Some(path), read_only: false }
}
