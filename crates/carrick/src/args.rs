//! The command line. The only place that reads arguments and environment variables.

use std::path::PathBuf;

use carrick_identity::enrolment::TokenId;
use clap::{Args, Parser, Subcommand};

use crate::fleet::envoy::EnvoyHop;

/// Joins service meshes: workloads of one cluster call exposed services of another by name, with
/// mutual TLS end to end.
#[derive(Debug, Parser)]
#[command(name = "carrick", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// What to log on stderr: a level, or a filter such as `carrick_proxy=debug`
    #[arg(long, global = true, env = "CARRICK_LOG", default_value = "warn", value_name = "FILTER")]
    pub log: String,
    /// No colour, even on a terminal
    #[arg(long, global = true, env = "NO_COLOR", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub no_color: bool,
}

const EXAMPLES: &str = "\
Examples:
  carrick demo                                    two clusters on this machine, one request through four proxies
  carrick up examples/two-clusters --detach       the same clusters, kept running
  carrick ps                                      what runs, and whether every proxy has its configuration
  carrick exec cluster1/client -- curl -s http://server.ns2.svc.cluster.global/
  carrick trace cluster1/client http://server.ns2.svc.cluster.global/
  carrick analyze examples/two-clusters           what is wrong with it, before it runs
  carrick config dump cluster1/client             what a proxy runs, as Envoy shows it
  carrick down";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start two clusters on this machine, send a request through four proxies, attack them, clean
    /// up
    Demo(DemoArgs),
    /// Start a federation folder on this machine and keep it running
    Up(UpArgs),
    /// Stop a running federation and remove what it made
    Down(DownArgs),
    /// List what runs in a federation
    Ps(PsArgs),
    /// Run a command in a pod
    Exec(ExecArgs),
    /// Print what a pod's processes have logged
    Logs(LogsArgs),
    /// Send one request from a pod and show the path that it took
    Trace(TraceArgs),
    /// Check a federation folder without running it
    Analyze(AnalyzeArgs),
    /// Tell what the code of a finding means
    Explain(ExplainArgs),
    /// Look at what proxies run
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the bootstrap that a pod's proxy runs with, Envoy or Carrick's
    Bootstrap(BootstrapArgs),
    /// Run the proxy on an Envoy bootstrap file
    Proxy(ProxyArgs),
    /// Run one cluster's control plane
    Control(ControlArgs),
    /// Answer DNS from what a control plane keeps on disk
    NameServer(NameServerArgs),
    /// Stand beside a proxy: get its certificate, write its bootstrap, run it
    Agent(AgentArgs),
    /// The root of trust: make one, hand out enrolment tokens, sign cluster CAs
    #[command(subcommand)]
    RootCa(RootCaCommand),
    /// The test server that answers with what it received
    #[command(hide = true, disable_version_flag = true)]
    App(crate::app::AppArgs),
    /// Makes one connection and tells what came of it; not for use by hand
    #[command(hide = true)]
    Probe,
    /// Runs a federation inside its namespaces; not for use by hand
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Leave the federation running afterwards, as `carrick up` does
    #[arg(long)]
    pub keep: bool,
    /// Hops that Envoy runs instead of Carrick's proxy: `sidecar`, `egress`, `ingress`, or of one
    /// cluster `cluster2/sidecar`
    #[arg(long, value_name = "HOPS", value_delimiter = ',')]
    pub envoy: Vec<EnvoyHop>,
    /// Another folder with the same clusters and workloads; the checks stay the same
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub example: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct UpArgs {
    /// A folder with a federation.yaml
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Return once everything runs; `carrick down` stops it
    #[arg(long, short)]
    pub detach: bool,
    /// Hops that Envoy runs instead of Carrick's proxy: `sidecar`, `egress`, `ingress`, or of one
    /// cluster `cluster2/sidecar`
    #[arg(long, value_name = "HOPS", value_delimiter = ',')]
    pub envoy: Vec<EnvoyHop>,
    /// Lifetime of workload certificates in seconds; they are renewed at half of it
    #[arg(long, hide_short_help = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub workload_ttl: Option<u64>,
    #[command(flatten)]
    pub which: Which,
}

/// Which running federation is meant.
#[derive(Debug, Args, Clone)]
pub struct Which {
    /// The federation's name; needed only if several run
    #[arg(long, short = 'f', value_name = "NAME")]
    pub federation: Option<String>,
}

#[derive(Debug, Args)]
pub struct DownArgs {
    #[command(flatten)]
    pub which: Which,
    /// Also forget its certificates and allocated addresses
    #[arg(long)]
    pub purge: bool,
}

#[derive(Debug, Args)]
pub struct PsArgs {
    #[command(flatten)]
    pub which: Which,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    pub which: Which,
    /// The pod, as `carrick ps` names it; a unique beginning is enough
    #[arg(value_name = "[CLUSTER/]POD")]
    pub pod: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub which: Which,
    /// A pod, or as `carrick ps` names it a control plane or the root CA; `up` is what `carrick up
    /// --detach` says
    #[arg(value_name = "[CLUSTER/]POD")]
    pub pod: String,
    /// Only one of its processes: app, proxy, agent
    #[arg(long, short)]
    pub container: Option<String>,
    /// Keep printing what is added
    #[arg(long)]
    pub follow: bool,
}

#[derive(Debug, Args)]
pub struct TraceArgs {
    #[command(flatten)]
    pub which: Which,
    #[arg(value_name = "[CLUSTER/]POD")]
    pub pod: String,
    #[arg(value_name = "URL")]
    pub url: String,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// A folder with a federation.yaml
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// How to print findings
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub strict: bool,
}

/// For people, for programs, for code hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A code such as CRK402 or CRK101
    #[arg(value_name = "CODE")]
    pub code: String,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print a proxy's configuration as Envoy's config_dump JSON
    Dump {
        #[command(flatten)]
        which: Which,
        #[arg(value_name = "[CLUSTER/]POD")]
        pod: String,
    },
}

#[derive(Debug, Args)]
pub struct BootstrapArgs {
    #[command(flatten)]
    pub which: Which,
    /// A pod that runs
    #[arg(value_name = "[CLUSTER/]POD", required_unless_present = "node")]
    pub pod: Option<String>,
    /// What a proxy says of itself, as JSON, instead of a pod that runs
    #[arg(long, value_name = "FILE", conflicts_with = "pod", requires_all = ["control", "secrets"])]
    pub node: Option<PathBuf>,
    /// The control plane's Unix socket
    #[arg(long, value_name = "SOCKET", requires = "node")]
    pub control: Option<PathBuf>,
    /// The agent's Unix socket for secrets
    #[arg(long, value_name = "SOCKET", requires = "node")]
    pub secrets: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ProxyArgs {
    /// An Envoy bootstrap, YAML or JSON
    #[arg(long, short = 'c', value_name = "FILE")]
    pub config_path: PathBuf,
    /// Worker threads
    #[arg(long, value_name = "N", default_value_t = default_concurrency(), value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// How long connections may go on after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub drain_time_s: u64,
    /// Check the bootstrap and exit
    #[arg(long, value_name = "MODE", default_value = "serve", value_parser = ["serve", "validate"])]
    pub mode: String,
}

fn default_concurrency() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX))
}

#[derive(Debug, Args)]
pub struct ControlArgs {
    /// The federation file
    #[arg(long, value_name = "FILE")]
    pub federation: PathBuf,
    /// Which of its clusters this is
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// The runtime's own resources: which pods there are, and by which socket each calls
    #[arg(long = "resources", value_name = "PATH")]
    pub resources: Vec<PathBuf>,
    /// Where the cluster CA and allocated addresses are kept
    #[arg(long, value_name = "FOLDER")]
    pub state: PathBuf,
    /// The folder for the Unix sockets of proxies and agents, one for each pod
    #[arg(long, value_name = "FOLDER")]
    pub proxies: PathBuf,
    /// The Unix socket for the operator
    #[arg(long, value_name = "SOCKET")]
    pub admin: PathBuf,
    /// Where DNS is served, UDP and TCP
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Option<std::net::SocketAddr>,
    /// The root CA's Unix socket
    #[arg(long, value_name = "SOCKET")]
    pub root_ca: PathBuf,
    /// A file that holds the enrolment token
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// Lifetime of workload certificates that do not ask for one, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub workload_ttl: u64,
    /// Have proxies log in JSON everything that a path is measured by
    #[arg(long)]
    pub flow_log: bool,
}

#[derive(Debug, Args)]
pub struct NameServerArgs {
    /// What a control plane keeps: `names.json` in its state folder
    #[arg(long, value_name = "FILE")]
    pub names: PathBuf,
    /// Where DNS is served, UDP and TCP
    #[arg(long, value_name = "ADDRESS")]
    pub listen: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub struct AgentArgs {
    /// The control plane's Unix socket
    #[arg(long, value_name = "SOCKET")]
    pub control: PathBuf,
    /// A private folder for the bootstrap and the secrets' socket
    #[arg(long, value_name = "FOLDER")]
    pub dir: PathBuf,
    /// What the proxy says of itself, as JSON
    #[arg(long, value_name = "FILE")]
    pub node: PathBuf,
    /// Lifetime of the certificate to ask for, in seconds; 0 takes the CA's default
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub ttl: u64,
    /// The proxy's program and arguments; `{bootstrap}` stands for its configuration file
    #[arg(last = true, required = true, value_name = "PROXY")]
    pub proxy: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum RootCaCommand {
    /// Make a root CA in an empty folder
    Init {
        #[arg(long, value_name = "FOLDER")]
        state: PathBuf,
        /// Lifetime in days
        #[arg(long, value_name = "DAYS", default_value_t = 3650)]
        days: u32,
        /// The most that cluster CAs live, in days; requests for more are refused
        #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..))]
        max_ca_lifetime: u32,
    },
    /// Make a single-use enrolment token for one trust domain and print it
    Token {
        #[arg(long, value_name = "FOLDER")]
        state: PathBuf,
        #[arg(long, value_name = "DOMAIN")]
        trust_domain: String,
        /// The token is void after this many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        expires_in: u64,
    },
    /// Sign cluster CAs
    Serve {
        #[arg(long, value_name = "FOLDER")]
        state: PathBuf,
        /// The Unix socket to listen on
        #[arg(long, value_name = "SOCKET")]
        listen: PathBuf,
        /// From now on cluster CAs live so many days at most; else what `init` or an earlier
        /// `serve` was told
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        max_ca_lifetime: Option<u32>,
    },
    /// List the certificates of cluster CAs and the tokens on record
    List {
        #[arg(long, value_name = "FOLDER")]
        state: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, or see to it that a cluster CA gets no certificate any more
    Revoke {
        #[arg(long, value_name = "FOLDER")]
        state: PathBuf,
        #[command(flatten)]
        target: Target,
    },
}

/// What is revoked.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// The token's name, as `list` has it
    #[arg(long, value_name = "NAME")]
    pub token: Option<TokenId>,
    /// The serial number of the CA's certificate, as `list` has it
    #[arg(long, value_name = "SERIAL")]
    pub ca: Option<String>,
}

#[derive(Debug, Args)]
pub struct SuperviseArgs {
    #[arg(long)]
    pub folder: PathBuf,
    #[arg(long)]
    pub run: PathBuf,
    #[arg(long)]
    pub state: PathBuf,
    #[arg(long)]
    pub workload_ttl: Option<u64>,
    #[arg(long, value_delimiter = ',', requires = "envoy_program")]
    pub envoy: Vec<EnvoyHop>,
    #[arg(long)]
    pub envoy_program: Option<PathBuf>,
}

/// The few environment variables that matter, read nowhere else.
#[derive(Debug)]
pub struct Environment {
    pub runtime_dir: Option<PathBuf>,
    pub state_home: Option<PathBuf>,
    pub home: Option<PathBuf>,
    /// The Envoy to use.
    pub envoy: Option<PathBuf>,
    /// Where programs are looked for.
    pub path: Option<std::ffi::OsString>,
}

impl Environment {
    pub fn read() -> Self {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            runtime_dir: path("XDG_RUNTIME_DIR"),
            state_home: path("XDG_STATE_HOME"),
            home: path("HOME"),
            envoy: path("CARRICK_ENVOY"),
            path: std::env::var_os("PATH"),
        }
    }
}
