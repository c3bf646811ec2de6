//! Which outbound listeners there are, and what each serves: services share listeners by address
//! and port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use carrick_model::Cidr;
use carrick_model::snapshot::{EndpointAddress, Resolution, Service, ServicePort};
use prost::Message;

use super::{tcp, tls};
use crate::context::Context;
use crate::envoy::listener::FilterChain;
use crate::l4;
use crate::names;

/// A listener's address: the wildcard or one IP, and the port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub bind: String,
    pub port: u16,
}

impl Key {
    fn wildcard(port: u16) -> Self {
        Key { bind: names::WILDCARD.into(), port }
    }

    pub(super) fn is_wildcard(&self) -> bool {
        self.bind == names::WILDCARD
    }
}

/// What one listener serves.
#[derive(Default)]
pub(super) struct Plan {
    /// The routes of its HTTP, and the services behind them by host, with their port's index.
    pub http: Option<HttpPart>,
    /// Chains with conditions: server names or ranges.
    pub chains: Vec<FilterChain>,
    /// The chain for bytes of any kind; the oldest service's.
    pub anything: Option<FilterChain>,
    server_names: BTreeSet<String>,
    /// Of all chains, encoded: two chains with the same ones make a listener that Envoy refuses.
    conditions: BTreeSet<Vec<u8>>,
}

pub(super) struct HttpPart {
    pub route_table: String,
    pub services: Vec<(Arc<Service>, usize)>,
}

pub(super) type Plans = BTreeMap<Key, Plan>;

/// Services are planned oldest first, so that where two want the same, the older one has it.
pub(super) fn plans(context: &Context<'_>) -> Plans {
    let mut plans = Plans::new();
    for (service, index, port) in context.ports() {
        // Stock Envoy has no cluster for these.
        if matches!(service.resolution, Resolution::DynamicDns | Resolution::Alias(_)) {
            continue;
        }
        if port.protocol.is_http() {
            add_http(&mut plans, Key::wildcard(port.number), port.number.to_string(), service, index);
            continue;
        }
        for target in binds(service, index, port, context) {
            add_bytes(context, &mut plans, &target, service, index);
        }
    }
    plans.retain(|key, _| !is_capture_port(key));
    plans
}

/// A wildcard listener on a capture port would stand beside virtualOutbound itself.
fn is_capture_port(key: &Key) -> bool {
    key.is_wildcard() && [names::OUTBOUND_CAPTURE_PORT, names::INBOUND_CAPTURE_PORT].contains(&key.port)
}

/// Where a service that is no HTTP is listened for: each of its addresses; for ranges the wildcard
/// with a condition; without addresses the wildcard, or, if headless, the addresses of its
/// endpoints.
struct Bind {
    key: Key,
    ranges: Vec<Cidr>,
}

fn binds(service: &Service, index: usize, port: &ServicePort, context: &Context<'_>) -> Vec<Bind> {
    let at = |ip: IpAddr| Bind { key: Key { bind: ip.to_string(), port: port.number }, ranges: vec![] };
    let mut binds: Vec<Bind> = service.ips().map(at).collect();
    if binds.is_empty() && service.headless {
        let own = IpAddr::V4(context.node.ip);
        let endpoints = service.endpoints_of(index).iter().filter_map(|endpoint| match endpoint.address {
            EndpointAddress::Ip(ip) if ip != own => Some(ip),
            _ => None,
        });
        binds = endpoints.collect::<BTreeSet<_>>().into_iter().map(at).collect();
    }
    let ranges: Vec<Cidr> = service.addresses.iter().copied().filter(|cidr| !cidr.is_single()).collect();
    if !ranges.is_empty() || (binds.is_empty() && !service.headless) {
        binds.push(Bind { key: Key::wildcard(port.number), ranges });
    }
    binds
}

fn add_http(plans: &mut Plans, key: Key, route_table: String, service: &Arc<Service>, index: usize) {
    let plan = plans.entry(key).or_default();
    let http = plan.http.get_or_insert_with(|| HttpPart { route_table, services: vec![] });
    http.services.push((service.clone(), index));
}

fn add_bytes(context: &Context<'_>, plans: &mut Plans, bind: &Bind, service: &Arc<Service>, index: usize) {
    let port = &service.ports[index];
    if port.protocol.is_auto() {
        let table = match bind.key.is_wildcard() {
            true => port.number.to_string(),
            false => names::host_port(&service.host, port.number),
        };
        add_http(plans, bind.key.clone(), table, service, index);
    }
    let plan = plans.entry(bind.key.clone()).or_default();
    let ranges: Vec<_> = bind.ranges.iter().copied().map(l4::range).collect();
    let chains = match port.protocol.is_tls() {
        true => tls::chains(context, service, port, ranges, bind.key.is_wildcard()),
        false => tcp::chains(context, service, port, &ranges),
    };
    for one in chains {
        add_chain(plan, one);
    }
}

/// Adds a chain unless an older one has its conditions, which Envoy would refuse.
fn add_chain(plan: &mut Plan, chain: FilterChain) {
    let Some(conditions) = &chain.filter_chain_match else {
        plan.anything.get_or_insert(chain);
        return;
    };
    let names = &conditions.server_names;
    if names.iter().any(|name| plan.server_names.contains(name)) && conditions.prefix_ranges.is_empty() {
        return;
    }
    if !plan.conditions.insert(conditions.encode_to_vec()) {
        return;
    }
    plan.server_names.extend(names.iter().cloned());
    plan.chains.push(chain);
}
