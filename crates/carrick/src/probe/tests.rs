use std::io::Write;
use std::net::TcpListener;

use super::*;

fn order(target: impl ToString, request: bool) -> Order {
    let request = request.then(|| HttpOrder { host: "a.test".into(), path: "/x".into() });
    Order { target: target.to_string(), tls: None, request, timeout_ms: 2000 }
}

/// Answers one connection with `answer`, whatever it asks, and gives back what was asked.
fn server(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // A head may come in several pieces.
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "it ended within the head");
            asked.extend_from_slice(&piece[..length]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&asked).into_owned()
    });
    (address, thread)
}

#[test]
fn an_answer_is_told_with_status_and_body() {
    let (address, thread) = server("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello and more");
    let outcome = attempt(&order(address, true));
    assert_eq!(
        (outcome.step, outcome.status, outcome.body.as_deref()),
        (Step::Done, Some(404), Some("hello"))
    );
    assert!(thread.join().unwrap().starts_with("GET /x HTTP/1.1\r\nhost: a.test\r\n"));
}

#[test]
fn a_connection_that_is_closed_without_an_answer_fails_at_the_request() {
    let (address, _) = server("");
    let outcome = attempt(&order(address, true));
    assert_eq!((outcome.step, outcome.status), (Step::Request, None));
    assert!(outcome.local.is_some());
}

#[test]
fn nobody_listening_fails_at_the_connection_and_a_wrong_name_before_it() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(attempt(&order(unused, true)).step, Step::Connect);
    assert_eq!(attempt(&order("no.such.name.invalid:80", true)).step, Step::Resolve);
}

#[test]
fn something_that_is_not_http_is_no_answer() {
    let (address, _) = server("\x15\x03\x03\x00\x02\x02\x28\r\n");
    let outcome = attempt(&order(address, true));
    assert_eq!((outcome.step, outcome.status), (Step::Request, None));
    assert!(outcome.error.unwrap().contains("not HTTP"));
}

#[test]
fn the_random_in_the_client_hello_is_noted_even_if_the_server_answers_nonsense() {
    let (address, _) = server("no TLS here");
    let tls = Some(TlsOrder { sni: "a.test".into(), credentials: None });
    let outcome = attempt(&Order { tls, ..order(address, true) });
    assert_eq!(outcome.step, Step::Handshake);
    assert_eq!(outcome.client_hello_random.map(|random| random.len()), Some(64));
}
