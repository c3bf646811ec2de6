//! What is written down about a proxied connection, when it is established and when it is over.

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
use crate::flow::Slot;

/// Collects the facts of one connection.
pub(super) struct Journal<'a> {
    env: &'a ProxyEnv,
    service: &'a TcpService,
    began: Instant,
    entry: LogEntry,
    /// Of the entry that was made when the connection was established.
    slot: Option<Slot>,
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
        Self { env, service, began: Instant::now(), entry, slot: None, traffic: Traffic::default() }
    }

    pub fn cluster(&mut self, cluster: &UpstreamCluster) {
        let labels = cluster.labels();
        self.entry.upstream_cluster = Some(Arc::clone(&labels.name));
        self.entry.cluster_rule.clone_from(&labels.rule);
    }

    pub fn host(&mut self, address: &Address) {
        self.entry.upstream_host = Some(address.clone());
    }

    pub fn flag(&mut self, flag: ResponseFlag) {
        self.entry.flags.set(flag);
    }

    pub fn failure(&mut self, reason: String) {
        self.entry.upstream_failure = Some(reason).filter(|reason| !reason.is_empty());
    }

    pub fn opened(&mut self, local: SocketAddr, tls: Option<Arc<TlsFacts>>, connect_micros: u64) {
        self.entry.upstream_local = Some(local);
        self.entry.upstream_tls = tls;
        self.entry.upstream_connect = Some(Duration::from_micros(connect_micros));
        self.entry.upstream_failure = None;
        self.entry.flags = Default::default();
    }

    /// The connection can be traced from now on, while it is open: an entry with a duration of 0.
    pub fn connected(&mut self) {
        self.slot = Some(self.env.flows.record(self.entry.clone()));
        if self.service.config.log_on_connect {
            self.entry.duration = self.began.elapsed();
            self.service.logs.write(&self.entry);
        }
    }

    /// `details` may be empty.
    pub fn close(mut self, details: impl Into<Cow<'static, str>>) {
        let details = details.into();
        let duration = self.entry.started.and_then(|started| started.elapsed().ok()).unwrap_or_default();
        let first = self.traffic.first_sent.map(|at| at.saturating_duration_since(self.began));
        self.entry.duration = duration.max(Duration::from_micros(1));
        self.entry.bytes_received = self.traffic.received;
        self.entry.bytes_sent = self.traffic.sent;
        self.entry.upstream_first_byte = first;
        self.entry.termination_details = Some(details).filter(|details| !details.is_empty());
        self.service.logs.write(&self.entry);
        match self.slot {
            Some(slot) => self.env.flows.finish(slot, self.entry),
            None => {
                self.env.flows.record(self.entry);
            }
        }
    }
}
