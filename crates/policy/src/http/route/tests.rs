use carrick_xds::json::from_yaml;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::action::RedirectPath;
use super::*;

fn table(yaml: &str) -> RouteTable {
    try_table(yaml).unwrap_or_else(|error| panic!("{error}"))
}

fn try_table(yaml: &str) -> Result<RouteTable, String> {
    RouteTable::from_proto(&from_yaml(yaml).unwrap()).map_err(|error| error.to_string())
}

/// A request, as a story tells it.
struct Ask {
    authority: &'static str,
    path: &'static str,
    headers: HeaderMap,
    random: u64,
}

fn ask(authority: &'static str, path: &'static str) -> Ask {
    Ask { authority, path, headers: HeaderMap::new(), random: 0 }
}

impl Ask {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), value.parse().unwrap());
        self
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority: self.authority,
            path: self.path,
            headers: &self.headers,
            random: self.random,
        }
    }

    /// The name of the route that it gets.
    fn of(&self, table: &RouteTable) -> String {
        let head = self.head();
        let route = table.virtual_host(self.authority).and_then(|host| table.route(host, &head));
        route.map_or("none".into(), |route| route.name.to_string())
    }
}

/// Virtual hosts that answer with one route each, named like the domain.
fn hosts(more: &str, domains: &[&str]) -> RouteTable {
    let hosts: Vec<_> = domains
        .iter()
        .map(|domain| {
            format!(
                "{{name: '{domain}', domains: ['{domain}'], routes: [{}]}}",
                route(domain, "prefix: /", "")
            )
        })
        .collect();
    table(&format!("{{{more} virtual_hosts: [{}]}}", hosts.join(", ")))
}

fn route(name: &str, matched: &str, more: &str) -> String {
    format!("{{name: '{name}', match: {{{matched}}}, route: {{cluster: c}}{more}}}")
}

/// One virtual host with these routes.
fn routes(routes: &[String]) -> RouteTable {
    table(&format!("{{virtual_hosts: [{{name: v, domains: ['*'], routes: [{}]}}]}}", routes.join(", ")))
}

#[test]
fn exact_names_come_before_suffixes_before_prefixes_before_everything() {
    let table = hosts("", &["*", "a.*", "a.b.*", "*.example", "*.b.example", "a.b.example", "*-x.example"]);
    for (authority, host) in [
        ("a.b.example", "a.b.example"),
        ("A.B.Example", "a.b.example"),
        ("c.b.example", "*.b.example"),
        ("c.d.example", "*.example"),
        ("d-x.example", "*-x.example"),
        ("a.b.other", "a.b.*"),
        ("a.c.other", "a.*"),
        ("other", "*"),
        // The wildcard stands for at least one character.
        (".example", "*"),
        ("a.", "*"),
        // A port is part of the name unless the table says otherwise.
        ("a.b.example:80", "a.b.*"),
    ] {
        assert_eq!(ask(authority, "/").of(&table), host, "{authority}");
    }
}

#[test]
fn ports_can_be_left_out_of_account() {
    let table = hosts("ignore_port_in_host_matching: true,", &["a.example", "[::1]", "b.example:80"]);
    for (authority, host) in [
        ("a.example", "a.example"),
        ("a.example:8080", "a.example"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("b.example:80", "none"),
        ("a.example:", "a.example"),
        ("a.example:8x", "none"),
    ] {
        assert_eq!(ask(authority, "/").of(&table), host, "{authority}");
    }
}

#[test]
fn a_domain_belongs_to_one_host() {
    for domain in ["a.example", "*", "*.example", "a.*"] {
        let host = |name: &str, domain: &str| format!("{{name: {name}, domains: ['{domain}']}}");
        let yaml =
            format!("{{virtual_hosts: [{}, {}]}}", host("a", domain), host("b", &domain.to_uppercase()));
        let error = try_table(&yaml).unwrap_err();
        assert!(error.starts_with("virtual_hosts[1].domains[0]: "), "{error}");
    }
}

#[test]
fn the_first_route_that_matches_wins_however_broad_it_is() {
    let broad_first = routes(&[route("broad", "prefix: /", ""), route("exact", "path: /a", "")]);
    assert_eq!(ask("x", "/a").of(&broad_first), "broad");
    let exact_first = routes(&[route("exact", "path: /a", ""), route("broad", "prefix: /", "")]);
    assert_eq!(ask("x", "/a").of(&exact_first), "exact");
    assert_eq!(ask("x", "/a/").of(&exact_first), "broad");
}

#[test]
fn paths_match_whole_by_prefix_by_segment_or_by_expression() {
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("path: /a", &["/a", "/a?b"], &["/a/", "/A", "/ab", "/"]),
        ("prefix: /a", &["/a", "/a/", "/ab", "/a?b"], &["/", "/b/a", "/A"]),
        ("path_separated_prefix: /a", &["/a", "/a/", "/a/b", "/a?b"], &["/ab", "/", "/a;b"]),
        ("prefix: /a, case_sensitive: false", &["/A", "/aB"], &["/b"]),
        ("path: /a, case_sensitive: false", &["/A"], &["/Ab"]),
        ("safe_regex: {regex: '/a[0-9]+'}", &["/a1", "/a12?x=/b", "/a1?"], &["/a", "/a1/", "/b/a1"]),
        ("prefix: ''", &["/", "/a", "*"], &[]),
    ];
    for (matched, yes, no) in cases {
        let table = routes(&[route("it", matched, "")]);
        for path in yes {
            assert_eq!(ask("x", path).of(&table), "it", "{matched}: {path}");
        }
        for path in no {
            assert_eq!(ask("x", path).of(&table), "none", "{matched}: {path}");
        }
    }
}

#[test]
fn path_parameters_can_be_left_out_of_account() {
    let yaml = |more: &str| {
        table(&format!(
            "{{{more} virtual_hosts: [{{name: v, domains: ['*'], routes: [{}]}}]}}",
            route("it", "path: /a/b", "")
        ))
    };
    assert_eq!(ask("x", "/a;v=1/b;w").of(&yaml("ignore_path_parameters_in_path_matching: true,")), "it");
    assert_eq!(ask("x", "/a;v=1/b;w").of(&yaml("")), "none");
}

#[test]
fn headers_decide_too() {
    let by = |matcher: &str| routes(&[route("it", &format!("prefix: /, headers: [{matcher}]"), "")]);
    let yes = |matcher: &str, ask: Ask| assert_eq!(ask.of(&by(matcher)), "it", "{matcher}");
    let no = |matcher: &str, ask: Ask| assert_eq!(ask.of(&by(matcher)), "none", "{matcher}");
    let bare = || ask("a.example", "/p?q");

    yes("{name: x-a}", bare().with("x-a", ""));
    no("{name: x-a}", bare());
    yes("{name: x-a, present_match: false}", bare());
    yes("{name: x-a, present_match: true, invert_match: true}", bare());
    no("{name: x-a, present_match: true, invert_match: true}", bare().with("x-a", "1"));

    yes("{name: X-A, string_match: {exact: b}}", bare().with("x-a", "b"));
    no("{name: x-a, string_match: {exact: b}}", bare().with("x-a", "B"));
    yes("{name: x-a, string_match: {exact: b, ignore_case: true}}", bare().with("x-a", "B"));
    yes("{name: x-a, string_match: {safe_regex: {regex: 'b+'}}}", bare().with("x-a", "bb"));
    no("{name: x-a, string_match: {safe_regex: {regex: 'b+'}}}", bare().with("x-a", "abb"));

    // What is not there matches nothing, not even the opposite, unless it is taken for empty.
    no("{name: x-a, string_match: {exact: b}, invert_match: true}", bare());
    yes(
        "{name: x-a, string_match: {exact: b}, invert_match: true, treat_missing_header_as_empty: true}",
        bare(),
    );
    yes("{name: x-a, string_match: {exact: b}, invert_match: true}", bare().with("x-a", "c"));

    // Of several lines one is enough.
    yes("{name: x-a, string_match: {exact: c}}", bare().with("x-a", "b").with("x-a", "c"));
    no("{name: x-a, string_match: {exact: 'b,c'}}", bare().with("x-a", "b").with("x-a", "c"));
    no("{name: x-a, string_match: {exact: c}, invert_match: true}", bare().with("x-a", "b").with("x-a", "c"));

    yes("{name: x-n, range_match: {start: 1, end: 10}}", bare().with("x-n", "9"));
    no("{name: x-n, range_match: {start: 1, end: 10}}", bare().with("x-n", "10"));
    no("{name: x-n, range_match: {start: 1, end: 10}}", bare().with("x-n", "2x"));

    yes("{name: ':authority', string_match: {prefix: a.}}", bare());
    yes("{name: ':path', string_match: {suffix: '?q'}}", bare());
    yes("{name: ':method', string_match: {exact: GET}}", bare());
    yes("{name: ':scheme', string_match: {exact: http}}", bare());
}

#[test]
fn query_parameters_decide_as_they_stand() {
    let by = |matcher: &str| routes(&[route("it", &format!("prefix: /, query_parameters: [{matcher}]"), "")]);
    let exact = "{name: a, string_match: {exact: '1'}}";
    for (path, outcome) in [
        ("/?a=1", "it"),
        ("/?b=2&a=1", "it"),
        ("/?a=2&a=1", "none"),
        ("/?a=%31", "none"),
        ("/?A=1", "none"),
        ("/?a", "none"),
        ("/", "none"),
        ("/a=1", "none"),
    ] {
        assert_eq!(ask("x", path).of(&by(exact)), outcome, "{path}");
    }
    assert_eq!(ask("x", "/?a").of(&by("{name: a, present_match: true}")), "it");
    assert_eq!(ask("x", "/?b").of(&by("{name: a, present_match: false}")), "it");
}

#[test]
fn a_route_can_be_for_grpc_or_for_a_share_of_requests() {
    let grpc = routes(&[route("it", "prefix: /, grpc: {}", "")]);
    assert_eq!(ask("x", "/").with("content-type", "application/grpc+proto").of(&grpc), "it");
    assert_eq!(ask("x", "/").with("content-type", "application/grpc-web").of(&grpc), "none");
    let fraction = "prefix: /, runtime_fraction: {default_value: {numerator: 25}}";
    let quarter = routes(&[route("it", fraction, ""), route("rest", "prefix: /", "")]);
    let share = |random: u64| Ask { random: random << 32, ..ask("x", "/") }.of(&quarter);
    assert_eq!(share(249_999), "it");
    assert_eq!(share(250_000), "rest");
}

fn action(matched: &str, action: &str) -> Action {
    let yaml = format!(
        "{{virtual_hosts: [{{name: v, domains: ['*'], routes: [{{match: {{{matched}}}, {action}}}]}}]}}"
    );
    let table = table(&yaml);
    let route = Arc::into_inner(table.virtual_hosts.into_iter().next().unwrap().routes.remove(0));
    route.unwrap().action
}

fn rewritten(matched: &str, rewrite: &str, path: &str) -> String {
    match action(matched, &format!("route: {{cluster: c, {rewrite}}}")) {
        Action::Forward(forward) => forward.path_rewrite.unwrap().apply(path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn paths_are_rewritten_by_prefix_or_by_expression_and_keep_their_query() {
    assert_eq!(rewritten("prefix: /api", "prefix_rewrite: /v1", "/api/x?y=/api"), "/v1/x?y=/api");
    assert_eq!(rewritten("prefix: /api/", "prefix_rewrite: /", "/api/x"), "/x");
    assert_eq!(rewritten("path: /api", "prefix_rewrite: /", "/api?q"), "/?q");
    let regex =
        "regex_rewrite: {pattern: {regex: '^/service/([^/]+)(/.*)$'}, substitution: '\\2/instance/\\1'}";
    assert_eq!(rewritten("prefix: /", regex, "/service/foo/v1?q=$1"), "/v1/instance/foo?q=$1");
    let dollar = "regex_rewrite: {pattern: {regex: 'a'}, substitution: '$0\\\\'}";
    assert_eq!(rewritten("prefix: /", dollar, "/a/a"), "/$0\\/$0\\");
}

#[test]
fn a_redirect_changes_what_it_names_and_keeps_the_rest() {
    let location =
        |redirect: &str, scheme: &str, authority: &str, path: &str| match action("prefix: /a", redirect) {
            Action::Redirect(redirect) => redirect.location(scheme, authority, path),
            other => panic!("{other:?}"),
        };
    for (redirect, scheme, authority, path, expected) in [
        ("https_redirect: true", "http", "x.example", "/a?b", "https://x.example/a?b"),
        ("https_redirect: true", "http", "x.example:80", "/a", "https://x.example/a"),
        ("https_redirect: true", "http", "x.example:8080", "/a", "https://x.example:8080/a"),
        ("scheme_redirect: http", "https", "x.example:443", "/a", "http://x.example/a"),
        ("host_redirect: y.example", "http", "x.example:8080", "/a", "http://y.example/a"),
        ("port_redirect: 81", "http", "x.example:80", "/a", "http://x.example:81/a"),
        ("port_redirect: 81", "http", "[::1]", "/a", "http://[::1]:81/a"),
        ("path_redirect: /b", "http", "x", "/a?q", "http://x/b?q"),
        ("path_redirect: /b?r", "http", "x", "/a?q", "http://x/b?r"),
        ("path_redirect: /b, strip_query: true", "http", "x", "/a?q", "http://x/b"),
        ("prefix_rewrite: /c", "http", "x", "/ab/d?q", "http://x/cb/d?q"),
    ] {
        let found = location(&format!("redirect: {{{redirect}}}"), scheme, authority, path);
        assert_eq!(found, expected, "{redirect} of {authority}");
    }
    let code = |code: &str| match action("prefix: /", &format!("redirect: {{response_code: {code}}}")) {
        Action::Redirect(redirect) => (redirect.status, matches!(redirect.path, RedirectPath::Keep)),
        other => panic!("{other:?}"),
    };
    assert_eq!(code("MOVED_PERMANENTLY"), (StatusCode::MOVED_PERMANENTLY, true));
    assert_eq!(code("PERMANENT_REDIRECT"), (StatusCode::PERMANENT_REDIRECT, true));
}

#[test]
fn weights_share_requests_out_exactly() {
    let weighted = "route: {weighted_clusters: {clusters: [{name: a, weight: 20}, {name: b, weight: 0}, {name: c, weight: 80}]}}";
    let Action::Forward(forward) = action("prefix: /", weighted) else { panic!("forwards") };
    let mut counts = std::collections::BTreeMap::new();
    for random in 0..1000 {
        *counts.entry(forward.cluster.choose(random).0.to_string()).or_insert(0) += 1;
    }
    assert_eq!(counts, [("a".to_owned(), 200), ("c".to_owned(), 800)].into());
}

#[test]
fn header_rules_are_applied_from_the_route_outwards_unless_the_most_specific_is_to_win() {
    let set = |value: &str| {
        format!(
            "request_headers_to_add: [{{header: {{key: x, value: {value}}}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}]"
        )
    };
    let result = |most_specific: bool| {
        let table = table(&format!(
            "{{most_specific_header_mutations_wins: {most_specific}, {}, virtual_hosts: [{{name: v, domains: ['*'], {}, routes: [{}]}}]}}",
            set("table"),
            set("host"),
            route("r", "prefix: /", &format!(", {}", set("route")))
        ));
        let mut headers = HeaderMap::new();
        for rules in &table.virtual_hosts[0].routes[0].headers {
            rules.apply_to_request(&mut headers, &|_, _| unreachable!("fixed values"));
        }
        headers["x"].to_str().unwrap().to_owned()
    };
    assert_eq!(result(false), "table");
    assert_eq!(result(true), "route");
}

#[test]
fn headers_are_removed_then_added_appended_or_overwritten() {
    let mutated = |rules: &str, before: &[(&'static str, &str)]| {
        let table = routes(&[route("r", "prefix: /", &format!(", {rules}"))]);
        let mut headers =
            before.iter().fold(ask("x", "/"), |ask, (name, value)| ask.with(name, value)).headers;
        for rules in &table.virtual_hosts[0].routes[0].headers {
            rules.apply_to_response(&mut headers, &|_, _| b"rendered".to_vec());
        }
        let all: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        all.join(" ")
    };
    let add = |action: &str, value: &str| {
        format!(
            "response_headers_to_add: [{{header: {{key: X-A, value: '{value}'}}, append_action: {action}}}]"
        )
    };
    assert_eq!(mutated(&add("APPEND_IF_EXISTS_OR_ADD", "2"), &[("x-a", "1")]), "x-a=1 x-a=2");
    assert_eq!(mutated(&add("ADD_IF_ABSENT", "2"), &[("x-a", "1")]), "x-a=1");
    assert_eq!(mutated(&add("ADD_IF_ABSENT", "2"), &[]), "x-a=2");
    assert_eq!(mutated(&add("OVERWRITE_IF_EXISTS_OR_ADD", "2"), &[("x-a", "1"), ("x-a", "0")]), "x-a=2");
    assert_eq!(mutated(&add("OVERWRITE_IF_EXISTS", "2"), &[]), "");
    assert_eq!(mutated(&add("APPEND_IF_EXISTS_OR_ADD", "%PROTOCOL%"), &[]), "x-a=rendered");
    assert_eq!(mutated(&add("APPEND_IF_EXISTS_OR_ADD", ""), &[]), "", "an empty value is left out");
    let both = format!("response_headers_to_remove: [X-A], {}", add("APPEND_IF_EXISTS_OR_ADD", "2"));
    assert_eq!(mutated(&both, &[("x-a", "1")]), "x-a=2");
}

#[test]
fn what_is_not_implemented_is_refused_by_its_place() {
    let in_route = |route: &str| {
        try_table(&format!("{{virtual_hosts: [{{name: v, domains: ['*'], routes: [{{{route}}}]}}]}}"))
    };
    for (yaml, place) in [
        ("match: {prefix: /}, filter_action: {}", "filter_action"),
        ("match: {prefix: /}", "action"),
        ("route: {cluster: c}", "match"),
        ("match: {}, route: {cluster: c}", "match.path_specifier"),
        ("match: {connect_matcher: {}}, route: {cluster: c}", "match.connect_matcher"),
        ("match: {safe_regex: {regex: '('}}, route: {cluster: c}", "match.safe_regex.regex"),
        ("match: {path_separated_prefix: /a/}, route: {cluster: c}", "match.path_separated_prefix"),
        ("match: {prefix: /}, route: {}", "route.cluster_specifier"),
        ("match: {prefix: /}, route: {cluster_header: x}", "route.cluster_header"),
        ("match: {prefix: /}, route: {weighted_clusters: {}}", "route.weighted_clusters.clusters"),
        ("match: {prefix: /}, route: {cluster: c, timeout: -1s}", "route.timeout"),
        ("match: {prefix: /}, direct_response: {status: 99}", "direct_response.status"),
        ("match: {prefix: /}, redirect: {port_redirect: 70000}", "redirect.port_redirect"),
        ("match: {safe_regex: {regex: x}}, route: {cluster: c, prefix_rewrite: /}", "route.prefix_rewrite"),
        (
            "match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: sunshine}}",
            "route.retry_policy.retry_on",
        ),
        (
            "match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [{header: {key: Host, value: x}}]",
            "request_headers_to_add[0].header.key",
        ),
        (
            "match: {prefix: /}, route: {cluster: c}, response_headers_to_remove: [':status']",
            "response_headers_to_remove[0]",
        ),
        (
            "match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [{header: {key: a, value: '%NONSENSE%'}}]",
            "request_headers_to_add[0].header.value",
        ),
        (
            "match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [{header: {key: a, value: \"b\\nc: d\"}}]",
            "request_headers_to_add[0].header.value",
        ),
        (
            "match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: a}, substitution: '\\1'}}",
            "route.regex_rewrite.substitution",
        ),
    ] {
        let error = in_route(yaml).map(|_| ()).unwrap_err();
        assert!(error.starts_with(&format!("virtual_hosts[0].routes[0].{place}: ")), "{yaml}: {error}");
    }
    let large = format!(
        "match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: '{}'}}}}",
        "x".repeat(4097)
    );
    assert!(
        in_route(&large).map(|_| ()).unwrap_err().contains("max_direct_response_body_size_bytes is 4096")
    );
}

#[test]
fn a_retry_policy_tells_failures_apart() {
    let policy = |yaml: &str| RetryPolicy::from_proto(&from_yaml(yaml).unwrap()).unwrap();
    let none = HeaderMap::new();
    let response =
        |policy: &RetryPolicy, code: u16| policy.retries_response(StatusCode::from_u16(code).unwrap(), &none);
    let server = policy("retry_on: 5xx");
    assert!(response(&server, 500) && response(&server, 503) && !response(&server, 404));
    assert!(server.retries_failure(Failure::Connect) && server.retries_failure(Failure::PerTryTimeout));
    let gateway = policy("retry_on: gateway-error");
    assert!(!response(&gateway, 500) && response(&gateway, 502) && response(&gateway, 504));
    let istio = policy(
        "{retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes', retriable_status_codes: [503]}",
    );
    assert!(response(&istio, 503) && !response(&istio, 502));
    assert!(istio.retries_failure(Failure::Connect) && istio.retries_failure(Failure::Refused));
    // The upstream may have acted on it.
    assert!(!istio.retries_failure(Failure::Reset { request_sent: true }));
    let unsent = policy("retry_on: reset-before-request");
    assert!(unsent.retries_failure(Failure::Reset { request_sent: false }));
    assert!(!unsent.retries_failure(Failure::Reset { request_sent: true }));
    let mut unavailable = HeaderMap::new();
    unavailable.insert("grpc-status", "14".parse().unwrap());
    assert!(istio.retries_response(StatusCode::OK, &unavailable));
    assert_eq!((istio.retries, istio.per_try_timeout), (1, None));
}

#[test]
fn pauses_grow_and_stay_bounded() {
    let policy = RetryPolicy::from_proto(
        &from_yaml("{retry_on: 5xx, retry_back_off: {base_interval: 0.01s, max_interval: 0.05s}}").unwrap(),
    )
    .unwrap();
    for retry in [1, 2, 5, 40, u32::MAX] {
        for _ in 0..50 {
            assert!(policy.pause(retry) < std::time::Duration::from_millis(50));
        }
    }
}
