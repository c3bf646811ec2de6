//! The traffic: every trick of paths, hosts, methods, headers, bodies and versions, on every
//! listener that might judge it differently.

use crate::bootstrap::HTTP;
use crate::fixtures::echo::http1;
use crate::fixtures::echo::http2::MISDEEDS;
use crate::fixtures::raw::Then;

/// One connection: what the client sends, and what it does then.
pub struct Case {
    pub name: String,
    pub listener: &'static str,
    pub bytes: Vec<u8>,
    pub then: Then,
}

pub const PATHS: [&str; 87] = [
    "/",
    "/a",
    "/a/b/",
    "/a?x=1",
    "/a??",
    "/?",
    "/a?b?c",
    "/a?b/../c",
    "/a?%2e%2e",
    "/a#b",
    "/#",
    "/a?b#c",
    "/./a",
    "/a/.",
    "/a/..",
    "/a/../admin",
    "/../admin",
    "/../../admin",
    "/a/./../admin",
    "/a/%2e%2e/admin",
    "/a/%2E%2E/admin",
    "/a/.%2e/admin",
    "/a/%2e./admin",
    "/%2e%2e/admin",
    "/%2e/admin",
    "/a/..;/admin",
    "/a/.;/admin",
    "/a/..;x=1/admin",
    "/a/%2e%2e;/admin",
    "/a/..;",
    "/a;/../admin",
    "/a/..;b/../admin",
    "/a/b/.%2e;x/admin",
    "/a/...;/admin",
    "/..;/admin",
    "/a/...",
    "/..a/b",
    "//admin",
    "/a//admin",
    "//a//b//",
    "/a/..//admin",
    "///",
    "/\\admin",
    "/a\\..\\admin",
    "/a/..\\admin",
    "\\admin",
    "/a%2fadmin",
    "/a%2Fb",
    "/a%5cb",
    "/a%5Cb",
    "/a%2f..%2fadmin",
    "/%2fadmin",
    "/%2Fadmin",
    "/a%252fb",
    "/a%252e%252e/admin",
    "/%61dmin",
    "/%41dmin",
    "/ADMIN",
    "/admi%6e",
    "/admin%2f",
    "/admin/",
    "/admin;x=1",
    "/admin%3bx",
    "/%00",
    "/a%00b",
    "/%",
    "/%2",
    "/%zz",
    "/a%",
    "/a%%32e",
    "/%7e",
    "/~a",
    "/a b",
    "/a\tb",
    "/\"q\"",
    "/<b>",
    "/{b}",
    "/a|b",
    "/a^b",
    "/a`b",
    "/é",
    "/%C3%A9",
    "/a:b@c",
    "/a=b&c",
    "/'a'(b)*!$,",
    "*",
    "a",
];

pub const ROUTED: [&str; 36] = [
    "/redirect/https",
    "/redirect/https?a=b",
    "/redirect/host",
    "/redirect/host?q",
    "/redirect/port",
    "/redirect/path?q=1",
    "/redirect/query?q=1",
    "/redirect/prefix/x?y",
    "/redirect/prefix/",
    "/redirect/regex/abc?q",
    "/direct",
    "/direct/more",
    "/empty-direct",
    "/rewrite/x?y=/rewrite/",
    "/rewrite/",
    "/regex/abc/def?q=/regex/x",
    "/host/x",
    "/segments",
    "/segments/a",
    "/segmentsa",
    "/r12",
    "/r",
    "/r12/",
    "/nocase",
    "/NOCASE",
    "/query?q=other",
    "/query?a=b&q=other",
    "/query?q=main&q=other",
    "/query",
    "/dead",
    "/retried",
    "/missing",
    "/nowhere",
    "/hostless",
    "/headers",
    "/grpc",
];

/// Spellings of a path that is denied, and of some that only look like it.
const GUARDED: [&str; 20] = [
    "/guarded/secret",
    "/guarded/secret/x",
    "/guarded/secrets",
    "/guarded/secret?x",
    "/guarded/./secret",
    "/guarded/x/../secret",
    "/guarded/%2e/secret",
    "/guarded/x/%2E%2e/secret",
    "/guarded//secret",
    "//guarded/secret",
    "/guarded\\secret",
    "/guarded%2fsecret",
    "/guarded%5csecret",
    "/guarded/%73ecret",
    "/guarded/SECRET",
    "/guarded/secret;x",
    "/guarded;x/secret",
    "/guarded/..;/guarded/secret",
    "/guarded/secre%74",
    "/guarded/public?/../secret",
];

pub const HOSTS: [&str; 34] = [
    "main.example",
    "MAIN.example",
    "main.example:8080",
    "main.example:80",
    "main.example:443",
    "main.example.",
    "main.example:",
    "a.wild.example",
    "a.b.wild.example",
    "wild.example",
    ".wild.example",
    "prefix.x",
    "prefix.",
    "other.example",
    "tls.example",
    "counted.example",
    "[::1]",
    "[::1]:80",
    "::1",
    "10.0.0.1",
    "10.0.0.1:80",
    "user@main.example",
    "main.example/x",
    "main.example?x",
    "main.example, other.example",
    "main example",
    "main.example\\x",
    "main_example",
    "main.example%2f",
    "\"main.example\"",
    "",
    " ",
    "é.example",
    "main.example:80:80",
];

pub const METHODS: [&str; 19] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "CONNECT",
    "PROPFIND",
    "MKCALENDAR",
    "PRI",
    "FOO",
    "QUERY",
    "PURGE",
    "get",
    "G@T",
    "",
    "GET\t",
];

/// Further header lines, and a body.
const HEADERS: [(&str, &str); 114] = [
    ("x-route: other\r\n", ""),
    ("X-Route: other\r\n", ""),
    ("x-route: main\r\n", ""),
    ("x-route: other\r\nx-route: main\r\n", ""),
    ("x-route: main\r\nx-route: other\r\n", ""),
    ("x-route: other,main\r\n", ""),
    ("x-number: 10\r\n", ""),
    ("x-number: 20\r\n", ""),
    ("x-number: 1x\r\n", ""),
    ("x-number:  15 \r\n", ""),
    ("x-empty:\r\n", ""),
    ("x-twice: 1\r\nx-twice: 2\r\n", ""),
    ("x-spaces: a  b\t c \r\n", ""),
    ("x_under: 1\r\n", ""),
    ("x-latin: caf\u{e9}\r\n", ""),
    ("x-fold: a\r\n b\r\n", ""),
    (" x-lead: 1\r\n", ""),
    ("x-space : 1\r\n", ""),
    ("x space: 1\r\n", ""),
    (": empty\r\n", ""),
    ("no-colon\r\n", ""),
    ("x-nul: a\0b\r\n", ""),
    ("x-del: a\x7fb\r\n", ""),
    ("x-bell: a\x07b\r\n", ""),
    ("x-cr: a\rb\r\n", ""),
    ("x-lf: a\nx-b: c\r\n", ""),
    ("x(paren): 1\r\n", ""),
    ("x-\"quote\": 1\r\n", ""),
    ("connection: close\r\n", ""),
    ("connection: Close\r\n", ""),
    ("connection: keep-alive\r\n", ""),
    ("connection: keep-alive, x-mine\r\nx-mine: 1\r\n", ""),
    ("connection: x-mine, close\r\nx-mine: 1\r\n", ""),
    ("connection: host\r\n", ""),
    ("connection: cookie\r\ncookie: a=b\r\n", ""),
    ("connection: authorization\r\nauthorization: x\r\n", ""),
    ("connection: x-forwarded-for\r\nx-forwarded-for: 1.1.1.1\r\n", ""),
    ("connection: x-forwarded-proto\r\n", ""),
    ("connection: content-length\r\ncontent-length: 3\r\n", "abc"),
    ("connection: te\r\nte: trailers\r\n", ""),
    ("connection: te, close\r\nte: trailers\r\n", ""),
    ("connection: upgrade, te\r\nte: trailers\r\n", ""),
    ("connection: :path\r\n", ""),
    ("connection: ,,\r\n", ""),
    ("keep-alive: timeout=5\r\n", ""),
    ("proxy-connection: keep-alive\r\n", ""),
    ("proxy-authorization: x\r\n", ""),
    ("te: trailers\r\n", ""),
    ("te: gzip\r\n", ""),
    ("te: gzip, trailers\r\n", ""),
    ("te: trailers, gzip;q=1\r\n", ""),
    ("trailer: x-end\r\n", ""),
    (
        "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "",
    ),
    ("upgrade: foo\r\nconnection: upgrade\r\n", ""),
    ("upgrade: websocket\r\n", ""),
    ("upgrade: h2c\r\nconnection: keep-alive\r\n", ""),
    ("expect: 100-continue\r\ncontent-length: 3\r\n", "abc"),
    ("expect: 100-Continue\r\ncontent-length: 3\r\n", "abc"),
    ("expect: something\r\n", ""),
    ("content-length: 0\r\n", ""),
    ("content-length: 3\r\n", "abc"),
    ("content-length: 03\r\n", "abc"),
    ("content-length: +3\r\n", "abc"),
    ("content-length: -3\r\n", "abc"),
    ("content-length: 3,3\r\n", "abc"),
    ("content-length: 3, 3\r\n", "abc"),
    ("content-length: 3 \r\n", "abc"),
    ("content-length: 0x3\r\n", "abc"),
    ("content-length: 3.0\r\n", "abc"),
    ("content-length: abc\r\n", "abc"),
    ("content-length:\r\n", "abc"),
    ("content-length: 99999999999999999999\r\n", "abc"),
    ("content-length: 3\r\ncontent-length: 3\r\n", "abc"),
    ("content-length: 3\r\ncontent-length: 4\r\n", "abcd"),
    ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding:  chunked \r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3;ext=1\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3 ;ext=\"a;b\"\r\nabc\r\n0;x\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "00003\r\nabc\r\n000\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\nhost: evil\r\ncontent-length: 3\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\n", "3\nabc\n0\n\n"),
    ("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked, chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: gzip, chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: identity\r\n", ""),
    ("transfer-encoding: identity\r\ncontent-length: 3\r\n", "abc"),
    ("transfer-encoding: xchunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: \x0bchunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked;q=1\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ("transfer_encoding: chunked\r\n", ""),
    ("x-forwarded-for: 1.1.1.1, 2.2.2.2\r\n", ""),
    ("x-forwarded-for: unknown\r\n", ""),
    ("x-forwarded-proto: https\r\n", ""),
    ("x-forwarded-proto: gopher\r\n", ""),
    ("x-forwarded-host: evil.example\r\n", ""),
    ("x-forwarded-client-cert: By=spiffe://evil\r\n", ""),
    ("x-envoy-retry-on: 5xx\r\nx-envoy-upstream-rq-timeout-ms: 1\r\n", ""),
    ("x-envoy-original-path: /evil\r\nx-envoy-external-address: 1.1.1.1\r\nx-envoy-internal: true\r\n", ""),
    ("x-envoy-decorator-operation: x\r\nx-envoy-peer-metadata: y\r\nx-envoy-attempt-count: 9\r\n", ""),
    ("x-request-id: mine\r\n", ""),
    ("via: 1.0 other\r\n", ""),
    ("forwarded: for=1.1.1.1\r\n", ""),
    ("authorization: Basic x\r\ncookie: a=b\r\ncookie: c=d\r\n", ""),
];

/// Headers that a request over HTTP/2 can have, too: those of one line.
pub fn headers_of_http2() -> impl Iterator<Item = (&'static str, &'static str)> {
    const NOT_IN_HTTP2: [&str; 6] =
        ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection", "content-length"];
    let lines = HEADERS.iter().filter_map(|(lines, _)| lines.strip_suffix("\r\n")?.split_once(": "));
    lines.filter(|(name, value)| {
        let plain =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
        plain && !value.contains(['\r', '\n']) && !NOT_IN_HTTP2.contains(name)
    })
}

/// Whole heads that are not built from parts.
const RAW: [&str; 48] = [
    "",
    "\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "\nGET / HTTP/1.1\r\nhost: main.example\r\n\r\n",
    " GET / HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: main.example\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: main.example\r\nhost: other.example\r\n\r\n",
    "GET / HTTP/1.1\nhost: main.example\n\n",
    "GET / HTTP/1.1\r\nhost: main.example\r\n\n",
    "GET  / HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET /  HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.1 \r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.1\r\rhost: main.example\r\n\r\n",
    "GET\r\nhost: main.example\r\n\r\n",
    "GET /\r\nhost: main.example\r\n\r\n",
    "GET /\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.0\r\nhost: main.example\r\nconnection: keep-alive\r\n\r\n",
    "HEAD / HTTP/1.0\r\nhost: main.example\r\n\r\n",
    "POST / HTTP/1.0\r\nhost: main.example\r\ncontent-length: 3\r\n\r\nabc",
    "POST / HTTP/1.0\r\nhost: main.example\r\n\r\nabc",
    "POST / HTTP/1.0\r\nhost: main.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /do/chunked HTTP/1.0\r\nhost: main.example\r\n\r\n",
    "GET /do/404 HTTP/1.0\r\nhost: main.example\r\n\r\n",
    "GET /direct HTTP/1.0\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.2\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/1.9\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/0.9\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/2.0\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/3\r\nhost: main.example\r\n\r\n",
    "GET / http/1.1\r\nhost: main.example\r\n\r\n",
    "GET / HTTP/11\r\nhost: main.example\r\n\r\n",
    "GET / FTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http://main.example/abs?q HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http://main.example/abs HTTP/1.1\r\nhost: other.example\r\n\r\n",
    "GET http://main.example/abs HTTP/1.1\r\n\r\n",
    "GET https://main.example/abs HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET HTTP://MAIN.EXAMPLE/abs HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http://main.example HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http://main.example?q HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http://user:pw@main.example/ HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET ftp://main.example/ HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "GET http:///abs HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "CONNECT main.example:443 HTTP/1.1\r\nhost: main.example:443\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: main.example\r\n\r\nGET /second HTTP/1.1\r\nhost: main.example\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: main.example\r\ncontent-length: 3\r\n\r\nabcGET /second HTTP/1.1\r\nhost: main.example\r\n\r\n",
];

fn request(method: &str, path: &str, host: &str, headers: &str, body: &str) -> Vec<u8> {
    latin1(&format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n{body}"))
}

/// One byte to a character, so that headers may have bytes above 127 (`é` in a path or host is
/// UTF-8 all the same).
fn latin1(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// All of it.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, listener: &'static str, bytes: Vec<u8>, then: Then| {
        cases.push(Case { name: format!("{listener}: {name}"), listener, bytes, then });
    };
    for (listener, _) in HTTP {
        for path in PATHS {
            add(
                format!("path {path:?}"),
                listener,
                request("GET", path, "main.example", "", ""),
                Then::AskAgain,
            );
        }
        for host in HOSTS {
            add(format!("host {host:?}"), listener, request("GET", "/", host, "", ""), Then::AskAgain);
        }
        for raw in RAW {
            add(format!("raw {raw:?}"), listener, raw.as_bytes().to_vec(), Then::AskAgain);
        }
        for (headers, body) in HEADERS {
            let method = if body.is_empty() { "GET" } else { "POST" };
            let bytes = request(method, "/", "main.example", headers, body);
            add(format!("headers {headers:?} {body:?}"), listener, bytes, Then::AskAgain);
        }
    }
    for listener in ["plain", "sidecar"] {
        for path in ROUTED {
            add(
                format!("route {path:?}"),
                listener,
                request("GET", path, "main.example", "", ""),
                Then::AskAgain,
            );
        }
        for method in METHODS {
            for (path, headers, body) in [
                ("/", "", ""),
                ("/method", "", ""),
                ("/direct", "", ""),
                ("/", "content-length: 3\r\n", "abc"),
                ("/", "transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
            ] {
                let bytes = request(method, path, "main.example", headers, body);
                add(format!("method {method:?} {path} {headers:?}"), listener, bytes, Then::AskAgain);
            }
        }
        for misdeed in MISDEEDS.iter().chain(&["x"]) {
            for (method, headers, body) in [
                ("GET", "", ""),
                ("HEAD", "", ""),
                ("POST", "content-length: 3\r\n", "abc"),
                ("POST", "transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n"),
                ("GET", "te: trailers\r\nx-twice: 1\r\nx-twice: 2\r\n", ""),
            ] {
                let bytes = request(method, &format!("/h2/{misdeed}"), "main.example", headers, body);
                add(format!("over HTTP/2 {misdeed} {method} {headers:?}"), listener, bytes, Then::AskAgain);
            }
        }
        for answer in http1::answers().chain(["reset-at-once", "never"]) {
            for (method, headers) in [
                ("GET", ""),
                ("POST", "content-length: 0\r\n"),
                ("GET", "x-retry: 1\r\n"),
                ("GET", "connection: close\r\n"),
            ] {
                let bytes = request(method, &format!("/do/{answer}"), "main.example", headers, "");
                add(format!("upstream {answer} {method} {headers:?}"), listener, bytes, Then::AskAgain);
            }
        }
        for (name, bytes) in sizes() {
            add(name, listener, bytes, Then::AskAgain);
        }
    }
    for (name, bytes) in sizes() {
        add(name, "strict", bytes, Then::AskAgain);
    }
    for (listener, _) in HTTP {
        for path in GUARDED {
            let bytes = request("GET", path, "main.example", "", "");
            add(format!("guarded path {path:?}"), listener, bytes, Then::AskAgain);
        }
    }
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        for headers in [
            "x-denied: yes\r\n",
            "x-denied: no\r\n",
            "x-denied: no\r\nx-denied: yes\r\n",
            "origin: https://a.example\r\n",
            "origin: https://A.example\r\n",
            "origin: https://x.b.example\r\naccess-control-request-method: PUT\r\n",
            "origin: https://evil.example\r\naccess-control-request-method: PUT\r\n",
            "origin: null\r\n",
            "access-control-request-method: PUT\r\n",
            "content-type: application/grpc\r\n",
        ] {
            // A gRPC call is a POST; what a HEAD of one would be, nobody says.
            if method == "HEAD" && headers.contains("grpc") {
                continue;
            }
            for path in ["/guarded/cors", "/guarded/fault", "/guarded/secret", "/full"] {
                let bytes = request(method, path, "main.example", headers, "");
                add(format!("guarded {method} {path} {headers:?}"), "plain", bytes, Then::AskAgain);
            }
        }
    }
    for headers in
        ["x-append: a\r\nx-set: a\r\nx-absent: a\r\nx-remove: a\r\n", "x-set: a\r\nx-set: b\r\n", ""]
    {
        add(
            format!("mutations {headers:?}"),
            "plain",
            request("GET", "/headers", "main.example", headers, ""),
            Then::AskAgain,
        );
    }
    for values in ["", "main", "other", "main,other", "main, main"] {
        let lines: String = values.split(',').map(|value| format!("x-route: {value}\r\n")).collect();
        let apart = if values.is_empty() { String::new() } else { lines };
        for headers in [apart, format!("x-route: {values}\r\n")] {
            add(
                format!("not {headers:?}"),
                "plain",
                request("GET", "/not", "main.example", &headers, ""),
                Then::AskAgain,
            );
        }
    }
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web", "application/json"] {
        for path in ["/grpc", "/dead", "/missing", "/nothing-here"] {
            let host = if path == "/nothing-here" { "other.example" } else { "main.example" };
            let headers = format!("content-type: {kind}\r\n");
            add(
                format!("grpc {kind} {path}"),
                "plain",
                request("GET", path, host, &headers, ""),
                Then::AskAgain,
            );
        }
    }
    for (name, bytes) in endings() {
        for then in [Then::HalfClose, Then::Reset] {
            add(format!("{then:?} after {name}"), "plain", bytes.clone(), then);
        }
    }
    cases
}

/// Heads and bodies of many sizes.
fn sizes() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for kb in [4, 7, 9, 30, 59, 61, 70, 200] {
        let headers = format!("x-large: {}\r\n", "v".repeat(kb * 1024));
        all.push((format!("a header of {kb} KiB"), request("GET", "/direct", "main.example", &headers, "")));
        let path = format!("/direct?{}", "q".repeat(kb * 1024));
        all.push((format!("a path of {kb} KiB"), request("GET", &path, "main.example", "", "")));
    }
    for count in [10, 18, 19, 20, 21, 60, 98, 99, 100, 101, 150] {
        let headers: String = (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect();
        all.push((format!("{count} headers"), request("GET", "/direct", "main.example", &headers, "")));
    }
    for kb in [1, 64, 300] {
        let body = "b".repeat(kb * 1024);
        let headers = format!("content-length: {}\r\n", body.len());
        all.push((format!("a body of {kb} KiB"), request("POST", "/", "main.example", &headers, &body)));
    }
    all
}

/// What a client has said when it goes away, before any answer can have come.
fn endings() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("half a head", b"GET / HTTP/1.1\r\nhost: main".to_vec()),
        ("half a body", request("POST", "/", "main.example", "content-length: 10\r\n", "half")),
        (
            "half a chunk",
            request("POST", "/", "main.example", "transfer-encoding: chunked\r\n", "ff\r\nhalf"),
        ),
        ("a slow answer", request("GET", "/do/never", "main.example", "", "")),
    ]
}
