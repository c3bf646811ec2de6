//! Which program runs in which pod, with which arguments.
//!
//! It must not know when they are started, nor whether they run.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use carrick_control::cluster::NAMES_FILE;
use carrick_local::{Output, Privileges, ProcessPlan, Restart};
use serde::{Deserialize, Serialize};

use super::layout::{IN_POD, RunDir};
use super::plan::federation_file;
use super::pods::{PodSpec, Program, Role, Word};

const OWN_PROGRAM: &str = "/proc/self/exe";
const DNS_PORT: u16 = 53;

/// What a proxy says of itself; the agent reads it from a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeFacts {
    pub gateway: bool,
    pub ip: Ipv4Addr,
    pub name: String,
    pub namespace: String,
    pub cluster: String,
    pub service_account: String,
    pub workload: String,
    pub labels: BTreeMap<String, String>,
    /// The mark that exempts the proxy's own connections from capture.
    pub own_traffic_mark: Option<u32>,
}

impl NodeFacts {
    pub fn of(cluster: &str, pod: &PodSpec, ip: Ipv4Addr) -> Self {
        Self {
            gateway: pod.role != Role::Sidecar,
            ip,
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            cluster: cluster.into(),
            service_account: pod.service_account.clone(),
            workload: pod.owner.clone(),
            labels: pod.labels.clone(),
            own_traffic_mark: (pod.role == Role::Sidecar).then_some(1337),
        }
    }
}

pub fn root_ca(run: &RunDir) -> ProcessPlan {
    let (state, listen) = (in_pod("state"), in_pod("root-ca/ca.sock"));
    let words = ["root-ca", "serve", "--state", &state, "--listen", &listen];
    own("root-ca", &words, Privileges::App, run.system_log("root-ca"))
}

/// Its pod shows it the cluster's own folders, see [`super::networks::control_plane`].
pub fn control(run: &RunDir, folder: &Path, cluster: &str) -> ProcessPlan {
    let mut words = vec!["control".to_owned()];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    add("--federation", text(&federation_file(folder)));
    add("--cluster", cluster.into());
    add("--resources", in_pod("cluster/runtime"));
    add("--state", in_pod("state"));
    add("--proxies", in_pod("cluster/proxies"));
    add("--admin", in_pod("cluster/admin.sock"));
    add("--root-ca", in_pod("root-ca/ca.sock"));
    add("--token", in_pod("cluster/enrolment-token"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    own("control", &words, Privileges::App, run.system_log(&format!("{cluster}.control")))
}

/// The resolver of a cluster's pods, apart from the control plane: names must not go when that one
/// does.
pub fn name_server(run: &RunDir, cluster: &str, address: Ipv4Addr) -> ProcessPlan {
    let names = in_pod(&format!("state/{NAMES_FILE}"));
    let listen = SocketAddr::from((address, DNS_PORT)).to_string();
    let words = ["name-server", "--names", &names, "--listen", &listen];
    own("dns", &words, Privileges::App, run.system_log(&format!("{cluster}.dns")))
}

/// The agent, which runs the proxy: Carrick's, or this Envoy.
pub fn agent(run: &RunDir, cluster: &str, pod: &PodSpec, envoy: Option<&Path>) -> ProcessPlan {
    let (control, dir, node) = (in_pod("proxies/xds.sock"), in_pod("pod/agent"), in_pod("pod/node.json"));
    let agent = ["agent", "--control", &control, "--dir", &dir, "--node", &node, "--"];
    let carrick = ["proxy", "-c", "{bootstrap}", "--concurrency", "1"];
    // Its log is read while it runs, so it must not wait long; several Envoys on one machine must
    // not mistake each other for their predecessors.
    let stock = [
        "-c",
        "{bootstrap}",
        "--concurrency",
        "1",
        "--file-flush-interval-msec",
        "10",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ];
    let envoy = envoy.map(text);
    let proxy: Vec<&str> = match &envoy {
        Some(envoy) => std::iter::once(envoy.as_str()).chain(stock).collect(),
        None => std::iter::once(OWN_PROGRAM).chain(carrick).collect(),
    };
    let words: Vec<&str> = agent.into_iter().chain(proxy).collect();
    own("proxy", &words, Privileges::Proxy, run.log(cluster, &pod.namespace, &pod.name, "proxy"))
}

pub fn container(run: &RunDir, cluster: &str, pod: &PodSpec, program: &Program) -> ProcessPlan {
    let word = |word: &Word| match word {
        Word::Text(text) => text.clone(),
        Word::OwnProgram => OWN_PROGRAM.to_owned(),
    };
    let mut plan = ProcessPlan {
        name: program.name.clone(),
        argv: program.words.iter().map(word).collect(),
        env: environment(),
        working_dir: PathBuf::from("/"),
        privileges: Privileges::App,
        output: Output::File(run.log(cluster, &pod.namespace, &pod.name, &program.name)),
        restart: Restart::Always,
    };
    plan.env.extend(program.env.iter().cloned());
    if !program.working_dir.is_empty() {
        plan.working_dir = program.working_dir.clone().into();
    }
    plan
}

fn own(name: &str, words: &[&str], privileges: Privileges, log: PathBuf) -> ProcessPlan {
    ProcessPlan {
        name: name.into(),
        argv: std::iter::once(OWN_PROGRAM).chain(words.iter().copied()).map(String::from).collect(),
        env: environment(),
        working_dir: PathBuf::from("/"),
        privileges,
        output: Output::File(log),
        restart: Restart::Always,
    }
}

/// A pod's programs do not inherit the operator's environment, which may hold secrets.
pub fn environment() -> Vec<(String, String)> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    [("PATH", path), ("HOME", "/"), ("LANG", "C.UTF-8")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec()
}

fn in_pod(name: &str) -> String {
    format!("{IN_POD}/{name}")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
