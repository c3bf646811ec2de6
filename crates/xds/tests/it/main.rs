//! Both ends of the protocol against each other, and against input that nobody honest writes; and
//! what is shown as JSON against Envoy.

mod convergence;
mod conversation;
mod envoy;
mod hostile;
mod snapshots;
mod sotw;
