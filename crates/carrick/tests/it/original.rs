//! The original demo's files from 2018, unmodified. `original-demo/federation.yaml` says which goes
//! to which cluster.

use carrick_testing::needs::original_demo;

use crate::fixtures::{Home, Running, URL};

/// A federation of these files; `None` where they are absent.
fn start() -> Option<Running> {
    let files = original_demo()?;
    let home = Home::new();
    let folder = home.path().join("original-demo");
    std::fs::create_dir(&folder).unwrap();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/original-demo/federation.yaml");
    std::fs::copy(ours, folder.join("federation.yaml")).unwrap();
    std::os::unix::fs::symlink(files, folder.join("demo")).unwrap();
    Some(Running::start_in(home, folder, &[]))
}

#[test]
fn they_join_two_clusters_as_they_did_with_istio() {
    let Some(running) = start() else { return };

    // Every name under the suffix has the one address; it is never on a wire, since the sidecar
    // captures the connection.
    let address = running.exec("cluster1/client", &["getent", "ahostsv4", "server.ns2.svc.cluster.global"]);
    assert!(address.out.starts_with("1.1.1.1 "), "{address:#?}");

    let traced = running.home.run(&["trace", "cluster1/client", URL, "--json"]);
    assert_eq!(traced.code, Some(0), "{traced:#?}");
    let traced = traced.json();
    let (client, server) =
        ("spiffe://cluster1.local/ns/default/sa/default", "spiffe://cluster2.local/ns/default/sa/default");
    let answer = traced["answer"].as_str().unwrap();
    assert!(answer.contains("ServiceVersion=v1\n") && answer.contains("ServicePort=80\n"), "{answer}");
    assert!(
        answer.contains(&format!("By={server}")) && answer.contains(&format!("URI={client}")),
        "{answer}"
    );

    let hops = traced["path"]["hops"].as_array().unwrap();
    let seen: Vec<(&str, &str)> = hops
        .iter()
        .map(|hop| (hop["role"].as_str().unwrap(), hop["rules"][0]["resource"].as_str().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("sidecar", "ServiceEntry default/service-entry-server-ns2"),
            ("egress gateway", "VirtualService default/egressgateway-to-ingressgateway-server-ns2"),
            ("ingress gateway", "VirtualService default/ingressgateway-to-server-ns2"),
            ("sidecar", "Service default/server"),
        ]
    );
    // The DestinationRule names certificates as files under /etc/certs; no such file exists, the
    // agent has the secrets.
    assert_eq!(hops[0]["upstream"]["local_identity"], client);
    assert_eq!(hops[0]["upstream"]["sni"], "server.ns2.svc.cluster.global");
    assert_eq!(hops[3]["downstream"]["peer_identity"], client);
    let certs = running.exec("cluster1/client", &["ls", "/etc/certs"]);
    assert_ne!(certs.code, Some(0), "{certs:#?}");
}

#[test]
fn permissive_still_means_tls_or_not_whatever_the_alpn() {
    let Some(running) = start() else { return };
    let shown = running.home.run(&["ps", "--json"]).json();
    let pods = shown["pods"].as_array().unwrap().clone();
    let server =
        pods.iter().find(|pod| pod["pod"] == "server-v1-0").unwrap()["address"].as_str().unwrap().to_owned();
    // Plain text from inside the cluster, by somebody without a sidecar.
    let plain = running.exec(
        "cluster2/istio-ingressgateway",
        &["curl", "-sS", "--max-time", "20", &format!("http://{server}/")],
    );
    assert!(
        plain.out.contains("ServiceVersion=v1\n") && !plain.out.contains("x-forwarded-client-cert: By="),
        "{plain:#?}"
    );
    // TLS with an ALPN that no sidecar offers is still mutual TLS: the server asks for a
    // certificate.
    let target = format!("{server}:80");
    let tls = running.exec(
        "cluster2/istio-ingressgateway",
        &["openssl", "s_client", "-connect", &target, "-alpn", "http/1.1", "-brief"],
    );
    assert!(tls.err.contains("CN = Carrick cluster CA"), "{tls:#?}");
    assert!(tls.err.contains("Requested Signature Algorithms"), "{tls:#?}");
}
