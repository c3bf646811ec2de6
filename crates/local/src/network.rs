//! Networks: a namespace with a bridge that pods are wired to. Knows addresses and wires, not what
//! pods do.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use crate::error::{Error, failed};
use crate::namespace::{self, set_network_knob};
use crate::netlink::links::{LOOPBACK, Wire};
use crate::netlink::{Conversation, Family};
use crate::rules::{self, ServicePort};

const BRIDGE: &str = "bridge";

/// What a network is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// Used in errors and to attach pods; the kernel does not see it.
    pub name: String,
    /// The bridge's own address, inside the network: the router of a routed network.
    pub gateway: Ipv4Addr,
    /// Length of the network's prefix in bits.
    pub prefix: u8,
    pub kind: NetworkKind,
}

/// How packets get from pod to pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkKind {
    /// As on a Kubernetes node: each pod has a single address and a default route to the router,
    /// which passes packets between pods, translates service addresses, and refuses everything
    /// else.
    Routed,
    /// As on an Ethernet switch: who is attached reaches whom is attached; nothing leads elsewhere.
    Switched,
}

/// A network that exists. Clones are handles on the same one; it goes when the last handle and the
/// last pod are gone.
#[derive(Debug, Clone)]
pub struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: NetworkPlan,
    namespace: OwnedFd,
    bridge: u32,
    links: Mutex<Conversation>,
    wires: AtomicU32,
}

impl Network {
    /// Makes the namespace, the bridge and the router's rules. Synchronous, about a millisecond.
    ///
    /// # Errors
    /// Names the step the kernel refused. Nothing is left behind then.
    pub fn create(plan: &NetworkPlan) -> Result<Self, Error> {
        namespace::on_own_thread(|| Self::build(plan.clone()))
            .map_err(|error| error.within(format!("network {}", plan.name)))
    }

    fn build(plan: NetworkPlan) -> Result<Self, Error> {
        if plan.prefix > 32 {
            return Err(Error::refused(
                "check the plan",
                format!("prefix length {} is above 32", plan.prefix),
            ));
        }
        unshare(CloneFlags::CLONE_NEWNET).map_err(failed("make a network namespace"))?;
        let namespace = namespace::own("net").map_err(failed("hold the network namespace"))?;
        // Forwarding first: changing it resets other knobs of the namespace.
        let forward = if plan.kind == NetworkKind::Routed { "1" } else { "0" };
        set_network_knob("ipv4/ip_forward", forward).map_err(failed("switch forwarding"))?;
        namespace::set_common_knobs().map_err(failed("set network sysctls"))?;
        for scope in ["all", "default"] {
            // "You and he are neighbours, talk directly": true, but it would go around the router's
            // translation.
            set_network_knob(&format!("ipv4/conf/{scope}/send_redirects"), "0")
                .map_err(failed("switch off ICMP redirects"))?;
        }
        // Refusals are for programs that wait for them, so there are never too many.
        set_network_knob("ipv4/icmp_ratelimit", "0").map_err(failed("let every refusal be told"))?;
        // An address where nobody lives is known to be so after 3 questions; on a virtual wire 0.2
        // s each are plenty.
        set_network_knob("ipv4/neigh/default/retrans_time_ms", "200")
            .map_err(failed("shorten ARP's patience"))?;
        set_network_knob("bridge/bridge-nf-call-iptables", "0")
            .map_err(failed("keep bridged packets out of the router's rules"))?;

        let mut links = Conversation::open(Family::Route).map_err(failed("open a netlink socket"))?;
        links.set_up(LOOPBACK).map_err(failed("switch on the loopback interface"))?;
        let bridge =
            links.add_bridge(BRIDGE, hardware_address(plan.gateway)).map_err(failed("make the bridge"))?;
        // On a virtual wire this is plenty, and connections to addresses where nobody lives fail
        // sooner.
        links
            .set_neighbour_patience(bridge, Duration::from_millis(200))
            .map_err(failed("shorten ARP's patience"))?;
        links
            .add_address(bridge, plan.gateway, plan.prefix)
            .map_err(failed(format!("give the bridge the address {}/{}", plan.gateway, plan.prefix)))?;
        if plan.kind == NetworkKind::Routed {
            rules::forwarding_table(plan.gateway, plan.prefix)
                .apply()
                .map_err(failed("apply the forwarding rules"))?;
        }
        Ok(Self(Arc::new(Inner {
            plan,
            namespace,
            bridge,
            links: Mutex::new(links),
            wires: AtomicU32::new(0),
        })))
    }

    pub fn name(&self) -> &str {
        &self.0.plan.name
    }

    pub fn plan(&self) -> &NetworkPlan {
        &self.0.plan
    }

    /// Replaces all service addresses of a routed network in one step: a packet sees the old set or
    /// the new one. Connections that exist keep the backend they have.
    ///
    /// # Errors
    /// When the kernel refuses; the old set then stays.
    pub fn set_services(&self, services: &[ServicePort]) -> Result<(), Error> {
        namespace::inside_network(&self.0.namespace, || rules::services_table(services).apply())
            .map_err(failed(format!("network {}: apply {} service rules", self.name(), services.len())))
    }

    /// Lays a wire from the bridge into a pod's network namespace. Returns the name of the bridge's
    /// end.
    pub(crate) fn connect(&self, address: Ipv4Addr, pod: &OwnedFd, interface: &str) -> Result<String, Error> {
        let near_name = format!("pod{}", self.0.wires.fetch_add(1, Ordering::Relaxed));
        let wire = Wire {
            near_name: &near_name,
            bridge: self.0.bridge,
            far_name: interface,
            far_namespace: pod.as_fd(),
            far_hardware_address: hardware_address(address),
        };
        self.links()
            .add_wire(&wire)
            .map_err(failed(format!("lay a wire from network {} to {interface}", self.name())))?;
        Ok(near_name)
    }

    pub(crate) fn disconnect(&self, near_name: &str) -> std::io::Result<()> {
        self.links().remove_link(near_name)
    }

    fn links(&self) -> std::sync::MutexGuard<'_, Conversation> {
        self.0.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who takes over an address also takes over what others remember about it. The address is "locally
/// administered" (bit 1 of the first byte, IEEE 802).
fn hardware_address(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x0a, 0x58, a, b, c, d]
}
