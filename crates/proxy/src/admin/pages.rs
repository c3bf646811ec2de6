//! The pages, by path, with Envoy's paths and contents.
//!
//! It must not know who may see them.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, SERVER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::guard::{Asker, refuse};
use super::{Shown, certs, clusters, config_dump, listeners};

/// A page before it is sent.
struct Page {
    status: StatusCode,
    content_type: &'static str,
    body: Cow<'static, str>,
}

const HELP: &str = "\
/certs: certificates in use
/clusters: upstream clusters; ?format=json
/config_dump: what this proxy runs; ?include_eds
/flows: what it did lately; ?since=SEQUENCE
/listeners: where it listens; ?format=json
/ready: whether it serves
/server_info: version and state
/stats: counters
/stats/prometheus: the same for Prometheus
";

pub(super) fn answer(request: &Request<Incoming>, asker: Asker, shown: &Shown) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let page = match refuse(request.method(), request.uri(), request.headers(), asker) {
        Some((status, reason)) => Page { status, ..text(reason) },
        None => page(path, request.uri().query().unwrap_or_default(), shown),
    };
    let body = match page.body {
        Cow::Borrowed(body) => Bytes::from_static(body.as_bytes()),
        Cow::Owned(body) => Bytes::from(body),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(SERVER, HeaderValue::from_static("carrick"));
    response
}

fn page(path: &str, query: &str, shown: &Shown) -> Page {
    let registry = &shown.registry;
    let env = &registry.env;
    let as_json = parameter(query, "format") == Some("json");
    match path {
        "/ready" => ready(shown),
        "/server_info" => data(&server_info(shown)),
        "/config_dump" => data(&config_dump::dump(shown, parameter(query, "include_eds").is_some())),
        "/clusters" if as_json => data(&clusters::json(registry)),
        "/clusters" => text(clusters::text(registry)),
        "/listeners" if as_json => data(&listeners::json(&registry.listeners)),
        "/listeners" => text(listeners::text(&registry.listeners)),
        "/certs" => data(&certs::json(env)),
        "/stats" if parameter(query, "format") == Some("prometheus") => text(prometheus(shown)),
        "/stats" => text(stats(shown)),
        "/stats/prometheus" => text(prometheus(shown)),
        "/flows" => flows(query, shown),
        "/" | "/help" => text(HELP),
        _ => Page { status: StatusCode::NOT_FOUND, ..text("no such page; see /help\n") },
    }
}

/// The value of a query parameter; empty if it has none.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })
}

fn text(body: impl Into<Cow<'static, str>>) -> Page {
    Page { status: StatusCode::OK, content_type: "text/plain; charset=UTF-8", body: body.into() }
}

fn data(value: &Value) -> Page {
    let body = format!("{value:#}\n").into();
    Page { status: StatusCode::OK, content_type: "application/json", body }
}

/// Envoy's names of `stats.server.state`.
fn state(shown: &Shown) -> &'static str {
    match shown.registry.env.stats.server.state.get() {
        0 => "LIVE",
        1 => "DRAINING",
        2 => "PRE_INITIALIZING",
        _ => "INITIALIZING",
    }
}

fn ready(shown: &Shown) -> Page {
    let state = state(shown);
    let status = if state == "LIVE" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Page { status, ..text(format!("{state}\n")) }
}

fn uptime(shown: &Shown) -> u64 {
    SystemTime::now().duration_since(shown.registry.started).unwrap_or_default().as_secs()
}

fn server_info(shown: &Shown) -> Value {
    let uptime = format!("{}s", uptime(shown));
    json!({
        "version": concat!("carrick/", env!("CARGO_PKG_VERSION")),
        "state": state(shown),
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "command_line_options": { "concurrency": shown.registry.env.stats.server.concurrency.get() },
        "node": carrick_xds::json::to_json(&shown.bootstrap.node.clone().unwrap_or_default()).unwrap_or_default(),
    })
}

/// Numbers that are looked up when somebody asks.
fn refresh(shown: &Shown) {
    let env = &shown.registry.env;
    env.stats.server.uptime.set(i64::try_from(uptime(shown)).unwrap_or(i64::MAX));
    env.stats.server.total_connections.set(i64::try_from(env.connections.len()).unwrap_or(i64::MAX));
    for cluster in env.clusters.all() {
        let endpoints = cluster.endpoints();
        let stats = env.stats.cluster(cluster.name());
        let healthy = endpoints.iter().filter(|endpoint| endpoint.healthy).count();
        stats.membership_total.set(i64::try_from(endpoints.len()).unwrap_or(i64::MAX));
        stats.membership_healthy.set(i64::try_from(healthy).unwrap_or(i64::MAX));
        stats.upstream_cx_active.set(cluster.active_connections().into());
        stats.upstream_rq_active.set(cluster.active_requests().into());
    }
}

fn stats(shown: &Shown) -> String {
    refresh(shown);
    shown.registry.env.stats.lines()
}

fn prometheus(shown: &Shown) -> String {
    refresh(shown);
    shown.registry.env.stats.prometheus()
}

/// The records later than `since`, as a JSON array, oldest first.
fn flows(query: &str, shown: &Shown) -> Page {
    let since = match parameter(query, "since").unwrap_or("0").parse() {
        Ok(since) => since,
        Err(_) => return Page { status: StatusCode::BAD_REQUEST, ..text("since: not a number\n") },
    };
    match serde_json::to_value(shown.registry.env.flows.since(since)) {
        Ok(records) => data(&records),
        Err(error) => Page { status: StatusCode::INTERNAL_SERVER_ERROR, ..text(format!("{error}\n")) },
    }
}
