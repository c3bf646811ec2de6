use carrick_xds::json::from_yaml;
use http::{HeaderMap, Method};

use super::*;
use crate::access_log::ResponseFlag;

fn decide(routes: &str, more: &str, scheme: &'static str, path: &str, random: u64) -> Plan {
    let yaml = format!("{{virtual_hosts: [{{name: v, domains: [a.example], {more} routes: [{routes}]}}]}}");
    let table = RouteTable::from_proto(&from_yaml(&yaml).unwrap()).unwrap();
    let headers = HeaderMap::new();
    let head =
        RequestHead { method: &Method::GET, scheme, authority: "a.example", path, headers: &headers, random };
    plan(&head, &table)
}

fn forwarded(routes: &str, path: &str, random: u64) -> ForwardPlan {
    match decide(routes, "", "http", path, random) {
        Plan::Forward(plan) => plan,
        Plan::Answer(reply, _) => panic!("{reply:?}"),
    }
}

fn answered(plan: Plan) -> (LocalReply, bool) {
    match plan {
        Plan::Answer(reply, route) => (reply, route.is_some()),
        Plan::Forward(plan) => panic!("{plan:?}"),
    }
}

#[test]
fn what_no_route_is_for_is_not_found() {
    let (reply, of_route) = answered(decide("{match: {path: /b}, route: {cluster: c}}", "", "http", "/a", 0));
    assert_eq!(
        (reply.status, reply.flag, of_route),
        (StatusCode::NOT_FOUND, Some(ResponseFlag::NoRouteFound), false)
    );
    assert_eq!(reply.details, "route_not_found");
    assert!(reply.body.is_empty());
}

#[test]
fn a_host_nobody_serves_is_not_found_either() {
    let table =
        RouteTable::from_proto(&from_yaml("virtual_hosts: [{name: v, domains: [b.example]}]").unwrap())
            .unwrap();
    let head = RequestHead {
        method: &Method::GET,
        scheme: "http",
        authority: "a.example",
        path: "/",
        headers: &HeaderMap::new(),
        random: 0,
    };
    assert_eq!(answered(plan(&head, &table)).0.status, StatusCode::NOT_FOUND);
}

#[test]
fn plain_text_is_sent_to_tls_before_any_route_is_looked_at() {
    let routes = "{match: {prefix: /}, route: {cluster: c}}";
    let (reply, _) = answered(decide(routes, "require_tls: ALL,", "http", "/a?b", 0));
    assert_eq!(reply.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(reply.headers, [(header::LOCATION, HeaderValue::from_static("https://a.example/a?b"))]);
    assert!(matches!(decide(routes, "require_tls: ALL,", "https", "/a", 0), Plan::Forward(_)));
}

#[test]
fn a_plan_to_forward_says_where_and_as_what() {
    let plan = forwarded(
        "{name: r, match: {prefix: /api}, route: {cluster: c, prefix_rewrite: /v1, host_rewrite_literal: b.example}}",
        "/api/x?y",
        0,
    );
    assert_eq!((&*plan.cluster, plan.path.as_deref()), ("c", Some("/v1/x?y")));
    assert!(matches!(&plan.host, Some(NewHost::Fixed(host)) if host == "b.example"));
    assert_eq!(&*plan.route.name, "r");
    let plan = forwarded("{match: {prefix: /}, route: {cluster: c, auto_host_rewrite: true}}", "/", 0);
    assert!(matches!(plan.host, Some(NewHost::OfEndpoint)) && plan.path.is_none());
}

#[test]
fn a_weighted_cluster_brings_its_own_host_and_headers() {
    let routes = "{match: {prefix: /}, route: {host_rewrite_literal: r.example, weighted_clusters: {clusters: [\
        {name: a, weight: 1, host_rewrite_literal: w.example, request_headers_to_remove: [x]}, {name: b, weight: 1}]}}}";
    let first = forwarded(routes, "/", 0);
    assert_eq!((&*first.cluster, first.cluster_headers.is_some()), ("a", true));
    assert!(matches!(&first.host, Some(NewHost::Fixed(host)) if host == "w.example"));
    let second = forwarded(routes, "/", 1);
    assert_eq!((&*second.cluster, second.cluster_headers.is_some()), ("b", false));
    assert!(matches!(&second.host, Some(NewHost::Fixed(host)) if host == "r.example"));
}

#[test]
fn answers_of_a_route_carry_its_headers() {
    let routes =
        "{match: {prefix: /}, direct_response: {status: 418, body: {inline_string: short and stout}}}";
    let (reply, of_route) = answered(decide(routes, "", "http", "/", 0));
    assert_eq!((reply.status.as_u16(), &reply.body[..], of_route), (418, &b"short and stout"[..], true));
    let routes = "{match: {prefix: /}, redirect: {host_redirect: b.example, response_code: FOUND}}";
    let (reply, of_route) = answered(decide(routes, "", "http", "/x", 0));
    assert_eq!((reply.status, of_route), (StatusCode::FOUND, true));
    assert_eq!(reply.headers[0].1, "http://b.example/x");
}

#[test]
fn a_location_cannot_bring_a_header_of_its_own() {
    let reply = redirect_to(StatusCode::FOUND, "http://a/\r\nset-cookie: x");
    assert_eq!((reply.status, reply.headers.len()), (StatusCode::INTERNAL_SERVER_ERROR, 0));
}
