use super::*;
use crate::resources::ClientTlsMode;

const HOST: &str = "web.shop.svc.cluster.local";

fn rule(name: &str, namespace: &str, spec: &str) -> String {
    istio("networking.istio.io/v1", "DestinationRule", name, namespace, spec)
}

fn sni(text: &str) -> String {
    format!("trafficPolicy: {{ tls: {{ mode: SIMPLE, sni: {text} }} }}")
}

fn with_service(rules: &[String]) -> MeshSnapshot {
    let service =
        istio("v1", "Service", "web", "shop", "ports: [{ name: http, port: 80 }, { name: tls, port: 443 }]");
    mesh(&(service + &rules.concat()))
}

fn sni_seen_from(mesh: &MeshSnapshot, namespace: &str) -> Option<String> {
    mesh.destination_rule(namespace, HOST)?.policy(80, None).tls.map(|tls| tls.sni)
}

#[test]
fn the_client_s_namespace_decides_then_the_service_s_then_the_root_and_levels_never_merge() {
    let rules = [
        rule("c", "client", &format!("host: {HOST}, {}", sni("of-client"))),
        rule("s", "shop", &format!("host: {HOST}, {}, subsets: [{{ name: v1 }}]", sni("of-service"))),
        rule("r", "istio-system", &format!("host: '*.cluster.local', {}", sni("of-root"))),
    ];
    let mesh = with_service(&rules);
    assert_eq!(sni_seen_from(&mesh, "client").as_deref(), Some("of-client"));
    assert!(mesh.destination_rule("client", HOST).unwrap().subset("v1").is_none(), "that is another level's");
    assert_eq!(sni_seen_from(&mesh, "stranger").as_deref(), Some("of-service"));
    let mesh = with_service(&rules[2..]);
    assert_eq!(sni_seen_from(&mesh, "stranger").as_deref(), Some("of-root"));
}

#[test]
fn a_private_rule_is_for_its_own_namespace_only() {
    let private = format!("host: {HOST}, exportTo: ['.'], {}", sni("private"));
    let mesh = with_service(&[rule("s", "shop", &private), rule("r", "istio-system", &private)]);
    assert_eq!(sni_seen_from(&mesh, "shop").as_deref(), Some("private"));
    assert_eq!(sni_seen_from(&mesh, "istio-system").as_deref(), Some("private"));
    assert_eq!(sni_seen_from(&mesh, "stranger"), None);
}

#[test]
fn the_exact_host_beats_the_longest_wildcard_and_that_the_shorter_ones() {
    let exact = rule("a", "shop", &format!("host: web, {}", sni("exact")));
    let longer = rule("b", "shop", &format!("host: '*.shop.svc.cluster.local', {}", sni("longer")));
    let shorter = rule("c", "shop", &format!("host: '*.local', {}", sni("shorter")));
    let all = with_service(&[shorter.clone(), longer.clone(), exact]);
    assert_eq!(
        sni_seen_from(&all, "shop").as_deref(),
        Some("exact"),
        "a short host means the rule's namespace"
    );
    assert_eq!(sni_seen_from(&with_service(&[shorter, longer]), "shop").as_deref(), Some("longer"));
}

#[test]
fn rules_for_one_host_merge_the_oldest_policy_with_everybody_s_subsets() {
    let old = "labels: { version: old }";
    let mesh = with_service(&[
        rule(
            "b-younger",
            "shop",
            &format!("host: web, {}, subsets: [{{ name: v1 }}, {{ name: v2 }}]", sni("younger")),
        ),
        rule("a-older", "shop", &format!("host: web, {}, subsets: [{{ name: v1, {old} }}]", sni("older"))),
    ]);
    let merged = mesh.destination_rule("shop", HOST).unwrap();
    assert_eq!(merged.policy(80, None).tls.unwrap().sni, "older");
    assert_eq!(merged.subset("v1").unwrap().labels["version"], "old");
    assert!(merged.subset("v2").is_some());
    assert_eq!(merged.rules.len(), 2);
    assert_eq!(merged.meta().unwrap().name, "a-older");
}

#[test]
fn a_port_s_settings_replace_wholesale_and_a_subset_s_block_by_block() {
    let mesh = with_service(&[rule(
        "web",
        "shop",
        "host: web, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } }, tls: { mode: ISTIO_MUTUAL }, \
           portLevelSettings: [{ port: { number: 443 }, tls: { mode: SIMPLE } }] }, \
         subsets: [{ name: plain, trafficPolicy: { tls: { mode: DISABLE } } }, \
           { name: ported, trafficPolicy: { portLevelSettings: [{ port: { number: 80 } }] } }]",
    )]);
    let rule = mesh.destination_rule("shop", HOST).unwrap();
    let mode = |port, subset| rule.policy(port, subset).tls.map(|tls| tls.mode);
    assert_eq!(mode(80, None), Some(ClientTlsMode::IstioMutual));
    assert_eq!(mode(443, None), Some(ClientTlsMode::Simple));
    assert!(rule.policy(80, None).connection_pool.is_some());
    assert_eq!(rule.policy(443, None).connection_pool, None, "an omitted block is default, not inherited");
    assert_eq!(mode(80, Some("plain")), Some(ClientTlsMode::Disable));
    assert!(rule.policy(80, Some("plain")).connection_pool.is_some());
    assert_eq!(rule.policy(80, Some("ported")), Default::default());
    assert_eq!(mode(443, Some("ported")), Some(ClientTlsMode::Simple));
    assert_eq!(rule.policy(80, Some("unknown")), rule.policy(80, None));
}

#[test]
fn a_rule_for_chosen_clients_is_theirs_alone_and_comes_first() {
    let mesh = with_service(&[
        rule("a-all", "shop", &format!("host: web, {}", sni("all"))),
        rule(
            "b-some",
            "shop",
            &format!("host: web, workloadSelector: {{ matchLabels: {{ app: x }} }}, {}", sni("some")),
        ),
    ]);
    let service = mesh.service(HOST).unwrap();
    let seen = |namespace: &str, app: &str| {
        let labels = [("app".to_owned(), app.to_owned())].into();
        mesh.destination_rule_for(namespace, &labels, service).unwrap().policy(80, None).tls.unwrap().sni
    };
    assert_eq!(seen("shop", "x"), "some");
    assert_eq!(seen("shop", "y"), "all");
    assert_eq!(seen("stranger", "x"), "all");
}
