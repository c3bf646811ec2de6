//! Envoy at any hop: the same resources, the same answers, the same refusals, whoever runs which
//! hop.

use std::process::Command;

use carrick_testing::needs::envoy;
use serde_json::Value;

use crate::demo::{CLIENT, SERVER, everything_is_refused_by_whom_it_should, hops};
use crate::fixtures::{Home, PATIENCE, Running, Told, URL, exec, until};

/// The hops of the demo's path, in its order.
const HOPS: [&str; 4] = ["cluster1/sidecar", "cluster1/egress", "cluster2/ingress", "cluster2/sidecar"];

/// The four mixes with these sidecars.
fn all_gateways(client: bool, server: bool) {
    if envoy().is_none() {
        return;
    }
    for (egress, ingress) in [(false, false), (false, true), (true, false), (true, true)] {
        mix([client, egress, ingress, server]);
    }
}

/// Runs the demo with Envoy at some of the four hops.
fn mix(is_envoy: [bool; 4]) {
    let chosen: Vec<&str> = HOPS.iter().zip(is_envoy).filter_map(|(hop, yes)| yes.then_some(*hop)).collect();
    let chosen = chosen.join(",");
    let home = Home::new();
    let mut words = vec!["demo", "--json"];
    if !chosen.is_empty() {
        words.extend(["--envoy", &chosen]);
    }
    let told = home.run(&words);
    assert_eq!(told.code, Some(0), "Envoy at {chosen}: {told:#?}");
    let report = told.json();
    everything_is_refused_by_whom_it_should(&report);

    let way = hops(&report);
    assert_eq!(way.len(), 4, "Envoy at {chosen}: {report:#}");
    let end = |tls: &Value, local: &str, peer: &str| {
        assert_eq!(
            (&tls["local_identity"], &tls["peer_identity"]),
            (&local.into(), &peer.into()),
            "{report:#}"
        );
        assert_eq!(
            (&tls["version"], &tls["group"]),
            (&"TLSv1.3".into(), &"X25519MLKEM768".into()),
            "{report:#}"
        );
    };
    end(&way[0]["upstream"], CLIENT, SERVER);
    end(&way[3]["downstream"], SERVER, CLIENT);
    for (number, hop) in way.iter().enumerate() {
        assert!(!hop["rules"].as_array().unwrap().is_empty(), "Envoy at {chosen}: {hop:#}");
        // Who records the random is Carrick; who does not is Envoy.
        let tls = &hop[if number == 0 { "upstream" } else { "downstream" }];
        assert_eq!(tls["client_hello_random"] == "", is_envoy[number], "Envoy at {chosen}: {hop:#}");
        assert_eq!(hop["envoy"], is_envoy[number], "Envoy at {chosen}: {hop:#}");
        let by = match number {
            0 => Value::Null,
            _ if !is_envoy[number] && is_envoy[..number].contains(&false) => "client_hello_random".into(),
            _ => "addresses".into(),
        };
        assert_eq!(hop["joined_by"], by, "Envoy at {chosen}: {report:#}");
    }
}

#[test]
fn between_carricks_own_sidecars_any_gateways() {
    all_gateways(false, false);
}

#[test]
fn from_envoy_to_carrick_over_any_gateways() {
    all_gateways(true, false);
}

#[test]
fn from_carrick_to_envoy_over_any_gateways() {
    all_gateways(false, true);
}

#[test]
fn between_envoys_any_gateways() {
    all_gateways(true, true);
}

#[test]
fn an_edit_reaches_envoy_as_it_reaches_carrick() {
    if envoy().is_none() {
        return;
    }
    let running = Running::start(&["--envoy", "sidecar,egress,ingress"], |_| {});
    assert!(running.curl(URL).out.ends_with("\n200"));
    running.write("cluster1/new.yaml", crate::edits::ROUTE);
    let new = URL.replace("helloworld", "new");
    assert!(until(PATIENCE, || running.curl(&new).out == "from the new route\n418"), "{}", running.said());
    let shown = running.home.run(&["ps", "--json"]).json();
    for pod in shown["pods"].as_array().unwrap() {
        assert_eq!(
            (&pod["envoy"], &pod["configuration"]["state"]),
            (&true.into(), &"newest".into()),
            "{pod:#}"
        );
    }
}

#[test]
fn bootstrap_prints_what_a_pods_envoy_runs_with() {
    let Some(envoy) = envoy() else { return };
    let running = Running::start(&["--envoy", "cluster1/egress"], |_| {});
    let pod = "cluster1/istio-egressgateway";
    let text = running.home.good(&["bootstrap", pod]);
    let file = running.home.path().join("bootstrap.json");
    std::fs::write(&file, &text).unwrap();
    let checked = Command::new(envoy).args(["--mode", "validate", "-c"]).arg(&file).output().unwrap();
    assert!(checked.status.success(), "{checked:#?}");

    let node = running.home.path().join("node.json");
    std::fs::write(&node, exec(&running.home, pod, &["cat", "/run/carrick/pod/node.json"]).out).unwrap();
    let (control, secrets) = ("/run/carrick/proxies/xds.sock", "/run/carrick/pod/agent/sds.sock");
    let node = node.to_str().unwrap();
    let described =
        running.home.good(&["bootstrap", "--node", node, "--control", control, "--secrets", secrets]);
    assert_eq!(described, text, "of a node's description the same");
}

#[test]
fn without_an_envoy_it_says_where_it_looked() {
    let home = Home::new();
    let mut command = home.carrick(&["demo", "--envoy", "egress"]);
    let told = Told::of(command.env_remove("CARRICK_ENVOY").env("PATH", "/no/such/folder").output().unwrap());
    assert_eq!(told.code, Some(1), "{told:#?}");
    assert!(told.err.contains("PATH") && told.err.contains("CARRICK_ENVOY"), "{told:#?}");
    let told = home.run(&["demo", "--envoy", "gateway"]);
    assert_eq!(told.code, Some(2), "{told:#?}");
    assert!(told.err.contains("write sidecar, egress or ingress"), "{told:#?}");
    home.assert_no_files_left();
}
