//! Clusters on one machine: rootless Linux namespaces, virtual wires, NAT rules and processes.
//!
//! This crate takes plain data (a [`NetworkPlan`], a [`PodPlan`], a [`ProcessPlan`]) and makes it
//! real. It must not know what a mesh is: no Istio, no xDS, no YAML.
//!
//! The way through it, in the order in which things happen:
//!
//! 1. [`entry::run`] is the first statement of the binary's `main`: it serves this crate's hidden
//!    subcommands.
//! 2. [`check_machine`] tells what the machine lacks, by trying.
//! 3. [`Sandbox::launch`], in the outer process, starts a supervisor inside fresh namespaces.
//! 4. There, [`Network::create`] and [`Pod::create`] lay wires, routes and rules, and
//!    [`Process::start`] runs programs.
//! 5. Everything goes when its handle is dropped; all of it goes when the outer process dies,
//!    however it dies.

pub mod entry;
mod error;
mod preflight;
mod reaper;
mod sandbox;
mod subcommand;

mod namespace;
mod netlink;
mod nft;
mod rules;

mod network;
mod pod;
mod pod_exec;
mod privileges;
mod process;

pub use error::Error;
pub use network::{Network, NetworkKind, NetworkPlan};
pub use nix::sys::signal::Signal;
pub use pod::{Attachment, Pod, PodDir, PodEntry, PodPlan, Resolver};
pub use preflight::{Missing, check_machine};
pub use privileges::Privileges;
pub use process::{Exit, Output, Process, ProcessPlan, Restart, Status};
pub use rules::{Capture, Guard, Protocol, ServicePort};
pub use sandbox::{Lifeline, Sandbox, SandboxPlan};
