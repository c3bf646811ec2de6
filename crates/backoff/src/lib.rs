//! How long to wait before the next attempt: exponential, with jitter over nearly the whole pause,
//! so that those who failed together do not come back together.
//!
//! Pure but for randomness: it must not know the time, nor what is attempted; waiting is the
//! caller's.

use std::time::Duration;

use rand::Rng;

/// The least part of the ceiling that a pause takes, so that no attempt follows at once.
const LEAST: f64 = 0.1;

/// The pauses between the attempts of one caller.
///
/// Each pause is drawn between a tenth of a ceiling and the ceiling, which doubles from attempt to
/// attempt ("full jitter", as of Envoy's `JitteredExponentialBackOffStrategy`, with a floor).
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// `first` is the ceiling of the first pause, `longest` that of all others.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, ceiling: first.min(longest) }
    }

    /// An attempt succeeded: the next failure starts over.
    pub fn reset(&mut self) {
        self.ceiling = self.first.min(self.longest);
    }

    /// How long to wait now, after one more failure.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.ceiling.mul_f64(rand::rng().random_range(LEAST..1.0));
        self.ceiling = self.ceiling.saturating_mul(2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests;
