//! Everything that runs in a federation, and how it is made: pods, processes, what they are told.
//!
//! It must not know what configuration means to proxies, when the operator's files change, nor who
//! asks.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_control::ca::needs_enrolment;
use carrick_control::root_ca::RootStore;
use carrick_files::private_dir;
use carrick_local::{Pod, Process};
use carrick_model::FederatedCluster;
use tokio::sync::Mutex;

use super::envoy::Envoy;
use super::layout::{RunDir, StateDir};
use super::networks::{Dirs, Networks};
use super::plan::{ClusterPlan, FederationPlan, PodAddresses};
use super::pods::PodSpec;
use super::{networks, programs, runtime_facts};

const ROOT_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// What `root-ca init` has as its default.
const MAX_CA_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
const TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// A pod that runs.
pub struct RunningPod {
    pub cluster: String,
    pub spec: PodSpec,
    pub address: Ipv4Addr,
    /// The name of its socket to the control plane, which no pod had before it.
    pub socket: String,
    /// Its proxy is Envoy.
    pub envoy: bool,
    pub pod: Pod,
    /// The operator's containers, and the agent with its proxy.
    pub processes: Vec<Process>,
}

/// Everything that runs. One task changes it; answers to the operator read it.
pub struct Runtime {
    pub name: String,
    pub run: RunDir,
    pub state: StateDir,
    pub networks: Networks,
    pub pods: BTreeMap<(String, String, String), RunningPod>,
    /// Control planes and the root CA, with their pods.
    pub system: Vec<(String, Pod, Process)>,
    pub addresses: PodAddresses,
    /// How many pods were made so far.
    pub made: u64,
    /// The hops that Envoy runs, if any.
    pub envoy: Option<Envoy>,
    /// A place on the internet that belongs to no cluster, from where exposure can be tested.
    pub outsider: Pod,
}

pub type Shared = Arc<Mutex<Runtime>>;

impl Runtime {
    pub fn create(plan: &FederationPlan, run: RunDir, state: StateDir, envoy: Option<Envoy>) -> Result<Self> {
        let networks = Networks::create(plan)?;
        let internet = plan.federation.networks.internet;
        let last = u32::try_from(internet.size().saturating_sub(2)).unwrap_or(u32::MAX);
        let dirs = Dirs { run: &run, state: &state };
        let outsider = networks::outsider(&networks, FederationPlan::address(internet, last)?, &dirs)?;
        Ok(Self {
            name: plan.name.clone(),
            run,
            state,
            networks,
            pods: BTreeMap::new(),
            system: Vec::new(),
            addresses: PodAddresses::default(),
            made: 0,
            envoy,
            outsider,
        })
    }

    /// Makes the root CA if there is none, and an enrolment token for each cluster that has no CA
    /// of its trust domain yet.
    pub fn prepare_trust(&self, plan: &FederationPlan) -> Result<()> {
        let dir = self.state.root_ca();
        let root = match RootStore::is_in(&dir) {
            true => RootStore::open(&dir)?,
            false => {
                let name = format!("{} root CA", plan.name);
                RootStore::init(&dir, &name, ROOT_LIFETIME, MAX_CA_LIFETIME, SystemTime::now())?
            }
        };
        private_dir(&self.run.root_ca())?;
        // `carrick down --purge` finds it here.
        write_private(&self.run.path().join("state"), &self.state.path().to_string_lossy())?;
        for cluster in &plan.clusters {
            private_dir(&self.state.cluster(&cluster.spec.name))?;
            private_dir(&self.run.runtime_resources(&cluster.spec.name))?;
            let domain = &cluster.spec.config.settings.trust_domain;
            if needs_enrolment(&self.state.cluster(&cluster.spec.name).join("cacerts"), domain) {
                self.hand_out_token(&root, &cluster.spec)?;
            }
        }
        Ok(())
    }

    /// Lets a control plane enrol a CA for its trust domain, once.
    fn hand_out_token(&self, root: &RootStore, cluster: &FederatedCluster) -> Result<()> {
        let token = root.issue_token(&cluster.config.settings.trust_domain, TOKEN_LIFETIME)?;
        write_private(&self.run.token(&cluster.name), token.expose())
    }

    /// Follows trust domains that were edited: their control planes enrol anew.
    pub fn follow_trust_domains(&self, current: &FederationPlan, newest: &FederationPlan) -> Result<()> {
        for cluster in &newest.clusters {
            let before = current.cluster(&cluster.spec.name);
            let domain = |plan: &ClusterPlan| plan.spec.config.settings.trust_domain.clone();
            if before.is_some_and(|before| domain(before) != domain(cluster)) {
                self.hand_out_token(&RootStore::open(&self.state.root_ca())?, &cluster.spec)?;
            }
        }
        Ok(())
    }

    /// Makes pods without starting anything in them.
    pub fn make_pods(&mut self, plan: &FederationPlan, cluster: &str, pods: &[PodSpec]) -> Result<()> {
        let network = plan.federation.networks.pods;
        let resolver = plan.control_plane_address()?;
        let spec =
            plan.cluster(cluster).map(|cluster| &cluster.spec).context("the plan has no such cluster")?;
        for pod in pods {
            let address = self.addresses.get(network, cluster, pod)?;
            let dir = self.run.pod(cluster, &pod.namespace, &pod.name);
            // An earlier pod of this name could write there, also a link that would have us write
            // elsewhere.
            remove_if_there(&dir)?;
            private_dir(&dir)?;
            private_dir(self.run.log(cluster, &pod.namespace, &pod.name, "x").parent().unwrap_or(&dir))?;
            let node = programs::NodeFacts::of(cluster, pod, address);
            write_private(&dir.join("node.json"), &serde_json::to_string_pretty(&node)?)?;
            self.made += 1;
            let socket = self.made.to_string();
            private_dir(&self.run.pod_socket(cluster, &socket))?;
            let dirs = Dirs { run: &self.run, state: &self.state };
            let internet = plan.internet_address(spec, pod);
            let place = networks::Place { address, internet, resolver, socket: &socket };
            let made = networks::pod(&self.networks, cluster, pod, &place, &dirs)?;
            let key = (cluster.to_owned(), pod.namespace.clone(), pod.name.clone());
            let running = RunningPod {
                cluster: cluster.into(),
                spec: pod.clone(),
                address,
                socket,
                envoy: self.envoy.as_ref().is_some_and(|envoy| envoy.stands_at(cluster, pod.role)),
                pod: made,
                processes: Vec::new(),
            };
            self.pods.insert(key, running);
        }
        Ok(())
    }

    /// Tells the control plane which pods there are. Written before anything in them calls it.
    pub fn write_facts(&self, cluster: &str, install: &str) -> Result<()> {
        let pods = self.pods.values().filter(|pod| pod.cluster == cluster);
        let pods: Vec<_> =
            pods.map(|running| runtime_facts::pod(&running.spec, running.address, &running.socket)).collect();
        let dir = self.run.runtime_resources(cluster);
        write_private(&dir.join("install.yaml"), install)?;
        write_private(&dir.join("pods.yaml"), &runtime_facts::text(&pods))
    }

    pub fn start_system(&mut self, plan: &FederationPlan, workload_ttl: Option<u64>) -> Result<()> {
        private_dir(self.run.system_log("x").parent().unwrap_or(self.run.path()))?;
        let dirs = Dirs { run: &self.run, state: &self.state };
        let pod = networks::root_ca(&dirs)?;
        let process = Process::start(&pod, programs::root_ca(&self.run))?;
        self.system.push(("root-ca".into(), pod, process));
        let address = plan.control_plane_address()?;
        for cluster in &plan.clusters {
            let name = &cluster.spec.name;
            let pod = networks::control_plane(&self.networks, name, address, &plan.folder, &dirs)?;
            let mut program = programs::control(&self.run, &plan.folder, name);
            if let Some(ttl) = workload_ttl {
                program.argv.extend(["--workload-ttl".into(), ttl.to_string()]);
            }
            if self.envoy.is_some() {
                program.argv.push("--flow-log".into());
            }
            let names = Process::start(&pod, programs::name_server(&self.run, name, address))?;
            self.system.push((format!("{name}/dns"), pod.clone(), names));
            let process = Process::start(&pod, program)?;
            self.system.push((format!("{name}/control"), pod, process));
        }
        Ok(())
    }

    /// Starts what each pod that has nothing running yet should run.
    pub fn start_pods(&mut self) -> Result<()> {
        for running in self.pods.values_mut().filter(|running| running.processes.is_empty()) {
            if running.spec.role.has_proxy() {
                let envoy =
                    self.envoy.as_ref().filter(|_| running.envoy).map(|envoy| envoy.program.as_path());
                let agent = programs::agent(&self.run, &running.cluster, &running.spec, envoy);
                running.processes.push(Process::start(&running.pod, agent)?);
            }
            for program in &running.spec.containers {
                let program = programs::container(&self.run, &running.cluster, &running.spec, program);
                running.processes.push(Process::start(&running.pod, program)?);
            }
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// Replaces a file of the run directory, which is gone when the machine stops.
fn write_private(path: &Path, content: &str) -> Result<()> {
    Ok(carrick_files::replace_volatile(path, content.as_bytes(), 0o600)?)
}
