//! What a policy becomes, point by point. The pods are `shop/server` and, in the mesh's root
//! namespace, `istio-system/gateway`.

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, Diagnostic, SourceFile, build, parse};
use carrick_xds::json;
use prost::Message;
use serde_json::Value;

use super::*;
use crate::envoy::hcm::http_filter;
use crate::envoy::listener::filter;
use crate::node::NodeKind;
use carrick_xds::pb::envoy::extensions::filters::{
    http::rbac::v3::Rbac as HttpRbac, network::rbac::v3::Rbac as NetworkRbac,
};

fn policy(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
         metadata: {{ name: {name}, namespace: {namespace} }}\nspec: {{ {spec} }}\n"
    )
}

fn settings() -> MeshSettings {
    let mut settings = MeshSettings::new("cluster1", TrustDomain::new("new.example").unwrap());
    settings.trust_domain_aliases.push(TrustDomain::new("old.example").unwrap());
    settings
}

fn snapshot(yaml: &str) -> (MeshSnapshot, Vec<Diagnostic>) {
    let (resources, diagnostics) = parse(&[SourceFile::new("policies.yaml", yaml)]);
    assert_eq!(diagnostics, []);
    let (snapshot, _, diagnostics) = build(resources, settings(), AddressTable::default());
    (snapshot, diagnostics)
}

fn server() -> ProxyNode {
    ProxyNode {
        kind: NodeKind::Sidecar,
        ip: [10, 10, 0, 1].into(),
        name: "server-0".into(),
        namespace: "shop".into(),
        dns_domain: "shop.svc.cluster.local".into(),
        cluster_id: "cluster1".into(),
        network: String::new(),
        service_account: "server".into(),
        workload_name: "server".into(),
        labels: [("app".to_owned(), "server".to_owned())].into(),
    }
}

fn http(yaml: &str) -> Vec<Value> {
    let filters = guards(&snapshot(yaml).0, &server()).http.into_iter();
    let one = |filter: HttpFilter| {
        let Some(http_filter::ConfigType::TypedConfig(any)) = filter.config_type else { panic!("no config") };
        json::to_json(&HttpRbac::decode(any.value.as_slice()).unwrap()).unwrap()
    };
    filters.map(one).collect()
}

fn tcp(yaml: &str) -> Vec<Value> {
    let filters = guards(&snapshot(yaml).0, &server()).tcp.into_iter();
    let one = |filter: Filter| {
        let Some(filter::ConfigType::TypedConfig(any)) = filter.config_type else { panic!("no config") };
        json::to_json(&NetworkRbac::decode(any.value.as_slice()).unwrap()).unwrap()
    };
    filters.map(one).collect()
}

/// The only rule of the only filter.
fn only(filters: &[Value]) -> Value {
    assert_eq!(filters.len(), 1, "{filters:?}");
    filters[0]["rules"]["policies"]["ns[shop]-policy[p]-rule[0]"].clone()
}

/// The first principal's and the first permission's clauses, without the wrapping that every rule
/// has.
fn principals(rule: &Value) -> String {
    rule["principals"][0]["and_ids"]["ids"].to_string()
}

fn permissions(rule: &Value) -> String {
    rule["permissions"][0]["and_rules"]["rules"].to_string()
}

fn rule_of(spec: &str) -> Value {
    only(&http(&policy("p", "shop", spec)))
}

const ANY: &str = r#"[{"any":true}]"#;
const NEVER: &str = r#"{"permissions":[{"not_rule":{"any":true}}],"principals":[{"not_id":{"any":true}}]}"#;

#[test]
fn without_a_policy_nobody_asks() {
    assert!(http("").is_empty() && tcp("").is_empty());
}

#[test]
fn allow_without_rules_allows_nothing_and_an_empty_rule_allows_everything() {
    assert_eq!(rule_of("").to_string(), NEVER);
    let everything = rule_of("rules: [{}]");
    assert_eq!((principals(&everything), permissions(&everything)), (ANY.into(), ANY.into()));
}

#[test]
fn what_is_denied_is_asked_before_what_is_allowed_and_logging_comes_first() {
    let all = [
        policy("a", "shop", "rules: [{}]"),
        policy("d", "shop", "action: DENY, rules: [{}]"),
        policy("l", "shop", "action: AUDIT, rules: [{}]"),
    ];
    let actions: Vec<Value> =
        http(&all.concat()).iter().map(|filter| filter["rules"]["action"].clone()).collect();
    // ALLOW is the first value of Envoy's enum, which JSON leaves out.
    assert_eq!(actions, [Value::from("LOG"), Value::from("DENY"), Value::Null]);
}

#[test]
fn policies_of_the_root_namespace_hold_everywhere_and_others_only_at_home() {
    let all = [
        policy("mesh", "istio-system", "rules: [{}]"),
        policy("mesh-other", "istio-system", "selector: { matchLabels: { app: other } }, rules: [{}]"),
        policy("own", "shop", "selector: { matchLabels: { app: server } }, rules: [{}]"),
        policy("own-other", "shop", "selector: { matchLabels: { app: other } }, rules: [{}]"),
        policy("far", "bank", "rules: [{}]"),
    ];
    let filters = http(&all.concat());
    let names: Vec<&String> = filters[0]["rules"]["policies"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["ns[istio-system]-policy[mesh]-rule[0]", "ns[shop]-policy[own]-rule[0]"]);
}

#[test]
fn principals_are_matched_with_their_scheme_and_a_star_is_anybody_with_a_certificate() {
    let of = |value: &str| {
        let rule = rule_of(&format!("rules: [{{ from: [{{ source: {{ principals: ['{value}'] }} }}] }}]"));
        let name = &rule["principals"][0]["and_ids"]["ids"][0]["or_ids"]["ids"][0];
        name["authenticated"]["principal_name"].to_string()
    };
    assert_eq!(of("far.example/ns/a/sa/b"), r#"{"exact":"spiffe://far.example/ns/a/sa/b"}"#);
    assert_eq!(of("far.example/ns/a/*"), r#"{"prefix":"spiffe://far.example/ns/a/"}"#);
    assert_eq!(of("*/ns/a/sa/b.c"), r#"{"safe_regex":{"regex":"spiffe://.*/ns/a/sa/b\\.c"}}"#);
    assert_eq!(of("*"), r#"{"safe_regex":{"regex":".+"}}"#);
}

#[test]
fn the_own_trust_domain_is_known_under_all_its_names_and_a_foreign_one_under_its_own() {
    let expanded = |written: &str| trust_domain::expand(&[written.to_owned()], &settings());
    let both = ["new.example/ns/a/sa/b", "old.example/ns/a/sa/b"];
    assert_eq!(expanded("new.example/ns/a/sa/b"), both);
    assert_eq!(expanded("old.example/ns/a/sa/b"), both);
    assert_eq!(expanded("cluster.local/ns/a/sa/b"), both);
    assert_eq!(expanded("far.example/ns/a/sa/b"), ["far.example/ns/a/sa/b"]);
    assert_eq!(expanded("*/ns/a/sa/b"), ["*/ns/a/sa/b"]);
    assert_eq!(expanded("*old.example/ns/a/sa/b"), ["new.example/ns/a/sa/b", "*old.example/ns/a/sa/b"]);
    assert_eq!(expanded("new.example/*"), ["new.example/*"], "no whole principal");
}

#[test]
fn namespaces_and_accounts_are_read_from_the_identity_in_any_trust_domain() {
    let rule = rule_of(
        "rules: [{ from: [{ source: { namespaces: [bank, team-*], notServiceAccounts: [client, bank/teller] } }] }]",
    );
    assert_eq!(
        principals(&rule),
        concat!(
            r#"[{"or_ids":{"ids":[{"authenticated":{"principal_name":{"safe_regex":{"regex":".*/ns/bank/.*"}}}},"#,
            r#"{"authenticated":{"principal_name":{"safe_regex":{"regex":".*/ns/team-.*/.*"}}}}]}},"#,
            r#"{"not_id":{"or_ids":{"ids":[{"authenticated":{"principal_name":{"safe_regex":{"regex":"spiffe://.+/ns/shop/sa/client"}}}},"#,
            r#"{"authenticated":{"principal_name":{"safe_regex":{"regex":"spiffe://.+/ns/bank/sa/teller"}}}}]}}}]"#
        )
    );
}

#[test]
fn the_address_of_the_connection_and_the_one_that_proxies_report_are_two_things() {
    let rule = rule_of(
        "rules: [{ from: [{ source: { ipBlocks: [10.0.0.1], notRemoteIpBlocks: [192.0.2.0/24] } }] }]",
    );
    assert_eq!(
        principals(&rule),
        concat!(
            r#"[{"or_ids":{"ids":[{"direct_remote_ip":{"address_prefix":"10.0.0.1","prefix_len":32}}]}},"#,
            r#"{"not_id":{"or_ids":{"ids":[{"remote_ip":{"address_prefix":"192.0.2.0","prefix_len":24}}]}}}]"#
        )
    );
}

#[test]
fn an_operation_is_a_port_a_path_a_method_and_a_host_in_any_case() {
    let rule = rule_of(
        "rules: [{ to: [{ operation: { ports: ['8080'], paths: [/a/*], notMethods: [PUT], hosts: [Shop.example] } }] }]",
    );
    assert_eq!(
        permissions(&rule),
        concat!(
            r#"[{"or_rules":{"rules":[{"destination_port":8080}]}},"#,
            r#"{"or_rules":{"rules":[{"url_path":{"path":{"prefix":"/a/"}}}]}},"#,
            r#"{"not_rule":{"or_rules":{"rules":[{"header":{"name":":method","string_match":{"exact":"PUT"}}}]}}},"#,
            r#"{"or_rules":{"rules":[{"header":{"name":":authority","string_match":{"exact":"Shop.example","ignore_case":true}}}]}}]"#
        )
    );
}

#[test]
fn a_path_template_matches_segments() {
    let rule = rule_of("rules: [{ to: [{ operation: { paths: ['/a.b/{*}/c/{**}'] } }] }]");
    assert_eq!(
        permissions(&rule),
        r#"[{"or_rules":{"rules":[{"url_path":{"path":{"safe_regex":{"regex":"/a\\.b/[^/]+/c/.*"}}}}]}}]"#
    );
}

#[test]
fn conditions_hold_for_every_alternative() {
    let rule = rule_of(
        "rules: [{ from: [{ source: { namespaces: [a] } }, { source: { namespaces: [b] } }], \
         when: [{ key: 'request.headers[x-a]', values: ['*'] }, { key: destination.ip, values: [10.0.0.0/8] }, \
         { key: connection.sni, values: ['*.example'] }] }]",
    );
    let header = r#"{"or_ids":{"ids":[{"header":{"name":"x-a","present_match":true}}]}}"#;
    for principal in rule["principals"].as_array().unwrap() {
        assert_eq!(principal["and_ids"]["ids"][1].to_string(), header);
    }
    assert_eq!(rule["principals"].as_array().unwrap().len(), 2);
    assert_eq!(
        permissions(&rule),
        concat!(
            r#"[{"or_rules":{"rules":[{"destination_ip":{"address_prefix":"10.0.0.0","prefix_len":8}}]}},"#,
            r#"{"or_rules":{"rules":[{"requested_server_name":{"suffix":".example"}}]}}]"#
        )
    );
}

#[test]
fn on_bytes_an_allow_rule_about_requests_allows_nothing() {
    let spec =
        "rules: [{ from: [{ source: { namespaces: [a] } }], to: [{ operation: { methods: [GET] } }] }]";
    assert_eq!(only(&tcp(&policy("p", "shop", spec))).to_string(), NEVER);
}

#[test]
fn on_bytes_a_deny_rule_about_requests_alone_denies_everything() {
    let spec = "action: DENY, rules: [{ to: [{ operation: { paths: [/admin], ports: ['80'] } }] }]";
    let rule = only(&tcp(&policy("p", "shop", spec)));
    assert_eq!(permissions(&rule), r#"[{"or_rules":{"rules":[{"destination_port":80}]}}]"#);
    let spec = "action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }]";
    let rule = only(&tcp(&policy("p", "shop", spec)));
    assert_eq!((principals(&rule), permissions(&rule)), (ANY.into(), ANY.into()));
}

#[test]
fn what_needs_a_token_is_named_allows_nothing_and_denies_more() {
    let allow = policy("p", "shop", "rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }]");
    let fields: Vec<String> = snapshot(&allow).1.into_iter().map(|found| found.field).collect();
    assert_eq!(fields, ["spec.rules[0].from[0].source.requestPrincipals"]);
    assert_eq!(only(&http(&allow)).to_string(), NEVER);

    let deny = "action: DENY, rules: [{ from: [{ source: { notRequestPrincipals: ['*'] } }], to: [{ operation: { paths: [/a] } }] }]";
    let rule = only(&http(&policy("p", "shop", deny)));
    assert_eq!(principals(&rule), ANY);
    assert_eq!(permissions(&rule), r#"[{"or_rules":{"rules":[{"url_path":{"path":{"exact":"/a"}}}]}}]"#);
}

#[test]
fn a_condition_that_nobody_knows_allows_nothing_and_denies_more() {
    let when = "when: [{ key: request.moon, values: [full] }]";
    assert_eq!(rule_of(&format!("rules: [{{ {when} }}]")).to_string(), NEVER);
    assert_eq!(permissions(&rule_of(&format!("action: DENY, rules: [{{ {when} }}]"))), ANY);
}

#[test]
fn a_source_or_a_condition_that_says_nothing_allows_nothing() {
    for rule in ["from: [{ source: {} }]", "to: [{ operation: {} }]", "when: [{ key: source.namespace }]"] {
        assert_eq!(rule_of(&format!("rules: [{{ {rule} }}]")).to_string(), NEVER, "{rule}");
    }
}

#[test]
fn one_bad_value_of_a_deny_rule_denies_whatever_the_value_might_have_been() {
    let spec = "action: DENY, rules: [{ from: [{ source: { ipBlocks: [10.0.0.1, 10.0.0] } }] }]";
    assert_eq!(principals(&rule_of(spec)), ANY);
}

#[test]
fn custom_denies_everything_until_there_are_external_authorizers() {
    let text = policy("p", "shop", "action: CUSTOM, provider: { name: opa }, rules: [{}]");
    assert_eq!(snapshot(&text).1[0].field, "spec.action");
    let filters = http(&text);
    assert_eq!(filters[0]["rules"]["action"], "DENY");
    let policies = filters[0]["rules"]["policies"].as_object().unwrap();
    assert_eq!(policies.keys().collect::<Vec<_>>(), ["default-deny-all-due-to-bad-CUSTOM-action"]);
}

#[test]
fn a_policy_for_the_gateway_api_holds_for_nothing_and_says_so() {
    let text = policy("p", "shop", "targetRefs: [{ kind: Gateway, name: edge }], rules: [{}]");
    assert_eq!(snapshot(&text).1[0].field, "spec.targetRefs");
    assert!(http(&text).is_empty());
}

#[test]
fn a_policy_on_trial_only_counts() {
    let text = policy("p", "shop", "action: DENY, rules: [{}]")
        .replace("namespace: shop }", "namespace: shop, annotations: { istio.io/dry-run: 'true' } }");
    let filters = http(&text);
    assert!(filters[0].get("rules").is_none());
    assert_eq!(filters[0]["shadow_rules_stat_prefix"], "istio_dry_run_deny_");
    assert_eq!(filters[0]["shadow_rules"]["action"], "DENY");
}
