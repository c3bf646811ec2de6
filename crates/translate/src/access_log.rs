//! Access logs in Istio's default text format. It must not know who logs.

use crate::envoy::accesslog::access_log_filter::FilterSpecifier;
use crate::envoy::accesslog::{AccessLog, AccessLogFilter, ResponseFlagFilter, access_log::ConfigType};
use crate::envoy::any;
use crate::envoy::core::{DataSource, SubstitutionFormatString, data_source, substitution_format_string};
use carrick_xds::pb::envoy::extensions::access_loggers::file::v3::{FileAccessLog, file_access_log};

/// Istio's default line (`pilot/pkg/model/telemetry_logging.go`, `EnvoyTextLogFormat`; Istio docs, "Envoy Access Logs").
const ISTIO_TEXT_FORMAT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% ",
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
);

/// One line per request or connection to `path`, for filters.
pub fn to_file(path: &str) -> AccessLog {
    let text = data_source::Specifier::InlineString(ISTIO_TEXT_FORMAT.into());
    let format = SubstitutionFormatString {
        format: Some(substitution_format_string::Format::TextFormatSource(DataSource {
            specifier: Some(text),
            ..Default::default()
        })),
        ..Default::default()
    };
    let file = FileAccessLog {
        path: path.into(),
        access_log_format: Some(file_access_log::AccessLogFormat::LogFormat(format)),
    };
    AccessLog {
        name: "envoy.access_loggers.file".into(),
        filter: None,
        config_type: Some(ConfigType::TypedConfig(any(&file))),
    }
}

/// The same for listeners: only connections that found no chain (`NR`), because chains log the others themselves.
pub fn of_unmatched(log: &AccessLog) -> AccessLog {
    let no_route = ResponseFlagFilter { flags: vec!["NR".into()] };
    AccessLog {
        filter: Some(AccessLogFilter {
            filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(no_route)),
        }),
        ..log.clone()
    }
}
