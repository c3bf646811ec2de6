//! Socket options and source addresses of upstream connections and listeners.
//!
//! Options come as numbers (level and name); only those are taken that can be applied, all others
//! are refused.

use std::net::SocketAddr;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::socket_option::{SocketState, Value};
use carrick_xds::pb::envoy::config::core::v3::{BindConfig, SocketOption as SocketOptionPb, TcpKeepalive};

use super::address;
use super::refuse::refuse;

/// What a socket gets before it connects or listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketSettings {
    source: Option<SocketAddr>,
    options: Vec<SocketOption>,
    keepalive: Option<KeepaliveSettings>,
}

/// One option of Linux's `setsockopt`, by the numbers that Envoy's configuration uses for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketOption {
    Mark(u32),
    ReuseAddress(bool),
    ReusePort(bool),
    Keepalive(bool),
    SendBuffer(usize),
    ReceiveBuffer(usize),
    NoDelay(bool),
    UserTimeout(Duration),
    TypeOfService(u32),
    Freebind(bool),
    Transparent(bool),
}

/// How a silent connection is probed; the system decides what is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepaliveSettings {
    pub probes: Option<u32>,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
}

impl SocketSettings {
    /// Settings of a cluster. Its own bind configuration replaces the bootstrap's as a whole, as in
    /// Envoy.
    pub fn for_upstream(
        bind: Option<&BindConfig>,
        keepalive: Option<&TcpKeepalive>,
    ) -> Result<Self, FieldError> {
        let Some(bind) = bind else {
            return Ok(Self { keepalive: keepalive.map(keepalive_settings), ..Self::default() });
        };
        let BindConfig {
            source_address,
            freebind,
            socket_options,
            extra_source_addresses,
            additional_source_addresses,
            local_address_selector,
            validate_network_namespaces,
        } = bind;
        refuse!(extra_source_addresses, additional_source_addresses);
        refuse!(local_address_selector, validate_network_namespaces);
        let source = source_address.as_ref().map(address::bare).transpose();
        let mut options = options(socket_options, true)?;
        if freebind.unwrap_or(false) {
            options.push(SocketOption::Freebind(true));
        }
        Ok(Self {
            source: source.map_err(|e| e.within("source_address"))?,
            options,
            keepalive: keepalive.map(keepalive_settings),
        })
    }

    pub fn for_listener(
        pb: &[SocketOptionPb],
        freebind: bool,
        transparent: bool,
        keepalive: Option<&TcpKeepalive>,
    ) -> Result<Self, FieldError> {
        let mut options = options(pb, false)?;
        if freebind {
            options.push(SocketOption::Freebind(true));
        }
        if transparent {
            options.push(SocketOption::Transparent(true));
        }
        Ok(Self { source: None, options, keepalive: keepalive.map(keepalive_settings) })
    }

    /// The same, with `default`'s source and options if this has neither.
    pub fn or(self, default: &Self) -> Self {
        if self.source.is_some() || !self.options.is_empty() {
            return self;
        }
        Self { keepalive: self.keepalive.or(default.keepalive), ..default.clone() }
    }

    /// The address to bind before connecting to `remote`, if it is of the same family.
    pub fn source_for(&self, remote: SocketAddr) -> Option<SocketAddr> {
        self.source.filter(|source| source.is_ipv4() == remote.is_ipv4())
    }

    /// To be set before the socket connects or listens, in this order.
    pub fn options(&self) -> &[SocketOption] {
        &self.options
    }

    /// What an accepted connection does not inherit by itself.
    pub fn keepalive(&self) -> Option<&KeepaliveSettings> {
        self.keepalive.as_ref()
    }
}

fn keepalive_settings(pb: &TcpKeepalive) -> KeepaliveSettings {
    let TcpKeepalive { keepalive_probes, keepalive_time, keepalive_interval } = pb;
    let seconds = |n: &Option<u32>| n.map(|n| Duration::from_secs(n.into()));
    KeepaliveSettings {
        probes: *keepalive_probes,
        idle: seconds(keepalive_time),
        interval: seconds(keepalive_interval),
    }
}

fn options(pb: &[SocketOptionPb], upstream: bool) -> Result<Vec<SocketOption>, FieldError> {
    let convert = |(n, pb)| option(pb, upstream).map_err(|e| e.within(format!("socket_options[{n}]")));
    pb.iter().enumerate().map(convert).collect()
}

fn option(pb: &SocketOptionPb, upstream: bool) -> Result<SocketOption, FieldError> {
    let SocketOptionPb { description: _, level, name, state: _, r#type, ip_version, value } = pb;
    refuse!(r#type, ip_version);
    if upstream && pb.state() == SocketState::StateListening {
        return Err(FieldError::new("state", "STATE_LISTENING cannot apply to upstream connections"));
    }
    let value = match value {
        Some(Value::IntValue(value)) => *value,
        Some(Value::BufValue(_)) => {
            return Err(FieldError::new("buf_value", "is not implemented; use int_value"));
        }
        None => return Err(FieldError::new("int_value", "is required")),
    };
    let on = value != 0;
    let number = u32::try_from(value)
        .map_err(|_| FieldError::new("int_value", format!("{value} does not fit this option")))?;
    // Level and name as in Linux's asm-generic/socket.h, netinet/tcp.h and linux/in.h (in6.h).
    Ok(match (*level, *name) {
        (1, 36) => SocketOption::Mark(number),
        (1, 2) => SocketOption::ReuseAddress(on),
        (1, 15) => SocketOption::ReusePort(on),
        (1, 9) => SocketOption::Keepalive(on),
        (1, 7) => SocketOption::SendBuffer(number as usize),
        (1, 8) => SocketOption::ReceiveBuffer(number as usize),
        (6, 1) => SocketOption::NoDelay(on),
        (6, 18) => SocketOption::UserTimeout(Duration::from_millis(number.into())),
        (0, 1) | (41, 67) => SocketOption::TypeOfService(number),
        (0, 15) | (41, 78) => SocketOption::Freebind(on),
        (0, 19) => SocketOption::Transparent(on),
        (level, name) => {
            return Err(FieldError::new(
                "name",
                format!("socket option {name} of level {level} is not implemented"),
            ));
        }
    })
}
