//! Strange and hostile input on the real path: served where it is only strange, refused where it is
//! wrong, and nobody else notices.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_identity::cacerts::{CA_CERT, CA_KEY, CERT_CHAIN};
use carrick_identity::{Certificate, CertificateAuthority, PrivateKey, SpiffeId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::fixtures::{Running, URL, two_clusters};

const NAME: &str = "server.ns2.svc.cluster.global";
const INGRESS: [&str; 2] = ["203.0.113.21", "80"];
/// A pod of cluster1 that stands on the internet too.
const FROM: &str = "cluster1/istio-egressgateway";

/// A TCP connection from a pod to cluster2's ingress gateway.
pub struct Wire {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
    /// Cuts what is written first, one TLS record, into records of one byte each.
    one_byte_records: bool,
}

impl Wire {
    pub fn open(running: &Running, cut: bool) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wire.py");
        let mut words = vec!["exec", FROM, "--", "python3", script, INGRESS[0], INGRESS[1]];
        words.extend(cut.then_some("cut"));
        let mut command = running.home.carrick(&words);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, to, from, one_byte_records: false }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.one_byte_records) {
            let (header, payload) = bytes.split_at(5);
            assert_eq!(usize::from(u16::from_be_bytes([header[3], header[4]])), payload.len(), "one record");
            let cut: Vec<u8> =
                payload.iter().flat_map(|byte| [header[0], header[1], header[2], 0, 1, *byte]).collect();
            self.to.write_all(&cut)?;
        } else {
            self.to.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A client that cluster2 accepts: its certificate is cluster1's own, for the client's identity.
pub fn client(running: &Running) -> ClientConfig {
    let state = running.home.path().join("state/carrick");
    let state = std::fs::read_dir(state).unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| std::fs::read(state.join("clusters/cluster1/cacerts").join(name)).unwrap();
    let own = Certificate::all_from_pem(&read(CA_CERT)).unwrap().swap_remove(0);
    let chain = Certificate::all_from_pem(&read(CERT_CHAIN)).unwrap();
    let ca =
        CertificateAuthority::from_parts(own, PrivateKey::from_pem(&read(CA_KEY)).unwrap(), chain).unwrap();
    let key = PrivateKey::generate().unwrap();
    let id = SpiffeId::parse("spiffe://cluster1.example/ns/default/sa/client").unwrap();
    let hour = Duration::from_secs(3600);
    let leaf = ca.issue_workload(key.public_key(), &id, hour, SystemTime::now()).unwrap();
    let pem: String = std::iter::once(&leaf).chain(ca.chain()).map(Certificate::pem).collect();
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.expose_pem().as_bytes()).unwrap();

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"istio-http/1.1".to_vec(), b"istio".to_vec()];
    config
}

/// Whom the server takes us for matters here, not whom we take it for.
#[derive(Debug)]
pub struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// The status line that the server answers over this wire, to a client that says this SNI.
fn status(wire: Wire, config: ClientConfig, sni: &str) -> String {
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), wire);
    write!(stream, "GET / HTTP/1.1\r\nhost: {NAME}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A server may close without TLS's goodbye once it has answered.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// The bytes of a ClientHello with this SNI, whatever it is.
fn hello(sni: &[u8]) -> Vec<u8> {
    let placeholder = "x".repeat(sni.len());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_no_client_auth();
    let name = ServerName::try_from(placeholder.clone()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    let at = bytes.windows(sni.len()).position(|window| window == placeholder.as_bytes()).unwrap();
    bytes[at..at + sni.len()].copy_from_slice(sni);
    bytes
}

/// What comes back for these bytes, until the other side closes.
fn answer_to(running: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut wire = Wire::open(running, false);
    // The other side may close before it has it all.
    let _ = wire.write_all(bytes).and_then(|()| wire.flush());
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer).unwrap();
    answer
}

fn others_are_served(running: &Running) {
    assert!(running.curl(URL).out.ends_with("\n200"), "somebody else's request failed");
}

#[test]
fn a_client_hello_in_segments_of_one_byte_is_served() {
    let running = two_clusters();
    assert_eq!(status(Wire::open(&running, true), client(&running), NAME), "HTTP/1.1 200 OK");
}

#[test]
fn a_client_hello_in_records_of_one_byte_is_served() {
    let running = two_clusters();
    let mut wire = Wire::open(&running, false);
    wire.one_byte_records = true;
    assert_eq!(status(wire, client(&running), NAME), "HTTP/1.1 200 OK");
}

#[test]
fn a_post_quantum_client_hello_that_fills_more_than_a_segment_is_served() {
    let running = two_clusters();
    let mut config = client(&running);
    config.alpn_protocols.extend((0..30).map(|number| format!("some-other-protocol/{number}").into_bytes()));
    let name = ServerName::try_from(NAME).unwrap();
    let mut hello = Vec::new();
    let mut connection = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    connection.write_tls(&mut hello).unwrap();
    assert!(hello.len() > 1800, "{} bytes", hello.len());
    assert_eq!(status(Wire::open(&running, false), config, NAME), "HTTP/1.1 200 OK");
}

#[test]
fn an_sni_in_capitals_means_the_same_name() {
    let running = two_clusters();
    assert_eq!(
        status(Wire::open(&running, false), client(&running), &NAME.to_uppercase()),
        "HTTP/1.1 200 OK"
    );
}

#[test]
fn an_sni_that_is_no_host_name_is_refused_without_an_answer() {
    let running = two_clusters();
    // The good one is answered with a ServerHello, so silence below means something.
    assert_eq!(answer_starts(&running, NAME.as_bytes()), Some(0x16));
    for sni in [
        &b"server.ns2.svc.cluster.globa\0"[..],
        b"server.ns2.svc.cluster.global.",
        b"server.ns2\0.svc.cluster.global",
    ] {
        let answer = answer_to(&running, &hello(sni));
        assert!(answer.is_empty() || answer[0] == 0x15, "{:?}: {answer:02x?}", String::from_utf8_lossy(sni));
    }
    others_are_served(&running);
}

/// The type of the first record of the answer (RFC 8446 section 5.1).
pub fn answer_starts(running: &Running, sni: &[u8]) -> Option<u8> {
    let mut wire = Wire::open(running, false);
    wire.write_all(&hello(sni)).unwrap();
    wire.flush().unwrap();
    let mut first = [0];
    wire.read_exact(&mut first).ok().map(|()| first[0])
}

#[test]
fn garbage_and_a_hello_that_never_ends_close_their_own_connection_only() {
    let running = two_clusters();
    let mut endless = hello(NAME.as_bytes());
    // A handshake message of 16 MiB is announced (RFC 8446 section 4: three bytes of length).
    endless[6..9].copy_from_slice(&[0xff, 0xff, 0xff]);
    let record = [&[0x16, 3, 1, 0x40, 0][..], &[0xaa; 0x4000]].concat();
    let flood = [endless, record.repeat(8)].concat();
    for bytes in
        [&b"\0\x01\x02 no protocol at all \xff\xfe\r\n\r\n"[..], &[0x16, 3, 1, 0, 0].repeat(2000), &flood]
    {
        let answer = answer_to(&running, bytes);
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:02x?}");
    }
    others_are_served(&running);
}

#[test]
fn a_header_that_is_too_large_is_answered_with_431() {
    let running = two_clusters();
    let header = format!("x-large: {}", "x".repeat(70_000));
    let words =
        ["curl", "-s", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header, URL];
    let told = running.exec("cluster1/client", &words);
    assert_eq!(told.out, "431", "{told:#?}");
    others_are_served(&running);
}

#[test]
fn dns_packets_of_random_bytes_disturb_nobody() {
    let running = two_clusters();
    let flood = "server=$(sed -n 's/^nameserver //p' /etc/resolv.conf)
        for length in 0 1 2 5 11 12 13 17 64 511 512 1400; do
            for again in 1 2 3 4 5; do head -c $length /dev/urandom > /dev/udp/$server/53; done
            head -c $length /dev/urandom > /dev/tcp/$server/53
        done";
    let told = running.exec("cluster1/client", &["bash", "-c", flood]);
    assert_eq!(told.code, Some(0), "{told:#?}");
    let told = running.exec("cluster1/client", &["dig", "+short", "+time=5", NAME]);
    assert!(told.out.starts_with("240.240."), "{told:#?}");
    others_are_served(&running);
}
