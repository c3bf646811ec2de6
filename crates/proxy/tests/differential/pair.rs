//! Envoy and Carrick's proxy, side by side.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use carrick_proxy::runtime::{Proxy, ProxyOptions};
use tokio::time::Instant;

use crate::bootstrap::{Upstreams, yaml};
use crate::fixtures::carrick::options;
use crate::fixtures::envoy::Envoy;

/// How long the last log line may take to be written.
const LOGGED: Duration = Duration::from_secs(3);

/// Lines of a log by the client's port.
pub type Log = BTreeMap<u16, Vec<String>>;

pub struct Pair {
    pub envoy: Side,
    pub carrick: Side,
    _envoy: Envoy,
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
    /// What each of the two has logged, by the client's port, once there are as many lines on both
    /// sides, or no hope of that.
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
        let envoy = Envoy::start(folder.path(), &yaml(upstreams, &envoy_log.display().to_string())).await;
        let envoy_side = Side { listeners: envoy.listeners.clone(), log: envoy_log };
        let options = options(&yaml(upstreams, &carrick_log.display().to_string()));
        let options = ProxyOptions { concurrency: Some(1), drain_time: Duration::from_secs(1), ..options };
        let proxy = Proxy::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let all = proxy.registry().listeners.all();
        let listeners = all.into_iter().map(|listener| (listener.name, listener.address)).collect();
        let carrick = Side { listeners, log: carrick_log };
        Self { envoy: envoy_side, carrick, _envoy: envoy, _carrick: proxy, _folder: folder }
    }
}
