//! Stories about connections: real sockets on loopback, real TLS, a real xDS server.

mod authority;
mod control;
mod draining;
mod dynamic;
mod hellos;
mod identities;
mod peers;
mod relaying;
mod world;
