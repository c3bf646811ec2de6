//! Whatever happens on the way, the proxy ends up with what it asked for, and hears nothing twice.

use std::collections::BTreeSet;

use carrick_xds::server::Event;
use carrick_xds::{ResourceType, WILDCARD};
use proptest::prelude::*;

use crate::snapshots::{Contents, KINDS, NAMES, any_contents, is_poison, resources};
use crate::world::{Manner, World};

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

fn take(world: &mut World, step: Step) {
    match step {
        Step::Push(contents) => world.push(resources(&contents)),
        Step::Connect => world.connect(),
        Step::Disconnect => world.disconnect(),
        Step::Subscribe(kind, name) => world.subscribe(kind, name),
        Step::Unsubscribe(kind, name) => world.unsubscribe(kind, name),
        Step::ServerHears => {
            world.server_hears();
        }
        Step::ClientHears => {
            world.client_hears();
        }
        Step::OutOfPatience => world.out_of_patience(),
    }
}

/// The proxy runs exactly what it asked for and accepts; of what it refuses, at most an older version.
fn assert_converged(world: &World) {
    for kind in KINDS {
        for name in NAMES {
            let running = world.running.get(&(kind, name.to_string()));
            match world.set().get(kind, name).filter(|_| world.wants(kind, name)) {
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
        let mut world = World::new(manner);
        for step in steps {
            take(&mut world, step);
        }
        world.settle();
        assert_converged(&world);

        // Nothing has changed: nothing is said.
        world.written.clear();
        let same = world.set().clone();
        world.push(same);
        world.settle();
        prop_assert_eq!(&world.written, &vec![]);

        // A reconnect brings only what the proxy refuses, and the endpoints of clusters that it refuses.
        world.disconnect();
        world.settle();
        assert_converged(&world);
        for (kind, name, version) in &world.written {
            let refused = is_poison(*kind, name, version);
            let awaited = *kind == ResourceType::Endpoint
                && world.written.iter().any(|(kind, cluster, _)| *kind == ResourceType::Cluster && cluster == name);
            prop_assert!(refused || awaited, "{} {} was sent again", kind, name);
        }
    }

    #[test]
    fn a_push_brings_only_what_has_changed_and_every_refusal_is_reported_down_to_the_culprit(
        manner in prop::sample::select(vec![Manner::ByName, Manner::Whole]),
        before in any_contents(),
        after in any_contents(),
    ) {
        let mut world = World::new(manner);
        for kind in KINDS {
            if kind.allows_wildcard() {
                world.subscribe(kind, WILDCARD);
            } else {
                NAMES.iter().for_each(|name| world.subscribe(kind, name));
            }
        }
        world.push(resources(&before));
        world.settle();
        let old = world.set().clone();
        world.written.clear();
        world.events.clear();
        world.push(resources(&after));
        world.settle();
        assert_converged(&world);

        let changed = |kind, name: &str, version: &str| old.get(kind, name).is_none_or(|old| old.version != version);
        for (kind, name, version) in &world.written {
            let awaited = *kind == ResourceType::Endpoint
                && world.set().get(ResourceType::Cluster, name)
                    .is_some_and(|cluster| changed(ResourceType::Cluster, name, &cluster.version));
            prop_assert!(changed(*kind, name, version) || awaited, "{} {} was sent again", kind, name);
        }

        let culprits: BTreeSet<_> = world.written.iter()
            .filter(|(kind, name, version)| is_poison(*kind, name, version))
            .map(|(kind, name, _)| (*kind, name.clone()))
            .collect();
        let mut reported = BTreeSet::new();
        for event in &world.events {
            if let Event::Nacked { kind, names, .. } = event {
                let fault = names.iter().find(|name| culprits.contains(&(*kind, (*name).clone())));
                prop_assert!(fault.is_some(), "{:?} are all innocent", names);
                reported.extend(names.iter().map(|name| (*kind, name.clone())));
            }
        }
        prop_assert!(reported.is_superset(&culprits));
    }
}
