//! What a proxy says of itself beyond its name counts for nothing: it gets the configuration of the
//! pod that it is.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use carrick_translate::{NodeKind, ProxyNode};
use carrick_xds::ResourceType;

use crate::harness::{Cluster, Subscription, certificates, pod};

/// A TLS port with a certificate, for gateways with one label; and a policy for pods with another.
const GATEWAY: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
  - port: { number: 8443, name: https, protocol: HTTPS }
    hosts: [shop.example]
    tls: { mode: SIMPLE, credentialName: shop }
---
apiVersion: v1
kind: Secret
metadata: { name: shop, namespace: default }
stringData: { tls.crt: certificate, tls.key: the key of the ingress gateway }
";

/// An egress and an ingress gateway and a client, as the runtime writes them down.
async fn cluster() -> Cluster {
    let gateway = |index, name: &str| {
        let text = pod((index, name)).replace("annotations: {", "annotations: { carrick.dev/proxy: router,");
        text.replace(&format!("app: {name}"), &format!("istio: {name}gateway"))
    };
    let cluster =
        Cluster::start_with(&[gateway(0, "egress"), gateway(1, "ingress"), pod((2, "client"))].concat())
            .await;
    cluster.write("cluster1/edge.yaml", GATEWAY);
    let status = cluster.status_after(1).await;
    assert!(!status["diagnostics"].to_string().contains("\"error\""), "{status:#}");
    cluster
}

/// Claims of the pod with this name and address, beyond those everything of the ingress gateway's.
fn claims(name: &str, ip: [u8; 4]) -> ProxyNode {
    ProxyNode {
        kind: NodeKind::Router,
        ip: Ipv4Addr::from(ip),
        name: name.into(),
        namespace: "default".into(),
        dns_domain: "default.svc.cluster.local".into(),
        cluster_id: "cluster1".into(),
        network: "cluster1".into(),
        service_account: "ingress".into(),
        workload_name: "ingress".into(),
        labels: BTreeMap::from([("istio".into(), "ingressgateway".into())]),
    }
}

/// The first answer to a subscription by the socket of `pod`.
async fn gets(cluster: &Cluster, pod: &str, node: &ProxyNode, kind: ResourceType) -> Vec<String> {
    let channel = cluster.call_as(pod).await;
    let mut stream = cluster.subscribe_over(channel, node.to_envoy_node(), kind).await.unwrap();
    stream.added().await.unwrap()
}

/// A subscription to the ingress gateway's certificate by the socket of `pod`.
async fn secrets(cluster: &Cluster, pod: &str, node: &ProxyNode) -> Subscription {
    let channel = cluster.call_as(pod).await;
    cluster
        .subscribe_to(channel, node.to_envoy_node(), ResourceType::Secret, &["kubernetes://shop"])
        .await
        .unwrap()
}

#[tokio::test]
async fn a_gateway_that_claims_anothers_labels_gets_neither_its_listeners_nor_its_key() {
    let cluster = cluster().await;
    let ingress = claims("ingress", [10, 10, 0, 12]);
    let listeners = gets(&cluster, "ingress", &ingress, ResourceType::Listener).await;
    assert!(
        listeners.contains(&"0.0.0.0_8443".into()),
        "the ingress gateway itself gets them: {listeners:?}"
    );
    let mut secrets = self::secrets(&cluster, "ingress", &ingress).await;
    assert_eq!(secrets.added().await.unwrap(), ["kubernetes://shop"]);

    let liar = claims("egress", [10, 10, 0, 11]);
    let mut secrets = self::secrets(&cluster, "egress", &liar).await;
    assert_eq!(secrets.absent().await, ["kubernetes://shop"]);
    let listeners = gets(&cluster, "egress", &liar, ResourceType::Listener).await;
    assert!(!listeners.contains(&"0.0.0.0_8443".into()), "{listeners:?}");
    let chain = certificates(&cluster.certificate("egress", "").await.unwrap());
    assert_eq!(chain[0].names().uris, ["spiffe://cluster1.example/ns/default/sa/egress"]);
    // The operator is shown whose proxy it is, not what it claims.
    let status = cluster.status_after(0).await;
    assert!(!status["proxies"].to_string().contains("ingress~"), "{status:#}");
}

#[tokio::test]
async fn a_sidecar_that_claims_to_be_a_gateway_gets_a_sidecars_configuration() {
    let cluster = cluster().await;
    let liar = claims("client", [10, 10, 0, 13]);
    let listeners = gets(&cluster, "client", &liar, ResourceType::Listener).await;
    assert!(listeners.contains(&"virtualInbound".into()), "{listeners:?}");
    assert!(!listeners.contains(&"0.0.0.0_8443".into()), "{listeners:?}");
}

#[tokio::test]
async fn claims_of_another_pods_name_or_address_are_refused() {
    let cluster = cluster().await;
    for node in [claims("ingress", [10, 10, 0, 12]), claims("egress", [10, 10, 0, 12])] {
        let channel = cluster.call_as("egress").await;
        let stream = cluster.subscribe_over(channel, node.to_envoy_node(), ResourceType::Listener).await;
        let refusal = stream.unwrap().added().await.unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::PermissionDenied, "{refusal}");
        assert!(refusal.message().contains("the caller is pod default/egress"), "{refusal}");
    }
}

#[tokio::test]
async fn an_operators_pod_does_not_take_the_place_of_the_runtimes() {
    let cluster = cluster().await;
    let forged = pod((0, "egress")).replace("serviceAccountName: egress", "serviceAccountName: admin");
    cluster.write("cluster1/forged.yaml", &forged);
    let status = cluster.status_after(2).await;
    let findings = status["diagnostics"].as_array().unwrap();
    let duplicate = findings.iter().find(|finding| finding["severity"] == "error").expect("a finding");
    assert_eq!(duplicate["location"]["file"], "cluster1/forged.yaml", "{duplicate}");
    let chain = certificates(&cluster.certificate("egress", "").await.unwrap());
    assert_eq!(chain[0].names().uris, ["spiffe://cluster1.example/ns/default/sa/egress"]);
}
