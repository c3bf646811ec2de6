//! What proxies write into their access logs where a path is to be measured by them.
//!
//! It must not know who reads them.

use carrick_model::AccessLog;
use carrick_model::mesh::AccessLogEncoding;

/// Fields from which a flow record can be made: what Envoy knows of a request or connection.
/// ClientHello.random is not among it.
pub const FLOW_FIELDS: [(&str, &str); 31] = [
    ("flow", "v1"),
    ("start", "%START_TIME(%s.%6f)%"),
    ("connection", "%CONNECTION_ID%"),
    ("chain", "%FILTER_CHAIN_NAME%"),
    ("route", "%ROUTE_NAME%"),
    ("cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("downstream_remote", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"),
    ("downstream_local", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("sni", "%REQUESTED_SERVER_NAME%"),
    ("downstream_tls", "%DOWNSTREAM_TLS_VERSION%"),
    ("downstream_group", "%DOWNSTREAM_TLS_GROUP%"),
    ("downstream_cipher", "%DOWNSTREAM_TLS_CIPHER%"),
    ("downstream_local_id", "%DOWNSTREAM_LOCAL_URI_SAN%"),
    ("downstream_peer_id", "%DOWNSTREAM_PEER_URI_SAN%"),
    ("upstream_tls", "%UPSTREAM_TLS_VERSION%"),
    ("upstream_group", "%UPSTREAM_TLS_GROUP%"),
    ("upstream_cipher", "%UPSTREAM_TLS_CIPHER%"),
    ("upstream_local_id", "%UPSTREAM_LOCAL_URI_SAN%"),
    ("upstream_peer_id", "%UPSTREAM_PEER_URI_SAN%"),
    ("method", "%REQ(:METHOD)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("code", "%RESPONSE_CODE%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("details", "%RESPONSE_CODE_DETAILS%"),
    ("termination", "%CONNECTION_TERMINATION_DETAILS%"),
    ("first_byte", "%RESPONSE_DURATION%"),
    ("duration", "%DURATION%"),
];

/// The log with these fields, to the proxy's own output, where `carrick logs` finds it. It takes
/// the place of what the federation file asks for.
pub fn flow() -> AccessLog {
    AccessLog {
        path: "/dev/stdout".into(),
        encoding: AccessLogEncoding::Json,
        fields: FLOW_FIELDS.iter().map(|(name, operator)| ((*name).into(), (*operator).into())).collect(),
        // A connection that is still open has to be seen too.
        on_connect: true,
        ..AccessLog::default()
    }
}
