//! Where a running federation keeps its files.
//!
//! It must not know what is in them.

use std::path::{Path, PathBuf};

/// The folder in a pod under which it finds its own files and its control plane's socket.
pub const IN_POD: &str = "/run/carrick";

/// A federation's run directory: sockets, logs and facts, gone when it stops.
#[derive(Debug, Clone)]
pub struct RunDir(PathBuf);

impl RunDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The supervisor's socket.
    pub fn supervisor(&self) -> PathBuf {
        self.0.join("supervisor.sock")
    }

    pub fn root_ca(&self) -> PathBuf {
        self.0.join("root-ca.sock")
    }

    fn cluster(&self, cluster: &str) -> PathBuf {
        self.0.join("clusters").join(cluster)
    }

    /// The folder with the control plane's socket for proxies; it alone is shown to pods.
    pub fn proxies_dir(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("proxies")
    }

    pub fn proxies_socket(&self, cluster: &str) -> PathBuf {
        self.proxies_dir(cluster).join("xds.sock")
    }

    /// The control plane's socket for the operator.
    pub fn admin(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("admin.sock")
    }

    /// What the runtime tells the control plane: installed resources and running pods.
    pub fn runtime_resources(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("runtime")
    }

    pub fn token(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("enrolment-token")
    }

    /// A pod's own folder, shown to it at [`IN_POD`]`/pod`.
    pub fn pod(&self, cluster: &str, namespace: &str, pod: &str) -> PathBuf {
        self.cluster(cluster).join("pods").join(format!("{namespace}.{pod}"))
    }

    /// What the agent in a pod wrote for its proxy.
    pub fn bootstrap(&self, cluster: &str, namespace: &str, pod: &str) -> PathBuf {
        self.pod(cluster, namespace, pod).join("agent/bootstrap.json")
    }

    pub fn log(&self, cluster: &str, namespace: &str, pod: &str, container: &str) -> PathBuf {
        self.cluster(cluster).join("logs").join(format!("{namespace}.{pod}.{container}.log"))
    }

    /// What `carrick up --detach` says while it runs: what became of each edit.
    pub fn outer_log(&self) -> PathBuf {
        self.system_log("up")
    }

    /// The log of a process that belongs to no pod of the operator's.
    pub fn system_log(&self, name: &str) -> PathBuf {
        self.0.join("logs").join(format!("{name}.log"))
    }
}

/// What outlives a federation's stop: certificate authorities and allocated addresses.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

impl StateDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn root_ca(&self) -> PathBuf {
        self.0.join("root-ca")
    }

    pub fn cluster(&self, cluster: &str) -> PathBuf {
        self.0.join("clusters").join(cluster)
    }
}
