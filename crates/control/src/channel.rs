//! gRPC channels over Unix sockets.
//!
//! It must not know which services are called.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carrick_backoff::Backoff;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint, Uri};

/// The ceilings of the pauses between attempts to reach a server that is starting.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A channel that connects on first use and again whenever the connection was lost.
pub fn unix(path: &Path) -> Channel {
    endpoint().connect_with_connector_lazy(connector(path.to_owned()))
}

/// A connected channel; tries until `patience` is over, since the server may be starting still.
pub async fn unix_with_patience(path: &Path, patience: Duration) -> Result<Channel, tonic::transport::Error> {
    let deadline = Instant::now() + patience;
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let connected = endpoint().connect_with_connector(connector(path.to_owned())).await;
        let pause = backoff.next_pause();
        if connected.is_ok() || Instant::now() + pause >= deadline {
            return connected;
        }
        tokio::time::sleep(pause).await;
    }
}

/// What went wrong with a channel, with everything below it: tonic's own words are "transport
/// error".
pub fn describe(error: &tonic::transport::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// The URI only fills the `:authority` field; the connector decides where to connect.
fn endpoint() -> Endpoint {
    Endpoint::from_static("http://localhost")
}

fn connector(
    path: PathBuf,
) -> impl tower::Service<
    Uri,
    Response = TokioIo<UnixStream>,
    Error = io::Error,
    Future = impl Future<Output = io::Result<TokioIo<UnixStream>>> + Send,
> + Send
+ Clone
+ 'static {
    tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { Ok(TokioIo::new(UnixStream::connect(path).await?)) }
    })
}
