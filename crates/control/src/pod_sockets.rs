//! The Unix sockets by which pods call, one for each pod, opened and closed as pods come and go.
//!
//! It must not know what callers want.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::callers::Callers;
use crate::peer::PeerStream;
use crate::socket::bind_private;

/// The name of each socket, in the folder that its pod alone sees.
pub const SOCKET: &str = "xds.sock";

/// The pause after a connection could not be accepted or a socket not be opened; most often there
/// are too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// Opens `FOLDER/NAME/xds.sock` for each pod whose socket has that name, for ever; gives what comes
/// in by any of them.
pub fn listen(folder: PathBuf, callers: Callers) -> mpsc::Receiver<io::Result<PeerStream>> {
    let (accepted, incoming) = mpsc::channel(16);
    tokio::spawn(follow(folder, callers, accepted));
    incoming
}

async fn follow(folder: PathBuf, mut callers: Callers, accepted: mpsc::Sender<io::Result<PeerStream>>) {
    let mut open: BTreeMap<Arc<str>, AbortOnDropHandle<()>> = BTreeMap::new();
    loop {
        let wanted = callers.sockets();
        open.retain(|name, _| wanted.contains(name));
        let mut failed = false;
        for name in wanted {
            if open.contains_key(&name) {
                continue;
            }
            match bind(&folder, &name) {
                Ok(listener) => {
                    let task = tokio::spawn(accept(listener, name.clone(), accepted.clone()));
                    open.insert(name, AbortOnDropHandle::new(task));
                }
                // Its pod waits; all others are served.
                Err(error) => {
                    tracing::error!("cannot open the socket of a pod: {error}");
                    failed = true;
                }
            }
        }
        tokio::select! {
            changed = callers.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(PAUSE), if failed => {}
            () = accepted.closed() => return,
        }
    }
}

fn bind(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let mut parts = Path::new(name).components();
    let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !one {
        let reason = format!("`{name}` is no name of a folder");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    bind_private(&folder.join(name).join(SOCKET))
}

async fn accept(listener: UnixListener, name: Arc<str>, accepted: mpsc::Sender<io::Result<PeerStream>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if accepted.send(Ok(PeerStream::new(stream, name.clone()))).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!("socket {name}: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
