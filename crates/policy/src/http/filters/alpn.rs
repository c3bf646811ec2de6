//! The filter that says which protocols are offered upstream (`envoy.filters.http.set_filter_state`
//! with the key `envoy.network.application_protocols`): how Istio marks mesh traffic without a
//! filter of its own.
//!
//! Other keys are refused: nothing here would read them.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::substitution_format_string::Format as FormatPb;
use carrick_xds::pb::envoy::config::core::v3::{SubstitutionFormatString, data_source::Specifier};
use carrick_xds::pb::envoy::extensions::filters::common::set_filter_state::v3::FilterStateValue;
use carrick_xds::pb::envoy::extensions::filters::common::set_filter_state::v3::filter_state_value::{
    Key, SharedWithUpstream, Value,
};
use carrick_xds::pb::envoy::extensions::filters::http::set_filter_state::v3::Config;

use crate::access_log::Format;
use crate::config::tls::Alpn;

const KEY: &str = "envoy.network.application_protocols";

/// What is offered; nothing if the filter says nothing.
pub fn from_proto(pb: &Config) -> Result<Option<Alpn>, FieldError> {
    // No route looks at what is set here, so none has to be chosen again.
    let Config { on_request_headers, clear_route_cache: _ } = pb;
    let mut alpn = None;
    for (n, pb) in on_request_headers.iter().enumerate() {
        // The last one counts.
        alpn = Some(one(pb).map_err(|error| error.within(format!("on_request_headers[{n}]")))?);
    }
    Ok(alpn)
}

fn one(pb: &FilterStateValue) -> Result<Alpn, FieldError> {
    // Nobody else writes to it, and an empty list is refused below.
    let FilterStateValue { factory_key, read_only: _, shared_with_upstream, skip_if_empty: _, key, value } =
        pb;
    match key {
        Some(Key::ObjectKey(key)) if key == KEY => {}
        _ => return Err(FieldError::new("object_key", format!("only {KEY} is supported"))),
    }
    if !["", KEY].contains(&factory_key.as_str()) {
        return Err(FieldError::new("factory_key", format!("only {KEY} is supported")));
    }
    if SharedWithUpstream::try_from(*shared_with_upstream)
        .is_ok_and(|shared| shared == SharedWithUpstream::None)
    {
        let reason = "must be ONCE or TRANSITIVE: it is for the upstream connection";
        return Err(FieldError::new("shared_with_upstream", reason));
    }
    match value {
        Some(Value::FormatString(pb)) => protocols(pb).map_err(|error| error.within("format_string")),
        None => Err(FieldError::new("format_string", "is required")),
    }
}

fn protocols(pb: &SubstitutionFormatString) -> Result<Alpn, FieldError> {
    let text = match &pb.format {
        Some(FormatPb::TextFormatSource(source)) => match &source.specifier {
            Some(Specifier::InlineString(text)) => text,
            _ => return Err(FieldError::new("text_format_source", "only inline_string is supported")),
        },
        _ => return Err(FieldError::new("text_format_source", "is required")),
    };
    let place = |error: FieldError| error.within("inline_string").within("text_format_source");
    let format = Format::parse(text).map_err(place)?;
    let Some(text) = format.literal() else {
        return Err(place(FieldError::new("", "only fixed text is supported")));
    };
    let names: Alpn = text.split(',').map(|name| name.trim().as_bytes().to_vec()).collect();
    match names.iter().all(|name| (1..=255).contains(&name.len())) {
        true => Ok(names),
        false => Err(place(FieldError::new("", "must be names of 1 to 255 bytes, separated by commas"))),
    }
}
