use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::{DEFAULT_LIMIT, Hello, HelloReader};
use crate::connection::ClientHello;

/// The first bytes that a real client (rustls) sends.
fn rustls_hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A handshake message cut into records of `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |chunk: &[u8]| [&[22, 3, 1][..], &(chunk.len() as u16).to_be_bytes(), chunk].concat();
    message.chunks(size).flat_map(record).collect()
}

fn message_of(record: &[u8]) -> &[u8] {
    &record[5..]
}

/// A ClientHello with these extensions, as one handshake message.
fn hello_with(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    let mut list = Vec::new();
    for (kind, content) in extensions {
        list.extend(kind.to_be_bytes());
        list.extend((content.len() as u16).to_be_bytes());
        list.extend(content);
    }
    body.extend((list.len() as u16).to_be_bytes());
    body.extend(list);
    let length = (body.len() as u32).to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

fn sni(name: &[u8]) -> (u16, Vec<u8>) {
    let length = name.len() as u16;
    let mut content = (length + 3).to_be_bytes().to_vec();
    content.push(0);
    content.extend(length.to_be_bytes());
    content.extend(name);
    (0, content)
}

fn at_once(stream: &[u8]) -> Hello {
    HelloReader::new(DEFAULT_LIMIT).advance(stream)
}

fn byte_by_byte(stream: &[u8]) -> Hello {
    let mut reader = HelloReader::new(DEFAULT_LIMIT);
    for n in 1..stream.len() {
        match reader.advance(&stream[..n]) {
            Hello::Incomplete => {}
            early => return early,
        }
    }
    reader.advance(stream)
}

fn complete(hello: Hello) -> ClientHello {
    match hello {
        Hello::Complete(hello) => hello,
        other => panic!("not complete: {other:?}"),
    }
}

fn named(name: &[u8]) -> Hello {
    at_once(&records(&hello_with(&[sni(name)]), 16_000))
}

#[test]
fn a_post_quantum_hello_is_read_however_it_is_cut() {
    let whole = rustls_hello("server.ns2.svc.cluster.global", &["h2", "http/1.1"]);
    assert!(whole.len() > 1400, "the key share of X25519MLKEM768 makes it large: {}", whole.len());
    let expected = complete(at_once(&whole));
    assert_eq!(expected.server_name.as_deref(), Some("server.ns2.svc.cluster.global"));
    assert_eq!(expected.alpn, ["h2", "http/1.1"]);
    assert_eq!(expected.random, whole[11..43]);
    assert_eq!(complete(byte_by_byte(&whole)), expected);
    for size in [1, 2, 7, 100] {
        let cut = records(message_of(&whole), size);
        assert_eq!(complete(at_once(&cut)), expected, "records of {size} bytes");
        assert_eq!(complete(byte_by_byte(&cut)), expected, "records of {size} bytes, byte by byte");
    }
}

#[test]
fn istio_names_with_underscores_are_host_names() {
    let name = "outbound_.80_._.server.default.svc.cluster.local";
    assert_eq!(complete(named(name.as_bytes())).server_name.as_deref(), Some(name));
}

#[test]
fn a_name_means_one_thing_only() {
    assert_eq!(complete(named(b"Server.EXAMPLE")).server_name.as_deref(), Some("server.example"));
    // An address names nothing.
    assert_eq!(complete(named(b"10.0.0.1")).server_name, None);
    assert_eq!(complete(named(b"::1")).server_name, None);
    let long = [b'a'; 64];
    let names: [&[u8]; 9] = [
        b"",
        b"a.example.",
        b".example",
        b"a..b",
        b"a\0.example",
        b"*.example",
        b"a b",
        b"\xc3\xa4.example",
        &long,
    ];
    for name in names {
        assert!(matches!(named(name), Hello::Broken(_)), "{:?}", String::from_utf8_lossy(name));
    }
}

#[test]
fn what_servers_would_read_differently_is_broken() {
    let twice = hello_with(&[sni(b"a.example"), sni(b"b.example")]);
    assert!(matches!(at_once(&records(&twice, 500)), Hello::Broken(_)));
    let mut two_names = sni(b"a.example").1;
    two_names.extend_from_slice(&two_names.clone()[2..]);
    let length = two_names.len() as u16 - 2;
    two_names[..2].copy_from_slice(&length.to_be_bytes());
    assert!(matches!(at_once(&records(&hello_with(&[(0, two_names)]), 500)), Hello::Broken(_)));
    // GREASE is for ignoring (RFC 8701).
    let grease = hello_with(&[(0x0a0a, vec![0]), sni(b"a.example"), (0xfafa, vec![])]);
    assert_eq!(complete(at_once(&records(&grease, 500))).server_name.as_deref(), Some("a.example"));
}

#[test]
fn other_protocols_are_not_tls_and_broken_tls_is_broken() {
    for plain in [&b"GET / HTTP/1.1\r\n"[..], b"\0", b"SSH-2.0", b"\x16\x04\x01"] {
        assert_eq!(at_once(plain), Hello::NotTls);
    }
    assert_eq!(at_once(b"\x16"), Hello::Incomplete);
    // A second record of another kind, an empty record, a record too large, another handshake
    // message.
    assert!(matches!(at_once(b"\x16\x03\x01\0\x01\x01\x17\x03\x03\0\x01a"), Hello::Broken(_)));
    assert!(matches!(at_once(b"\x16\x03\x01\0\0"), Hello::Broken(_)));
    assert!(matches!(at_once(b"\x16\x03\x01\xff\xff"), Hello::Broken(_)));
    assert!(matches!(at_once(b"\x16\x03\x01\0\x04\x02\0\0\0"), Hello::Broken(_)));
}

#[test]
fn an_oversized_hello_is_refused_as_soon_as_it_says_so() {
    assert!(matches!(at_once(b"\x16\x03\x01\0\x04\x01\0\x40\x01"), Hello::Broken(_)));
    let fits = hello_with(&[(0x1234, vec![0; 16_000])]);
    assert!(matches!(at_once(&records(&fits, 9_000)), Hello::Complete(_)));
}

/// What rustls' own server makes of the same bytes: its name for the client, if it accepts them.
fn rustls_reads(stream: &[u8]) -> Option<Option<String>> {
    let mut acceptor = Acceptor::default();
    let mut bytes = Cursor::new(stream);
    while (bytes.position() as usize) < stream.len() {
        acceptor.read_tls(&mut bytes).ok()?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => return Some(accepted.client_hello().server_name().map(str::to_owned)),
            Err(_) => return None,
        }
    }
    None
}

proptest! {
    #[test]
    fn cutting_never_changes_the_answer(size in 1_usize..2000, name in "[a-zA-Z0-9_-]{1,20}(\\.[a-z]{1,10}){0,3}") {
        let cut = records(&hello_with(&[sni(name.as_bytes())]), size);
        prop_assert_eq!(byte_by_byte(&cut), at_once(&cut));
    }

    #[test]
    fn any_bytes_get_an_answer(stream in prop::collection::vec(any::<u8>(), 0..400)) {
        at_once(&stream);
        let looks_like_tls = [&[22, 3, 1, 1, 0][..], &stream].concat();
        at_once(&looks_like_tls);
    }

    /// One changed byte: where both we and rustls take the hello, we read the same name.
    #[test]
    fn rustls_reads_no_other_name(at in 0_usize..1700, value: u8) {
        let mut stream = rustls_hello("a.b.example", &["h2"]);
        let at = at % stream.len();
        stream[at] = value;
        if let (Hello::Complete(ours), Some(theirs)) = (at_once(&stream), rustls_reads(&stream)) {
            prop_assert_eq!(ours.server_name, theirs.map(|name| name.to_ascii_lowercase()));
        }
    }
}
