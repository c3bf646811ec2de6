//! The program: arguments and environment in, one command run, an exit code out.

mod analysis;
mod app;
mod args;
mod commands;
mod demo;
mod envoy_log;
mod fleet;
mod memory;
mod probe;
mod style;
mod trace;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use args::Cli;

fn main() -> ExitCode {
    // Single-threaded steps of starting namespaces come before everything else.
    if let Some(code) = carrick_local::entry::run(std::env::args_os()) {
        return code;
    }
    let cli = Cli::parse();
    start_log(&cli.log, cli.no_color);
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn start_log(filter: &str, no_color: bool) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "warn".into());
    let colour = std::io::stderr().is_terminal() && !no_color;
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
}

fn complain(error: &anyhow::Error) {
    use std::io::Write;
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}
