//! A proxy in front of one upstream, and a client that writes its requests by hand.

use std::net::SocketAddr;

use carrick_proxy::runtime::Proxy;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fixtures::raw::{Reader, Response};
use crate::fixtures::yaml::listener;
use crate::fixtures::{self, bootstrap, cluster, start};

/// The address of the proxy's listener for HTTP.
pub fn address(proxy: &Proxy) -> SocketAddr {
    fixtures::address(proxy, "http")
}

/// A proxy that sends everything to cluster `app`.
pub async fn in_front_of(app: SocketAddr, manager: &str) -> Proxy {
    let listener = listener("", manager, "{match: {prefix: /}, route: {cluster: app}}");
    start(&bootstrap(&[listener], &[cluster("app", &[app], "")])).await
}

/// A connection on which requests are written by hand.
pub async fn connect(proxy: &Proxy) -> Reader<TcpStream> {
    Reader::new(TcpStream::connect(address(proxy)).await.unwrap())
}

/// Sends bytes and reads the answer.
pub async fn ask(reader: &mut Reader<TcpStream>, bytes: &str) -> Response {
    reader.stream().write_all(bytes.as_bytes()).await.unwrap();
    reader.response(bytes.starts_with("HEAD ")).await.unwrap_or_else(|end| panic!("{bytes}: {end:?}"))
}
