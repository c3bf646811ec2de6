//! HTTP/1 traffic to both proxies, compared from three sides: the client's, the upstream's, and the
//! access log's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream;

use crate::bootstrap::Upstreams;
use crate::fixtures::echo::tcp::echo;
use crate::fixtures::echo::{http1, http2};
use crate::fixtures::nobody;
use crate::fixtures::raw::{End, Response, Seen, connect_from, exchange, listed};
use crate::known;
use crate::matrix::{Case, cases};
use crate::pair::{Pair, Side};

/// Exchanges under way at once, per proxy.
const AT_ONCE: usize = 80;

/// Both proxies, with upstreams behind them.
pub async fn start() -> Pair {
    let upstreams = Upstreams {
        main: http1::echo("main").await,
        other: http1::echo("other").await,
        http2: http2::echo("http2").await,
        echoes: [echo("istio").await, echo("sni").await, echo("plain").await, echo("default").await],
        dead: nobody().await,
    };
    Pair::start(&upstreams).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_tell_them_apart_over_http1() {
    let pair = start().await;
    let cases = cases();
    let (envoy_saw, carrick_saw) = tokio::join!(all(&pair.envoy, &cases), all(&pair.carrick, &cases));
    let (envoy_log, carrick_log) = pair.logs().await;
    let envoy = told(&envoy_saw, &envoy_log);
    let carrick = told(&carrick_saw, &carrick_log);
    let mut differences = known::Differences::default();
    for ((case, envoy), carrick) in cases.iter().zip(&envoy).zip(&carrick) {
        differences.compare(&case.name, &String::from_utf8_lossy(&case.bytes), envoy, carrick);
    }
    differences.judge("exchanges over HTTP/1", cases.len());
}

/// What the client of every case saw.
async fn all(side: &Side, cases: &[Case]) -> Vec<Seen> {
    let exchanges = cases.iter().enumerate().map(|(number, case)| async move {
        let stream = connect_from(source(number), side.listener(case.listener)).await;
        exchange(stream, &case.bytes, case.then).await
    });
    stream::iter(exchanges).buffered(AT_ONCE).collect().await
}

/// Everything that is known of each case, as text to compare.
fn told(seen: &[Seen], log: &BTreeMap<u16, Vec<String>>) -> Vec<String> {
    let none = Vec::new();
    let log = |number| log.get(&source(number).port()).unwrap_or(&none);
    seen.iter().enumerate().map(|(number, seen)| told_of(seen, log(number))).collect()
}

/// Where the client of a case calls from: an address that no other run on this machine has, and a
/// port that no other case has.
fn source(number: usize) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 200, high, low], u16::try_from(10_000 + number).unwrap()))
}

fn told_of(seen: &Seen, log: &[String]) -> String {
    let mut text: String = seen.responses.iter().map(response).collect();
    text.push_str(match seen.end {
        End::Open => "then the connection is in step\n",
        End::Closed | End::Reset => "then the connection ends\n",
        End::Silent => "then silence\n",
    });
    text + &logs(log)
}

/// What was logged, as text to compare.
pub fn logs(log: &[String]) -> String {
    log.iter().map(|line| format!("log: {}\n", logged(line))).collect()
}

/// Code, flags, cluster, route, bytes, details. Of what is no proper message only code and flags
/// count: Envoy's codec has forgotten the rest by then.
fn logged(line: &str) -> String {
    let fields: Vec<&str> = line.split(' ').collect();
    match fields.get(1) {
        // Of a client that went away, how far its request had come depends on how fast it went.
        Some(flags) if flags.contains("DPE") || flags.contains("DC") => fields[..2].join(" "),
        _ => line.to_owned(),
    }
}

fn response(response: &Response) -> String {
    if response.body.starts_with("GET /after ") {
        return String::new();
    }
    let stable = |(name, value): &(String, String)| {
        let value = match name.as_str() {
            "date" | "x-request-id" | "x-envoy-upstream-service-time" => "*",
            // The length of what is told about a request differs with what is left out here.
            "content-length" if response.header("x-upstream").is_some() => "*",
            _ => value,
        };
        (name.clone(), value.to_owned())
    };
    let headers: Vec<_> = response.headers.iter().map(stable).collect();
    let cut = if response.cut { " (cut)" } else { "" };
    let trailers: String =
        response.trailers.iter().map(|(name, value)| format!("trailer {name}: {value}\n")).collect();
    // The words behind the code mean nothing (RFC 9112 §4).
    format!("{}\n{}\n{}{cut}\n{trailers}", response.status, listed(&headers), upstream_saw(&response.body))
}

/// The request as the upstream told it: its lines in order of their names, without what is random.
pub fn upstream_saw(body: &str) -> String {
    let Some((head, rest)) = body.split_once("\r\n") else { return body.to_owned() };
    let mut lines: Vec<_> = rest
        .lines()
        .map(|line| match line.split_once(':') {
            Some(("x-request-id", _)) => "x-request-id: *".to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    lines.sort();
    format!("{head}\n{}", lines.join("\n"))
}
