//! What `/etc/hosts` and `/etc/resolv.conf` say (hosts(5), resolv.conf(5)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use carrick_policy::config::cluster::DnsFamily;

/// The two files, parsed. Lines that are not understood are passed over, as the C library does.
#[derive(Debug, Default)]
pub struct SystemFiles {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
}

impl SystemFiles {
    /// Reads both files of this machine; a missing file counts as empty.
    pub fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        Self::parse(&text("/etc/hosts"), &text("/etc/resolv.conf"))
    }

    pub fn parse(hosts: &str, resolv_conf: &str) -> Self {
        let mut files = Self::default();
        for line in hosts.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                files.hosts.entry(name.to_ascii_lowercase()).or_default().push(address);
            }
        }
        for line in resolv_conf.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    files.servers.extend(address.map(|ip| SocketAddr::new(ip, 53)));
                }
                Some("search" | "domain") => files.search = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        files
    }

    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// The addresses that `/etc/hosts` has for `name`, in the wanted family. `localhost` needs no
    /// file (RFC 6761 §6.3).
    pub(super) fn host(&self, name: &str, family: DnsFamily) -> Option<Vec<IpAddr>> {
        let name = name.to_ascii_lowercase();
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let known = match self.hosts.get(&name) {
            Some(known) => known.as_slice(),
            None if name == "localhost" => &local,
            None => return None,
        };
        let of = |v4: bool| known.iter().copied().filter(|ip| ip.is_ipv4() == v4).collect::<Vec<_>>();
        let (v4, v6) = (of(true), of(false));
        let found = match family {
            DnsFamily::V4Only => v4,
            DnsFamily::V6Only => v6,
            DnsFamily::PreferV4 => {
                if v4.is_empty() {
                    v6
                } else {
                    v4
                }
            }
            DnsFamily::PreferV6 => {
                if v6.is_empty() {
                    v4
                } else {
                    v6
                }
            }
            DnsFamily::All => known.to_vec(),
        };
        (!found.is_empty()).then_some(found)
    }

    /// The names to ask for. Search domains are for names of one label only: a name with dots is
    /// meant as it stands.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if name.contains('.') || self.search.is_empty() {
            return vec![name.to_owned()];
        }
        let mut candidates: Vec<_> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        candidates.push(name.to_owned());
        candidates
    }
}
