//! Both ends of the protocol against each other, and against input that nobody honest writes.

mod convergence;
mod hostile;
mod snapshots;
mod world;
