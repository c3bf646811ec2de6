//! From a failed attempt to advice: which setting of the machine is the likely cause, and how to
//! change it.

use std::fs;

use super::{Attempt, Missing};

/// Reads a setting; `None` where the machine does not have it.
type Setting<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn explain(attempt: Attempt, why: String) -> Missing {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    Missing { what: what(attempt).to_owned(), help: help(attempt, &read), why }
}

fn what(attempt: Attempt) -> &'static str {
    match attempt {
        Attempt::Start => "a way to start this program again (/proc/self/exe)",
        Attempt::UserNamespace => "user namespaces for this user",
        Attempt::OtherNamespaces => "mount, network and pid namespaces inside a user namespace",
        Attempt::Proc => "a /proc of one's own in a pid namespace",
        Attempt::Mounts => "mounts in memory and bind mounts inside a user namespace",
        Attempt::Links => "network bridges and virtual wires (kernel modules bridge and veth)",
        Attempt::Rules => "packet rules (kernel module nf_tables with nat, redirect and reject)",
    }
}

pub(super) fn help(attempt: Attempt, setting: Setting<'_>) -> String {
    match attempt {
        Attempt::Start => {
            "mount /proc, and run the program from a file system that is not mounted noexec".to_owned()
        }
        Attempt::UserNamespace | Attempt::OtherNamespaces => user_namespaces(setting),
        Attempt::Proc => "in a container, run it with an unmasked /proc (docker run --security-opt \
                          systempaths=unconfined, or --privileged)"
            .to_owned(),
        Attempt::Mounts => "in a container, allow mount(2) in its seccomp and AppArmor profile (docker run \
                            --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
            .to_owned(),
        Attempt::Links => {
            "as root: modprobe -a bridge veth (or a kernel with CONFIG_BRIDGE and CONFIG_VETH)".to_owned()
        }
        Attempt::Rules => {
            "as root: modprobe -a nf_tables nft_chain_nat nft_redir nft_masq nft_reject_ipv4 nft_ct \
                           nft_numgen; the kernel must be 5.10 or newer"
                .to_owned()
        }
    }
}

fn user_namespaces(setting: Setting<'_>) -> String {
    let is = |path: &str, value: &str| setting(path).is_some_and(|found| found == value);
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "as root: sysctl -w user.max_user_namespaces=10000".to_owned();
    }
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "as root: sysctl -w kernel.unprivileged_userns_clone=1".to_owned();
    }
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 23.10 and later), or \
                give this program an AppArmor profile with the rule `userns,`"
            .to_owned();
    }
    if setting("/proc/self/ns/user").is_none() && setting("/proc/sys/user/max_user_namespaces").is_none() {
        return "use a kernel with CONFIG_USER_NS".to_owned();
    }
    "in a container, allow unshare(2) in its seccomp profile (docker run --security-opt seccomp=unconfined)"
        .to_owned()
}
