//! A serde deserializer over a tree of nodes, with Kubernetes' leniencies and exact places for
//! every mistake.
//!
//! The leniencies: `null` is the zero value of any type (as in Go), and field names may be written
//! in `snake_case` (as protobuf's JSON form allows).

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::irrelevant;
use super::mistakes::{Mistake, Place, Step, help_for_word};
use crate::diagnostic::codes;
use crate::source::{Entry, Node, Value};

/// The way from the root to a node, built on the stack.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn steps(&self) -> Vec<Step> {
        match self {
            Path::Root => Vec::new(),
            Path::Key(parent, key) => {
                let mut steps = parent.steps();
                steps.push(Step::Key((*key).to_owned()));
                steps
            }
            Path::Index(parent, index) => {
                let mut steps = parent.steps();
                steps.push(Step::Index(*index));
                steps
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    node: &'a Node,
    path: &'a Path<'a>,
    unknown: &'a RefCell<Vec<Mistake>>,
}

impl<'a> Reader<'a> {
    /// A reader of a whole tree. Fields that a type does not have go to `unknown`.
    pub(super) fn new(root: &'a Node, unknown: &'a RefCell<Vec<Mistake>>) -> Reader<'a> {
        Reader { node: root, path: &Path::Root, unknown }
    }

    /// Gives a mistake without a place this node's, and words a wrong type with what is here.
    fn placed<T>(self, result: Result<T, Mistake>) -> Result<T, Mistake> {
        result.map_err(|mistake| {
            if mistake.place.is_some() {
                return mistake;
            }
            let mut mistake = match mistake.code {
                codes::WRONG_TYPE if mistake.help.is_empty() => {
                    Mistake::wrong_type(self.node, &mistake.reason)
                }
                _ => mistake,
            };
            mistake.place =
                Some(Place { line: self.node.line, column: self.node.column, path: self.path.steps() });
            mistake
        })
    }

    fn items(self) -> Result<&'a [Node], Mistake> {
        match &self.node.value {
            Value::Sequence(items) => Ok(items),
            Value::Null => Ok(&[]),
            _ => Err(Mistake::wrong_type(self.node, "a sequence")),
        }
    }

    fn entries(self) -> Result<&'a [Entry], Mistake> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            _ => Err(Mistake::wrong_type(self.node, "a map")),
        }
    }

    /// The entries that a struct knows, under the names by which it knows them. The others are
    /// noted.
    fn known_entries(
        self,
        name: &str,
        fields: &[&'static str],
    ) -> Result<Vec<(&'a str, &'a Entry)>, Mistake> {
        let mut known = Vec::new();
        for entry in self.entries()? {
            let camel = camel_case(&entry.key);
            if let Some(field) = fields.iter().find(|field| **field == entry.key || **field == camel) {
                known.push((*field, entry));
            } else if !irrelevant::fields_of(name).contains(&entry.key.as_str()) {
                let mut path = self.path.steps();
                path.push(Step::Key(entry.key.clone()));
                self.unknown.borrow_mut().push(Mistake {
                    code: codes::UNKNOWN_FIELD,
                    reason: format!("there is no field `{}` here", entry.key),
                    help: help_for_word(&entry.key, fields),
                    place: Some(Place { line: entry.line, column: entry.column, path }),
                });
            }
        }
        Ok(known)
    }
}

/// `match_labels` as `matchLabels`.
fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut raise = false;
    for letter in snake.chars() {
        match letter {
            '_' => raise = !camel.is_empty(),
            _ if raise => {
                camel.push(letter.to_ascii_uppercase());
                raise = false;
            }
            _ => camel.push(letter),
        }
    }
    camel
}

/// Numbers and booleans: what is there, with `null` as zero.
macro_rules! scalar {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            match self.node.value {
                Value::Null => self.placed(visitor.visit_u64(0)),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_str(value),
            Value::Sequence(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
        };
        self.placed(result)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.value {
            Value::Null => self.placed(visitor.visit_bool(false)),
            _ => self.deserialize_any(visitor),
        }
    }

    scalar! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.value {
            Value::Null => self.placed(visitor.visit_str("")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let result = self.items().and_then(|items| visitor.visit_seq(Items { reader: self, items, next: 0 }));
        self.placed(result)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let result = self.entries().and_then(|entries| {
            let entries = entries.iter().map(|entry| (entry.key.as_str(), entry)).collect();
            visitor.visit_map(Fields::new(self, entries))
        });
        self.placed(result)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let known = self.known_entries(name, fields);
        self.placed(known.and_then(|entries| visitor.visit_map(Fields::new(self, entries))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let word = match &self.node.value {
            Value::String(word) => Ok(word.as_str()),
            // The zero value of an API's enum is its first.
            Value::Null => Ok(variants.first().copied().unwrap_or_default()),
            _ => Err(Mistake::wrong_type(self.node, "a string")),
        };
        self.placed(word.and_then(|word| visitor.visit_enum(Word(word))))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        let path = Path::Index(self.reader.path, self.next);
        self.next += 1;
        seed.deserialize(Reader { node, path: &path, unknown: self.reader.unknown }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

struct Fields<'a> {
    reader: Reader<'a>,
    entries: std::vec::IntoIter<(&'a str, &'a Entry)>,
    current: Option<&'a Entry>,
}

impl<'a> Fields<'a> {
    fn new(reader: Reader<'a>, entries: Vec<(&'a str, &'a Entry)>) -> Fields<'a> {
        Fields { reader, entries: entries.into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some((name, entry)) = self.entries.next() else { return Ok(None) };
        self.current = Some(entry);
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let entry =
            self.current.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        let path = Path::Key(self.reader.path, &entry.key);
        let reader = Reader { node: &entry.value, path: &path, unknown: self.reader.unknown };
        reader.placed(seed.deserialize(reader))
    }
}

/// A word that stands for a variant without content.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Mistake;
    type Variant = Word<'static>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Word<'static>), Mistake> {
        Ok((seed.deserialize(StrDeserializer::new(self.0))?, Word("")))
    }
}

impl<'de> VariantAccess<'de> for Word<'static> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(de::Error::custom("a word cannot hold a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("a word cannot hold a list"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("a word cannot hold a map"))
    }
}
