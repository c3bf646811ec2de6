//! `carrick ps`: what runs, whether every proxy has its configuration, and what is wrong with the
//! operator's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use carrick_api::Kind;
use carrick_api::control::Status;
use carrick_api::fleet::{Configuration, Fleet, FleetStatus, Pod, PodStatus, Process};
use futures_util::future::join_all;

use super::{describe_refusal, paths, print, print_document};
use crate::args::PsArgs;
use crate::fleet::client::Federation;
use crate::style::Style;

const COLUMNS: [&str; 7] = ["CLUSTER", "NAMESPACE", "POD", "ROLE", "ADDRESS", "CONFIGURATION", "PROCESSES"];

pub async fn run(args: PsArgs, style: Style) -> Result<ExitCode> {
    let federation = paths::find(&args.which)?;
    let (status, rendered) = look(&federation, federation.ps().await?).await;
    match args.json {
        true => print_document(Kind::FleetStatus, &status)?,
        false => print(&(table(&status, style) + &rendered))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What runs, and the findings as a person reads them.
async fn look(federation: &Federation, fleet: Fleet) -> (FleetStatus, String) {
    let names: BTreeSet<String> = fleet.pods.iter().map(|pod| pod.cluster.clone()).collect();
    let asked = names.into_iter().map(|name| async {
        let status = federation.status(&name, None).await.ok();
        (name, status)
    });
    // All at once: several that do not answer cost the time of one.
    let clusters: BTreeMap<String, Option<Status>> = join_all(asked).await.into_iter().collect();
    let pods = fleet.pods.into_iter().map(|pod| {
        let configuration = match clusters.get(&pod.cluster).and_then(Option::as_ref) {
            None if pod.has_proxy => Configuration::Unknown,
            status => configuration(&pod, status),
        };
        PodStatus { configuration, pod }
    });
    let pods = pods.collect();
    let silent =
        clusters.iter().filter(|(_, status)| status.is_none()).map(|(name, _)| name.clone()).collect();
    let known = clusters.into_iter().filter_map(|(name, status)| Some((name, status?)));
    let (mut findings, mut rendered) = (BTreeMap::new(), String::new());
    for (name, status) in known.filter(|(_, status)| !status.rendered.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(rendered, "\n{name}:\n{}", status.rendered);
        findings.insert(name, status.diagnostics);
    }
    (FleetStatus { name: fleet.name, pods, system: fleet.system, findings, silent }, rendered)
}

fn configuration(pod: &Pod, status: Option<&Status>) -> Configuration {
    if !pod.has_proxy {
        return Configuration::None;
    }
    let name = format!("{}.{}", pod.pod, pod.namespace);
    let connected = status.and_then(|status| {
        let proxy = status.proxies.iter().find(|proxy| proxy.node.split('~').nth(2) == Some(&name))?;
        Some((status.version, proxy))
    });
    match connected {
        None => Configuration::NotConnected,
        Some((_, proxy)) if !proxy.refused.is_empty() => {
            Configuration::Refused { refused: proxy.refused.clone() }
        }
        Some((version, proxy)) if proxy.sent < version => Configuration::Behind,
        Some(_) => Configuration::Newest,
    }
}

fn table(shown: &FleetStatus, style: Style) -> String {
    let mut rows = vec![COLUMNS.map(String::from)];
    for PodStatus { pod, configuration } in &shown.pods {
        let processes: Vec<String> = pod.processes.iter().map(|(name, row)| describe(name, row)).collect();
        rows.push([
            pod.cluster.clone(),
            pod.namespace.clone(),
            pod.pod.clone(),
            pod.role.to_string(),
            pod.address.clone(),
            describe_configuration(configuration),
            processes.join(", "),
        ]);
    }
    let last = COLUMNS.len() - 1;
    let widths: Vec<usize> =
        (0..last).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = format!("{}  {}", cells.join("  "), row[last]);
        // Writing to a String cannot fail; the same below.
        let _ = writeln!(text, "{}", if number == 0 { style.bold(&line) } else { line });
    }
    for (name, row) in &shown.system {
        let _ = writeln!(text, "{}", describe(name, row));
    }
    for PodStatus { pod, configuration } in &shown.pods {
        if let Configuration::Refused { refused } = configuration {
            for (what, why) in refused {
                let who = format!("{}/{}", pod.cluster, pod.pod);
                let _ = writeln!(text, "{}", describe_refusal(why, &who, what));
            }
        }
    }
    for name in &shown.silent {
        let _ = writeln!(text, "{name}: the control plane does not answer; what runs goes on");
    }
    text
}

fn describe_configuration(configuration: &Configuration) -> String {
    match configuration {
        Configuration::None => "-".into(),
        Configuration::NotConnected => "not connected".into(),
        Configuration::Unknown => "unknown".into(),
        Configuration::Behind => "behind".into(),
        Configuration::Newest => "newest".into(),
        Configuration::Refused { refused } => format!("{} refused", refused.len()),
    }
}

fn describe(name: &str, row: &Process) -> String {
    match row.restarts {
        0 => format!("{name} {}", row.state),
        restarts => format!("{name} {} ({restarts} restarts)", row.state),
    }
}
