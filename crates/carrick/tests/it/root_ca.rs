//! The root CA by hand: what is made, shown and taken back.

use serde_json::Value;

use crate::fixtures::Home;

fn list(home: &Home, state: &str) -> Value {
    home.run(&["root-ca", "list", "--state", state, "--json"]).json()
}

#[test]
fn what_was_decided_is_listed_and_can_be_taken_back() {
    let home = Home::new();
    let state = home.path().join("root").to_str().unwrap().to_owned();
    home.good(&["root-ca", "init", "--state", &state, "--max-ca-lifetime", "30"]);
    let again = home.run(&["root-ca", "init", "--state", &state]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("holds a root CA already; choose another folder"), "{again:#?}");

    let token = home.good(&["root-ca", "token", "--state", &state, "--trust-domain", "a.example"]);
    let shown = list(&home, &state);
    assert_eq!(shown["apiVersion"], "carrick.dev/v1alpha1");
    assert_eq!(shown["kind"], "RootCaRecord");
    assert_eq!(shown["maxCaLifetimeSeconds"], 30 * 86_400);
    assert_eq!(shown["certificates"], serde_json::json!([]));
    let made = &shown["tokens"][0];
    assert_eq!((&made["trustDomain"], &made["state"]), (&"a.example".into(), &"unused".into()), "{shown:#}");
    assert!(!shown.to_string().contains(token.trim()), "the token itself is shown once");

    let id = made["id"].as_str().unwrap();
    home.good(&["root-ca", "revoke", "--state", &state, "--token", id]);
    assert_eq!(list(&home, &state)["tokens"][0]["state"], "revoked");
    let text = home.good(&["root-ca", "list", "--state", &state]);
    assert!(text.contains("cluster CAs live 30 days at most") && text.contains(id), "{text}");

    let unknown = home.run(&["root-ca", "revoke", "--state", &state, "--ca", "0badcafe"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("there is no certificate 0badcafe"), "{unknown:#?}");
    let neither = home.run(&["root-ca", "revoke", "--state", &state]);
    assert_eq!(neither.code, Some(2), "{neither:#?}");
}

#[test]
fn a_federations_cluster_cas_are_on_its_roots_record() {
    let running = crate::fixtures::two_clusters();
    let states = std::fs::read_dir(running.home.path().join("state/carrick")).unwrap();
    let state = states.map(|entry| entry.unwrap().path().join("root-ca")).next().unwrap();
    let shown = list(&running.home, state.to_str().unwrap());
    let issued = shown["certificates"].as_array().unwrap();
    let mut identities: Vec<&str> = issued.iter().map(|one| one["identity"].as_str().unwrap()).collect();
    identities.sort_unstable();
    assert_eq!(identities, ["spiffe://cluster1.example", "spiffe://cluster2.example"], "{shown:#}");
    for one in issued {
        let of = |name: &str| one[name].as_str().unwrap_or_else(|| panic!("{name}: {one:#}"));
        assert!(of("serial").len() >= 30 && of("notAfter") > of("notBefore") && !of("token").is_empty());
        assert_eq!(one["revoked"], Value::Null);
    }
    assert!(shown["tokens"].as_array().unwrap().iter().all(|token| token["state"] == "used"), "{shown:#}");
}
