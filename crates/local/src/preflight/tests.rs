use super::Attempt;
use super::help::help;

fn mend_where(path: &'static str, value: &'static str) -> String {
    help(Attempt::UserNamespace, &move |asked| (asked == path).then(|| value.to_owned()))
}

#[test]
fn each_switch_that_forbids_user_namespaces_is_named() {
    assert!(mend_where("/proc/sys/user/max_user_namespaces", "0").contains("user.max_user_namespaces=10000"));
    assert!(
        mend_where("/proc/sys/kernel/unprivileged_userns_clone", "0")
            .contains("kernel.unprivileged_userns_clone=1")
    );
    assert!(
        mend_where("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
            .contains("apparmor_restrict_unprivileged_userns=0")
    );
}

#[test]
fn a_machine_without_such_a_switch_is_thought_to_be_a_container() {
    assert!(mend_where("/proc/sys/user/max_user_namespaces", "96364").contains("seccomp"));
}
