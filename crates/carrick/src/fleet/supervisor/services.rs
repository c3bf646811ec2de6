//! Makes Service addresses real in a cluster's network: what kube-proxy does on a node.
//!
//! It must not know how services come about; the control plane tells.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use carrick_api::control::{Service, Services};
use carrick_local::{Network, Protocol, ServicePort};

use crate::fleet::http;

/// Follows a control plane for ever; while it is away, the addresses stay as they are.
pub async fn follow(admin: PathBuf, network: Network) {
    let mut known = 0;
    loop {
        match next(&admin, known, &network).await {
            Ok(version) => known = version,
            Err(error) => {
                tracing::debug!("services of {}: {error:#}", network.name());
                tokio::time::sleep(Duration::from_millis(20)).await;
                // A control plane that comes back counts from one again.
                known = 0;
            }
        }
    }
}

async fn next(admin: &std::path::Path, known: u64, network: &Network) -> Result<u64> {
    let answer: Services = http::wait_json(admin, &format!("/services?after={known}")).await?;
    if answer.version != known {
        network.set_services(&rules(&answer.services))?;
    }
    Ok(answer.version)
}

fn rules(rows: &[Service]) -> Vec<ServicePort> {
    let mut rules = Vec::new();
    for row in rows {
        for address in &row.addresses {
            let IpAddr::V4(address) = *address else { continue };
            rules.extend(row.ports.iter().map(|port| {
                ServicePort {
                    address,
                    port: port.number,
                    protocol: Protocol::Tcp,
                    backends: port
                        .targets
                        .iter()
                        .filter_map(|target| match target {
                            SocketAddr::V4(target) => Some(*target),
                            SocketAddr::V6(_) => None,
                        })
                        .collect(),
                }
            }));
        }
    }
    rules
}
