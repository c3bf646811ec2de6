//! Which program runs in which pod, with which arguments.
//!
//! It must not know when they are started, nor whether they run.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use carrick_local::{Output, Privileges, ProcessPlan, Restart};
use serde::{Deserialize, Serialize};

use super::layout::{IN_POD, RunDir, StateDir};
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

pub fn root_ca(run: &RunDir, state: &StateDir) -> ProcessPlan {
    let words = ["root-ca", "serve", "--state", &text(&state.root_ca()), "--listen", &text(&run.root_ca())];
    own("root-ca", &words, Privileges::App, run.system_log("root-ca"))
}

pub fn control(
    run: &RunDir,
    state: &StateDir,
    folder: &Path,
    cluster: &str,
    address: Ipv4Addr,
) -> ProcessPlan {
    let mut words = vec!["control".to_owned()];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    add("--federation", text(&federation_file(folder)));
    add("--cluster", cluster.into());
    add("--resources", text(&run.runtime_resources(cluster)));
    add("--state", text(&state.cluster(cluster)));
    add("--listen", text(&run.proxies_socket(cluster)));
    add("--admin", text(&run.admin(cluster)));
    add("--dns", SocketAddr::from((address, DNS_PORT)).to_string());
    add("--root-ca", text(&run.root_ca()));
    if run.token(cluster).exists() {
        add("--token", text(&run.token(cluster)));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    own("control", &words, Privileges::ControlPlane, run.system_log(&format!("{cluster}.control")))
}

/// The agent, which runs the proxy. `own_program` is how the agent finds Carrick's proxy from within the pod.
pub fn agent(run: &RunDir, cluster: &str, pod: &PodSpec) -> ProcessPlan {
    let at = |name: &str| format!("{IN_POD}/{name}");
    let words = [
        "agent",
        "--control",
        &at("proxies/xds.sock"),
        "--dir",
        &at("pod/agent"),
        "--node",
        &at("pod/node.json"),
        "--",
        OWN_PROGRAM,
        "proxy",
        "-c",
        "{bootstrap}",
        "--concurrency",
        "1",
    ];
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

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
