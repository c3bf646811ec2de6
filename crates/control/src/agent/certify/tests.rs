use std::sync::Mutex;
use std::time::Instant;

use carrick_identity::{CertificateAuthority, CertificateRequest, SpiffeId};
use carrick_xds::pb::istio::v1::auth::IstioCertificateResponse;
use carrick_xds::pb::istio::v1::auth::istio_certificate_service_server::{
    IstioCertificateService, IstioCertificateServiceServer,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A CA whose clock is `behind` ours; it notes when it is asked.
struct Ca {
    authority: CertificateAuthority,
    behind: Duration,
    lifetime: Duration,
    asked: Arc<Mutex<Vec<Instant>>>,
    answers: bool,
}

#[tonic::async_trait]
impl IstioCertificateService for Ca {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        self.asked.lock().unwrap().push(Instant::now());
        if !self.answers {
            std::future::pending::<()>().await;
        }
        let csr = CertificateRequest::from_pem(request.into_inner().csr.as_bytes()).unwrap();
        let id = SpiffeId::parse("spiffe://a.example/ns/b/sa/c").unwrap();
        let now = SystemTime::now() - self.behind;
        let leaf = self.authority.issue_workload(csr.public_key(), &id, self.lifetime, now).unwrap();
        let cert_chain = vec![leaf.pem(), self.authority.certificate().pem()];
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}

/// Starts a CA; how often it was asked can be read meanwhile.
fn start(ca: Ca, dir: &tempfile::TempDir) -> PathBuf {
    let socket = dir.path().join("ca.sock");
    let incoming = UnixListenerStream::new(tokio::net::UnixListener::bind(&socket).unwrap());
    let server = tonic::transport::Server::builder().add_service(IstioCertificateServiceServer::new(ca));
    tokio::spawn(server.serve_with_incoming(incoming));
    socket
}

fn ca(behind: Duration, answers: bool) -> Ca {
    let born = SystemTime::now() - 1000 * HOUR;
    let authority = CertificateAuthority::new_root("test", 10_000 * HOUR, born).unwrap();
    Ca { authority, behind, lifetime: HOUR, asked: Arc::default(), answers }
}

#[tokio::test]
async fn a_clock_that_is_ahead_of_the_cas_does_not_ask_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let ca = ca(2 * HOUR, true);
    let asked = ca.asked.clone();
    let (publish, mut svids) = watch::channel(None);
    let agent = tokio::spawn(keep_fresh(start(ca, &dir), 0, publish));
    // What there is, is served: others' clocks may be right.
    svids.wait_for(Option::is_some).await.unwrap();
    // Without a pause it would be thousands.
    tokio::time::sleep(Duration::from_secs(1)).await;
    agent.abort();
    let asked = asked.lock().unwrap().len();
    assert!(asked <= 5, "{asked} requests in a second");
}

#[tokio::test]
async fn a_ca_that_does_not_answer_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let socket = start(ca(Duration::ZERO, false), &dir);
    let error = request(&socket, 0, Duration::from_millis(50)).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("gave no certificate: it has not answered within 50ms"),
        "{error:#}"
    );
}

#[test]
fn a_clock_that_is_behind_the_cas_is_told_so_too() {
    let ahead = SystemTime::now() + 2 * HOUR;
    let validity = Validity { not_before: ahead, not_after: ahead + HOUR };
    let complaint = clock_complaint(&validity, SystemTime::now()).unwrap();
    assert!(complaint.contains("not valid yet") && complaint.contains("this clock is behind the CA's"));
}

#[test]
fn what_is_wrong_with_the_clock_is_told_with_the_times() {
    let end = std::time::UNIX_EPOCH + 1_000_000 * HOUR;
    let validity = Validity { not_before: end - HOUR, not_after: end };
    assert_eq!(clock_complaint(&validity, end - HOUR / 2), None);
    let complaint = clock_complaint(&validity, end + HOUR).unwrap();
    assert!(complaint.contains("is expired by this machine's clock"), "{complaint}");
    assert!(
        complaint.contains("to 2084-01-29T16:00:00Z, and here it is 2084-01-29T17:00:00Z"),
        "{complaint}"
    );
    assert!(complaint.contains("this clock is ahead of the CA's"), "{complaint}");
}
