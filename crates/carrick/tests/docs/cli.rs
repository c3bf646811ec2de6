//! `docs/cli.md` names every command and every option that the program itself names.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::repository;

/// What every command has; told once.
const COMMON: [&str; 4] = ["--log", "--no-color", "--help", "--version"];

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_carrick")).args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?} has no help");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of a section of clap's help, up to the next empty line.
fn section<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    help.lines().skip_while(|line| *line != title).skip(1).take_while(|line| !line.is_empty()).collect()
}

fn subcommands(help: &str) -> Vec<String> {
    let named = section(help, "Commands:").into_iter().filter_map(|line| line.split_whitespace().next());
    named.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn options(help: &str) -> BTreeSet<String> {
    let after = help.split_once("Options:").map_or("", |(_, options)| options);
    let options = after.split("Examples:").next().unwrap_or_default();
    let words = options
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'))
        .flat_map(str::split_whitespace);
    words
        .map(|word| word.trim_end_matches(',').to_owned())
        .filter(|word| word.starts_with("--") && word.len() > 3)
        .collect()
}

#[test]
fn every_command_and_every_option_is_in_the_document() {
    let document = fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    let mut missing = Vec::new();
    let mut waiting: Vec<Vec<String>> = subcommands(&help(&[])).into_iter().map(|name| vec![name]).collect();
    assert!(waiting.len() > 10, "the help lists {waiting:?}");
    while let Some(command) = waiting.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = help(&words);
        waiting.extend(subcommands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        let name = words.join(" ");
        if !document.contains(&format!("carrick {name}"))
            && !document.contains(&format!("`{}`", words[words.len() - 1]))
        {
            missing.push(name.clone());
        }
        for option in options(&help).into_iter().filter(|option| !COMMON.contains(&option.as_str())) {
            if !document.contains(&format!("`{option}")) && !document.contains(&format!("{option} ")) {
                missing.push(format!("{name} {option}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/cli.md does not tell of {missing:?}");
}
