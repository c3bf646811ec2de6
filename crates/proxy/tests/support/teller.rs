//! An upstream that tells in its answer what it received, byte for byte as far as HTTP/1.1 goes; or misbehaves if the path says so.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers of `/do/NAME`, as they go over the wire. The connection is closed after those that say so.
const ANSWERS: [(&str, &str, bool); 25] = [
    ("204", "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n", false),
    ("304", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n", false),
    ("404", "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", false),
    ("503", "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy", false),
    ("odd-status", "HTTP/1.1 299 Whatever You Like\r\ncontent-length: 0\r\n\r\n", false),
    ("no-reason", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", false),
    (
        "chunked",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        false,
    ),
    (
        "trailers",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n",
        false,
    ),
    ("to-the-end", "HTTP/1.1 200 OK\r\n\r\nuntil it ends", true),
    ("http10", "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold", true),
    ("close", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbye", true),
    (
        "hop-by-hop",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-mine\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nx-mine: 1\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nok",
        false,
    ),
    (
        "headers",
        "HTTP/1.1 200 OK\r\nserver: teller\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nX-Mixed-Case: V\r\nx-envoy-upstream-service-time: 999\r\nvia: 1.1 teller\r\nalt-svc: h3\r\ncontent-length: 2\r\n\r\nok",
        false,
    ),
    ("continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false),
    (
        "early-hints",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        false,
    ),
    (
        "switch-unasked",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\nbytes",
        true,
    ),
    ("half-a-body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", true),
    ("half-a-chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf", true),
    ("bad-chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n", true),
    ("half-a-head", "HTTP/1.1 200 OK\r\nx-a: 1\r\n", true),
    ("nonsense", "this is not HTTP\r\n\r\n", true),
    ("nothing", "", true),
    (
        "both-lengths",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        true,
    ),
    ("two-lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!", true),
    ("bad-length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok", true),
];

/// The names of all answers that a path can ask for.
pub fn answers() -> impl Iterator<Item = &'static str> {
    ANSWERS.iter().map(|(name, ..)| *name)
}

/// Starts a teller; every answer names it.
pub async fn teller(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, name));
        }
    });
    address
}

/// A request as it arrived.
struct Received {
    head: String,
    body: Vec<u8>,
    /// What came in place of the body's end, if it did not come.
    cut: bool,
}

async fn serve(mut stream: TcpStream, name: &'static str) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(head) = head(&mut stream, &mut read).await? else { return Ok(()) };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let asked = path.split('?').next().unwrap_or_default().strip_prefix("/do/");
        if head.to_ascii_lowercase().contains("\r\nupgrade: websocket\r\n") {
            return tunnel(stream, read, name).await;
        }
        match asked {
            Some("reset-at-once") => {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                return Ok(());
            }
            Some("answer-early") => {
                // Before the body was read.
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly").await?;
                body(&mut stream, &mut read, &head).await?;
                continue;
            }
            Some("never") => std::future::pending().await,
            _ => {}
        }
        let (body, cut) = body(&mut stream, &mut read, &head).await?;
        let received = Received { head, body, cut };
        if received.cut {
            return Ok(());
        }
        let canned = asked.and_then(|asked| ANSWERS.iter().find(|(name, ..)| *name == asked));
        match canned {
            Some((_, answer, close)) => {
                let is_head = received.head.starts_with("HEAD ");
                let end = answer.rfind("\r\n\r\n").map_or(answer.len(), |at| at + 4);
                // A HEAD request gets no body; for simplicity only answers of one part are ever asked for by HEAD.
                let answer = if is_head { &answer[..end.min(answer.len())] } else { answer };
                stream.write_all(answer.as_bytes()).await?;
                if *close {
                    return stream.shutdown().await;
                }
            }
            None => stream.write_all(told(&received, name).as_bytes()).await?,
        }
    }
}

fn told(received: &Received, name: &str) -> String {
    let Received { head, body, .. } = received;
    let text = format!("{}\r\n{}", head.trim_end(), String::from_utf8_lossy(body));
    let length = text.len();
    let text = if head.starts_with("HEAD ") { String::new() } else { text };
    format!("HTTP/1.1 200 OK\r\nx-upstream: {name}\r\ncontent-length: {length}\r\n\r\n{text}")
}

async fn head(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = read.drain(..end + 4).collect();
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// The body and its trailers, without its framing; and whether it was broken off.
async fn body(stream: &mut TcpStream, read: &mut Vec<u8>, head: &str) -> std::io::Result<(Vec<u8>, bool)> {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        return chunks(stream, read).await;
    }
    let length = length.unwrap_or(0);
    while read.len() < length {
        if stream.read_buf(read).await? == 0 {
            return Ok((std::mem::take(read), true));
        }
    }
    Ok((read.drain(..length).collect(), false))
}

async fn chunks(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    loop {
        let Some(size) = line(stream, read).await? else { return Ok((body, true)) };
        let Ok(size) = usize::from_str_radix(&size, 16) else { return Ok((body, true)) };
        if size == 0 {
            loop {
                match line(stream, read).await?.as_deref() {
                    None => return Ok((body, true)),
                    Some("") => return Ok((body, false)),
                    Some(trailer) => body.extend(format!("\r\ntrailer {trailer}").bytes()),
                }
            }
        }
        while read.len() < size + 2 {
            if stream.read_buf(read).await? == 0 {
                return Ok((body, true));
            }
        }
        body.extend(read.drain(..size));
        read.drain(..2);
    }
}

async fn line(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = read.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = read.drain(..end + 2).take(end).collect();
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// After an upgrade: says its name, then what it hears, then goodbye.
async fn tunnel(mut stream: TcpStream, early: Vec<u8>, name: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
    stream.write_all(format!("{head}{name}:").as_bytes()).await?;
    stream.write_all(&early).await?;
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await?;
    to.write_all(b":bye").await?;
    to.shutdown().await
}
