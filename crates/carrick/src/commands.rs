//! One module for each command; here is who runs which, and on what kind of runtime.

mod analyze;
mod bootstrap;
mod config;
mod daemons;
mod demo;
mod down;
mod exec;
mod explain;
mod logs;
mod paths;
mod ps;
mod root_ca;
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
    match cli.command {
        // The proxy has worker threads of its own.
        Command::Proxy(args) => daemons::proxy(args),
        Command::Analyze(args) => analyze::run(&args, style),
        Command::Explain(args) => explain::run(&args.code),
        Command::Probe => crate::probe::run().map(|()| ExitCode::SUCCESS),
        Command::Demo(args) => on_runtime(demo::run(args, style, &cli.log)),
        Command::Bootstrap(args) => on_runtime(bootstrap::run(args)),
        Command::Control(args) => on_runtime(daemons::control(args)),
        Command::NameServer(args) => on_runtime(daemons::name_server(args)),
        Command::Agent(args) => on_runtime(daemons::agent(args)),
        Command::RootCa(command) => on_runtime(root_ca::run(command)),
        Command::App(args) => on_runtime(crate::app::run(args)).map(|()| ExitCode::SUCCESS),
        Command::Supervise(args) => on_runtime(daemons::supervise(args)),
        Command::Up(args) => on_runtime(up::run(args, &cli.log)),
        Command::Down(args) => on_runtime(down::run(args)),
        Command::Ps(args) => on_runtime(ps::run(args, style)),
        Command::Exec(args) => on_runtime(exec::run(args)),
        Command::Logs(args) => on_runtime(logs::run(args)),
        Command::Trace(args) => on_runtime(trace::run(args, style)),
        Command::Config(ConfigCommand::Dump { which, pod }) => on_runtime(config::dump(which, pod)),
    }
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
        | Command::NameServer(_)
        | Command::App(_) => false,
    }
}

/// Runs on one thread: these commands wait more than they compute.
fn on_runtime<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
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
