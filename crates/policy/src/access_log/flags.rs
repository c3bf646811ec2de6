//! Envoy's response flags: in two to five letters, why a request or connection did not go as
//! planned.
//!
//! Names only: it must not know when a flag is raised.

use std::fmt;

/// A set of response flags; shown comma-separated in the order in which they were set, as Envoy
/// does, or `-` when empty.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ResponseFlags {
    bits: u32,
    /// The first ones in order; nothing that happens to a request sets more, but a filter may name
    /// more.
    order: [u8; 8],
    ordered: u8,
}

/// One flag, named by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ResponseFlag {
    FailedLocalHealthCheck,
    NoHealthyUpstream,
    UpstreamRequestTimeout,
    LocalReset,
    UpstreamRemoteReset,
    UpstreamConnectionFailure,
    UpstreamConnectionTermination,
    UpstreamOverflow,
    NoRouteFound,
    DelayInjected,
    FaultInjected,
    RateLimited,
    UnauthorizedExternalService,
    RateLimitServiceError,
    DownstreamConnectionTermination,
    UpstreamRetryLimitExceeded,
    StreamIdleTimeout,
    InvalidEnvoyRequestHeaders,
    DownstreamProtocolError,
    UpstreamMaxStreamDurationReached,
    ResponseFromCacheFilter,
    NoFilterConfigFound,
    DurationTimeout,
    UpstreamProtocolError,
    NoClusterFound,
    OverloadManager,
    DnsResolutionFailed,
    DropOverload,
    DownstreamRemoteReset,
}

impl ResponseFlag {
    const ALL: [(Self, &'static str); 29] = [
        (Self::FailedLocalHealthCheck, "LH"),
        (Self::NoHealthyUpstream, "UH"),
        (Self::UpstreamRequestTimeout, "UT"),
        (Self::LocalReset, "LR"),
        (Self::UpstreamRemoteReset, "UR"),
        (Self::UpstreamConnectionFailure, "UF"),
        (Self::UpstreamConnectionTermination, "UC"),
        (Self::UpstreamOverflow, "UO"),
        (Self::NoRouteFound, "NR"),
        (Self::DelayInjected, "DI"),
        (Self::FaultInjected, "FI"),
        (Self::RateLimited, "RL"),
        (Self::UnauthorizedExternalService, "UAEX"),
        (Self::RateLimitServiceError, "RLSE"),
        (Self::DownstreamConnectionTermination, "DC"),
        (Self::UpstreamRetryLimitExceeded, "URX"),
        (Self::StreamIdleTimeout, "SI"),
        (Self::InvalidEnvoyRequestHeaders, "IH"),
        (Self::DownstreamProtocolError, "DPE"),
        (Self::UpstreamMaxStreamDurationReached, "UMSDR"),
        (Self::ResponseFromCacheFilter, "RFCF"),
        (Self::NoFilterConfigFound, "NFCF"),
        (Self::DurationTimeout, "DT"),
        (Self::UpstreamProtocolError, "UPE"),
        (Self::NoClusterFound, "NC"),
        (Self::OverloadManager, "OM"),
        (Self::DnsResolutionFailed, "DF"),
        (Self::DropOverload, "DO"),
        (Self::DownstreamRemoteReset, "DR"),
    ];

    /// The flag that Envoy writes as `short`.
    pub fn from_short(short: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == short).map(|(flag, _)| *flag)
    }
}

impl ResponseFlags {
    pub fn set(&mut self, flag: ResponseFlag) {
        if self.has(flag) {
            return;
        }
        self.bits |= 1 << flag as u8;
        if let Some(place) = self.order.get_mut(usize::from(self.ordered)) {
            *place = flag as u8;
            self.ordered += 1;
        }
    }

    pub fn has(self, flag: ResponseFlag) -> bool {
        self.bits & (1 << flag as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Whether the two sets share a flag.
    pub fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }
}

impl From<ResponseFlag> for ResponseFlags {
    fn from(flag: ResponseFlag) -> Self {
        Self::from_iter([flag])
    }
}

impl FromIterator<ResponseFlag> for ResponseFlags {
    fn from_iter<I: IntoIterator<Item = ResponseFlag>>(flags: I) -> Self {
        let mut set = Self::default();
        flags.into_iter().for_each(|flag| set.set(flag));
        set
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (place, flag) in self.order.iter().take(self.ordered.into()).enumerate() {
            let separator = if place == 0 { "" } else { "," };
            let (_, short) = ResponseFlag::ALL[usize::from(*flag)];
            write!(f, "{separator}{short}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
