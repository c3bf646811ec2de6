//! Envoy and Carrick's proxy, side by side.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::runtime::{Proxy, ProxyOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::bootstrap::{Upstreams, yaml};

/// How long Envoy may take to start.
const START: Duration = Duration::from_secs(20);
/// How long the last log line may take to be written.
const LOGGED: Duration = Duration::from_secs(3);

/// Lines of a log by the client's port.
pub type Log = BTreeMap<u16, Vec<String>>;

pub struct Pair {
    pub envoy: Side,
    pub carrick: Side,
    _envoy: Child,
    _carrick: Proxy,
    _folder: tempfile::TempDir,
}

/// One of the two.
pub struct Side {
    listeners: BTreeMap<String, SocketAddr>,
    log: PathBuf,
}

impl Side {
    pub fn listener(&self, name: &str) -> SocketAddr {
        self.listeners[name]
    }

    fn lines(&self) -> BTreeMap<u16, Vec<String>> {
        let mut lines: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.log).unwrap_or_default().lines() {
            if let Some((port, rest)) = line.split_once(' ') {
                lines.entry(port.parse().unwrap_or(0)).or_default().push(rest.to_owned());
            }
        }
        lines
    }
}

impl Pair {
    /// What each of the two has logged, by the client's port, once there are as many lines on both sides, or no hope of that.
    pub async fn logs(&self) -> (Log, Log) {
        let patience = Instant::now() + LOGGED;
        let counts = |lines: &BTreeMap<u16, Vec<String>>| -> Vec<(u16, usize)> {
            lines.iter().map(|(port, lines)| (*port, lines.len())).collect()
        };
        loop {
            let (envoy, carrick) = (self.envoy.lines(), self.carrick.lines());
            if counts(&envoy) == counts(&carrick) || Instant::now() > patience {
                return (envoy, carrick);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn start(upstreams: &Upstreams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = |name: &str| folder.path().join(name);
        let (envoy_log, carrick_log) = (log("envoy.log"), log("carrick.log"));
        let (child, listeners) =
            start_envoy(folder.path(), &yaml(upstreams, &envoy_log.display().to_string())).await;
        let envoy = Side { listeners, log: envoy_log };
        let bootstrap = Bootstrap::from_yaml(&yaml(upstreams, &carrick_log.display().to_string())).unwrap();
        let options = ProxyOptions { bootstrap, concurrency: Some(1), drain_time: Duration::from_secs(1) };
        let proxy = Proxy::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let all = proxy.registry().listeners.all();
        let listeners = all.into_iter().map(|listener| (listener.name, listener.address)).collect();
        let carrick = Side { listeners, log: carrick_log };
        Self { envoy, carrick, _envoy: child, _carrick: proxy, _folder: folder }
    }
}

async fn start_envoy(folder: &Path, yaml: &str) -> (Child, BTreeMap<String, SocketAddr>) {
    let Some(program) = std::env::var_os("CARRICK_ENVOY") else {
        panic!(
            "this suite compares Carrick's proxy with Envoy 1.40: set CARRICK_ENVOY to its program (scripts/test does)"
        );
    };
    let (config, admin) = (folder.join("bootstrap.yaml"), folder.join("admin"));
    std::fs::write(&config, yaml).unwrap();
    let output = std::fs::File::create(folder.join("envoy.err")).unwrap();
    let mut child = Command::new(&program)
        .args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "-l",
            "error",
            "--file-flush-interval-msec",
            "50",
        ])
        .arg("-c")
        .arg(&config)
        .arg("--admin-address-path")
        .arg(&admin)
        .stdout(Stdio::null())
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("CARRICK_ENVOY ({}): {error}", program.display()));
    let patience = Instant::now() + START;
    loop {
        let said = || std::fs::read_to_string(folder.join("envoy.err")).unwrap_or_default();
        if let Some(status) = child.try_wait().unwrap() {
            panic!("Envoy ended at once, {status}: {}", said());
        }
        assert!(Instant::now() < patience, "Envoy did not start in {START:?}: {}", said());
        let admin = std::fs::read_to_string(&admin).ok().and_then(|address| address.trim().parse().ok());
        if let Some(admin) = admin
            && get(admin, "/ready").await.is_some_and(|ready| ready.contains("LIVE"))
        {
            let listeners = get(admin, "/listeners").await.unwrap();
            return (child, listeners.lines().filter_map(listener).collect());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `name::127.0.0.1:1234`
fn listener(line: &str) -> Option<(String, SocketAddr)> {
    let (name, address) = line.split_once("::")?;
    Some((name.to_owned(), address.parse().ok()?))
}

async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
