//! What several test programs use: a client that sends exactly the bytes it is told to, and a server that tells what it received.

#![allow(dead_code, reason = "each test program uses its part of this")]

pub mod raw;
pub mod teller;
pub mod teller2;
