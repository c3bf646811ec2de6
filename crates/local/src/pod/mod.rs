//! Pods: a network namespace with wires and rules, a mount namespace with the pod's own name
//! resolution, a pid namespace with a `/proc` of its own, a host name, System V and POSIX message
//! queues of its own. Knows nothing of the programs that will run there; `crate::process` starts
//! them.

mod files;
pub(crate) mod init;
mod plan;
mod reach;

pub use plan::{Attachment, PodDir, PodPlan, Resolver};

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
use serde::{Deserialize, Serialize};

use crate::error::{Error, failed};
use crate::namespace::{self, set_network_knob};
use crate::netlink::links::LOOPBACK;
use crate::netlink::{Conversation, Family};
use crate::network::{Network, NetworkKind};
use crate::rules;
use init::Init;

/// A pod that exists. Clones are handles on the same one; it goes when the last handle and the last
/// process are gone.
#[derive(Debug, Clone)]
pub struct Pod(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: PodPlan,
    /// First, so that every process is gone before the wires are cut.
    _init: Init,
    network: OwnedFd,
    mounts: OwnedFd,
    names: OwnedFd,
    queues: OwnedFd,
    processes: OwnedFd,
    wires: Vec<Wire>,
}

/// A wire to a network, cut when the pod goes. The kernel would cut it as well, but later: too late
/// for a successor with the same address.
#[derive(Debug)]
struct Wire {
    network: Network,
    near_name: String,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Err(error) = self.network.disconnect(&self.near_name) {
            tracing::debug!(
                "wire {} of network {} went before its pod: {error}",
                self.near_name,
                self.network.name()
            );
        }
    }
}

/// Where a running pod can be entered. Plain data, so that a supervisor can tell it to another
/// process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodEntry {
    /// The numbers of the supervisor's descriptors on the pod's network, mount, host-name, IPC and
    /// pid namespaces.
    network: i32,
    mounts: i32,
    names: i32,
    queues: i32,
    processes: i32,
}

/// A pod's namespaces as paths below `/proc`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryPaths {
    pub(crate) network: PathBuf,
    pub(crate) mounts: PathBuf,
    pub(crate) names: PathBuf,
    pub(crate) queues: PathBuf,
    /// Entered by whoever starts a process, since it takes effect for children only.
    pub(crate) processes: PathBuf,
}

impl PodEntry {
    /// `supervisor` is the supervisor's pid as the reader sees it.
    pub(crate) fn paths(&self, supervisor: u32) -> EntryPaths {
        let path = |fd: i32| PathBuf::from(format!("/proc/{supervisor}/fd/{fd}"));
        EntryPaths {
            network: path(self.network),
            mounts: path(self.mounts),
            names: path(self.names),
            queues: path(self.queues),
            processes: path(self.processes),
        }
    }
}

impl Pod {
    /// Makes the pod and wires it to the networks that its plan names. Synchronous, a few
    /// milliseconds; pods can be made on several threads at once.
    ///
    /// # Errors
    /// Names the step the kernel refused, or what is wrong with the plan. Nothing is left behind
    /// then.
    pub fn create(plan: &PodPlan, networks: &[Network]) -> Result<Self, Error> {
        namespace::on_own_thread(|| Self::build(plan.clone(), networks))
            .map_err(|error| error.within(format!("pod {}", plan.name)))
    }

    /// Makes several pods, side by side where the kernel allows it. All or nothing.
    pub fn create_all(plans: &[PodPlan], networks: &[Network]) -> Result<Vec<Self>, Error> {
        std::thread::scope(|scope| {
            let builders: Vec<_> =
                plans.iter().map(|plan| scope.spawn(|| Self::create(plan, networks))).collect();
            let built: Vec<_> = builders
                .into_iter()
                .map(|builder| builder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            built.into_iter().collect()
        })
    }

    fn build(plan: PodPlan, networks: &[Network]) -> Result<Self, Error> {
        let attached = plan.attached(networks)?;
        let fresh = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
        unshare(fresh | CloneFlags::CLONE_NEWIPC).map_err(failed("make namespaces"))?;
        let hold = |kind: &str| namespace::own(kind).map_err(failed(format!("hold the {kind} namespace")));
        let (network, mounts, names, queues) = (hold("net")?, hold("mnt")?, hold("uts")?, hold("ipc")?);
        sethostname(&plan.hostname).map_err(failed("set the host name"))?;

        set_network_knob("ipv4/ip_forward", "0").map_err(failed("switch off forwarding"))?;
        namespace::set_common_knobs().map_err(failed("set network sysctls"))?;
        // Applications have no capabilities, and yet a web server may listen on port 80 of its own
        // pod.
        set_network_knob("ipv4/ip_unprivileged_port_start", "0").map_err(failed("open the low ports"))?;

        let mut links = Conversation::open(Family::Route).map_err(failed("open a netlink socket"))?;
        links.set_up(LOOPBACK).map_err(failed("switch on the loopback interface"))?;
        // Rules before wires: no packet ever gets around them.
        plan.capture
            .iter()
            .try_for_each(|capture| capture.table().apply().map_err(failed("apply the capture rules")))?;
        let guards =
            plan.attachments.iter().enumerate().map(|(n, attachment)| (interface(n), &attachment.guard));
        if let Some(table) = rules::guard_table(guards) {
            table.apply().map_err(failed("apply the guard rules"))?;
        }
        let mut wires = Vec::new();
        for (number, (attachment, on)) in attached.into_iter().enumerate() {
            let near_name = on.connect(attachment.address, &network, &interface(number))?;
            wires.push(Wire { network: on.clone(), near_name });
            configure(&mut links, &interface(number), attachment, on)?;
        }
        files::arrange(&plan)?;
        let (init, processes) = Init::start()?;
        Ok(Self(Arc::new(Inner { plan, _init: init, network, mounts, names, queues, processes, wires })))
    }

    pub fn name(&self) -> &str {
        &self.0.plan.name
    }

    pub fn plan(&self) -> &PodPlan {
        &self.0.plan
    }

    /// For `carrick exec`: how another process finds the pod. Valid as long as the pod lives.
    pub fn entry(&self) -> PodEntry {
        let inner = &self.0;
        PodEntry {
            network: inner.network.as_raw_fd(),
            mounts: inner.mounts.as_raw_fd(),
            names: inner.names.as_raw_fd(),
            queues: inner.queues.as_raw_fd(),
            processes: inner.processes.as_raw_fd(),
        }
    }

    /// How many wires lead to it.
    pub fn wire_count(&self) -> usize {
        self.0.wires.len()
    }

    pub(crate) fn network_namespace(&self) -> &OwnedFd {
        &self.0.network
    }

    pub(crate) fn pid_namespace(&self) -> &OwnedFd {
        &self.0.processes
    }
}

fn interface(number: usize) -> String {
    format!("eth{number}")
}

fn configure(
    links: &mut Conversation,
    interface: &str,
    attachment: &Attachment,
    network: &Network,
) -> Result<(), Error> {
    let plan = network.plan();
    let index = links.index_of(interface).map_err(failed(format!("find interface {interface}")))?;
    // A routed pod knows no neighbours: all its packets take the router, which can then translate
    // both directions.
    let prefix = match plan.kind {
        NetworkKind::Routed => 32,
        NetworkKind::Switched => plan.prefix,
    };
    links
        .add_address(index, attachment.address, prefix)
        .map_err(failed(format!("give {interface} the address {}/{prefix}", attachment.address)))?;
    links.set_up(index).map_err(failed(format!("switch on {interface}")))?;
    if plan.kind == NetworkKind::Routed {
        links
            .add_default_route(index, plan.gateway)
            .map_err(failed(format!("route {interface} through {}", plan.gateway)))?;
    }
    Ok(())
}
