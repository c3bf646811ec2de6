//! HTTP/2 traffic to both proxies: the same tricks, as far as HTTP/2 can say them, and what only
//! HTTP/2 has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::bootstrap::HTTP;
use crate::fixtures::echo::http1;
use crate::fixtures::echo::http2::MISDEEDS;
use crate::fixtures::raw::{connect_from, listed};
use crate::http1::{start, upstream_saw};
use crate::known;
use crate::matrix::{HOSTS, METHODS, PATHS, ROUTED, headers_of_http2};
use crate::pair::Side;

const AT_ONCE: usize = 80;
/// How long an answer may take before it counts as none.
const PATIENCE: Duration = Duration::from_secs(3);

struct Case {
    name: String,
    listener: &'static str,
    method: &'static str,
    authority: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    trailers: bool,
}

fn case(listener: &'static str, name: String) -> Case {
    Case {
        name: format!("{listener}: {name}"),
        listener,
        method: "GET",
        authority: "main.example".into(),
        path: "/".into(),
        headers: Vec::new(),
        body: None,
        trailers: false,
    }
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (listener, _) in HTTP {
        for path in PATHS {
            all.push(Case { path: path.into(), ..case(listener, format!("path {path:?}")) });
        }
        for host in HOSTS {
            all.push(Case { authority: host.into(), ..case(listener, format!("host {host:?}")) });
        }
        for (name, value) in headers_of_http2() {
            let headers = vec![(name, value.to_owned())];
            all.push(Case { headers, ..case(listener, format!("header {name}: {value:?}")) });
        }
    }
    for listener in ["plain", "sidecar"] {
        for path in ROUTED {
            all.push(Case { path: path.into(), ..case(listener, format!("route {path:?}")) });
        }
        for method in METHODS {
            for body in [None, Some(b"abc".to_vec()), Some(Vec::new())] {
                for (path, trailers) in [("/", false), ("/", true), ("/h2/x", false), ("/h2/x", true)] {
                    let name = format!("method {method:?} {path} {body:?} {trailers}");
                    let body = body.clone();
                    all.push(Case { method, path: path.into(), body, trailers, ..case(listener, name) });
                }
            }
        }
        for answer in http1::answers().chain(["reset-at-once", "never"]) {
            for method in ["GET", "POST"] {
                let path = format!("/do/{answer}");
                all.push(Case { method, path, ..case(listener, format!("upstream {answer} {method}")) });
            }
        }
        for misdeed in MISDEEDS {
            let path = format!("/h2/{misdeed}");
            all.push(Case { path, ..case(listener, format!("upstream over HTTP/2 {misdeed}")) });
        }
        for kb in [1, 64, 300] {
            let body = Some(vec![b'b'; kb * 1024]);
            for path in ["/", "/h2/x"] {
                let name = format!("a body of {kb} KiB to {path}");
                all.push(Case {
                    method: "POST",
                    path: path.into(),
                    body: body.clone(),
                    ..case(listener, name)
                });
            }
        }
    }
    all
}

impl Case {
    /// `None` if it cannot be said in HTTP/2 by an honest client.
    fn request(&self) -> Option<Request<()>> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str())
            .path_and_query(self.path.as_str())
            .build()
            .ok()?;
        // The library leaves fragments out, and then it is another case.
        if uri.path_and_query()?.as_str() != self.path {
            return None;
        }
        let mut request =
            Request::builder().method(Method::from_bytes(self.method.as_bytes()).ok()?).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
        }
        request.body(()).ok()
    }
}

/// What the client saw, as text to compare.
async fn exchange(address: SocketAddr, source: SocketAddr, case: &Case, request: Request<()>) -> String {
    let seen = tokio::time::timeout(PATIENCE, answer(address, source, case, request)).await;
    match seen {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => match error.reason() {
            Some(reason) => format!("reset: {reason:?}\n"),
            None => "the connection ends\n".to_owned(),
        },
        Err(_elapsed) => "silence\n".to_owned(),
    }
}

async fn answer(
    address: SocketAddr,
    source: SocketAddr,
    case: &Case,
    request: Request<()>,
) -> Result<String, h2::Error> {
    let stream = connect_from(source, address).await;
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let mut client = client.ready().await?;
    let ends = case.body.is_none() && !case.trailers;
    let (response, mut sender) = client.send_request(request, ends)?;
    if let Some(body) = &case.body {
        // Who is answered early need not be heard to the end.
        let _ = sender.send_data(Bytes::from(body.clone()), !case.trailers);
    }
    if case.trailers {
        let _ = sender.send_trailers(HeaderMap::from_iter([(
            HeaderName::from_static("x-end"),
            HeaderValue::from_static("1"),
        )]));
    }
    let (head, mut incoming) = response.await?.into_parts();
    let mut body = Vec::new();
    let mut ended = String::new();
    while let Some(chunk) = incoming.data().await {
        match chunk {
            Ok(chunk) => {
                let _ = incoming.flow_control().release_capacity(chunk.len());
                body.extend_from_slice(&chunk);
            }
            Err(_) => {
                ended = "then the stream is reset\n".to_owned();
                break;
            }
        }
    }
    if let Ok(Some(trailers)) = incoming.trailers().await {
        ended = format!("trailers\n{}", listed(&pairs(&trailers, false)));
    }
    let told = head.headers.contains_key("x-upstream");
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(format!(
        "{}\n{}\n{}\n{ended}",
        head.status.as_u16(),
        listed(&pairs(&head.headers, told)),
        upstream_saw(&body)
    ))
}

fn pairs(headers: &HeaderMap, told: bool) -> Vec<(String, String)> {
    let stable = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = match name.as_str() {
            "date" | "x-request-id" | "x-envoy-upstream-service-time" => "*".into(),
            "content-length" if told => "*".into(),
            _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        (name.to_string(), value)
    };
    headers.iter().map(stable).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_tell_them_apart_over_http2() {
    let pair = start().await;
    let cases: Vec<(Case, Request<()>)> =
        cases().into_iter().filter_map(|case| case.request().map(|request| (case, request))).collect();
    let (envoy, carrick) = tokio::join!(all(&pair.envoy, &cases), all(&pair.carrick, &cases));
    let (envoy_log, carrick_log) = pair.logs().await;
    let mut differences = known::Differences::default();
    for (number, (case, request)) in cases.iter().enumerate() {
        let log =
            |log: &BTreeMap<u16, Vec<String>>| log.get(&source(number).port()).cloned().unwrap_or_default();
        let envoy = format!("{}{}", envoy[number], crate::http1::logs(&log(&envoy_log)));
        let carrick = format!("{}{}", carrick[number], crate::http1::logs(&log(&carrick_log)));
        differences.compare(&format!("HTTP/2 {}", case.name), &format!("{request:?}"), &envoy, &carrick);
    }
    differences.judge("exchanges over HTTP/2", cases.len());
}

async fn all(side: &Side, cases: &[(Case, Request<()>)]) -> Vec<String> {
    let exchanges = cases.iter().enumerate().map(|(number, (case, request))| {
        exchange(side.listener(case.listener), source(number), case, request.clone())
    });
    stream::iter(exchanges).buffered(AT_ONCE).collect().await
}

/// As for HTTP/1, from another address.
fn source(number: usize) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 201, high, low], u16::try_from(10_000 + number).unwrap()))
}
