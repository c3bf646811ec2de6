//! Header manipulation that routes ask for: headers to remove, then headers to add, with `%...%`
//! values.
//!
//! It must not know which level of the configuration a rule came from.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use carrick_xds::pb::envoy::config::core::v3::{HeaderValue as HeaderValuePb, HeaderValueOption};
use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::access_log::{Format, FormatContext};

/// What one level of the configuration says about headers.
#[derive(Debug, Default)]
pub struct HeaderRules {
    request: Mutations,
    response: Mutations,
}

#[derive(Debug, Default)]
struct Mutations {
    remove: Vec<HeaderName>,
    add: Vec<Addition>,
}

#[derive(Debug)]
struct Addition {
    name: HeaderName,
    value: AddedValue,
    action: HeaderAppendAction,
    keep_empty: bool,
}

#[derive(Debug)]
enum AddedValue {
    Fixed(HeaderValue),
    Formatted(Format),
}

/// Renders the values that are not fixed. Built only when one is met.
pub type MutationContext<'a> = &'a dyn Fn(&HeaderMap, &Format) -> Vec<u8>;

impl HeaderRules {
    /// `scope` is the message that has the four fields.
    pub(super) fn from_proto(
        request_add: &[HeaderValueOption],
        request_remove: &[String],
        response_add: &[HeaderValueOption],
        response_remove: &[String],
    ) -> Result<Self, FieldError> {
        Ok(Self {
            request: Mutations {
                remove: removals(request_remove, "request_headers_to_remove")?,
                add: additions(request_add, "request_headers_to_add")?,
            },
            response: Mutations {
                remove: removals(response_remove, "response_headers_to_remove")?,
                add: additions(response_add, "response_headers_to_add")?,
            },
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }

    pub fn apply_to_request(&self, headers: &mut HeaderMap, render: MutationContext<'_>) {
        self.request.apply(headers, render);
    }

    pub fn apply_to_response(&self, headers: &mut HeaderMap, render: MutationContext<'_>) {
        self.response.apply(headers, render);
    }
}

impl Mutations {
    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    fn apply(&self, headers: &mut HeaderMap, render: MutationContext<'_>) {
        for name in &self.remove {
            headers.remove(name);
        }
        for addition in &self.add {
            let value = match &addition.value {
                AddedValue::Fixed(value) => value.clone(),
                AddedValue::Formatted(format) => {
                    // A fact may hold what a header cannot; then there is no such header.
                    let Ok(value) =
                        HeaderValue::from_maybe_shared(bytes::Bytes::from(render(headers, format)))
                    else {
                        continue;
                    };
                    value
                }
            };
            if !value.is_empty() || addition.keep_empty {
                addition.put(headers, value);
            }
        }
    }
}

impl Addition {
    fn put(&self, headers: &mut HeaderMap, value: HeaderValue) {
        match (self.action, headers.entry(&self.name)) {
            (HeaderAppendAction::AppendIfExistsOrAdd, Entry::Occupied(mut entry)) => entry.append(value),
            (HeaderAppendAction::OverwriteIfExists, Entry::Vacant(_))
            | (HeaderAppendAction::AddIfAbsent, Entry::Occupied(_)) => {}
            (_, Entry::Occupied(mut entry)) => {
                entry.insert(value);
            }
            (_, Entry::Vacant(entry)) => {
                entry.insert(value);
            }
        }
    }
}

fn removals(names: &[String], field: &str) -> Result<Vec<HeaderName>, FieldError> {
    let parse = |(index, name): (usize, &String)| {
        modifiable(name).map_err(|reason| FieldError::new(format!("{field}[{index}]"), reason))
    };
    names.iter().enumerate().map(parse).collect()
}

fn additions(options: &[HeaderValueOption], field: &str) -> Result<Vec<Addition>, FieldError> {
    let convert = |(index, option)| {
        Addition::from_proto(option).map_err(|error| error.within(format!("{field}[{index}]")))
    };
    options.iter().enumerate().map(convert).collect()
}

impl Addition {
    fn from_proto(pb: &HeaderValueOption) -> Result<Self, FieldError> {
        let HeaderValueOption { header, append, append_action, keep_empty_value } = pb;
        let Some(HeaderValuePb { key, value, raw_value }) = header else {
            return Err(FieldError::new("header", "is required"));
        };
        let name = modifiable(key).map_err(|reason| FieldError::new("header.key", reason))?;
        let mut action = HeaderAppendAction::try_from(*append_action)
            .map_err(|_| FieldError::new("append_action", format!("unknown action {append_action}")))?;
        match append {
            Some(_) if action != HeaderAppendAction::AppendIfExistsOrAdd => {
                return Err(FieldError::new("append", "cannot be given together with append_action"));
            }
            Some(false) => action = HeaderAppendAction::OverwriteIfExistsOrAdd,
            Some(true) | None => {}
        }
        let text = match (value.as_str(), raw_value.as_slice()) {
            (text, []) => text,
            ("", raw) => {
                std::str::from_utf8(raw).map_err(|_| FieldError::new("header.raw_value", "is not UTF-8"))?
            }
            _ => return Err(FieldError::new("header", "value and raw_value cannot both be given")),
        };
        let format = Format::parse(text).map_err(|error| error.within("header.value"))?;
        let value =
            match format.literal() {
                Some(literal) => AddedValue::Fixed(HeaderValue::from_str(literal).map_err(|_| {
                    FieldError::new("header.value", "has characters that a header cannot have")
                })?),
                None => AddedValue::Formatted(format),
            };
        Ok(Self { name, value, action, keep_empty: *keep_empty_value })
    }
}

/// The routing itself must not be changed behind its back (Envoy: ":-prefixed or host headers may
/// not be modified").
fn modifiable(name: &str) -> Result<HeaderName, String> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(format!("{name} may not be changed here; use host_rewrite_literal or prefix_rewrite"));
    }
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))
}

/// Renders with the facts of the request so far.
pub fn render(format: &Format, context: FormatContext<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    format.render(context, "", &mut value);
    value
}
