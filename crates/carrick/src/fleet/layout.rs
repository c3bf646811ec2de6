//! Where a running federation keeps its files.
//!
//! It must not know what is in them.

use std::path::{Path, PathBuf};

/// The folder in a pod under which it finds its own files and its socket to the control plane;
/// control planes and the root CA theirs.
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

    /// The folder of the root CA's socket, shown to control planes.
    pub fn root_ca(&self) -> PathBuf {
        self.0.join("root-ca")
    }

    pub fn cluster(&self, cluster: &str) -> PathBuf {
        self.0.join("clusters").join(cluster)
    }

    /// The folder with the control plane's socket for one pod, which alone it is shown to. `socket`
    /// is new for every pod that is made, also under an old name, so that what is left of one pod
    /// never speaks for the next.
    pub fn pod_socket(&self, cluster: &str, socket: &str) -> PathBuf {
        self.cluster(cluster).join("proxies").join(socket)
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
