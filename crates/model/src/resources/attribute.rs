//! What a rule of an AuthorizationPolicy can look at, by the names of Istio's reference
//! ("Authorization Policy Conditions").

/// An attribute of a connection or request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    SourceIp,
    RemoteIp,
    SourceNamespace,
    SourcePrincipal,
    SourceServiceAccount,
    DestinationIp,
    DestinationPort,
    /// `connection.sni`.
    Sni,
    Host,
    Method,
    Path,
    /// `request.headers[NAME]`.
    Header(String),
    /// What only a verified JSON web token tells.
    Token,
    /// Metadata of a filter that Istio does not install.
    FilterMetadata,
}

impl Attribute {
    /// The attribute behind a `when` condition's `key`.
    pub fn of_key(key: &str) -> Option<Attribute> {
        Some(match key {
            "source.ip" => Attribute::SourceIp,
            "remote.ip" => Attribute::RemoteIp,
            "source.namespace" => Attribute::SourceNamespace,
            "source.principal" => Attribute::SourcePrincipal,
            "source.serviceAccount" => Attribute::SourceServiceAccount,
            "destination.ip" => Attribute::DestinationIp,
            "destination.port" => Attribute::DestinationPort,
            "connection.sni" => Attribute::Sni,
            "request.auth.principal" | "request.auth.audiences" | "request.auth.presenter" => {
                Attribute::Token
            }
            _ => return with_parameter(key),
        })
    }
}

fn with_parameter(key: &str) -> Option<Attribute> {
    let parameter = |prefix: &str| {
        let inner = key.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?;
        (!inner.is_empty()).then(|| inner.to_owned())
    };
    if let Some(name) = parameter("request.headers") {
        return Some(Attribute::Header(name));
    }
    if parameter("request.auth.claims").is_some() {
        return Some(Attribute::Token);
    }
    key.starts_with("experimental.envoy.filters.").then_some(Attribute::FilterMetadata)
}
