//! Envoy's substitution format: text with `%OPERATOR(ARGUMENT):LENGTH%` in it, parsed once and
//! rendered per entry.
//!
//! Serves access logs and header values alike; it must not know where the text goes. An operator
//! that is not implemented is refused, so that a log never silently lacks a field.
//!
//! Reading order: [`operator`] (which facts can be asked for), [`render`] (how they are written),
//! [`clock`] (times).

mod clock;
mod operator;
mod render;

use carrick_xds::FieldError;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::entry::LogEntry;
pub use operator::Operator;

/// A parsed format.
#[derive(Debug, Clone)]
pub struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub enum Piece {
    Literal(String),
    Field(Field),
}

/// An operator, and how many characters of its value to keep.
#[derive(Debug, Clone)]
pub struct Field {
    pub operator: Operator,
    pub limit: Option<usize>,
}

/// What a format is rendered from.
#[derive(Debug, Clone, Copy)]
pub struct FormatContext<'a> {
    pub entry: &'a LogEntry,
    pub request: Headers<'a>,
    pub response: Headers<'a>,
    pub trailers: Headers<'a>,
}

/// Headers, as they are or as what was kept of them.
#[derive(Debug, Clone, Copy)]
pub enum Headers<'a> {
    Map(&'a HeaderMap),
    List(&'a [(HeaderName, HeaderValue)]),
}

impl<'a> FormatContext<'a> {
    /// The facts of a finished entry, with the headers that it kept.
    pub fn finished(entry: &'a LogEntry) -> Self {
        let http = entry.http.as_deref();
        Self {
            entry,
            request: Headers::List(http.map_or(&[], |http| &http.request_headers)),
            response: Headers::List(http.map_or(&[], |http| &http.response_headers)),
            trailers: Headers::List(http.map_or(&[], |http| &http.response_trailers)),
        }
    }
}

/// Which headers must be kept until an entry is logged.
#[derive(Debug, Clone, Default)]
pub struct WantedHeaders {
    pub request: Vec<HeaderName>,
    pub response: Vec<HeaderName>,
    pub trailers: Vec<HeaderName>,
}

impl WantedHeaders {
    pub fn request(&mut self, name: &HeaderName) {
        add(&mut self.request, name);
    }

    pub fn response(&mut self, name: &HeaderName) {
        add(&mut self.response, name);
    }

    pub fn trailer(&mut self, name: &HeaderName) {
        add(&mut self.trailers, name);
    }
}

fn add(names: &mut Vec<HeaderName>, name: &HeaderName) {
    if !names.contains(name) {
        names.push(name.clone());
    }
}

impl Format {
    /// Syntax: Envoy docs, "Substitution Formatting". `%%` is a percent sign.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                literal.push('%');
                rest = after;
                continue;
            }
            let (field, after) = operator::parse(rest)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(field));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// The operator, if the format is that one operator and nothing else: such values keep their
    /// type in JSON.
    pub fn single(&self) -> Option<&Field> {
        match self.pieces.as_slice() {
            [Piece::Field(field)] => Some(field),
            _ => None,
        }
    }

    /// The text itself, if nothing is substituted in it.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text; a fact that is missing reads `missing`.
    pub fn render(&self, context: FormatContext<'_>, missing: &str, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Field(field) => {
                    if !field.write(context, out) {
                        out.extend_from_slice(missing.as_bytes());
                    }
                }
            }
        }
    }

    pub fn want(&self, wanted: &mut WantedHeaders) {
        for piece in &self.pieces {
            if let Piece::Field(field) = piece {
                field.operator.want(wanted);
            }
        }
    }
}

#[cfg(test)]
mod tests;
