//! Access logs in Istio's default formats. It must not know who logs.

use carrick_model::mesh::AccessLogEncoding;
use carrick_model::{AccessLog as Settings, MeshSettings};
use prost_types::Struct;

use crate::envoy::accesslog::access_log_filter::FilterSpecifier;
use crate::envoy::accesslog::{AccessLog, AccessLogFilter, ResponseFlagFilter, access_log::ConfigType};
use crate::envoy::any;
use crate::envoy::core::substitution_format_string::Format;
use crate::envoy::core::{DataSource, SubstitutionFormatString, data_source};
use crate::rule::string;
use carrick_xds::pb::envoy::extensions::access_loggers::file::v3::{FileAccessLog, file_access_log};

/// Istio's default line (`pilot/pkg/model/telemetry_logging.go`, `EnvoyTextLogFormat`; Istio docs,
/// "Envoy Access Logs").
const ISTIO_TEXT_FORMAT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% ",
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
);

/// The same facts by name.
const ISTIO_JSON_FIELDS: [(&str, &str); 24] = [
    ("start_time", "%START_TIME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("route_name", "%ROUTE_NAME%"),
];

/// What every filter logs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs {
    all: Vec<AccessLog>,
    /// TCP connections are logged when they are established, too.
    pub on_connect: bool,
}

impl Logs {
    pub(crate) fn of_mesh(settings: &MeshSettings) -> Self {
        let on_connect = settings.access_log.as_ref().is_some_and(|log| log.on_connect);
        Self { all: settings.access_log.iter().map(of_mesh).collect(), on_connect }
    }
}

impl std::ops::Deref for Logs {
    type Target = [AccessLog];

    fn deref(&self) -> &[AccessLog] {
        &self.all
    }
}

/// The log that the mesh's settings ask for: one line per request or connection.
fn of_mesh(settings: &Settings) -> AccessLog {
    let format = match settings.encoding {
        AccessLogEncoding::Text => {
            let own = settings.format.as_str();
            let line = if own.is_empty() { ISTIO_TEXT_FORMAT } else { own };
            Format::TextFormatSource(DataSource {
                specifier: Some(data_source::Specifier::InlineString(line.into())),
                ..Default::default()
            })
        }
        AccessLogEncoding::Json => Format::JsonFormat(json_fields(&settings.fields)),
    };
    let file = FileAccessLog {
        path: settings.path.clone(),
        access_log_format: Some(file_access_log::AccessLogFormat::LogFormat(SubstitutionFormatString {
            format: Some(format),
            ..Default::default()
        })),
    };
    AccessLog {
        name: "envoy.access_loggers.file".into(),
        filter: None,
        config_type: Some(ConfigType::TypedConfig(any(&file))),
    }
}

/// These fields, or Istio's default ones (`EnvoyJSONLogFormatIstio`).
fn json_fields(own: &[(String, String)]) -> Struct {
    let istio = ISTIO_JSON_FIELDS.iter().map(|(name, operator)| ((*name).to_owned(), string(operator)));
    let fields = match own {
        [] => istio.collect(),
        own => own.iter().map(|(name, operator)| (name.clone(), string(operator))).collect(),
    };
    Struct { fields }
}

/// The same for listeners: only connections that found no chain (`NR`), because chains log the
/// others themselves.
pub(crate) fn unmatched_only(log: &AccessLog) -> AccessLog {
    let no_route = ResponseFlagFilter { flags: vec!["NR".into()] };
    AccessLog {
        filter: Some(AccessLogFilter {
            filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(no_route)),
        }),
        ..log.clone()
    }
}
