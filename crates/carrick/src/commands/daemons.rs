//! The long-running parts: proxy, control plane, agent, supervisor. Each ends on SIGTERM and on
//! Ctrl-C.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use carrick_control::agent::{self, AgentOptions};
use carrick_control::cluster::{self, ControlOptions};
use carrick_control::name_server::{self, NameServerOptions};
use carrick_proxy::accept::check_resources;
use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::runtime::{ProxyOptions, run_blocking};
use carrick_translate::{NodeKind, ProxyNode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{AgentArgs, ControlArgs, NameServerArgs, ProxyArgs, SuperviseArgs};
use crate::fleet::envoy::Envoy;
use crate::fleet::programs::NodeFacts;
use crate::fleet::supervisor::{self, SupervisorOptions};

/// A token that is cancelled when the process is asked to end.
pub fn stop_on_signals() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    Ok(stop)
}

pub fn proxy(args: ProxyArgs) -> Result<ExitCode> {
    let bootstrap = Bootstrap::from_file(&args.config_path)?;
    if args.mode == "validate" {
        check_resources(&bootstrap)?;
        super::progress(&format!("{} is a bootstrap that this proxy can run", args.config_path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let options = ProxyOptions {
        bootstrap,
        concurrency: Some(args.concurrency.into()),
        drain_time: Duration::from_secs(args.drain_time_s),
    };
    run_blocking(options, async {
        match stop_on_signals() {
            Ok(stop) => stop.cancelled().await,
            // Without signals nobody can ask us to drain; the kernel's default ends the process.
            Err(_) => std::future::pending().await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn control(args: ControlArgs) -> Result<ExitCode> {
    let options = ControlOptions {
        federation: args.federation,
        cluster: args.cluster,
        resources: args.resources,
        state: args.state,
        proxies: args.proxies,
        admin: args.admin,
        dns: args.dns,
        root_ca: args.root_ca,
        token: args.token,
        workload_ttl: Duration::from_secs(args.workload_ttl),
        flow_log: args.flow_log,
    };
    cluster::run(options, stop_on_signals()?).await?;
    Ok(ExitCode::SUCCESS)
}

pub async fn name_server(args: NameServerArgs) -> Result<ExitCode> {
    let options = NameServerOptions { names: args.names, listen: args.listen };
    name_server::run(options, stop_on_signals()?).await?;
    Ok(ExitCode::SUCCESS)
}

pub async fn agent(args: AgentArgs) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&args.node)
        .with_context(|| format!("cannot read the node's description {}", args.node.display()))?;
    let facts: NodeFacts = serde_json::from_str(&text)
        .with_context(|| format!("{} does not describe a node", args.node.display()))?;
    let options = AgentOptions {
        control: args.control,
        dir: args.dir,
        own_traffic_mark: facts.own_traffic_mark,
        node: node(facts),
        ttl_seconds: i64::try_from(args.ttl).unwrap_or(i64::MAX),
        proxy: args.proxy,
    };
    let code = agent::run(options, stop_on_signals()?).await?;
    Ok(ExitCode::from(code))
}

pub fn node(facts: NodeFacts) -> ProxyNode {
    ProxyNode {
        kind: if facts.gateway { NodeKind::Router } else { NodeKind::Sidecar },
        ip: facts.ip,
        name: facts.name,
        dns_domain: format!("{}.svc.cluster.local", facts.namespace),
        namespace: facts.namespace,
        network: facts.cluster.clone(),
        cluster_id: facts.cluster,
        service_account: facts.service_account,
        workload_name: facts.workload,
        labels: facts.labels,
    }
}

pub async fn supervise(args: SuperviseArgs) -> Result<ExitCode> {
    let SuperviseArgs { folder, run, state, workload_ttl, envoy, envoy_program } = args;
    let envoy = envoy_program.map(|program| Envoy { program, hops: envoy });
    let options = SupervisorOptions { folder, run, state, workload_ttl, envoy };
    supervisor::run(options, stop_on_signals()?).await?;
    Ok(ExitCode::SUCCESS)
}
