//! What must not be possible, each tried for real. A refusal proves something only because the same
//! attempt with everything right succeeds: that is tried first.
//!
//! It must not know how proxies refuse.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_api::demo::Check;
use carrick_api::fleet::PodName;
use carrick_identity::forged::{self, Claim};
use carrick_identity::{CertificateAuthority, PrivateKey, SpiffeId};

use super::evidence::Evidence;
use crate::fleet::client::Federation;
use crate::fleet::layout::StateDir;
use crate::probe::{self, HttpOrder, Order, Outcome, Step, TlsOrder};

const SERVER: &str = "server.ns2.svc.cluster.global";
const INGRESS: &str = "203.0.113.21:80";
const CLIENT: &str = "spiffe://cluster1.example/ns/default/sa/client";
/// Of the other cluster, so that cluster1's CA must not be able to issue it.
const NEIGHBOUR: &str = "spiffe://cluster2.example/ns/ns2/sa/admin";
const TIMEOUT_MS: u64 = 5000;
const HOUR: Duration = Duration::from_secs(3600);

/// Where an attempt starts.
#[derive(Debug, Clone)]
enum From {
    Pod(PodName),
    /// A machine on the internet that belongs to no cluster.
    Outsider,
}

impl From {
    fn pod(&self) -> PodName {
        match self {
            Self::Pod(name) => name.clone(),
            Self::Outsider => {
                PodName { cluster: String::new(), namespace: String::new(), pod: "outsider".into() }
            }
        }
    }
}

/// A request to the ingress gateway of cluster2 in TLS, with a client certificate or without.
fn tls(sni: &str, credentials: Option<&(String, String)>) -> Order {
    let tls = TlsOrder { sni: sni.into(), credentials: credentials.cloned() };
    Order { tls: Some(tls), ..plain(INGRESS, SERVER) }
}

fn plain(address: &str, host: &str) -> Order {
    let request = HttpOrder { host: host.into(), path: "/helloworld".into() };
    Order { target: address.into(), tls: None, request: Some(request), timeout_ms: TIMEOUT_MS }
}

/// Makes all attempts.
pub async fn run(federation: &Federation, state: &StateDir) -> Result<Vec<Check>> {
    let stolen = cluster_ca(state)?;
    let good = certificate(&stolen)?;
    let neighbour = forged(&stolen, &[Claim::Uri(NEIGHBOUR)])?;
    let disguised = forged(&stolen, &[Claim::Uri(CLIENT), Claim::Dns(NEIGHBOUR)])?;
    let foreign = certificate(&CertificateAuthority::new_root("another root", HOUR, SystemTime::now())?)?;
    let server = federation.find("cluster2/server").await?;
    let client = federation.find("cluster1/client").await?.name();
    let egress = federation.find("cluster1/istio-egressgateway").await?.name();
    let direct = format!("{}:8080", server.address);

    let mut checks = Vec::new();
    let outcome = probe::run_in(federation, &From::Outsider.pod(), &tls(SERVER, Some(&good))).await?;
    checks.push(Check {
        name: "the right certificate and SNI pass (so that the refusals below mean something)".into(),
        attempt: format!(
            "TLS to {INGRESS} from the internet, SNI {SERVER}, certificate of cluster1's client"
        ),
        held: outcome.status == Some(200),
        outcome: describe(&outcome),
        refused_by: None,
        why: None,
    });
    let refused = [
        (
            "a host that is not exposed",
            From::Pod(client.clone()),
            plain("240.240.0.1:80", "ledger.ns2.svc.cluster.global"),
        ),
        ("a cluster-local service", From::Outsider, tls("ledger.ns2.svc.cluster.local", Some(&good))),
        ("a client without a certificate", From::Outsider, tls(SERVER, None)),
        ("a certificate from another root", From::Outsider, tls(SERVER, Some(&foreign))),
        ("an identity of cluster2, signed by cluster1's CA", From::Outsider, tls(SERVER, Some(&neighbour))),
        (
            "an identity of cluster2 as a second name, signed by cluster1's CA",
            From::Outsider,
            tls(SERVER, Some(&disguised)),
        ),
        ("a wrong SNI", From::Outsider, tls("wrong.ns2.svc.cluster.global", Some(&good))),
        ("a pod address of the other cluster", From::Pod(egress), plain(&direct, SERVER)),
        ("plain HTTP to a gateway's TLS port", From::Outsider, plain(INGRESS, SERVER)),
    ];
    for (name, from, order) in refused {
        checks.push(must_fail(federation, name, &from, &order).await?);
    }
    for host in ["ledger.ns2.svc.cluster.global", "ledger.ns2.svc.cluster.local"] {
        checks.push(must_not_resolve(federation, &client, host).await?);
    }
    Ok(checks)
}

async fn must_fail(federation: &Federation, name: &'static str, from: &From, order: &Order) -> Result<Check> {
    let evidence = Evidence::start(federation).await?;
    let outcome = probe::run_in(federation, &from.pod(), order).await?;
    let unreachable = outcome.step == Step::Connect;
    let refusal = match unreachable {
        // Nobody was reached, so nobody can have a record.
        true => None,
        false => evidence.refusal(federation, outcome.client_hello_random.as_deref()).await?,
    };
    let answered = outcome.status.is_some_and(|code| code < 400);
    Ok(Check {
        name: name.into(),
        attempt: describe_attempt(from, order),
        held: !answered && (refusal.is_some() || unreachable),
        outcome: describe(&outcome),
        refused_by: refusal
            .as_ref()
            .map(|refusal| refusal.by.clone())
            .or(unreachable.then(|| "the network".into())),
        why: refusal.map(|refusal| refusal.why),
    })
}

async fn must_not_resolve(federation: &Federation, client: &PodName, host: &str) -> Result<Check> {
    let order = Order { target: format!("{host}:80"), tls: None, request: None, timeout_ms: TIMEOUT_MS };
    let outcome = probe::run_in(federation, client, &order).await?;
    // The resolver's own words for NXDOMAIN; no answer at all would read "temporary failure".
    let unknown = outcome.error.as_deref().is_some_and(|error| error.contains("not known"));
    Ok(Check {
        name: "a name that cluster1 was not given".into(),
        attempt: format!("{host} looked up in cluster1's client"),
        held: outcome.step == Step::Resolve && unknown,
        outcome: if unknown { "no such name".into() } else { describe(&outcome) },
        refused_by: Some("cluster1's DNS".into()),
        why: None,
    })
}

/// The cluster CA of cluster1, whose state the demo made itself.
fn cluster_ca(state: &StateDir) -> Result<CertificateAuthority> {
    use carrick_identity::cacerts::{CA_CERT, CA_KEY, CERT_CHAIN};
    let dir = state.cluster("cluster1").join("cacerts");
    let read =
        |name: &str| std::fs::read(dir.join(name)).with_context(|| format!("cannot read {name} of cluster1"));
    let certificate = carrick_identity::Certificate::all_from_pem(&read(CA_CERT)?)?.swap_remove(0);
    let chain = carrick_identity::Certificate::all_from_pem(&read(CERT_CHAIN)?)?;
    Ok(CertificateAuthority::from_parts(certificate, PrivateKey::from_pem(&read(CA_KEY)?)?, chain)?)
}

/// A certificate for the identity of cluster1's client, by this authority.
fn certificate(authority: &CertificateAuthority) -> Result<(String, String)> {
    let key = PrivateKey::generate()?;
    let leaf =
        authority.issue_workload(key.public_key(), &SpiffeId::parse(CLIENT)?, HOUR, SystemTime::now())?;
    Ok((chain(leaf.pem(), authority), key.expose_pem().to_string()))
}

/// A certificate that says whatever a thief of the authority's key wants.
fn forged(authority: &CertificateAuthority, claims: &[Claim<'_>]) -> Result<(String, String)> {
    let key = PrivateKey::generate()?;
    let leaf = forged::leaf(authority, key.public_key(), claims, SystemTime::now())?;
    Ok((chain(leaf, authority), key.expose_pem().to_string()))
}

fn chain(leaf: String, authority: &CertificateAuthority) -> String {
    std::iter::once(leaf).chain(authority.chain().iter().map(carrick_identity::Certificate::pem)).collect()
}

fn describe_attempt(from: &From, order: &Order) -> String {
    let from = match from {
        From::Pod(name) => format!("{}/{}", name.cluster, name.pod),
        From::Outsider => "the internet".into(),
    };
    match (&order.tls, &order.request) {
        (Some(tls), _) => format!("TLS to {} from {from}, SNI {}", order.target, tls.sni),
        (None, Some(request)) => {
            format!("plain HTTP to {} from {from}, Host {}", order.target, request.host)
        }
        (None, None) => format!("TCP to {} from {from}", order.target),
    }
}

fn describe(outcome: &Outcome) -> String {
    match (outcome.status, &outcome.error) {
        (Some(status), _) => format!("answered with {status}"),
        (None, Some(error)) => format!("{}: {error}", outcome.step),
        (None, None) => "connected".into(),
    }
}
