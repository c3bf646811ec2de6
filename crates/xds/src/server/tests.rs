//! What a session says, told as conversations.

mod delta;
mod fixture;
mod nack;
mod ordering;
mod sotw;
