//! An HTTP/1 client of bytes: what a story says is what goes over the wire, and what comes back is taken apart without mercy.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long silence lasts before it counts as silence.
const PATIENCE: Duration = Duration::from_millis(1500);

/// One response, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// The first line.
    pub line: String,
    /// In the order in which they came.
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub trailers: Vec<(String, String)>,
    /// Broken off before its end.
    pub cut: bool,
}

/// How a connection was after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    Closed,
    Reset,
    /// Nothing more came, and it was not closed.
    Silent,
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Bytes that were read and not used yet, and where more come from.
pub struct Reader<S> {
    stream: S,
    read: Vec<u8>,
}

/// Why there is no more.
enum Stop {
    End(End),
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// What was read beyond the last response.
    pub fn rest(&self) -> &[u8] {
        &self.read
    }

    async fn more(&mut self) -> Result<(), Stop> {
        match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await {
            Err(_elapsed) => Err(Stop::End(End::Silent)),
            Ok(Ok(0)) => Err(Stop::End(End::Closed)),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Stop::End(End::Reset)),
        }
    }

    async fn line(&mut self) -> Result<String, Stop> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, (Vec<u8>, Stop)> {
        while self.read.len() < count {
            if let Err(stop) = self.more().await {
                return Err((std::mem::take(&mut self.read), stop));
            }
        }
        Ok(self.read.drain(..count).collect())
    }

    async fn headers(&mut self) -> Result<Vec<(String, String)>, Stop> {
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// The next response; `to_head` if it answers a HEAD request.
    pub async fn response(&mut self, to_head: bool) -> Result<Response, End> {
        let line = self.line().await.map_err(|Stop::End(end)| end)?;
        let status = line.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        let headers = self.headers().await.map_err(|Stop::End(end)| end)?;
        let mut response =
            Response { status, line, headers, body: String::new(), trailers: Vec::new(), cut: false };
        let bodiless = to_head || matches!(status, 100..200 | 204 | 304);
        if bodiless {
            return Ok(response);
        }
        let mut body = Vec::new();
        if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            response.cut = self.chunks(&mut body, &mut response.trailers).await.is_err();
        } else if let Some(length) = response.header("content-length").and_then(|length| length.parse().ok())
        {
            body = match self.exactly(length).await {
                Ok(body) => body,
                Err((part, _)) => {
                    response.cut = true;
                    part
                }
            };
        } else {
            while self.more().await.is_ok() {}
            body = std::mem::take(&mut self.read);
        }
        response.body = String::from_utf8_lossy(&body).into_owned();
        Ok(response)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>, trailers: &mut Vec<(String, String)>) -> Result<(), Stop> {
        loop {
            let line = self.line().await?;
            let size =
                usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
            if size == 0 {
                *trailers = self.headers().await?;
                return Ok(());
            }
            match self.exactly(size).await {
                Ok(chunk) => body.extend(chunk),
                Err((part, stop)) => {
                    body.extend(part);
                    return Err(stop);
                }
            }
            self.line().await?;
        }
    }
}

/// What a client sees of a proxy in one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub responses: Vec<Response>,
    pub end: End,
}

/// What a client does once it has sent all that it has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Reads the answer, then asks for [`AFTER`] to see whether the connection is still in step.
    AskAgain,
    /// Ends its half and reads to the end.
    HalfClose,
    /// Resets the connection at once.
    Reset,
}

/// A request whose answer shows that a connection is in step.
pub const AFTER: &str = "GET /after HTTP/1.1\r\nhost: main.example\r\n\r\n";

/// Connects from an address of one's own choice, by which a proxy's log knows the connection.
pub async fn connect_from(source: SocketAddr, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(source).unwrap();
    socket.connect(address).await.unwrap()
}

/// Sends bytes over a connection and reads until it ends, falls silent, or has answered [`AFTER`].
pub async fn exchange(mut stream: TcpStream, bytes: &[u8], then: Then) -> Seen {
    // The other side may be gone before all is written; what it said is still there to be read.
    let _ = stream.write_all(bytes).await;
    match then {
        Then::AskAgain => {}
        Then::HalfClose => drop(stream.shutdown().await),
        Then::Reset => {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            return Seen { responses: Vec::new(), end: End::Reset };
        }
    }
    let to_head = bytes.starts_with(b"HEAD ");
    let mut reader = Reader::new(stream);
    let mut responses = Vec::new();
    let mut asked = then != Then::AskAgain;
    loop {
        match reader.response(to_head && responses.iter().all(|r: &Response| r.status < 200)).await {
            Ok(response) => {
                let is_after = response.body.starts_with("GET /after ");
                let interim = response.status < 200;
                responses.push(response);
                if is_after {
                    return Seen { responses, end: End::Open };
                }
                if !asked && !interim {
                    asked = true;
                    let _ = reader.stream().write_all(AFTER.as_bytes()).await;
                }
            }
            Err(end) => return Seen { responses, end },
        }
    }
}

/// One header to a line, sorted, for comparing.
pub fn listed(headers: &[(String, String)]) -> String {
    let mut lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}
