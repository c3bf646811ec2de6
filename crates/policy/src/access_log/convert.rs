//! Access logs from protobuf: file, standard output and standard error loggers; others are refused.
//!
//! It must not know when entries are written.

use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::accesslog::v3::{self as pb, access_log::ConfigType};
use carrick_xds::pb::envoy::config::core::v3::SubstitutionFormatString;
use carrick_xds::pb::envoy::config::core::v3::substitution_format_string::Format as ProtoFormat;
use carrick_xds::pb::envoy::extensions::access_loggers::file::v3::{FileAccessLog, file_access_log};
use carrick_xds::pb::envoy::extensions::access_loggers::stream::v3::{
    StderrAccessLog, StdoutAccessLog, stderr_access_log, stdout_access_log,
};

use super::filter::Filter;
use super::format::Format;
use super::json::JsonFormat;
use super::{AccessLog, Layout};
use crate::config::typed::decode_if;

/// Envoy's default format (Envoy docs, "Default format string").
const DEFAULT_FORMAT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \
    \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

impl AccessLog {
    /// All of a field `access_log`.
    pub fn several(pb: &[pb::AccessLog]) -> Result<Vec<Arc<Self>>, FieldError> {
        let convert = |(n, pb)| {
            Self::from_proto(pb).map(Arc::new).map_err(|error| error.within(format!("access_log[{n}]")))
        };
        pb.iter().enumerate().map(convert).collect()
    }

    /// Refuses loggers, filters and format operators that are not implemented. No file is opened.
    pub fn from_proto(pb: &pb::AccessLog) -> Result<Self, FieldError> {
        // The name only labels the entry; the type of the configuration decides.
        let pb::AccessLog { name: _, filter, config_type } = pb;
        let filter =
            filter.as_ref().map(Filter::from_proto).transpose().map_err(|error| error.within("filter"))?;
        let Some(ConfigType::TypedConfig(any)) = config_type else {
            return Err(FieldError::new("typed_config", "is required"));
        };
        let (layout, path) = logger(any).map_err(|error| error.within("typed_config"))?;
        Ok(Self { filter, layout, path })
    }
}

fn logger(any: &prost_types::Any) -> Result<(Layout, String), FieldError> {
    if let Some(pb) = decode_if::<FileAccessLog>(any)? {
        if pb.path.is_empty() {
            return Err(FieldError::new("path", "is required"));
        }
        Ok((file_layout(&pb)?, pb.path))
    } else if let Some(StdoutAccessLog { access_log_format }) = decode_if(any)? {
        let format = access_log_format.map(|stdout_access_log::AccessLogFormat::LogFormat(format)| format);
        Ok((log_format(format.as_ref())?, "/dev/stdout".into()))
    } else if let Some(StderrAccessLog { access_log_format }) = decode_if(any)? {
        let format = access_log_format.map(|stderr_access_log::AccessLogFormat::LogFormat(format)| format);
        Ok((log_format(format.as_ref())?, "/dev/stderr".into()))
    } else {
        Err(FieldError::new("", format!("access logger {} is not supported", any.type_url)))
    }
}

fn file_layout(pb: &FileAccessLog) -> Result<Layout, FieldError> {
    match &pb.access_log_format {
        None => log_format(None),
        Some(file_access_log::AccessLogFormat::Format(text)) => text_layout(text, false, "format"),
        Some(file_access_log::AccessLogFormat::LogFormat(format)) => log_format(Some(format)),
        Some(
            file_access_log::AccessLogFormat::JsonFormat(object)
            | file_access_log::AccessLogFormat::TypedJsonFormat(object),
        ) => {
            let format =
                JsonFormat::from_proto(object, false).map_err(|error| error.within("json_format"))?;
            Ok(Layout::Json(format))
        }
    }
}

fn log_format(pb: Option<&SubstitutionFormatString>) -> Result<Layout, FieldError> {
    let Some(pb) = pb else { return text_layout(DEFAULT_FORMAT, false, "") };
    // content_type concerns local replies only; JSON properties are always sorted.
    let SubstitutionFormatString {
        omit_empty_values,
        content_type: _,
        formatters,
        json_format_options: _,
        format,
    } = pb;
    if let Some(formatter) = formatters.first() {
        let reason = format!("format extension {} is not supported", formatter.name);
        return Err(FieldError::new("log_format.formatters", reason));
    }
    match format {
        Some(ProtoFormat::TextFormat(text)) => {
            text_layout(text, *omit_empty_values, "log_format.text_format")
        }
        Some(ProtoFormat::TextFormatSource(source)) => {
            let text = inline(source).map_err(|error| error.within("log_format.text_format_source"))?;
            text_layout(&text, *omit_empty_values, "log_format.text_format_source")
        }
        Some(ProtoFormat::JsonFormat(object)) => JsonFormat::from_proto(object, *omit_empty_values)
            .map(Layout::Json)
            .map_err(|error| error.within("log_format.json_format")),
        None => Err(FieldError::new("log_format", "needs a text_format or a json_format")),
    }
}

fn text_layout(text: &str, omit_empty: bool, field: &str) -> Result<Layout, FieldError> {
    let format = Format::parse(text).map_err(|error| error.within(field))?;
    Ok(Layout::Text { format, missing: if omit_empty { "" } else { "-" } })
}

fn inline(source: &carrick_xds::pb::envoy::config::core::v3::DataSource) -> Result<String, FieldError> {
    use carrick_xds::pb::envoy::config::core::v3::data_source::Specifier;
    match &source.specifier {
        Some(Specifier::InlineString(text)) => Ok(text.clone()),
        Some(Specifier::InlineBytes(bytes)) => {
            String::from_utf8(bytes.clone()).map_err(|_| FieldError::new("inline_bytes", "is not UTF-8"))
        }
        Some(Specifier::Filename(_)) => {
            Err(FieldError::new("filename", "is not supported; give the text inline"))
        }
        Some(Specifier::EnvironmentVariable(_)) => {
            Err(FieldError::new("environment_variable", "is not supported; give the text inline"))
        }
        None => Err(FieldError::new("specifier", "is required")),
    }
}
