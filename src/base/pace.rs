//! Whether a transfer moves: one that brings a byte now and then would hold whoever waits for it for ever.

use std::fmt;
use std::time::{Duration, Instant};

/// How much has to come within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Least {
    /// Bytes.
    pub bytes: u64,
    /// Within each stretch of this length.
    pub within: Duration,
}

impl Least {
    /// 1 kB/s: less than any network that is worth waiting for.
    #[must_use]
    pub const fn over(within: Duration) -> Self {
        Self { bytes: within.as_millis() as u64, within }
    }
}

impl fmt::Display for Least {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "less than {} bytes in {:?}", self.bytes, self.within)
    }
}

/// Watches one transfer.
#[derive(Debug)]
pub struct Pace {
    least: Least,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// The transfer begins now.
    #[must_use]
    pub fn new(least: Least) -> Self {
        Self { least, since: Instant::now(), bytes: 0 }
    }

    /// Some bytes have come.
    pub const fn moved(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether a stretch has passed in which too little came.
    pub fn stalled(&mut self) -> bool {
        if self.since.elapsed() < self.least.within {
            return false;
        }
        let stalled = self.bytes < self.least.bytes;
        (self.since, self.bytes) = (Instant::now(), 0);
        stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_has_to_bring_enough() {
        let mut pace = Pace::new(Least { bytes: 10, within: Duration::ZERO });
        pace.moved(10);
        assert!(!pace.stalled());
        pace.moved(9);
        assert!(pace.stalled(), "what came before does not count");
        let mut patient = Pace::new(Least::over(Duration::from_secs(3600)));
        assert!(!patient.stalled());
        assert_eq!(Least::over(Duration::from_secs(30)).to_string(), "less than 30000 bytes in 30s");
    }
}
