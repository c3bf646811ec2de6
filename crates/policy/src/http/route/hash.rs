//! Hash policies: what of a request decides which host it goes to, where the cluster chooses by
//! hash (Envoy docs, `RouteAction.HashPolicy`).
//!
//! It must not know how hosts are chosen.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3::route_action::HashPolicy as HashPolicyPb;
use carrick_xds::pb::envoy::config::route::v3::route_action::hash_policy::{
    Cookie as CookiePb, Header, PolicySpecifier,
};
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::optional_duration;
use crate::xxhash::xxh64;

/// The hash policies of a route, in order.
#[derive(Debug, Default)]
pub struct HashPolicies(Vec<HashPolicy>);

#[derive(Debug)]
struct HashPolicy {
    source: What,
    /// Once there is a hash, those after this one are not asked.
    terminal: bool,
}

#[derive(Debug)]
enum What {
    Header(HeaderName),
    Cookie(Cookie),
    ClientIp,
    Query(String),
    /// Says nothing about any request.
    Nothing,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    /// A client without the cookie gets one that lives so long; zero: until its session ends.
    /// `None`: it gets none.
    lifetime: Option<Duration>,
    /// What follows the value in `set-cookie`.
    attributes: String,
}

/// What the policies look at.
pub struct Hashed<'a> {
    pub headers: &'a HeaderMap,
    pub query: &'a str,
    /// The client as the proxy understands it.
    pub client: IpAddr,
    /// The two ends of the connection; a cookie that is made up is the same for all of its
    /// requests.
    pub connection: (SocketAddr, SocketAddr),
}

impl HashPolicies {
    pub(super) fn from_proto(pb: &[HashPolicyPb]) -> Result<Self, FieldError> {
        let convert =
            |(n, pb)| HashPolicy::from_proto(pb).map_err(|error| error.within(format!("hash_policy[{n}]")));
        pb.iter().enumerate().map(convert).collect::<Result<_, _>>().map(Self)
    }

    /// The hash, if anything of the request makes one. Cookies that are made up go to
    /// `set_cookies`.
    pub fn hash(&self, of: &Hashed<'_>, set_cookies: &mut Vec<HeaderValue>) -> Option<u64> {
        let mut hash: Option<u64> = None;
        for policy in &self.0 {
            if let Some(new) = policy.source.hash(of, set_cookies) {
                // Turned, so that two policies that see the same do not cancel each other out.
                hash = Some(hash.map_or(0, |before| before.rotate_left(1)) ^ new);
            }
            if policy.terminal && hash.is_some() {
                break;
            }
        }
        hash
    }
}

impl What {
    fn hash(&self, of: &Hashed<'_>, set_cookies: &mut Vec<HeaderValue>) -> Option<u64> {
        match self {
            Self::Header(name) => {
                let mut values: Vec<_> = of.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
                // Their order must not matter.
                values.sort_unstable();
                values.into_iter().fold(None, |hash, value| Some(xxh64(value, hash.unwrap_or(0))))
            }
            Self::Cookie(cookie) => {
                let value = cookie.value(of.headers).or_else(|| cookie.made_up(of, set_cookies))?;
                Some(xxh64(value.as_bytes(), 0))
            }
            Self::ClientIp => Some(xxh64(of.client.to_string().as_bytes(), 0)),
            Self::Query(name) => {
                let pairs = of.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                let value = pairs.into_iter().find(|(known, _)| known == name);
                value.map(|(_, value)| xxh64(value.as_bytes(), 0))
            }
            Self::Nothing => None,
        }
    }
}

impl Cookie {
    fn value(&self, headers: &HeaderMap) -> Option<String> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.find(|(name, _)| *name == self.name)?.1;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (!bare.is_empty()).then(|| bare.to_owned())
    }

    fn made_up(&self, of: &Hashed<'_>, set_cookies: &mut Vec<HeaderValue>) -> Option<String> {
        let lifetime = self.lifetime?;
        let (remote, local) = of.connection;
        let value = format!("{:x}", xxh64(format!("{remote}{local}").as_bytes(), 0));
        let age = match lifetime.as_secs() {
            0 => String::new(),
            seconds => format!("; Max-Age={seconds}"),
        };
        let cookie = format!("{}=\"{value}\"{age}{}; HttpOnly", self.name, self.attributes);
        // Name and attributes were checked when the route was converted.
        set_cookies.extend(HeaderValue::from_str(&cookie));
        Some(value)
    }
}

impl HashPolicy {
    fn from_proto(pb: &HashPolicyPb) -> Result<Self, FieldError> {
        let HashPolicyPb { terminal, policy_specifier } = pb;
        let source = match policy_specifier {
            Some(PolicySpecifier::Header(pb)) => header(pb).map_err(|error| error.within("header"))?,
            Some(PolicySpecifier::Cookie(pb)) => {
                What::Cookie(Cookie::from_proto(pb).map_err(|error| error.within("cookie"))?)
            }
            Some(PolicySpecifier::ConnectionProperties(pb)) if pb.source_ip => What::ClientIp,
            Some(PolicySpecifier::ConnectionProperties(_)) => What::Nothing,
            Some(PolicySpecifier::QueryParameter(pb)) if pb.name.is_empty() => {
                return Err(FieldError::new("query_parameter.name", "is required"));
            }
            Some(PolicySpecifier::QueryParameter(pb)) => What::Query(pb.name.clone()),
            Some(PolicySpecifier::FilterState(_)) => {
                return Err(FieldError::new("filter_state", "is not supported"));
            }
            None => return Err(FieldError::new("policy_specifier", "is required")),
        };
        Ok(Self { source, terminal: *terminal })
    }
}

fn header(pb: &Header) -> Result<What, FieldError> {
    let Header { header_name, regex_rewrite } = pb;
    if regex_rewrite.is_some() {
        return Err(FieldError::new("regex_rewrite", "is not supported"));
    }
    let name = HeaderName::from_bytes(header_name.as_bytes());
    name.map(What::Header)
        .map_err(|_| FieldError::new("header_name", format!("{header_name:?} is not a header name")))
}

impl Cookie {
    fn from_proto(pb: &CookiePb) -> Result<Self, FieldError> {
        let CookiePb { name, ttl, path, attributes } = pb;
        if name.is_empty() {
            return Err(FieldError::new("name", "is required"));
        }
        let mut text = String::new();
        if !path.is_empty() {
            text.push_str(&format!("; Path={path}"));
        }
        for attribute in attributes {
            match attribute.value.is_empty() {
                true => text.push_str(&format!("; {}", attribute.name)),
                false => text.push_str(&format!("; {}={}", attribute.name, attribute.value)),
            }
        }
        if HeaderValue::from_str(&format!("{name}{text}")).is_err() {
            return Err(FieldError::new("", "has characters that a header cannot have"));
        }
        Ok(Self { name: name.clone(), lifetime: optional_duration(ttl.as_ref(), "ttl")?, attributes: text })
    }
}

#[cfg(test)]
mod tests;
