//! One module for each command; here is who runs which, and on what kind of runtime.

mod analyze;
mod bootstrap;
mod config;
mod demo;
mod down;
mod exec;
mod explain;
mod homes;
mod logs;
mod parts;
mod ps;
mod trace;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use carrick_api::control::Refusal;
use carrick_api::trace::{Client, Trace};
use carrick_api::{Document, Kind};
use serde::Serialize;

use crate::args::{Cli, Command, ConfigCommand};
use crate::memory;
use crate::style::Style;

/// Runs the command to its end.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let style = Style::for_stdout(cli.no_color);
    if holds_keys(&cli.command) {
        memory::keep_private()?;
    }
    // The proxy has worker threads of its own.
    if let Command::Proxy(args) = cli.command {
        return parts::proxy(args);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_async(cli.command, style, &cli.log))
}

/// Whether a private key is ever in the command's memory: a root's, a cluster's, a workload's.
fn holds_keys(command: &Command) -> bool {
    match command {
        Command::Proxy(_)
        | Command::Control(_)
        | Command::Agent(_)
        | Command::RootCa(_)
        | Command::Supervise(_)
        // The demo's attacks hold certificates, and the probe uses them.
        | Command::Demo(_)
        | Command::Probe => true,
        Command::Up(_)
        | Command::Down(_)
        | Command::Ps(_)
        | Command::Exec(_)
        | Command::Logs(_)
        | Command::Trace(_)
        | Command::Analyze(_)
        | Command::Explain(_)
        | Command::Config(_)
        | Command::Bootstrap(_)
        | Command::App(_) => false,
    }
}

async fn run_async(command: Command, style: Style, log: &str) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args, style, log).await,
        Command::Bootstrap(args) => bootstrap::run(args).await,
        Command::Proxy(args) => parts::proxy(args),
        Command::Analyze(args) => analyze::run(&args, style),
        Command::Explain(args) => explain::run(&args.code),
        Command::Probe => crate::probe::run().map(|()| ExitCode::SUCCESS),
        Command::Control(args) => parts::control(args).await,
        Command::Agent(args) => parts::agent(args).await,
        Command::RootCa(command) => parts::root_ca(command).await,
        Command::App(args) => crate::app::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Supervise(args) => parts::supervise(args).await,
        Command::Up(args) => up::run(args, log).await,
        Command::Down(args) => down::run(args).await,
        Command::Ps(args) => ps::run(args, style).await,
        Command::Exec(args) => exec::run(args).await,
        Command::Logs(args) => logs::run(args).await,
        Command::Trace(args) => trace::run(args, style).await,
        Command::Config(ConfigCommand::Dump { which, pod }) => config::dump(which, pod).await,
    }
}

/// Data for whoever reads standard output. A closed pipe (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A document for programs.
fn print_document(kind: Kind, content: &impl Serialize) -> Result<()> {
    print(&format!("{:#}\n", serde_json::to_value(Document::new(kind, content))?))
}

/// `what` is the refused resource, `who` the proxy.
fn describe_refusal(refusal: &Refusal, who: &str, what: &str) -> String {
    let causes: String = refusal.causes.iter().map(|cause| format!("\n  made of {cause}")).collect();
    format!("{who} refused {what}: {}{causes}", refusal.reason)
}

/// Says where a request was not made by curl.
fn note_client(measured: &Trace) {
    if measured.client == Client::BuiltIn {
        progress("curl is not on this machine; a small client of our own made the request");
    }
}

/// Progress for people, on standard error.
fn progress(text: &str) {
    use std::io::Write;
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
