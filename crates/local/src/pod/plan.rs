//! What a pod is to be: plain data, checked against the networks that exist.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::error::Error;
use crate::network::{Network, NetworkKind};
use crate::rules::{Capture, Guard};

/// What a pod is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodPlan {
    /// Used in errors, and to find the pod; the kernel does not see it.
    pub name: String,
    /// What `hostname` prints in the pod; at most 64 bytes.
    pub hostname: String,
    /// Becomes `eth0`, `eth1` and so on, in this order.
    pub attachments: Vec<Attachment>,
    /// `None`: the pod resolves no names but those in `hosts`.
    pub resolver: Option<Resolver>,
    /// Lines of `/etc/hosts` besides `localhost` and the pod's own name.
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    /// Directories or files at fixed places in the pod.
    pub dirs: Vec<PodDir>,
    /// Directories that programs in the pod see empty, except for `dirs` below them: the run
    /// directory with other pods' files, say. What does not exist needs no hiding.
    pub hidden: Vec<PathBuf>,
    /// Whether, and how, the pod's connections are caught for its proxy.
    pub capture: Option<Capture>,
}

/// One network interface of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name of the network.
    pub network: String,
    pub address: Ipv4Addr,
    pub guard: Guard,
}

/// `/etc/resolv.conf` (man 5 resolv.conf).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    pub nameserver: IpAddr,
    pub search: Vec<String>,
    /// Names with fewer dots are tried with the search domains first. Kubernetes has 5.
    pub ndots: u8,
}

/// A place in the pod's file system that is not the machine's. The place need not exist on the
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodDir {
    /// Absolute.
    pub at: PathBuf,
    /// A directory or file of the machine that shows there; `None`: an empty directory in memory.
    pub shows: Option<PathBuf>,
    /// Programs in the pod may read what is there and connect to sockets, not replace them.
    pub read_only: bool,
}

impl PodPlan {
    /// The attachments with the networks they name, if the plan makes sense.
    pub(super) fn attached<'a>(
        &'a self,
        networks: &'a [Network],
    ) -> Result<Vec<(&'a Attachment, &'a Network)>, Error> {
        let refuse = |reason: String| Err(Error::refused("check the plan", reason));
        if self.hostname.is_empty() || self.hostname.len() > 64 {
            return refuse(format!("host name {:?} must have 1 to 64 bytes", self.hostname));
        }
        if let Some(dir) = self.dirs.iter().find(|dir| !dir.at.is_absolute()) {
            return refuse(format!("{} is not an absolute path", dir.at.display()));
        }
        let mut attached = Vec::new();
        for attachment in &self.attachments {
            let Some(network) = networks.iter().find(|network| network.name() == attachment.network) else {
                return refuse(format!("there is no network {:?}", attachment.network));
            };
            let plan = network.plan();
            let mask = u32::MAX.checked_shl(32 - u32::from(plan.prefix)).unwrap_or(0);
            if (attachment.address.to_bits() ^ plan.gateway.to_bits()) & mask != 0 {
                let (gateway, prefix) = (plan.gateway, plan.prefix);
                return refuse(format!(
                    "{} is not in {gateway}/{prefix} ({})",
                    attachment.address, plan.name
                ));
            }
            if attachment.address == plan.gateway {
                return refuse(format!("{} is the gateway of network {}", attachment.address, plan.name));
            }
            attached.push((attachment, network));
        }
        let routed =
            attached.iter().filter(|(_, network)| network.plan().kind == NetworkKind::Routed).count();
        if routed > 1 {
            return refuse(format!("{routed} routed networks, but a pod has one default route"));
        }
        Ok(attached)
    }
}
