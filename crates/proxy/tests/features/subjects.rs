//! The two proxies under test, with the same configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use carrick_proxy::runtime::Proxy;

use crate::fixtures::curl::{Reply, curl};
use crate::fixtures::envoy::Envoy;
use crate::fixtures::{self, eventually};

/// A proxy that runs the configuration of a story.
pub struct Subject {
    pub name: &'static str,
    dir: tempfile::TempDir,
    kind: Kind,
}

enum Kind {
    Carrick(Box<Proxy>),
    Envoy(Box<Envoy>),
}

/// Both proxies, with the same configuration. `ACCESS_LOG` in it stands for the file of the proxy's
/// access log.
pub async fn both(yaml: &str) -> [Subject; 2] {
    let (carrick, envoy) = tokio::join!(carrick(yaml), envoy(yaml));
    [carrick, envoy]
}

pub async fn carrick(yaml: &str) -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let yaml = yaml.replace("ACCESS_LOG", dir.path().join("log").to_str().unwrap());
    let proxy = fixtures::start(&yaml).await;
    Subject { name: "carrick", dir, kind: Kind::Carrick(Box::new(proxy)) }
}

async fn envoy(yaml: &str) -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let yaml = yaml.replace("ACCESS_LOG", dir.path().join("log").to_str().unwrap());
    let admin = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}";
    let envoy = Envoy::start(dir.path(), &format!("{yaml}\n{admin}\n")).await;
    Subject { name: "envoy", dir, kind: Kind::Envoy(Box::new(envoy)) }
}

impl Subject {
    /// The address on which a listener accepts.
    pub fn address(&self, listener: &str) -> SocketAddr {
        match &self.kind {
            Kind::Carrick(proxy) => fixtures::address(proxy, listener),
            Kind::Envoy(envoy) => envoy.listeners[listener],
        }
    }

    /// Asks the listener `http` for a path.
    pub async fn get(&self, path: &str, arguments: &[&str]) -> Reply {
        let url = format!("http://{}{path}", self.address("http"));
        let mut all = vec![url.as_str()];
        all.extend(arguments);
        curl(&all).await
    }

    /// The number that `/stats` shows under this name.
    pub async fn stat(&self, name: &str) -> u64 {
        let lines = match &self.kind {
            Kind::Carrick(proxy) => proxy.env().stats.lines(),
            Kind::Envoy(envoy) => envoy.stats().await,
        };
        let value = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// Waits until these numbers are as the story expects.
    pub async fn counted(&self, expected: &[(&str, u64)]) {
        for (name, wanted) in expected {
            let mut last = None;
            eventually(async || {
                let is = self.stat(name).await;
                if last.replace(is) != Some(is) && is != *wanted {
                    eprintln!("{}: {name} is {is}, not {wanted} yet", self.name);
                }
                is == *wanted
            })
            .await;
        }
    }

    /// Waits until the access log has that many lines, and returns the last of them.
    pub async fn logged(&self, lines: usize) -> String {
        let path: PathBuf = self.dir.path().join("log");
        let mut log = Vec::new();
        eventually(async || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            log = text.lines().map(str::to_owned).collect();
            log.len() >= lines && text.ends_with('\n')
        })
        .await;
        assert_eq!(log.len(), lines, "{}: {log:?}", self.name);
        log.pop().unwrap()
    }
}
