//! `json_format`: a structure whose strings are formats, rendered to one JSON object per entry.
//!
//! It must not know the operators.

use carrick_xds::FieldError;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::format::{Format, FormatContext, WantedHeaders};

/// A parsed `json_format`.
#[derive(Debug, Clone)]
pub(super) struct JsonFormat {
    root: Node,
    omit_empty: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(Format),
    Fixed(serde_json::Value),
}

impl JsonFormat {
    pub(super) fn from_proto(pb: &Struct, omit_empty: bool) -> Result<Self, FieldError> {
        Ok(Self { root: Node::object(pb)?, omit_empty })
    }

    pub(super) fn render(&self, context: FormatContext<'_>, out: &mut Vec<u8>) {
        let value = self.root.value(context, self.omit_empty).unwrap_or(serde_json::Value::Null);
        // Writing to a Vec cannot fail, and a JSON value always serialises.
        let _ = serde_json::to_writer(out, &value);
    }

    pub(super) fn want(&self, wanted: &mut WantedHeaders) {
        self.root.want(wanted);
    }
}

/// Protobuf knows only floating-point numbers here; a whole one is written without a point.
fn number_value(number: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.fract() == 0.0 && number.abs() < EXACT {
        true => (number as i64).into(),
        false => number.into(),
    }
}

impl Node {
    fn object(pb: &Struct) -> Result<Self, FieldError> {
        let field = |(key, value): (&String, &Value)| match Self::from_proto(value) {
            Ok(node) => Ok((key.clone(), node)),
            Err(error) => Err(error.within(key)),
        };
        Ok(Self::Object(pb.fields.iter().map(field).collect::<Result<_, _>>()?))
    }

    fn list(pb: &ListValue) -> Result<Self, FieldError> {
        let item =
            |(index, value)| Self::from_proto(value).map_err(|error| error.within(format!("[{index}]")));
        Ok(Self::List(pb.values.iter().enumerate().map(item).collect::<Result<_, _>>()?))
    }

    fn from_proto(pb: &Value) -> Result<Self, FieldError> {
        match &pb.kind {
            Some(Kind::StringValue(text)) => Ok(Self::Text(Format::parse(text)?)),
            Some(Kind::StructValue(object)) => Self::object(object),
            Some(Kind::ListValue(list)) => Self::list(list),
            Some(Kind::NumberValue(number)) => Ok(Self::Fixed(number_value(*number))),
            Some(Kind::BoolValue(value)) => Ok(Self::Fixed((*value).into())),
            Some(Kind::NullValue(_)) | None => Ok(Self::Fixed(serde_json::Value::Null)),
        }
    }

    /// `None` where the value is missing and is to be left out.
    fn value(&self, context: FormatContext<'_>, omit_empty: bool) -> Option<serde_json::Value> {
        match self {
            Self::Object(fields) => {
                let field =
                    |(key, node): &(String, Self)| Some((key.clone(), node.value(context, omit_empty)?));
                Some(serde_json::Value::Object(fields.iter().filter_map(field).collect()))
            }
            Self::List(items) => {
                Some(items.iter().filter_map(|node| node.value(context, omit_empty)).collect())
            }
            Self::Text(format) => match format.single() {
                Some(field) => match field.json(context) {
                    None if omit_empty => None,
                    value => Some(value.unwrap_or(serde_json::Value::Null)),
                },
                None => {
                    let mut text = Vec::new();
                    format.render(context, if omit_empty { "" } else { "-" }, &mut text);
                    Some(String::from_utf8_lossy(&text).into())
                }
            },
            Self::Fixed(value) => Some(value.clone()),
        }
    }

    fn want(&self, wanted: &mut WantedHeaders) {
        match self {
            Self::Object(fields) => fields.iter().for_each(|(_, node)| node.want(wanted)),
            Self::List(items) => items.iter().for_each(|node| node.want(wanted)),
            Self::Text(format) => format.want(wanted),
            Self::Fixed(_) => {}
        }
    }
}
