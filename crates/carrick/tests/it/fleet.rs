//! A federation that is kept running, and the commands that look at it and use it.

use carrick_api::fleet::FleetStatus;
use carrick_api::trace::Trace;

use crate::fixtures::{Home, PATIENCE, Running, URL, curl, exec, is_document, two_clusters, until};

#[test]
fn it_runs_in_the_background_until_it_is_taken_down() {
    let home = Home::new();
    let folder = home.example();
    let told = home.run(&["up", folder.to_str().unwrap(), "--detach"]);
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert_eq!((told.out.as_str(), told.err.trim_end()), ("", "two-clusters runs; `carrick down` stops it"));
    assert!(curl(&home, URL).out.ends_with("\n200"));

    let again = home.run(&["up", folder.to_str().unwrap(), "--detach"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("a federation is running there"), "{again:#?}");
    assert!(curl(&home, URL).out.ends_with("\n200"), "the first one is not disturbed by the second");

    // What became of an edit is told in its log.
    std::fs::write(folder.join("cluster1/broken.yaml"), "kind: Nothing\n").unwrap();
    let log = || home.good(&["logs", "up"]);
    assert!(until(PATIENCE, || log().contains("cluster1/broken.yaml:1:")), "{}", log());
    home.good(&["logs", "cluster1/control"]);
    home.good(&["logs", "root-ca"]);

    let down = home.run(&["down"]);
    assert_eq!((down.code, down.err.as_str()), (Some(0), "stopped\n"), "{down:#?}");
    home.assert_no_files_left();
}

#[test]
fn ps_shows_every_pod_and_that_its_proxy_has_its_configuration() {
    let running = two_clusters();
    let text = running.home.good(&["ps"]);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..3], ["CLUSTER", "NAMESPACE", "POD"]);
    let client = rows.iter().find(|row| row.get(2) == Some(&"client-0")).unwrap();
    assert_eq!(client[..4], ["cluster1", "default", "client-0", "sidecar"]);
    assert!(text.contains("root-ca running") && text.contains("cluster2/control running"), "{text}");

    let shown = running.home.run(&["ps", "--json"]).json();
    is_document::<FleetStatus>(&shown, "FleetStatus");
    let pods = shown["pods"].as_array().unwrap();
    let names: Vec<&str> = pods.iter().map(|pod| pod["pod"].as_str().unwrap()).collect();
    let gateways = ["istio-egressgateway-0", "istio-ingressgateway-0"];
    assert_eq!(
        names,
        ["client-0", gateways[0], gateways[1], gateways[0], gateways[1], "ledger-0", "server-v1-0"]
    );
    for pod in pods {
        assert_eq!(pod["configuration"]["state"], "newest", "{pod:#}");
        assert_eq!(pod["processes"]["proxy"]["state"], "running", "{pod:#}");
    }
    assert_eq!(shown["findings"], serde_json::json!({}));
}

#[test]
fn exec_runs_a_command_in_a_pod_with_its_streams_and_its_exit_code() {
    let running = two_clusters();
    let told = running.exec("cluster2/server", &["sh", "-c", "hostname; echo trouble >&2; exit 42"]);
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(42), "server-v1-0\n", "trouble\n"));
    let told = running.exec("cluster2/server", &["no-such-program"]);
    assert_eq!(told.code, Some(127));
    assert!(told.err.contains("no-such-program"), "{told:#?}");
}

#[test]
fn a_pod_that_is_not_there_is_answered_with_those_that_are() {
    let running = two_clusters();
    let told = running.exec("cluster1/server", &["true"]);
    assert_eq!(told.code, Some(1));
    assert!(
        told.err.contains("there is no pod cluster1/server") && told.err.contains("client-0"),
        "{told:#?}"
    );
    let told = running.exec("istio-ingressgateway", &["true"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("may be any of cluster1/istio-system/istio-ingressgateway-0"), "{told:#?}");
}

#[test]
fn logs_show_what_a_pods_processes_printed() {
    let running = two_clusters();
    assert!(running.curl(URL).out.ends_with("\n200"));
    let line = "\"GET /helloworld HTTP/1.1\" 200 - via_upstream";
    let log = || running.home.good(&["logs", "cluster1/client", "--container", "proxy"]);
    assert!(until(PATIENCE, || log().contains(line)), "no access log with {line}: {}", log());
    let all = running.home.good(&["logs", "cluster1/client"]);
    assert!(all.lines().any(|text| text.starts_with("proxy: ") && text.contains(line)), "{all}");
    let told = running.home.run(&["logs", "cluster1/client", "--container", "nobody"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("no log of nobody; it runs client, proxy"), "{told:#?}");
}

#[test]
fn trace_shows_the_way_of_one_request_also_where_it_ends_early() {
    let running = two_clusters();
    let text = running.home.good(&["trace", "cluster1/client", URL]);
    for hop in ["1  sidecar cluster1/client-0", "2  egress gateway cluster1", "3  ingress gateway cluster2"] {
        assert!(text.contains(hop), "{text}");
    }
    let traced = running.home.run(&["trace", "cluster1/client", URL, "--json"]).json();
    is_document::<Trace>(&traced, "Trace");
    assert_eq!(traced["path"]["hops"].as_array().unwrap().len(), 4, "{traced:#}");
    assert_eq!(traced["client"], "curl");

    let unknown = running.home.run(&["trace", "cluster1/client", "http://no.such.host.global/", "--json"]);
    assert_eq!(unknown.code, Some(1), "{unknown:#?}");
    assert!(unknown.json()["complaint"].as_str().unwrap().contains("Could not resolve host"), "{unknown:#?}");
}

#[test]
fn config_dump_is_what_envoy_calls_by_that_name() {
    let running = two_clusters();
    let dump = running.home.run(&["config", "dump", "cluster1/istio-egressgateway"]).json();
    let sections: Vec<&str> =
        dump["configs"].as_array().unwrap().iter().filter_map(|section| section["@type"].as_str()).collect();
    for name in ["BootstrapConfigDump", "ListenersConfigDump", "ClustersConfigDump", "SecretsConfigDump"] {
        let full = format!("type.googleapis.com/envoy.admin.v3.{name}");
        assert!(sections.contains(&full.as_str()), "{full} is not among {sections:?}");
    }
    assert!(!dump.to_string().contains("PRIVATE KEY"), "no key is ever shown");
}

#[test]
fn without_a_federation_the_commands_say_how_to_start_one() {
    let home = Home::new();
    for words in
        [&["ps"][..], &["down"], &["logs", "a"], &["exec", "a", "--", "true"], &["config", "dump", "a"]]
    {
        let told = home.run(words);
        assert_eq!(told.code, Some(1), "{words:?}: {told:#?}");
        assert!(told.err.contains("start one with `carrick up FOLDER`"), "{words:?}: {told:#?}");
    }
    let told = home.run(&["up", "/no/such/folder"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("/no/such/folder"), "{told:#?}");
}

#[test]
fn a_run_directory_that_others_may_enter_is_refused_by_every_command() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let folder = home.example();
    std::fs::create_dir_all(home.runs().join("two-clusters")).unwrap();
    std::fs::set_permissions(home.runs(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let folder = folder.to_str().unwrap();
    for words in [&["up", folder][..], &["up", folder, "--detach"], &["demo"], &["ps"], &["down", "--purge"]]
    {
        let told = home.run(words);
        assert_eq!(told.code, Some(1), "{words:?}: {told:#?}");
        let place = home.runs().display().to_string();
        assert!(told.err.contains(&format!("{place} cannot be used: its mode 0777")), "{words:?}: {told:#?}");
    }
}

#[test]
fn two_federations_run_side_by_side_and_have_to_be_named() {
    let home = Home::new();
    let folder = home.example();
    let other = home.path().join("other");
    std::fs::rename(&folder, &other).unwrap();
    let file = other.join("federation.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("name: two-clusters", "name: other")).unwrap();
    let first = home.example();
    for folder in [&first, &other] {
        home.good(&["up", folder.to_str().unwrap(), "--detach"]);
    }
    let told = home.run(&["ps"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("name one with --federation: other, two-clusters"), "{told:#?}");
    for name in ["other", "two-clusters"] {
        let words = ["exec", "-f", name, "cluster1/client", "--", "curl", "-sS", "--max-time", "20", URL];
        assert!(home.good(&words).contains("Host=server.ns2"), "both have the same addresses and work");
    }
    home.good(&["down", "-f", "other"]);
    assert!(curl(&home, URL).out.ends_with("\n200"), "the one that is left needs no name, and runs on");
    home.good(&["down"]);
    home.assert_no_files_left();
}

fn kept(home: &Home) -> usize {
    std::fs::read_dir(home.path().join("state/carrick")).unwrap().count()
}

#[test]
fn addresses_and_the_root_of_trust_survive_down_and_up_until_they_are_purged() {
    let home = Home::new();
    let folder = home.example();
    let facts = |home: &Home| {
        home.good(&["up", folder.to_str().unwrap(), "--detach"]);
        let address = exec(home, "cluster1/client", &["getent", "ahostsv4", "server.ns2.svc.cluster.global"]);
        let certificates =
            exec(home, "cluster1/client", &["curl", "-s", "http://127.0.0.1:15000/certs"]).json();
        let root = certificates["certificates"][0]["ca_cert"][0]["serial_number"].clone();
        assert!(root.is_string(), "{certificates:#}");
        (address.out.split_whitespace().next().unwrap().to_owned(), root)
    };
    let first = facts(&home);
    assert!(first.0.starts_with("240.240."), "{first:?}");
    home.good(&["down"]);
    assert_eq!(facts(&home), first, "the same address and the same root");
    home.good(&["down", "--purge"]);
    assert_ne!(facts(&home).1, first.1, "another root");
    home.good(&["down"]);
    assert_eq!(kept(&home), 1);
    home.good(&["down", "--purge"]);
    home.assert_no_files_left();
    assert_eq!(kept(&home), 0, "nothing is remembered after --purge");
}

#[test]
fn a_process_that_dies_is_started_again_and_ps_counts_it() {
    let running = Running::start(&[], |_| {});
    let killed = running.exec("cluster2/server", &["pkill", "-KILL", "-f", "--", "app .*--version v1$"]);
    assert_eq!(killed.code, Some(0), "{killed:#?}");
    let restarts = || {
        let shown = running.home.run(&["ps", "--json"]).json();
        let pods = shown["pods"].as_array().unwrap().clone();
        let server = pods.into_iter().find(|pod| pod["pod"] == "server-v1-0").unwrap();
        server["processes"]["app"]["restarts"].as_u64().unwrap()
    };
    assert!(until(PATIENCE, || restarts() == 1));
    assert!(until(PATIENCE, || running.curl(URL).out.ends_with("\n200")));
}
