//! Refusing, by field path, what a message sets and this proxy does not obey.
//!
//! A conversion takes its message apart with every field named, so that the compiler finds the one
//! that is forgotten, and hands those that it does not obey to [`refuse!`]. It must not know what
//! any field means.

use std::collections::BTreeMap;

use carrick_xds::FieldError;

/// A field of a message, which may say something or nothing.
pub trait Field {
    /// A plain number, text or flag says nothing when it has its default: protobuf does not send it
    /// then.
    fn is_set(&self) -> bool;
}

impl<T> Field for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl<T> Field for Vec<T> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> Field for BTreeMap<K, V> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl Field for String {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl Field for bool {
    fn is_set(&self) -> bool {
        *self
    }
}

/// Of enumerations too.
impl Field for i32 {
    fn is_set(&self) -> bool {
        *self != 0
    }
}

impl Field for u32 {
    fn is_set(&self) -> bool {
        *self != 0
    }
}

/// # Errors
/// The field says something.
pub fn unless_unset(name: &str, field: &impl Field) -> Result<(), FieldError> {
    match field.is_set() {
        // A word of Rust's own, such as `r#type`, is called so only here.
        true => Err(FieldError::new(name.trim_start_matches("r#"), "is not implemented")),
        false => Ok(()),
    }
}

/// Returns from the function with an error that names the first of these fields that is set.
macro_rules! refuse {
    ($($field:ident),* $(,)?) => {
        $($crate::config::refuse::unless_unset(stringify!($field), $field)?;)*
    };
}
pub(crate) use refuse;
