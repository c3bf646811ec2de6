use std::collections::BTreeMap;

use carrick_identity::TrustDomain;

use crate::resources::AuthorizationAction;
use crate::snapshot::{MeshSnapshot, MtlsMode, Workload};
use crate::{AddressTable, MeshSettings, SourceFile, build, parse};

const HEAD: &str =
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: a\n  namespace: ns\n";

fn mesh(text: &str) -> MeshSnapshot {
    let pods: String = [("server", "ns"), ("other", "ns"), ("server", "elsewhere")]
        .map(|(app, namespace)| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {app}, namespace: {namespace}, labels: {{app: {app}}}}}\n\
                 spec: {{containers: [{{name: main, image: none}}]}}\n"
            )
        })
        .concat();
    let files = [SourceFile::new("policy.yaml", text), SourceFile::new("pods.yaml", pods)];
    let (resources, found) = parse(&files);
    assert!(
        text.is_empty() || found.iter().any(|finding| finding.help.contains("no earlier version")),
        "{found:?}"
    );
    let settings = MeshSettings::new("one", TrustDomain::new("one.example").unwrap());
    build(resources, settings, AddressTable::default()).0
}

fn pod<'a>(mesh: &'a MeshSnapshot, namespace: &str, name: &str) -> &'a Workload {
    mesh.workload_by_pod(namespace, name).unwrap()
}

/// Which of the three pods nobody may call.
fn denied(mesh: &MeshSnapshot) -> Vec<&'static str> {
    let denies = |namespace: &str, name: &str| {
        let labels = BTreeMap::from([("app".to_owned(), name.to_owned())]);
        mesh.authorization_policies_for(namespace, &labels).any(|policy| {
            policy.spec.action == AuthorizationAction::Deny && policy.spec.rules == [Default::default()]
        })
    };
    let pods =
        [("ns", "server", "ns/server"), ("ns", "other", "ns/other"), ("elsewhere", "server", "elsewhere")];
    pods.into_iter().filter(|(namespace, name, _)| denies(namespace, name)).map(|(.., shown)| shown).collect()
}

fn strict(mesh: &MeshSnapshot) -> Vec<&'static str> {
    let pods =
        [("ns", "server", "ns/server"), ("ns", "other", "ns/other"), ("elsewhere", "server", "elsewhere")];
    let is_strict = |namespace: &str, name: &str| {
        mesh.server_mtls(pod(mesh, namespace, name), 80).mode == MtlsMode::Strict
    };
    pods.into_iter()
        .filter(|(namespace, name, _)| is_strict(namespace, name))
        .map(|(.., shown)| shown)
        .collect()
}

#[test]
fn an_authorization_policy_that_cannot_be_read_denies_what_it_may_be_about() {
    let select = "spec:\n  selector:\n    matchLabels:\n      app: server\n";
    let whole_mesh = ["ns/server", "ns/other", "elsewhere"];
    let namespace = ["ns/server", "ns/other"];
    let cases: [(&str, String, &[&str]); 9] = [
        ("a rule of a wrong type", format!("{HEAD}{select}  rules: 7\n"), &["ns/server"]),
        ("an unknown field", format!("{HEAD}{select}  rulez: []\n"), &["ns/server"]),
        (
            "a misspelt selector",
            format!("{HEAD}spec:\n  selektor:\n    matchLabels:\n      app: server\n"),
            &namespace,
        ),
        ("a selector of a wrong type", format!("{HEAD}spec:\n  selector: server\n"), &namespace),
        ("no name", format!("{}{select}", HEAD.replace("  name: a\n", "")), &["ns/server"]),
        (
            "metadata of a wrong type",
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: a\n".into(),
            &whole_mesh,
        ),
        ("an unknown version", format!("{}{select}", HEAD.replace("/v1", "/v7")), &["ns/server"]),
        ("no YAML", format!("{HEAD}spec: {{selector: [}}\n"), &namespace),
        (
            "half-written",
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a".into(),
            &whole_mesh,
        ),
    ];
    for (what, text, expected) in cases {
        assert_eq!(denied(&mesh(&text)), expected, "{what}: {text}");
    }
}

#[test]
fn a_peer_authentication_that_cannot_be_read_is_strict_whatever_others_say() {
    let head = HEAD.replace("AuthorizationPolicy", "PeerAuthentication");
    let permissive = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: b, namespace: ns}\n\
                      spec: {mtls: {mode: PERMISSIVE}}\n";
    let cases: [(&str, String, &[&str]); 4] = [
        ("an unknown mode", format!("{head}spec: {{mtls: {{mode: STRIKT}}}}\n{permissive}"), &["ns/server", "ns/other"]),
        (
            "of one workload",
            format!("{head}spec: {{selector: {{matchLabels: {{app: server}}}}, mtls: 7}}\n{permissive}"),
            &["ns/server"],
        ),
        ("no YAML", format!("{head}spec: {{mtls: [}}\n{permissive}"), &["ns/server", "ns/other"]),
        (
            "an ancestor",
            "apiVersion: authentication.istio.io/v1alpha1\nkind: MeshPolicy\nmetadata: {name: default}\nspec: {peers: 7}\n".into(),
            &["ns/server", "ns/other", "elsewhere"],
        ),
    ];
    for (what, text, expected) in cases {
        assert_eq!(strict(&mesh(&text)), expected, "{what}: {text}");
    }
    assert_eq!(strict(&mesh("")), Vec::<&str>::new(), "nothing is STRICT by itself");
}

#[test]
fn kinds_of_other_projects_close_nothing() {
    let text =
        "apiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {}\n";
    let (resources, found) = parse(&[SourceFile::new("a.yaml", text)]);
    assert!(resources.is_empty() && !found.is_empty());
}
