//! `carrick analyze` and `carrick explain`, by what the program prints.
//!
//! `golden/CODE-NAME/` holds the smallest federation that makes one mistake (`wrong/`), what the
//! program says of it (`expected.txt`), and the same federation without the mistake (`mended/`).
//! `UPDATE_GOLDEN=1` writes the texts anew; read the difference before you commit it.

// A failing unwrap or a panic here is a failing test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod command;
mod examples;
mod golden;
mod live;
mod sarif;
