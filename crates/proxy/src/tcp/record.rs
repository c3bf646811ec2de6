//! What is written down about a proxied connection: its flow record, and its line in the access log.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::access_log::{LogEntry, ResponseFlag};
use carrick_policy::address::Address;
use carrick_policy::connection::{ConnectionInfo, TlsFacts};
use tokio::time::Instant;

use super::TcpService;
use super::relay::Traffic;
use crate::cluster::UpstreamCluster;
use crate::env::ProxyEnv;
use crate::flow::{FlowRecord, FlowTls};

/// Collects the facts of one connection, and writes them down when it is established and when it is over.
pub(super) struct Journal<'a> {
    env: &'a ProxyEnv,
    service: &'a TcpService,
    began: Instant,
    entry: LogEntry,
    record: FlowRecord,
    sequence: Option<u64>,
    pub traffic: Traffic,
}

impl<'a> Journal<'a> {
    pub fn new(
        env: &'a ProxyEnv,
        info: &Arc<ConnectionInfo>,
        service: &'a TcpService,
        cluster: &str,
    ) -> Self {
        let entry = LogEntry {
            started: Some(info.started),
            downstream: Some(Arc::clone(info)),
            upstream_cluster: Some(Arc::from(cluster)),
            ..LogEntry::default()
        };
        let mut record = FlowRecord::of_connection("tcp", &env.node_id, info);
        record.cluster = Some(cluster.to_owned());
        Self {
            env,
            service,
            began: Instant::now(),
            entry,
            record,
            sequence: None,
            traffic: Traffic::default(),
        }
    }

    pub fn cluster(&mut self, cluster: &UpstreamCluster) {
        self.record.cluster_rule = cluster.rule().map(str::to_owned);
        self.entry.cluster_rule = cluster.rule().map(Arc::from);
    }

    pub fn host(&mut self, address: &Address) {
        self.record.upstream_host = Some(address.to_string());
        self.entry.upstream_host = Some(address.clone());
    }

    pub fn flag(&mut self, flag: ResponseFlag) {
        self.entry.flags.set(flag);
    }

    pub fn failure(&mut self, reason: String) {
        self.entry.upstream_failure = Some(reason).filter(|reason| !reason.is_empty());
    }

    pub fn opened(&mut self, local: SocketAddr, tls: Option<Arc<TlsFacts>>, connect_micros: u64) {
        self.record.upstream_local = Some(local.to_string());
        self.record.upstream = tls.as_deref().map(FlowTls::of_handshake);
        self.record.upstream_connect_micros = Some(connect_micros);
        self.entry.upstream_local = Some(local);
        self.entry.upstream_tls = tls;
        self.entry.upstream_connect = Some(Duration::from_micros(connect_micros));
        self.entry.upstream_failure = None;
        self.entry.flags = Default::default();
    }

    /// The connection can be traced from now on, while it is open: a record with a duration of 0.
    pub fn connected(&mut self) {
        self.record.response_flags = self.entry.flags.to_string();
        self.sequence = Some(self.env.flows.record(self.record.clone()));
        if self.service.config.log_on_connect {
            self.entry.duration = self.began.elapsed();
            self.log();
        }
    }

    /// `details` may be empty.
    pub fn close(mut self, details: impl Into<Cow<'static, str>>) {
        let details = details.into();
        let duration = self.entry.started.and_then(|started| started.elapsed().ok()).unwrap_or_default();
        let first = self.traffic.first_sent.map(|at| at.saturating_duration_since(self.began));
        let failure = self.entry.upstream_failure.clone();
        self.record.bytes_received = self.traffic.received;
        self.record.bytes_sent = self.traffic.sent;
        self.record.upstream_first_byte_micros = first.map(|first| first.as_micros() as u64);
        self.record.duration_micros = (duration.as_micros() as u64).max(1);
        self.record.response_flags = self.entry.flags.to_string();
        self.record.details = failure.unwrap_or_else(|| details.clone().into_owned());
        let record = std::mem::take(&mut self.record);
        match self.sequence {
            Some(sequence) => self.env.flows.finish(record, sequence),
            None => {
                self.env.flows.record(record);
            }
        }
        self.entry.duration = duration;
        self.entry.bytes_received = self.traffic.received;
        self.entry.bytes_sent = self.traffic.sent;
        self.entry.upstream_first_byte = first;
        self.entry.termination_details = Some(details).filter(|details| !details.is_empty());
        self.log();
    }

    fn log(&self) {
        self.service.logs.write(&self.entry);
    }
}
