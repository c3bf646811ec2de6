//! A proxy whose workers have more to do than they can: it still answers operators, and takes
//! configuration.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use carrick_proxy::runtime::Proxy;
use tokio::runtime::{Builder, Runtime};

use crate::control::Control;
use crate::dynamic::{Set, bootstrap};
use crate::fixtures::echo::tcp::echo;
use crate::fixtures::{InTime, address, start};

const WORKERS: usize = 2;

fn workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().unwrap()
}

/// What the admin interface says, without any runtime of ours.
fn ask(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{path}: {error}"));
    answer
}

/// Keeps every worker from anything else until it is dropped, as connections do that always have
/// something to carry.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn all(workers: &Runtime) -> Self {
        let (over, at_work) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..WORKERS {
            let (over, at_work) = (Arc::clone(&over), Arc::clone(&at_work));
            workers.spawn(async move {
                at_work.fetch_add(1, Ordering::AcqRel);
                while !over.load(Ordering::Acquire) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
        until("all workers are busy", || at_work.load(Ordering::Acquire) == WORKERS);
        Self(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < patience, "not in 10 s: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether an echo comes back through the listener.
fn answers(listener: SocketAddr, patience: Duration) -> bool {
    let mut stream = TcpStream::connect(listener).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(b"!").unwrap();
    match stream.read(&mut [0]) {
        Ok(n) => n > 0,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn neither_operators_nor_configuration_wait_for_connections() {
    let folder = tempfile::tempdir().unwrap();
    let admin = folder.path().join("admin");
    // The control plane and the servers have threads of their own.
    let world = workers();
    let (control, app) = world.block_on(async {
        let app = echo("app").await;
        let resources = Set::default().cluster("first", &[app]).tcp("in", "first").0;
        (Control::start(folder.path().join("xds"), resources), app)
    });
    let data = workers();
    let yaml =
        format!("admin: {{address: {{pipe: {{path: '{}'}}}}}}\n{}", admin.display(), bootstrap(&control));
    let carrick: Proxy = data.block_on(async {
        let carrick = start(&yaml).await;
        carrick.ready().in_time().await;
        carrick
    });
    let listener = address(&carrick, "in");
    assert!(answers(listener, Duration::from_secs(10)));

    let busy = Busy::all(&data);
    assert!(!answers(listener, Duration::from_millis(100)), "the workers are not as busy as they should be");
    assert!(ask(&admin, "/ready").ends_with("LIVE\n"));
    control.set(
        Set::default()
            .cluster("first", &[app])
            .cluster("second", &[app])
            .tcp("in", "first")
            .tcp("new", "second")
            .0,
    );
    until("the new cluster is in use", || ask(&admin, "/clusters").contains("second::"));
    until("the new listener is there", || ask(&admin, "/listeners").contains("new::"));
    drop(busy);

    // All that was waited for is done.
    assert!(answers(listener, Duration::from_secs(10)));
    assert!(answers(address(&carrick, "new"), Duration::from_secs(10)));
    data.block_on(carrick.drain());
    assert!(!admin.exists(), "the file of the admin socket was left behind");
}
