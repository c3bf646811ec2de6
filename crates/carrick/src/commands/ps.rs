//! `carrick ps`: what runs.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::{homes, print};
use crate::args::PsArgs;
use crate::fleet::api::{Fleet, ProcessRow};
use crate::style::Style;

pub async fn run(args: PsArgs, style: Style) -> Result<ExitCode> {
    let fleet = homes::find(&args.which)?.ps().await?;
    match args.json {
        true => print(&format!("{:#}\n", serde_json::to_value(&fleet)?))?,
        false => print(&table(&fleet, style))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(fleet: &Fleet, style: Style) -> String {
    let mut rows = vec![["CLUSTER", "NAMESPACE", "POD", "ROLE", "ADDRESS", "PROCESSES"].map(String::from)];
    for pod in &fleet.pods {
        let processes: Vec<String> = pod.processes.iter().map(|(name, row)| describe(name, row)).collect();
        rows.push([
            pod.cluster.clone(),
            pod.namespace.clone(),
            pod.pod.clone(),
            pod.role.clone(),
            pod.address.clone(),
            processes.join(", "),
        ]);
    }
    let widths: Vec<usize> =
        (0..5).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = format!("{}  {}", cells.join("  "), row[5]);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", if number == 0 { style.bold(&line) } else { line });
    }
    for (name, row) in &fleet.system {
        let _ = writeln!(text, "{}", describe(name, row));
    }
    text
}

fn describe(name: &str, row: &ProcessRow) -> String {
    match row.restarts {
        0 => format!("{name} {}", row.state),
        restarts => format!("{name} {} ({restarts} restarts)", row.state),
    }
}
