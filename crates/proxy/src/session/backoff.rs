//! How long to wait before a stream is opened again.

use std::time::Duration;

use rand::Rng;

/// Exponential, with jitter over the whole, so that a restarted server is not met by all its proxies at once. Short enough that they
/// are all back within a few seconds.
#[derive(Debug)]
pub(super) struct Backoff {
    ceiling: Duration,
}

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(3);

impl Backoff {
    pub fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// The stream worked: start over.
    pub fn reset(&mut self) {
        self.ceiling = FIRST;
    }

    pub async fn wait(&mut self) {
        let pause = self.ceiling.mul_f64(rand::rng().random_range(0.1..1.0));
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        tokio::time::sleep(pause).await;
    }
}
