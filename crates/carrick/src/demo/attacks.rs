//! What must not be possible, each tried for real. A refusal proves something only because the same attempt with everything right
//! succeeds: that is tried first.
//!
//! It must not know how proxies refuse.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_identity::{CertificateAuthority, PrivateKey, SpiffeId};
use carrick_local::Privileges;
use serde::Serialize;

use super::probe::{Attempt, Outcome};
use super::witness::Witness;
use crate::fleet::api::PodName;
use crate::fleet::client::Federation;
use crate::fleet::layout::StateDir;

const SERVER: &str = "server.ns2.svc.cluster.global";
const INGRESS: &str = "203.0.113.21:80";
const CLIENT: &str = "spiffe://cluster1.example/ns/default/sa/client";
const HOUR: Duration = Duration::from_secs(3600);

/// One check of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: &'static str,
    /// What was done, and from where.
    pub attempt: String,
    /// Whether it went as it must.
    pub held: bool,
    /// What the attacker saw.
    pub outcome: String,
    /// Who refused, by its own record; `None` where no proxy was reached.
    pub refused_by: Option<String>,
    pub why: Option<String>,
}

/// Where an attempt starts.
#[derive(Debug, Clone)]
enum From {
    Pod(PodName),
    /// A machine on the internet that belongs to no cluster.
    Stranger,
}

/// Makes all attempts.
pub async fn run(federation: &Federation, state: &StateDir) -> Result<Vec<Check>> {
    let good = certificate(&cluster_ca(state)?)?;
    let foreign = certificate(&CertificateAuthority::new_root("another root", HOUR, SystemTime::now())?)?;
    let server = federation.find("cluster2/server").await?;
    let client = federation.find("cluster1/client").await?.name();
    let egress = federation.find("cluster1/istio-egressgateway").await?.name();
    let tls = |sni: &str, certificate: Option<&(String, String)>| Attempt {
        address: INGRESS.into(),
        sni: Some(sni.into()),
        host: SERVER.into(),
        certificate: certificate.cloned(),
    };
    let plain = |address: &str, host: &str| Attempt {
        address: address.into(),
        host: host.into(),
        ..Attempt::default()
    };
    let port = 8080;
    let direct = format!("{}:{port}", server.address);

    let mut checks = Vec::new();
    let attempt = probe(federation, &From::Stranger, &tls(SERVER, Some(&good))).await?;
    checks.push(Check {
        name: "the right certificate and SNI pass (so that the refusals below mean something)",
        attempt: format!(
            "TLS to {INGRESS} from the internet, SNI {SERVER}, certificate of cluster1's client"
        ),
        held: attempt.response.as_deref().is_some_and(|line| line.contains(" 200 ")),
        outcome: describe(&attempt),
        refused_by: None,
        why: None,
    });
    let refused = [
        (
            "a host that is not exposed",
            From::Pod(client.clone()),
            plain("240.240.0.1:80", "ledger.ns2.svc.cluster.global"),
        ),
        ("a cluster-local service", From::Stranger, tls("ledger.ns2.svc.cluster.local", Some(&good))),
        ("a client without a certificate", From::Stranger, tls(SERVER, None)),
        ("a certificate from another root", From::Stranger, tls(SERVER, Some(&foreign))),
        ("a wrong SNI", From::Stranger, tls("wrong.ns2.svc.cluster.global", Some(&good))),
        ("a pod address of the other cluster", From::Pod(egress), plain(&direct, SERVER)),
        ("plain HTTP to a gateway's TLS port", From::Stranger, plain(INGRESS, SERVER)),
    ];
    for (name, from, attempt) in refused {
        checks.push(must_fail(federation, name, &from, &attempt).await?);
    }
    for host in ["ledger.ns2.svc.cluster.global", "ledger.ns2.svc.cluster.local"] {
        checks.push(must_not_resolve(federation, &client, host).await?);
    }
    Ok(checks)
}

async fn must_fail(
    federation: &Federation,
    name: &'static str,
    from: &From,
    attempt: &Attempt,
) -> Result<Check> {
    let witness = Witness::start(federation).await?;
    let outcome = probe(federation, from, attempt).await?;
    let refusal = match outcome.error.as_deref() {
        // Nobody was reached, so nobody can have a record.
        Some(error) if error.contains("cannot connect") => None,
        _ => witness.refusals(federation).await?.into_iter().next(),
    };
    let answered =
        outcome.response.as_deref().and_then(|line| line.split(' ').nth(1)).is_some_and(|code| code < "400");
    let unreachable = outcome.error.as_deref().is_some_and(|error| error.contains("cannot connect"));
    Ok(Check {
        name,
        attempt: describe_attempt(from, attempt),
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
    let entry = federation.entry(client).await?;
    let words = ["getent", "ahostsv4", host].map(String::from);
    let mut command = entry.command(federation.supervisor_pid()?, Privileges::App, Path::new("/"), &words);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Check {
        name: "a name that cluster1 was not given",
        attempt: format!("{host} looked up in cluster1's client"),
        held: output.status.code() == Some(2) && text.is_empty(),
        outcome: if text.is_empty() { "no such name".into() } else { text },
        refused_by: Some("cluster1's DNS".into()),
        why: None,
    })
}

async fn probe(federation: &Federation, from: &From, attempt: &Attempt) -> Result<Outcome> {
    let name = match from {
        From::Pod(name) => name.clone(),
        From::Stranger => {
            PodName { cluster: String::new(), namespace: String::new(), pod: "stranger".into() }
        }
    };
    let entry = federation.entry(&name).await?;
    let words = ["/proc/self/exe", "probe"].map(String::from);
    let mut command = entry.command(federation.supervisor_pid()?, Privileges::App, Path::new("/"), &words);
    let input = serde_json::to_string(attempt)?;
    let output = tokio::task::spawn_blocking(move || -> Result<_> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("the probe has no input")?.write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    });
    let output = output.await??;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("the probe in {} failed: {}", name.pod, String::from_utf8_lossy(&output.stderr).trim())
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
    let chain =
        std::iter::once(&leaf).chain(authority.chain()).map(carrick_identity::Certificate::pem).collect();
    Ok((chain, key.expose_pem().to_string()))
}

fn describe_attempt(from: &From, attempt: &Attempt) -> String {
    let from = match from {
        From::Pod(name) => format!("{}/{}", name.cluster, name.pod),
        From::Stranger => "the internet".into(),
    };
    match &attempt.sni {
        Some(sni) => format!("TLS to {} from {from}, SNI {sni}", attempt.address),
        None => format!("plain HTTP to {} from {from}, Host {}", attempt.address, attempt.host),
    }
}

fn describe(outcome: &Outcome) -> String {
    outcome.response.clone().or_else(|| outcome.error.clone()).unwrap_or_default()
}
