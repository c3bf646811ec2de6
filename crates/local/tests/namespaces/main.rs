//! Stories in real namespaces. Each runs in a sandbox of its own, as that sandbox's supervisor; the few in `outside` run
//! next to one. Started by root, every story runs a second time as an ordinary user, for whom the product is made.
//!
//! The program starts itself again for each: `run NAME` is the outer process of a story, `story NAME` the supervisor,
//! `app WHAT` a program in a pod.

mod apps;
mod capture;
mod files;
mod outside;
mod processes;
mod reach;
mod services;
mod world;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

type Story = (&'static str, fn());

/// Stories that run in a sandbox.
const INSIDE: &[&[Story]] =
    &[reach::STORIES, capture::STORIES, services::STORIES, files::STORIES, processes::STORIES];

/// The traditional user without rights.
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    if let Some(code) = carrick_local::entry::run(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", name] => run(name),
        ["story", name, ..] => tell(name),
        ["app", what @ ..] => apps::run(what),
        _ => all(words.iter().copied().find(|word| !word.starts_with('-')).unwrap_or("")),
    }
}

/// Runs every story whose name contains `filter`, each in a process of its own, and reports as `cargo test` does.
fn all(filter: &str) -> ExitCode {
    let names: Vec<&str> = INSIDE
        .iter()
        .copied()
        .chain([outside::STORIES])
        .flatten()
        .map(|(name, _)| *name)
        .filter(|name| name.contains(filter))
        .collect();
    let users: &[Option<u32>] =
        if nix::unistd::geteuid().is_root() { &[None, Some(NOBODY)] } else { &[None] };
    println!("\nrunning {} tests", names.len() * users.len());
    let missing = carrick_local::check_machine();
    for lack in &missing {
        println!("This machine lacks {}.\n  tried: {}\n  mend: {}", lack.what, lack.why, lack.mend);
    }
    if !missing.is_empty() {
        println!(
            "\ntest result: ok. 0 passed; 0 failed; {} ignored; the machine lacks the above",
            names.len()
        );
        return ExitCode::SUCCESS;
    }

    let began = Instant::now();
    let mut failed = Vec::new();
    for (name, user) in names.iter().flat_map(|name| users.iter().map(move |user| (name, user))) {
        let label = if user.is_some() { format!("{name} (ordinary user)") } else { (*name).to_string() };
        let mut command = Command::new("/proc/self/exe");
        command.args(["run", name]).stdin(Stdio::null());
        if let Some(user) = user {
            command.uid(*user).gid(*user);
        }
        let started = Instant::now();
        let output = command.output().expect("this program can be started again");
        let verdict = if output.status.success() { "ok" } else { "FAILED" };
        println!("test {label} ... {verdict} <{:.2}s>", started.elapsed().as_secs_f32());
        if !output.status.success() {
            let told = [output.stdout, output.stderr].concat();
            failed.push((label, String::from_utf8_lossy(&told).into_owned()));
        }
    }
    for (label, told) in &failed {
        println!("\n---- {label} ----\n{told}");
    }
    let total = names.len() * users.len();
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s",
        if failed.is_empty() { "ok" } else { "FAILED" },
        total - failed.len(),
        failed.len(),
        began.elapsed().as_secs_f32()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The outer process of a story.
fn run(name: &str) -> ExitCode {
    if let Some((_, story)) = outside::STORIES.iter().find(|(known, _)| *known == name) {
        story();
        return ExitCode::SUCCESS;
    }
    let (sandbox, _lifeline) = world::launch(&["story", name]).expect("the sandbox starts");
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
