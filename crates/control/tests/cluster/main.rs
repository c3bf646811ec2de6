//! A whole control plane on Unix sockets: enrolment, certificates, configuration, live edits, a
//! broken edit.
//!
//! The runtime's file names each pod's socket; who calls by it is that pod, which is all that the
//! control plane asks.

// Helpers of tests may unwrap as tests do.
#![allow(clippy::unwrap_used)]

mod claims;
mod harness;

use carrick_xds::ResourceType;
use harness::Cluster;

#[tokio::test]
async fn a_workload_gets_a_certificate_for_the_identity_that_it_has() {
    let cluster = Cluster::start(&["client"]).await;
    let answer =
        cluster.certificate("client", "spiffe://cluster2.example/ns/kube-system/sa/admin").await.unwrap();
    let chain = harness::certificates(&answer);
    assert_eq!(
        chain[0].names().uris,
        ["spiffe://cluster1.example/ns/default/sa/client"],
        "not what the request asked for"
    );
    assert_eq!(
        chain[1].names().uris,
        ["spiffe://cluster1.example"],
        "the cluster CA is bound to its trust domain"
    );
    assert_eq!(answer.len(), 3, "leaf, cluster CA, roots");
}

#[tokio::test]
async fn what_is_left_of_a_pod_does_not_speak_for_its_successor() {
    let cluster = Cluster::start(&["client"]).await;
    let old = cluster.call_as("client").await;
    // The same name, another account; as every pod it has a socket that no pod had before.
    let successor =
        harness::pod((0, "client")).replace("carrick.dev/socket: client", "carrick.dev/socket: next");
    let successor = successor.replace("serviceAccountName: client", "serviceAccountName: admin");
    std::fs::write(cluster.path("pods.yaml"), successor).unwrap();
    cluster.call_as("next").await;

    let refusal = cluster
        .subscribe_over(old, harness::node("client", "10.10.0.11"), ResourceType::Cluster)
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::Unauthenticated, "{refusal}");
    let chain = harness::certificates(&cluster.certificate("next", "").await.unwrap());
    assert_eq!(chain[0].names().uris, ["spiffe://cluster1.example/ns/default/sa/admin"]);
}

#[tokio::test]
async fn what_the_operators_own_files_say_of_sockets_counts_for_nothing() {
    let cluster = Cluster::start(&["client"]).await;
    let forged =
        harness::pod((1, "forged")).replace("serviceAccountName: forged", "serviceAccountName: admin");
    let stolen = forged.replace("name: forged", "name: stolen").replace("socket: forged", "socket: client");
    let other = harness::pod((2, "other")).replace("socket: other", "socket: ../outside");
    cluster
        .write("cluster1/pods.yaml", &[forged, stolen.replace("10.10.0.12", "10.10.0.14"), other].concat());
    let status = cluster.status_after(1).await;
    assert!(!status["diagnostics"].to_string().contains("\"error\""), "{status:#}");
    // One more pod of the runtime's; its socket is opened after all that could be.
    let runtime: String = ["client", "last"].into_iter().enumerate().map(harness::pod).collect();
    std::fs::write(cluster.path("pods.yaml"), runtime.replace("10.10.0.12", "10.10.0.15")).unwrap();
    cluster.call_as("last").await;
    let mut sockets: Vec<_> = std::fs::read_dir(cluster.path("run/proxies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    sockets.sort();
    assert_eq!(sockets, ["client", "last"]);
    assert!(!cluster.path("run/outside").exists());
    let chain = harness::certificates(&cluster.certificate("client", "").await.unwrap());
    assert_eq!(chain[0].names().uris, ["spiffe://cluster1.example/ns/default/sa/client"]);
}

#[tokio::test]
async fn a_pod_gets_its_own_configuration_and_no_other() {
    let cluster = Cluster::start(&["client", "other"]).await;
    let mut stream = cluster.subscribe("client", "10.10.0.11", ResourceType::Cluster).await.unwrap();
    let names = stream.added().await.unwrap();
    assert!(names.contains(&"outbound|80||server.ns2.svc.cluster.global".into()), "{names:?}");

    let by_its_own = cluster.call_as("client").await;
    let stream =
        cluster.subscribe_over(by_its_own, harness::node("other", "10.10.0.12"), ResourceType::Cluster).await;
    let mut stream = stream.unwrap();
    let refusal = stream.added().await.unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::PermissionDenied, "{refusal}");
}

#[tokio::test]
async fn an_edit_takes_effect_and_a_broken_one_changes_nothing() {
    let cluster = Cluster::start(&["client"]).await;
    let mut stream = cluster.subscribe("client", "10.10.0.11", ResourceType::Cluster).await.unwrap();
    stream.added().await.unwrap();

    cluster.write("cluster1/more.yaml", &harness::service_entry("more.global", 80));
    assert_eq!(stream.added().await.unwrap(), ["outbound|80||more.global"]);

    cluster.write(
        "cluster1/more.yaml",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: more\n",
    );
    let status = cluster.status_after(2).await;
    let findings = status["diagnostics"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["location"]["file"] == "cluster1/more.yaml"),
        "{findings:?}"
    );

    // Had the broken edit taken the host away, its removal would come before this.
    cluster.write("cluster1/third.yaml", &harness::service_entry("third.global", 80));
    assert_eq!(stream.added().await.unwrap(), ["outbound|80||third.global"]);
}

#[tokio::test]
async fn a_folder_that_the_federation_file_comes_to_name_is_read_and_followed() {
    let cluster = Cluster::start(&["client"]).await;
    let mut stream = cluster.subscribe("client", "10.10.0.11", ResourceType::Cluster).await.unwrap();
    stream.added().await.unwrap();

    std::fs::create_dir(cluster.path("folder/more")).unwrap();
    cluster.write("more/first.yaml", &harness::service_entry("first.global", 80));
    cluster.edit("federation.yaml", "    - cluster1/\n", "    - cluster1/\n    - more/\n");
    assert_eq!(stream.added().await.unwrap(), ["outbound|80||first.global"]);

    cluster.write("more/second.yaml", &harness::service_entry("second.global", 80));
    assert_eq!(stream.added().await.unwrap(), ["outbound|80||second.global"]);
}

#[tokio::test]
async fn what_a_proxy_refuses_is_shown_with_its_words_and_the_lines_that_caused_it_until_it_is_mended() {
    let cluster = Cluster::start(&["client"]).await;
    let mut stream = cluster.subscribe("client", "10.10.0.11", ResourceType::Cluster).await.unwrap();
    let name = "outbound|80||server.ns2.svc.cluster.global";
    stream.refused(&format!("Error adding/updating cluster(s) {name}: not today")).await.unwrap();

    let status = cluster.status_after_refusals(0).await;
    let refused = &status["proxies"][0]["refused"];
    assert_eq!(refused.as_object().unwrap().len(), 1, "its neighbours were taken: {refused}");
    let refusal = &refused[format!("cluster {name}")];
    assert_eq!(refusal["reason"], format!("Error adding/updating cluster(s) {name}: not today"));
    let causes = refusal["causes"].to_string();
    assert!(
        causes.contains("DestinationRule default/server-ns2 cluster1/server-from-cluster2.yaml:23:"),
        "{causes}"
    );

    let file = "cluster1/server-from-cluster2.yaml";
    cluster.edit(file, "sni: server.ns2.svc.cluster.global", "sni: other.ns2.svc.cluster.global");
    assert_eq!(stream.added().await.unwrap(), [name], "only what changed is sent");
    let status = cluster.status_after_refusals(1).await;
    assert_eq!(status["proxies"][0]["refused"], serde_json::json!({}));
}

#[tokio::test]
async fn the_cluster_ca_survives_a_restart_and_needs_no_second_token() {
    let cluster = Cluster::start(&["client"]).await;
    let before = harness::certificates(&cluster.certificate("client", "").await.unwrap());
    let cluster = cluster.restart().await;
    let after = harness::certificates(&cluster.certificate("client", "").await.unwrap());
    assert_eq!(before[1], after[1], "the same cluster CA");
    assert_ne!(before[0].serial(), after[0].serial());
}

#[tokio::test]
async fn a_trust_domain_that_is_edited_is_followed_by_the_ca_once_it_is_enrolled_for_it() {
    let cluster = Cluster::start(&["client"]).await;
    let before = harness::certificates(&cluster.certificate("client", "").await.unwrap());
    assert_eq!(before[0].names().uris, ["spiffe://cluster1.example/ns/default/sa/client"]);

    cluster.edit("federation.yaml", "trustDomain: cluster1.example", "trustDomain: moved.example");
    cluster.status_after(1).await;
    let refusal = cluster.certificate("client", "").await.unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::FailedPrecondition, "nothing is signed meanwhile: {refusal}");
    assert!(refusal.message().contains("moved.example"), "{refusal}");

    cluster.hand_out_token("moved.example");
    let answer = cluster.certificate_once_enrolled("client").await;
    let after = harness::certificates(&answer);
    assert_eq!(after[0].names().uris, ["spiffe://moved.example/ns/default/sa/client"]);
    assert_eq!(after[1].names().uris, ["spiffe://moved.example"], "another cluster CA");
    assert_eq!(before.last(), after.last(), "of the same root");

    assert!(cluster.path("state/cacerts.cluster1.example/ca-key.pem").exists(), "the former CA is kept");

    let cluster = cluster.restart().await;
    let again = harness::certificates(&cluster.certificate("client", "").await.unwrap());
    assert_eq!(after[1], again[1], "it was stored");
}

#[tokio::test]
async fn keys_on_disk_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = Cluster::start(&["client"]).await;
    cluster.certificate("client", "").await.unwrap();
    for key in ["root/root-key.pem", "state/cacerts/ca-key.pem"] {
        let mode = std::fs::metadata(cluster.path(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}
