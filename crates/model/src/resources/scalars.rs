//! Scalars that the APIs write in more than one way: durations, ports by number or name, string
//! matches.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// A port by number or by name, as in a Kubernetes `targetPort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    Int(u16),
    String(String),
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = IntOrString;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a port number from 0 to 65535 or a port name")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrString, E> {
                u16::try_from(number)
                    .map(IntOrString::Int)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrString, E> {
                Err(E::invalid_value(de::Unexpected::Signed(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrString, E> {
                Ok(text
                    .parse()
                    .map(IntOrString::Int)
                    .unwrap_or_else(|_| IntOrString::String(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A test on a string. `{}` tests that it is there at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringMatch {
    Present,
    Exact(String),
    Prefix(String),
    /// RE2 syntax; the whole value must match.
    Regex(String),
}

impl<'de> Deserialize<'de> for StringMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FIELDS: &[&str] = &["exact", "prefix", "regex"];
        struct OneOf;
        impl<'de> Visitor<'de> for OneOf {
            type Value = StringMatch;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map with one of `exact`, `prefix`, `regex`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StringMatch, A::Error> {
                let mut found = StringMatch::Present;
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value::<String>()?;
                    if found != StringMatch::Present {
                        return Err(de::Error::custom("only one of `exact`, `prefix`, `regex` may be given"));
                    }
                    found = match key.as_str() {
                        "exact" => StringMatch::Exact(value),
                        "prefix" => StringMatch::Prefix(value),
                        "regex" => StringMatch::Regex(value),
                        other => return Err(de::Error::unknown_field(other, FIELDS)),
                    };
                }
                Ok(found)
            }
        }
        deserializer.deserialize_struct("StringMatch", FIELDS, OneOf)
    }
}

/// A protobuf or Go duration: `10s`, `1.5h`, `1m30s`, `100ms`. Negative ones are refused.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Some(total);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|&end| end > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let scale = match &rest[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        rest = &rest[unit..];
        total = total.checked_add(Duration::try_from_secs_f64(number * scale).ok()?)?;
    }
    Some(total)
}

/// For `deserialize_with`: an optional duration in text.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a duration such as 10s, 1.5h or 100ms")
        }

        fn visit_unit<E>(self) -> Result<Option<Duration>, E> {
            Ok(None)
        }

        // A number without a unit: the most common slip, and quotes would not cure it.
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<Duration>, E> {
            Err(E::invalid_value(de::Unexpected::Other(&format!("`{number}` without a unit")), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<Duration>, E> {
            parse_duration(text).map(Some).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Text)
}

/// For `deserialize_with`: a field whose mere presence counts, so that `mtls:` with nothing means
/// `mtls: {}`.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::<T>::deserialize(deserializer)?.unwrap_or_default()))
}

/// For `deserialize_with`: a map from port numbers, whose keys YAML may write with or without
/// quotes.
pub(super) fn by_port<'de, D, T>(deserializer: D) -> Result<BTreeMap<u16, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let named = BTreeMap::<String, T>::deserialize(deserializer)?;
    let numbered = named.into_iter().map(|(key, value)| match key.parse::<u16>() {
        Ok(port) if port > 0 => Ok((port, value)),
        _ => Err(de::Error::custom(format!("`{key}` is no port number from 1 to 65535"))),
    });
    numbered.collect()
}

#[cfg(test)]
mod tests;
