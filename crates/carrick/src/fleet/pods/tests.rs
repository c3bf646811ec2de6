use carrick_model::{SourceFile, parse};

use super::*;

fn pods_of(text: &str) -> (Vec<PodSpec>, Vec<Diagnostic>) {
    let (resources, findings) = parse(&[SourceFile::new("test.yaml", text)]);
    assert_eq!(findings, []);
    desired(&resources)
}

fn deployment(name: &str, more: &str, containers: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {name}, namespace: shop }}
spec:
  template:
    metadata: {{ labels: {{ app: {name}{more} }} }}
    spec: {{ containers: [{containers}] }}
"
    )
}

const INJECTED: &str =
    "---\napiVersion: v1\nkind: Namespace\nmetadata: { name: shop, labels: { istio-injection: enabled } }\n";

#[test]
fn a_container_with_a_command_runs_it_beside_a_sidecar() {
    let containers = "{ name: c, image: any, command: [sleep], args: [\"9\"] }";
    let (pods, findings) = pods_of(&(INJECTED.to_owned() + &deployment("client", "", containers)));
    assert_eq!(findings, []);
    assert_eq!((pods[0].name.as_str(), pods[0].role), ("client-0", Role::Sidecar));
    let words = ["sleep", "9"].map(|word| Word::Text(word.into()));
    assert_eq!(pods[0].containers[0].words, words);
}

#[test]
fn the_test_image_is_played_by_our_own_program() {
    let containers = "{ name: c, image: \"docker.io/istio/app:1.0.0\", args: [--port, \"80\"] }";
    let (pods, _) = pods_of(&deployment("server", "", containers));
    assert_eq!(pods[0].role, Role::Plain, "the namespace does not ask for sidecars");
    assert_eq!(pods[0].containers[0].words[..2], [Word::OwnProgram, Word::Text("app".into())]);
}

#[test]
fn an_image_that_nobody_can_run_is_reported_with_its_place() {
    let (pods, findings) = pods_of(&deployment("web", "", "{ name: c, image: nginx }"));
    assert_eq!(pods, []);
    assert_eq!(findings[0].field, "spec.template.spec.containers[0].image");
    assert!(findings[0].reason.contains("nginx"), "{}", findings[0].reason);
}

#[test]
fn a_pods_own_word_on_injection_wins_over_its_namespace() {
    let containers = "{ name: c, image: any, command: [sleep] }";
    let refuses = deployment("a", ", sidecar.istio.io/inject: \"false\"", containers);
    assert_eq!(pods_of(&(INJECTED.to_owned() + &refuses)).0[0].role, Role::Plain);
    let wants = deployment("a", ", sidecar.istio.io/inject: \"true\"", containers);
    assert_eq!(pods_of(&wants).0[0].role, Role::Sidecar);
}

#[test]
fn gateways_are_told_by_their_image_and_label() {
    let containers = "{ name: p, image: istio/proxyv2, args: [proxy, router] }";
    let (pods, _) = pods_of(&deployment("gw", ", istio: egressgateway", containers));
    assert_eq!(pods[0].role, Role::Gateway(Gateway::Egress));
    assert_eq!(pods[0].containers, [], "its proxy is the runtime's");
}
