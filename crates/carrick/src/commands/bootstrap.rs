//! `carrick bootstrap`: the file that a proxy starts with, for a pod that runs or for a node that
//! is described.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use carrick_control::agent::bootstrap_text;
use carrick_translate::BootstrapPlan;

use super::{daemons, paths, print};
use crate::args::BootstrapArgs;
use crate::fleet::programs::NodeFacts;

pub async fn run(args: BootstrapArgs) -> Result<ExitCode> {
    let text = match (&args.node, &args.control, &args.secrets) {
        (Some(node), Some(control), Some(secrets)) => of_node(node, control, secrets)?,
        _ => of_pod(&args).await?,
    };
    print(&format!("{}\n", text.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}

/// What the agent of the pod wrote.
async fn of_pod(args: &BootstrapArgs) -> Result<String> {
    let federation = paths::find(&args.which)?;
    let name = args.pod.as_deref().unwrap_or_default();
    let pod = federation.find(name).await?;
    let path = federation.run.bootstrap(&pod.cluster, &pod.namespace, &pod.pod);
    std::fs::read_to_string(&path).with_context(|| match pod.has_proxy {
        true => {
            format!("the agent of {name} has written no bootstrap yet; `carrick logs {name}` may say why")
        }
        false => format!("{name} has no proxy"),
    })
}

fn of_node(node: &Path, control: &Path, secrets: &Path) -> Result<String> {
    let text = std::fs::read_to_string(node)
        .with_context(|| format!("cannot read the node's description {}", node.display()))?;
    let facts: NodeFacts = serde_json::from_str(&text)
        .with_context(|| format!("{} does not describe a node", node.display()))?;
    let mark = facts.own_traffic_mark;
    let mut plan =
        BootstrapPlan::new(daemons::node(facts), control.to_string_lossy(), secrets.to_string_lossy());
    plan.own_traffic_mark = mark;
    Ok(bootstrap_text(&plan)?)
}
