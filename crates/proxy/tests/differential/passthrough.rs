//! Bytes that are not HTTP: plain TCP, and TLS that is routed by what its ClientHello says and
//! passed on as it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::fixtures::raw::connect_from;
use crate::http1::start;
use crate::known;
use crate::pair::Side;

const AT_ONCE: usize = 50;
/// How long a connection may take to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a server may take to speak.
const GREETING: Duration = Duration::from_millis(1000);

struct Case {
    name: String,
    listener: &'static str,
    bytes: Vec<u8>,
}

/// The first bytes of a real client.
fn hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

/// The same hello with another name of the same length, which no honest client would send.
fn renamed(name: &str) -> Vec<u8> {
    let mut bytes = hello("server.global", &[]);
    let at = bytes.windows(13).position(|window| window == b"server.global").unwrap();
    bytes[at..at + 13].copy_from_slice(name.as_bytes());
    bytes
}

/// The same handshake message, in records of so many bytes.
fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1, (part.len() >> 8) as u8, part.len() as u8], part].concat();
    hello[5..].chunks(size).flat_map(record).collect()
}

const NAMES: [&str; 10] = [
    "server.global",
    "SERVER.Global",
    "a.wild.global",
    "a.b.wild.global",
    "wild.global",
    "xwild.global",
    "other.global",
    "global",
    "127.0.0.1",
    "outbound_.80_.v1_.server.global",
];
const PROTOCOLS: [&[&str]; 6] =
    [&[], &["istio"], &["h2"], &["h2", "istio"], &["istio-http/1.1", "istio", "http/1.1"], &["http/1.1"]];
const RENAMED: [&str; 9] = [
    "server_global",
    "SERVER.GLOBAL",
    "server..globa",
    ".erver.global",
    "ser*er.global",
    "192.168.100.1",
    "server global",
    "server.globa\\",
    "*.wild.global",
];

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |listener, name: String, bytes: Vec<u8>| {
        all.push(Case { name: format!("TCP {listener}: {name}"), listener, bytes });
    };
    for listener in ["sni", "sni-default"] {
        for name in NAMES {
            for alpn in PROTOCOLS {
                add(listener, format!("{name} {alpn:?}"), hello(name, alpn));
            }
        }
        for name in RENAMED {
            add(listener, format!("called {name:?}"), renamed(name));
        }
        let whole = hello("server.global", &["istio"]);
        for size in [1, 7, 100, 1000] {
            add(listener, format!("records of {size} bytes"), in_records(&whole, size));
        }
        for length in [1, 3, 5, 6, 9, 50, 200, whole.len() - 1] {
            add(listener, format!("the first {length} bytes"), whole[..length].to_vec());
        }
        add(listener, "more than a hello".to_owned(), [&whole[..], b"and more"].concat());
        add(listener, "an alert".to_owned(), vec![21, 3, 1, 0, 2, 2, 40]);
        add(listener, "a handshake that is no hello".to_owned(), vec![22, 3, 1, 0, 4, 2, 0, 0, 0]);
        add(listener, "an empty record".to_owned(), vec![22, 3, 1, 0, 0]);
        add(listener, "an SSL 2 hello".to_owned(), vec![0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10]);
    }
    for listener in ["sni", "sni-default", "tcp", "tcp-dead", "tcp-hostless", "tcp-missing", "tcp-retried"] {
        for (name, bytes) in [
            ("nothing", Vec::new()),
            ("plain text", b"hello".to_vec()),
            ("HTTP", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
            ("much", vec![b'x'; 300_000]),
            ("a NUL", vec![0]),
        ] {
            add(listener, name.to_owned(), bytes);
        }
    }
    all
}

/// What the client saw, as text to compare. It speaks, waits to be spoken to, ends its half, and
/// reads to the end. Who ends its half while a proxy still looks at its first bytes is dropped by
/// Envoy, or not, as the bytes come in.
async fn exchange(address: SocketAddr, source: SocketAddr, case: &Case) -> String {
    let mut stream = connect_from(source, address).await;
    let mut heard = Vec::new();
    let talk = async {
        let (mut read, mut write) = stream.split();
        let greeted = Notify::new();
        let say = async {
            // The other side may be gone before all is said.
            let _ = write.write_all(&case.bytes).await;
            let _ = tokio::time::timeout(GREETING, greeted.notified()).await;
            let _ = write.shutdown().await;
        };
        let hear = async {
            while matches!(read.read_buf(&mut heard).await, Ok(1..)) {
                greeted.notify_one();
            }
            greeted.notify_one();
        };
        tokio::join!(say, hear)
    };
    let end = match tokio::time::timeout(PATIENCE, talk).await {
        Ok(_) => "then it ends",
        Err(_elapsed) => "then silence",
    };
    let name = heard.split(|byte| *byte == b':').next().unwrap_or_default();
    let echoed = heard.ends_with(&[b":", case.bytes.as_slice(), b":bye"].concat());
    format!(
        "{:?}, {} bytes, all of what was said: {echoed}, {end}\n",
        String::from_utf8_lossy(name),
        heard.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_tell_them_apart_without_http() {
    let pair = start().await;
    let cases = cases();
    let (envoy, carrick) = tokio::join!(all(&pair.envoy, &cases), all(&pair.carrick, &cases));
    let (envoy_log, carrick_log) = pair.logs().await;
    let mut differences = known::Differences::default();
    for (number, case) in cases.iter().enumerate() {
        let log =
            |log: &crate::pair::Log| log.get(&source(number).port()).cloned().unwrap_or_default().join("\n");
        let envoy = format!("{}{}", envoy[number], log(&envoy_log));
        let carrick = format!("{}{}", carrick[number], log(&carrick_log));
        differences.compare(&case.name, "", &envoy, &carrick);
    }
    differences.judge("connections without HTTP", cases.len());
}

async fn all(side: &Side, cases: &[Case]) -> Vec<String> {
    let exchanges = cases
        .iter()
        .enumerate()
        .map(|(number, case)| exchange(side.listener(case.listener), source(number), case));
    stream::iter(exchanges).buffered(AT_ONCE).collect().await
}

/// As for HTTP/1, from another address.
fn source(number: usize) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 202, high, low], u16::try_from(10_000 + number).unwrap()))
}
