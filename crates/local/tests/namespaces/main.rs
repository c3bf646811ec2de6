//! Stories in real namespaces. Each runs in a sandbox of its own, as that sandbox's supervisor; the
//! few in `outside` run next to one. Started by root, every story runs a second time as an ordinary
//! user, for whom the product is made.
//!
//! The program starts itself again for each: `run NAME` is the outer process of a story, `story
//! NAME` the supervisor, `app WHAT` a program in a pod.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: a failing step is a failing test, and the report goes to standard output"
)]

mod apps;
mod capture;
mod files;
mod fixtures;
mod outside;
mod processes;
mod reach;
mod separation;
mod services;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

type Story = (&'static str, fn());

/// Stories that run in a sandbox.
const INSIDE: &[&[Story]] = &[
    reach::STORIES,
    capture::STORIES,
    services::STORIES,
    files::STORIES,
    processes::STORIES,
    separation::STORIES,
];

/// The traditional user without rights.
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    if let Some(code) = carrick_local::entry::run(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check(),
        ["run", name] => run(name),
        ["story", name, ..] => tell(name),
        ["app", what @ ..] => apps::run(what),
        _ => all(words.iter().copied().find(|word| !word.starts_with('-')).unwrap_or("")),
    }
}

/// Runs every story whose name contains `filter`, each in a process of its own, and reports as
/// `cargo test` does. Stories that the machine does not allow are ignored, with the reason.
fn all(filter: &str) -> ExitCode {
    let known = INSIDE.iter().copied().chain([outside::STORIES]).flatten().map(|(name, _)| *name);
    let (names, others): (Vec<&str>, Vec<&str>) = known.partition(|name| name.contains(filter));
    let users: &[Option<u32>] =
        if nix::unistd::geteuid().is_root() { &[None, Some(NOBODY)] } else { &[None] };
    println!("\nrunning {} tests", names.len() * users.len());

    let began = Instant::now();
    let (mut passed, mut ignored, mut failed) = (0, 0, Vec::new());
    for user in users {
        let who = if user.is_some() { " (ordinary user)" } else { "" };
        if let Err(lacks) = again(&["check"], *user) {
            println!("{lacks}");
            names
                .iter()
                .for_each(|name| println!("test {name}{who} ... ignored, the machine lacks the above"));
            ignored += names.len();
            continue;
        }
        for name in &names {
            let started = Instant::now();
            let outcome = again(&["run", name], *user);
            let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("test {name}{who} ... {verdict} <{:.2}s>", started.elapsed().as_secs_f32());
            match outcome {
                Ok(()) => passed += 1,
                Err(told) => failed.push((format!("{name}{who}"), told)),
            }
        }
    }
    for (label, told) in &failed {
        println!("\n---- {label} ----\n{told}");
    }
    println!(
        "\ntest result: {}. {passed} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; \
         finished in {:.2}s",
        if failed.is_empty() { "ok" } else { "FAILED" },
        failed.len(),
        others.len() * users.len(),
        began.elapsed().as_secs_f32()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts this program again; what it printed is the error if it failed.
fn again(words: &[&str], user: Option<u32>) -> Result<(), String> {
    let mut command = Command::new("/proc/self/exe");
    command.args(words).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let output = command.output().expect("this program can be started again");
    let told = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&told).into_owned()) }
}

fn check() -> ExitCode {
    let missing = carrick_local::check_machine();
    for lack in &missing {
        println!("This machine lacks {}.\n  tried: {}\n  help: {}", lack.what, lack.why, lack.help);
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The outer process of a story.
fn run(name: &str) -> ExitCode {
    if let Some((_, story)) = outside::STORIES.iter().find(|(known, _)| *known == name) {
        story();
        return ExitCode::SUCCESS;
    }
    let (sandbox, _lifeline) = fixtures::launch(&["story", name]).expect("the sandbox starts");
    let code = sandbox.wait().expect("the sandbox ends");
    ExitCode::from(u8::try_from(code).expect("exit codes have eight bits"))
}

/// The supervisor of a story.
fn tell(name: &str) -> ExitCode {
    let supervisors = outside::SUPERVISORS;
    let story = INSIDE.iter().copied().chain([supervisors]).flatten().find(|(known, _)| *known == name);
    story.expect("the story exists").1();
    ExitCode::SUCCESS
}
