//! DNS for one cluster: the names that the mesh owns are answered here, every other question is
//! relayed.
//!
//! This crate knows names, addresses and packets. It does not know Istio, xDS or YAML: whoever
//! builds a [`NameTable`] has already decided what each host resolves to.
//!
//! Reading order: `table` is what is known, `query` is what was asked, `answer` decides (pure, no
//! socket), `reply` writes packets, `settings` is what the operator chooses, `relay` asks the
//! upstream, `server` owns the sockets.

mod table;

mod query;

mod answer;

mod reply;

mod settings;

mod relay;

mod server;

pub use answer::{Decision, TTL, answer};
pub use query::Transport;
pub use server::serve;
pub use settings::Settings;
pub use table::{NameError, NameTable};
