//! What a port speaks, by Istio's rules of protocol selection (`pkg/config/protocol`,
//! `pkg/config/kube`).

use std::fmt;

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Http,
    Http2,
    Grpc,
    GrpcWeb,
    /// Plain HTTP to a forward proxy.
    HttpProxy,
    /// HTTP inside TLS that the mesh does not open: of the TCP class.
    Https,
    Tls,
    Tcp,
    Udp,
    Mongo,
    Redis,
    MySql,
    /// Undeclared: to be found out from the first bytes.
    Auto,
}

impl Protocol {
    /// The protocol of that name in any case; [`Protocol::Auto`] for unknown and empty ones.
    pub fn parse(name: &str) -> Protocol {
        match name.to_ascii_lowercase().as_str() {
            "http" => Protocol::Http,
            "http2" => Protocol::Http2,
            "grpc" => Protocol::Grpc,
            "grpc-web" => Protocol::GrpcWeb,
            "http_proxy" => Protocol::HttpProxy,
            "https" => Protocol::Https,
            "tls" => Protocol::Tls,
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "mongo" => Protocol::Mongo,
            "redis" => Protocol::Redis,
            "mysql" => Protocol::MySql,
            _ => Protocol::Auto,
        }
    }

    /// The protocol of a Kubernetes Service's port: `appProtocol` wins, else the name up to its
    /// first `-`, else it is found out, except on ports whose protocols let the server speak first.
    pub(crate) fn of_kubernetes_port(number: u16, name: &str, app_protocol: &str) -> Protocol {
        if !app_protocol.is_empty() {
            return Protocol::of_app_protocol(app_protocol);
        }
        let lower = name.to_ascii_lowercase();
        let prefix = match lower.split_once('-') {
            Some(_) if lower.starts_with("grpc-web") => "grpc-web",
            Some((prefix, _)) => prefix,
            None => &lower,
        };
        match Protocol::parse(prefix) {
            // Mail, DNS, MySQL and MongoDB clients wait for the server, so there are no bytes to
            // look at.
            Protocol::Auto if matches!(number, 25 | 53 | 3306 | 27017) => Protocol::Tcp,
            protocol => protocol,
        }
    }

    fn of_app_protocol(name: &str) -> Protocol {
        match name {
            "kubernetes.io/h2c" => Protocol::Http2,
            "kubernetes.io/ws" => Protocol::Http,
            "kubernetes.io/wss" => Protocol::Https,
            other => Protocol::parse(other),
        }
    }

    /// Read as HTTP by the proxy. HTTPS is not: its HTTP is inside TLS.
    pub fn is_http(self) -> bool {
        matches!(
            self,
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb | Protocol::HttpProxy
        )
    }

    /// Upstream connections speak HTTP/2.
    pub fn is_http2(self) -> bool {
        matches!(self, Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// TLS that passes through unopened.
    pub fn is_tls(self) -> bool {
        matches!(self, Protocol::Https | Protocol::Tls)
    }

    pub fn is_auto(self) -> bool {
        self == Protocol::Auto
    }

    pub fn name(self) -> &'static str {
        match self {
            Protocol::Http => "HTTP",
            Protocol::Http2 => "HTTP2",
            Protocol::Grpc => "GRPC",
            Protocol::GrpcWeb => "GRPC-Web",
            Protocol::HttpProxy => "HTTP_PROXY",
            Protocol::Https => "HTTPS",
            Protocol::Tls => "TLS",
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Mongo => "Mongo",
            Protocol::Redis => "Redis",
            Protocol::MySql => "MySQL",
            Protocol::Auto => "UnsupportedProtocol",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
