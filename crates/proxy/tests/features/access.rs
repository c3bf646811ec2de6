//! Role-based access control: who may ask for what.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixtures::yaml::{filter, http, http_with, log};
use crate::fixtures::{ANY_PORT, bootstrap, cluster};
use crate::server::Server;
use crate::subjects::{Subject, both};

const ALL: &str = "{name: all, match: {prefix: /}, route: {cluster: b}}";

fn rbac(fields: &str) -> String {
    filter("rbac", "rbac.v3.RBAC", &format!(", {fields}"))
}

async fn with(filters: &str) -> (Server, [Subject; 2]) {
    let server = Server::start("b").await;
    let yaml = bootstrap(&[http(filters, ALL)], &[cluster("b", &[server.address], "")]);
    (server, both(&yaml).await)
}

#[tokio::test]
async fn what_a_deny_policy_matches_is_refused_by_the_first_name() {
    let policies = "rules: {action: DENY, policies: {\
        'b policy': {permissions: [{url_path: {path: {prefix: /secret}}}], principals: [{any: true}]}, \
        a: {permissions: [{header: {name: ':path', string_match: {exact: '/both?q'}}}, {url_path: {path: {exact: /secret/a}}}], \
            principals: [{any: true}]}}}";
    let (server, subjects) = with(&rbac(policies)).await;
    for subject in &subjects {
        let refused = subject.get("/secret/x", &[]).await;
        assert_eq!((refused.status, refused.body.as_str()), (403, "RBAC: access denied"), "{}", subject.name);
        assert_eq!(refused.header("content-type"), Some("text/plain"));
        assert_eq!(subject.logged(1).await, "403 - rbac_access_denied_matched_policy[b_policy] all b");
        // The query does not hide a path, nor do dots or percent signs.
        for (n, path) in
            ["/secret/a?x=1", "/x/../secret/a", "/x/%2e%2e/secret/a", "/both?q"].iter().enumerate()
        {
            let refused = subject.get(path, &["--path-as-is"]).await;
            assert_eq!(refused.status, 403, "{}: {path}", subject.name);
            assert_eq!(subject.logged(2 + n).await, "403 - rbac_access_denied_matched_policy[a] all b");
        }
        assert_eq!(subject.get("/open", &[]).await.status, 200, "{}", subject.name);
    }
    let seen = server.take();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.body.as_str()),
            ("GET", "/open", "")
        );
        assert!(request.authority.starts_with("127.0.0.1:"), "{}", request.authority);
        assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    }
}

#[tokio::test]
async fn with_allow_policies_nothing_else_passes() {
    let policies = "rules: {action: ALLOW, policies: {one: {\
        permissions: [{and_rules: {rules: [\
            {or_rules: {rules: [{header: {name: ':method', string_match: {exact: GET}}}, {header: {name: ':method', string_match: {exact: HEAD}}}]}}, \
            {not_rule: {header: {name: x-bad, present_match: true}}}, \
            {header: {name: ':authority', string_match: {suffix: .test, ignore_case: true}}}]}}], \
        principals: [{and_ids: {ids: [{direct_remote_ip: {address_prefix: 127.0.0.0, prefix_len: 8}}, \
            {not_id: {remote_ip: {address_prefix: 10.9.0.0, prefix_len: 16}}}]}}]}}}";
    let (server, subjects) = with(&rbac(policies)).await;
    for subject in &subjects {
        let allowed = subject.get("/", &["-H", "host: A.TEST"]).await;
        assert_eq!(allowed.status, 200, "{}", subject.name);
        for (n, arguments) in [
            &["-H", "host: a.example"][..],
            &["-H", "host: a.test", "-X", "POST"],
            &["-H", "host: a.test", "-H", "x-bad: 1"],
            &["-H", "host: a.test", "-H", "x-forwarded-for: 10.9.1.2"],
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(subject.get("/", arguments).await.status, 403, "{} {arguments:?}", subject.name);
            let line = subject.logged(2 + n).await;
            assert_eq!(line, "403 - rbac_access_denied_matched_policy[none] all b", "{}", subject.name);
        }
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn filters_stand_one_behind_the_other_and_shadow_rules_only_watch() {
    let any = "permissions: [{any: true}], principals: [{any: true}]";
    let shadow = rbac(&format!("shadow_rules: {{action: DENY, policies: {{s: {{{any}}}}}}}"));
    let logs = rbac(&format!("rules: {{action: LOG, policies: {{l: {{{any}}}}}}}"));
    let allow = rbac(&format!("rules: {{action: ALLOW, policies: {{a: {{{any}}}}}}}"));
    let nothing = rbac("rules: {action: ALLOW}");
    let (_server, subjects) = with(&format!("{shadow}{logs}{allow}")).await;
    for subject in &subjects {
        assert_eq!(subject.get("/", &[]).await.status, 200, "{}", subject.name);
    }
    let (_server, subjects) = with(&format!("{allow}{nothing}")).await;
    for subject in &subjects {
        assert_eq!(subject.get("/", &[]).await.status, 403, "{}", subject.name);
    }
}

#[tokio::test]
async fn a_refusal_comes_before_the_route_but_with_its_headers() {
    let server = Server::start("b").await;
    let host = "{name: v, domains: [known.test], response_headers_to_add: [{header: {key: x-vh, value: 'yes'}}], \
        routes: [{match: {prefix: /r}, redirect: {host_redirect: other.test}}, {match: {prefix: /}, route: {cluster: b}}]}";
    let filters = rbac("rules: {action: ALLOW}");
    let yaml = bootstrap(&[http_with(&filters, host, "")], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        let refused = subject.get("/", &["-H", "host: known.test"]).await;
        assert_eq!((refused.status, refused.header("x-vh")), (403, Some("yes")), "{}", subject.name);
        assert_eq!(subject.get("/r", &["-H", "host: known.test"]).await.status, 403, "{}", subject.name);
        assert_eq!(subject.get("/", &["-H", "host: unknown.test"]).await.status, 403, "{}", subject.name);
        let grpc =
            subject.get("/", &["-H", "host: known.test", "-H", "content-type: application/grpc"]).await;
        assert_eq!((grpc.status, grpc.header("grpc-status")), (200, Some("7")), "{}", subject.name);
    }
    assert_eq!(server.count(), 0);
}

/// Says something and returns what comes back before the end.
async fn say(subject: &Subject, listener: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(subject.address(listener)).await.unwrap();
    // Either may fail where the other side has closed already.
    let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn connections_that_the_rules_refuse_are_closed() {
    let server = Server::start("b").await;
    let listener = |name: &str, rules: &str| {
        format!(
            "{{name: {name}, {ANY_PORT}, filter_chains: [{{filters: [\
             {{name: rbac, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: r, {rules}}}}}, \
             {{name: tcp, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
             stat_prefix: t, cluster: b, access_log: [{}]}}}}]}}]}}",
            log("%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_CLUSTER%")
        )
    };
    let local = "direct_remote_ip: {address_prefix: 127.0.0.0, prefix_len: 8}";
    let port = "{destination_port_range: {start: 1, end: 65536}}";
    let listeners = [
        listener(
            "open",
            &format!(
                "rules: {{action: ALLOW, policies: {{p: {{permissions: [{port}], principals: [{{{local}}}]}}}}}}"
            ),
        ),
        listener(
            "denied",
            &format!(
                "rules: {{action: DENY, policies: {{'p q': {{permissions: [{port}], principals: [{{{local}}}]}}}}}}"
            ),
        ),
        listener(
            "closed",
            "rules: {action: ALLOW, policies: {p: {permissions: [{destination_port: 1}], principals: [{any: true}]}}}",
        ),
        listener(
            "names",
            "rules: {action: ALLOW, policies: {p: {permissions: [{requested_server_name: {exact: a.test}}], principals: [{any: true}]}}}",
        ),
        listener(
            "known",
            "rules: {action: ALLOW, policies: {p: {permissions: [{any: true}], principals: [{authenticated: {}}]}}}",
        ),
    ];
    for subject in &both(&bootstrap(&listeners, &[cluster("b", &[server.address], "")])).await {
        assert!(say(subject, "open").await.starts_with(b"HTTP/1.0 200"), "{}", subject.name);
        assert_eq!(subject.logged(1).await, "- - b", "{}", subject.name);
        for (n, (listener, policy)) in
            [("denied", "p_q"), ("closed", "none"), ("names", "none"), ("known", "none")].iter().enumerate()
        {
            assert_eq!(say(subject, listener).await, b"", "{}: {listener}", subject.name);
            let expected = format!("- rbac_access_denied_matched_policy[{policy}] b");
            assert_eq!(subject.logged(2 + n).await, expected, "{}", subject.name);
        }
    }
    assert_eq!(server.count(), 2);
}
