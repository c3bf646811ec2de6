//! Text becomes typed resources. Nothing here asks whether a resource makes sense; that is [`crate::validate`].

mod positions;

pub(crate) mod node;

pub use positions::Positions;
