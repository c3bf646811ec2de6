use carrick_xds::json::from_yaml;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;

fn pipe(path: &std::path::Path) -> AddressPb {
    from_yaml(&format!("{{pipe: {{path: '{}'}}}}", path.display())).unwrap()
}

fn any_port() -> AddressPb {
    from_yaml("{socket_address: {address: 127.0.0.1, port_value: 0}}").unwrap()
}

/// An admin interface that serves until the test ends.
async fn admin() -> SocketAddr {
    let listener = AdminListener::bind(&any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let bootstrap = from_yaml("{node: {id: test, cluster: c}}").unwrap();
    let registry = Registry::new("test".into());
    // As before the first configuration.
    registry.env.stats.server.state.set(2);
    tokio::spawn(listener.serve(Arc::new(registry), Arc::new(bootstrap)));
    address
}

/// The whole answer to a raw request.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer));
    read.await.expect("an answer in time").unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let answer =
        ask(stream, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn every_page_of_the_help_is_there() {
    let address = admin().await;
    let (status, help) = get(address, "/help").await;
    assert_eq!(status, 200);
    for line in help.lines() {
        let (path, _) = line.split_once(':').unwrap();
        let (status, body) = get(address, path).await;
        assert_eq!(status, if path == "/ready" { 503 } else { 200 }, "{path}: {body}");
    }
    assert_eq!(get(address, "/quitquitquit").await.0, 404);
}

#[tokio::test]
async fn json_pages_are_json() {
    let address = admin().await;
    for path in [
        "/config_dump",
        "/config_dump?include_eds",
        "/clusters?format=json",
        "/listeners?format=json",
        "/certs",
        "/server_info",
        "/flows",
    ] {
        let (_, body) = get(address, path).await;
        serde_json::from_str::<serde_json::Value>(&body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
    }
    assert_eq!(get(address, "/flows?since=never").await.0, 400);
}

#[tokio::test]
async fn a_stranger_or_a_writer_is_turned_away_over_the_wire_too() {
    let address = admin().await;
    for (request, status) in [
        ("GET /ready HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", "403"),
        ("POST /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "405"),
        ("GET http://evil.example/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", "403"),
        ("GET /ready HTTP/1.0\r\n\r\n", "403"),
    ] {
        let answer = ask(TcpStream::connect(address).await.unwrap(), request).await;
        assert!(answer[9..].starts_with(status), "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_socket_file_left_behind_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let first = AdminListener::bind(&pipe(&path)).await.unwrap();
    AdminListener::bind(&pipe(&path)).await.unwrap_err();
    tokio::spawn(first.serve(Arc::new(Registry::new("test".into())), Arc::default()));
    let stream = UnixStream::connect(&path).await.unwrap();
    let answer =
        ask(stream, "GET /server_info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    AdminListener::bind(&pipe(&path)).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[tokio::test]
async fn a_socket_file_goes_with_its_interface() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin");
    drop(AdminListener::bind(&pipe(&path)).await.unwrap());
    assert!(!path.exists());
}
