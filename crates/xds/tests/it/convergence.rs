//! Whatever happens on the way, the proxy ends up with what it asked for, and hears nothing twice.

use std::collections::BTreeSet;

use carrick_xds::server::Event;
use carrick_xds::{ResourceType, WILDCARD};
use proptest::prelude::*;

use crate::conversation::{Conversation, Manner};
use crate::snapshots::{Contents, KINDS, NAMES, any_contents, is_poison, resources};

#[derive(Debug, Clone)]
enum Step {
    Push(Contents),
    Connect,
    Disconnect,
    Subscribe(ResourceType, &'static str),
    Unsubscribe(ResourceType, &'static str),
    ServerHears,
    ClientHears,
    OutOfPatience,
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(&KINDS[..]);
    let name = prop::sample::select([&NAMES[..], &["e", WILDCARD]].concat());
    let target = (kind, name).prop_map(|(kind, name)| {
        // Endpoints and routes have no wildcard.
        if name == WILDCARD && !kind.allows_wildcard() { (kind, "a") } else { (kind, name) }
    });
    prop_oneof![
        3 => any_contents().prop_map(Step::Push),
        2 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        4 => target.clone().prop_map(|(kind, name)| Step::Subscribe(kind, name)),
        1 => target.prop_map(|(kind, name)| Step::Unsubscribe(kind, name)),
        8 => Just(Step::ServerHears),
        8 => Just(Step::ClientHears),
        1 => Just(Step::OutOfPatience),
    ]
}

fn take(conversation: &mut Conversation, step: Step) {
    match step {
        Step::Push(contents) => conversation.push(resources(&contents)),
        Step::Connect => conversation.connect(),
        Step::Disconnect => conversation.disconnect(),
        Step::Subscribe(kind, name) => conversation.subscribe(kind, name),
        Step::Unsubscribe(kind, name) => conversation.unsubscribe(kind, name),
        Step::ServerHears => {
            conversation.server_hears();
        }
        Step::ClientHears => {
            conversation.client_hears();
        }
        Step::OutOfPatience => conversation.out_of_patience(),
    }
}

/// The proxy runs exactly what it asked for and accepts; of what it refuses, at most an older
/// version.
fn assert_converged(conversation: &Conversation) {
    for kind in KINDS {
        for name in NAMES {
            let running = conversation.running.get(&(kind, name.to_string()));
            match conversation.set().get(kind, name).filter(|_| conversation.wants(kind, name)) {
                None => assert_eq!(running, None, "{kind} {name} should not run"),
                Some(wanted) if is_poison(kind, name, &wanted.version) => {
                    assert_ne!(running, Some(&wanted.version), "{kind} {name} is poison");
                }
                Some(wanted) => assert_eq!(running, Some(&wanted.version), "{kind} {name} should run"),
            }
        }
    }
}

proptest! {
    #[test]
    fn the_proxy_ends_up_with_the_last_set(
        manner in prop::sample::select(vec![Manner::ByName, Manner::Whole]),
        steps in prop::collection::vec(any_step(), 0..80),
    ) {
        let mut conversation = Conversation::new(manner);
        for step in steps {
            take(&mut conversation, step);
        }
        conversation.settle();
        assert_converged(&conversation);

        // Nothing has changed: nothing is said.
        conversation.written.clear();
        let same = conversation.set().clone();
        conversation.push(same);
        conversation.settle();
        prop_assert_eq!(&conversation.written, &vec![]);

        // A reconnect brings only what the proxy refuses, and the endpoints of clusters that it
        // refuses.
        conversation.disconnect();
        conversation.settle();
        assert_converged(&conversation);
        for (kind, name, version) in &conversation.written {
            let refused = is_poison(*kind, name, version);
            let awaited = *kind == ResourceType::Endpoint
                && conversation.written.iter().any(|(kind, cluster, _)| *kind == ResourceType::Cluster && cluster == name);
            prop_assert!(refused || awaited, "{} {} was sent again", kind, name);
        }
    }

    #[test]
    fn a_push_brings_only_what_has_changed_and_every_refusal_is_reported_down_to_the_culprit(
        manner in prop::sample::select(vec![Manner::ByName, Manner::Whole]),
        before in any_contents(),
        after in any_contents(),
    ) {
        let mut conversation = Conversation::new(manner);
        for kind in KINDS {
            if kind.allows_wildcard() {
                conversation.subscribe(kind, WILDCARD);
            } else {
                NAMES.iter().for_each(|name| conversation.subscribe(kind, name));
            }
        }
        conversation.push(resources(&before));
        conversation.settle();
        let old = conversation.set().clone();
        conversation.written.clear();
        conversation.events.clear();
        conversation.push(resources(&after));
        conversation.settle();
        assert_converged(&conversation);

        let changed = |kind, name: &str, version: &str| old.get(kind, name).is_none_or(|old| old.version != version);
        for (kind, name, version) in &conversation.written {
            let awaited = *kind == ResourceType::Endpoint
                && conversation.set().get(ResourceType::Cluster, name)
                    .is_some_and(|cluster| changed(ResourceType::Cluster, name, &cluster.version));
            prop_assert!(changed(*kind, name, version) || awaited, "{} {} was sent again", kind, name);
        }

        let culprits: BTreeSet<_> = conversation.written.iter()
            .filter(|(kind, name, version)| is_poison(*kind, name, version))
            .map(|(kind, name, _)| (*kind, name.clone()))
            .collect();
        let mut reported = BTreeSet::new();
        for event in &conversation.events {
            if let Event::Nacked { kind, names, .. } = event {
                let fault = names.iter().find(|name| culprits.contains(&(*kind, (*name).clone())));
                prop_assert!(fault.is_some(), "{:?} are all innocent", names);
                reported.extend(names.iter().map(|name| (*kind, name.clone())));
            }
        }
        prop_assert!(reported.is_superset(&culprits));
    }
}
