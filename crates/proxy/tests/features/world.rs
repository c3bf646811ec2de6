//! The two proxies under test, and curl to ask them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::runtime::{Proxy, ProxyOptions};
use tokio::process::{Child, Command};

/// A proxy that runs the configuration of a story.
pub struct Subject {
    pub name: &'static str,
    dir: tempfile::TempDir,
    kind: Kind,
}

enum Kind {
    Carrick(Box<Proxy>),
    /// Killed when dropped.
    Envoy {
        #[allow(dead_code, reason = "lives as long as the story")]
        child: Box<Child>,
        admin: String,
        listeners: Vec<(String, SocketAddr)>,
    },
}

/// Both proxies, with the same configuration. `ACCESS_LOG` in it stands for the file of the proxy's access log.
pub async fn both(yaml: &str) -> [Subject; 2] {
    let (carrick, envoy) = tokio::join!(carrick(yaml), envoy(yaml));
    [carrick, envoy]
}

pub async fn carrick(yaml: &str) -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let yaml = yaml.replace("ACCESS_LOG", dir.path().join("log").to_str().unwrap());
    let bootstrap = Bootstrap::from_yaml(&yaml).unwrap();
    let options = ProxyOptions { bootstrap, concurrency: None, drain_time: Duration::from_secs(5) };
    let proxy = Proxy::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    Subject { name: "carrick", dir, kind: Kind::Carrick(Box::new(proxy)) }
}

async fn envoy(yaml: &str) -> Subject {
    let program = std::env::var_os("CARRICK_ENVOY")
        .expect("CARRICK_ENVOY must name an Envoy 1.40: these stories are told to both proxies");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let yaml = yaml.replace("ACCESS_LOG", path("log").to_str().unwrap());
    let admin = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}";
    std::fs::write(path("envoy.yaml"), format!("{yaml}\n{admin}\n")).unwrap();
    let child = Command::new(program)
        .args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "-l",
            "error",
            "--file-flush-interval-msec",
            "20",
        ])
        .arg("--admin-address-path")
        .arg(path("admin"))
        .arg("-c")
        .arg(path("envoy.yaml"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(path("stderr")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut child = child;
    let mut admin = None;
    eventually(async || {
        if child.try_wait().unwrap().is_some() {
            panic!("Envoy ended: {}", std::fs::read_to_string(path("stderr")).unwrap());
        }
        admin = std::fs::read_to_string(path("admin")).ok().filter(|text| !text.is_empty());
        admin.is_some()
    })
    .await;
    let admin = admin.unwrap();
    eventually(async || curl(&[&format!("http://{admin}/ready")]).await.body.starts_with("LIVE")).await;
    let listeners = curl(&[&format!("http://{admin}/listeners")]).await.body;
    let line = |line: &str| {
        let (name, address) = line.split_once("::").unwrap();
        (name.to_owned(), address.parse().unwrap())
    };
    let listeners = listeners.lines().map(line).collect();
    Subject { name: "envoy", dir, kind: Kind::Envoy { child: Box::new(child), admin, listeners } }
}

impl Subject {
    /// Where a listener ended up.
    pub fn address(&self, listener: &str) -> SocketAddr {
        let found = match &self.kind {
            Kind::Carrick(proxy) => {
                let all = proxy.registry().listeners.all();
                all.iter().find(|one| one.name == listener).map(|one| one.address)
            }
            Kind::Envoy { listeners, .. } => {
                listeners.iter().find(|(name, _)| name == listener).map(|(_, address)| *address)
            }
        };
        found.unwrap_or_else(|| panic!("no listener {listener}"))
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
            Kind::Envoy { admin, .. } => curl(&[&format!("http://{admin}/stats")]).await.body,
        };
        let value = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// Waits until these numbers are as the story expects.
    pub async fn counted(&self, expected: &[(&str, u64)]) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(10);
        for (name, wanted) in expected {
            let mut is = self.stat(name).await;
            while is != *wanted && tokio::time::Instant::now() < patience {
                tokio::time::sleep(Duration::from_millis(20)).await;
                is = self.stat(name).await;
            }
            assert_eq!(is, *wanted, "{}: {name}", self.name);
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

/// What curl got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Status 0 if there was no answer.
pub async fn curl(arguments: &[&str]) -> Reply {
    let output = Command::new("curl").args(["-s", "-i", "--max-time", "10"]).args(arguments).output().await;
    let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Reply { status, headers: lines.map(header).collect(), body: body.to_owned() }
}

/// An address where nobody listens.
pub async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Waits until something is so, which nothing tells us about.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < patience, "it did not come to pass in 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A listener called `http` with these filters before the router, and these routes, as YAML in flow style.
pub fn http(filters: &str, routes: &str) -> String {
    http_with(filters, &format!("{{name: all, domains: ['*'], routes: [{routes}]}}"), "")
}

/// The same, with a whole virtual host and more fields of the connection manager.
pub fn http_with(filters: &str, host: &str, more: &str) -> String {
    format!(
        "{{name: http, {ANY_PORT}, filter_chains: [{{filters: [{{name: hcm, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, \
         stat_prefix: s, normalize_path: true, access_log: [{}], http_filters: [{filters}{ROUTER}], \
         route_config: {{name: r, virtual_hosts: [{host}]}}{more}}}}}]}}]}}",
        log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER%"),
    )
}

pub fn log(format: &str) -> String {
    format!(
        "{{name: log, typed_config: {{'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, \
         path: ACCESS_LOG, log_format: {{text_format_source: {{inline_string: \"{format}\\n\"}}}}}}}}"
    )
}

pub fn bootstrap(listeners: &[String], clusters: &[String]) -> String {
    format!(
        "static_resources: {{listeners: [{}], clusters: [{}]}}",
        listeners.join(", "),
        clusters.join(", ")
    )
}

/// A cluster of type STATIC; `more` are further fields.
pub fn cluster(name: &str, hosts: &[SocketAddr], more: &str) -> String {
    let host = |address: &SocketAddr| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}",
            address.ip(),
            address.port()
        )
    };
    let hosts: Vec<_> = hosts.iter().map(host).collect();
    format!(
        "{{name: {name}, type: STATIC, load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{}]}}]}}{more}}}",
        hosts.join(", ")
    )
}

pub const ANY_PORT: &str = "address: {socket_address: {address: 127.0.0.1, port_value: 0}}";

const ROUTER: &str = "{name: envoy.filters.http.router, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

/// An HTTP filter, with a comma after it.
pub fn filter(name: &str, kind: &str, more: &str) -> String {
    format!(
        "{{name: {name}, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.{kind}{more}}}}}, "
    )
}
