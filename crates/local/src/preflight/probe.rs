//! The probe: does in small what a sandbox does, and writes down what was refused. Runs in a
//! process of its own.

use std::io::Write;
use std::net::Ipv4Addr;

use nix::mount::{MsFlags, mount};

use super::{Attempt, Failure};
use crate::error::{Error, failed};
use crate::network::{Network, NetworkKind, NetworkPlan};
use crate::pod::{Attachment, Pod, PodPlan};
use crate::rules::{Capture, Guard};
use crate::sandbox::{init, stage};
use crate::subcommand::Subcommand;

/// In the machine's namespaces: makes the sandbox's.
pub(crate) fn run() -> Result<i32, Error> {
    if let Err(error) = stage::become_root_inside() {
        return report(Attempt::UserNamespace, &error);
    }
    if let Err(error) = stage::unshare_the_rest() {
        return report(Attempt::OtherNamespaces, &error);
    }
    let inside = Subcommand::ProbeInside.command().status();
    match inside.map_err(failed("start pid 1 of a pid namespace")) {
        Ok(status) => Ok(status.code().unwrap_or(125)),
        Err(error) => report(Attempt::OtherNamespaces, &error),
    }
}

/// As pid 1 of the new pid namespace.
pub(crate) fn run_inside() -> Result<i32, Error> {
    if let Err(error) = init::mount_own_proc() {
        return report(Attempt::Proc, &error);
    }
    let memory = mount(Some("tmpfs"), "/tmp", Some("tmpfs"), MsFlags::empty(), None::<&str>);
    if let Err(error) = memory.map_err(failed("mount a directory in memory over /tmp")) {
        return report(Attempt::Mounts, &error);
    }
    let plain = pod(None, Guard::Open);
    let ruled = pod(Some(Capture::default()), Guard::AnswersOnly);
    let switch = match Network::create(&network(NetworkKind::Switched)) {
        Ok(switch) => switch,
        Err(error) => return report(Attempt::Links, &error),
    };
    if let Err(error) = Pod::create(&plain, &[switch]) {
        return report(Attempt::Links, &error);
    }
    let router = Network::create(&network(NetworkKind::Routed));
    match router.and_then(|router| {
        router.set_services(&[])?;
        Pod::create(&ruled, &[router])
    }) {
        Ok(_) => Ok(0),
        Err(error) => report(Attempt::Rules, &error),
    }
}

fn network(kind: NetworkKind) -> NetworkPlan {
    NetworkPlan { name: "probe".to_owned(), gateway: Ipv4Addr::new(10, 0, 0, 1), prefix: 24, kind }
}

fn pod(capture: Option<Capture>, guard: Guard) -> PodPlan {
    PodPlan {
        name: "probe".to_owned(),
        hostname: "probe".to_owned(),
        attachments: vec![Attachment {
            network: "probe".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, 2),
            guard,
        }],
        capture,
        ..PodPlan::default()
    }
}

fn report(attempt: Attempt, error: &Error) -> Result<i32, Error> {
    let failure = Failure { attempt, error: error.to_string() };
    let line = serde_json::to_string(&failure)
        .map_err(|error| Error::refused("report the probe's result", error.to_string()))?;
    writeln!(std::io::stdout(), "{line}").map_err(failed("report the probe's result"))?;
    Ok(1)
}
