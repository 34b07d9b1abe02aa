//! How long to wait for a server.

use std::time::Duration;

use simpipe_base::pace::Least;

/// The environment variables of [`Limits`].
const TIMEOUT_VARIABLE: &str = "SIMPIPE_STORE_TIMEOUT";
const RETRY_VARIABLE: &str = "SIMPIPE_STORE_RETRY";

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For an answer, or for the next bytes of one.
    pub(super) answer: Duration,
    /// From the first try of a request to the last.
    pub(super) retry: Duration,
}

impl Limits {
    /// For transfers: `SIMPIPE_STORE_TIMEOUT` and `SIMPIPE_STORE_RETRY`, in seconds.
    pub(super) fn of_environment() -> Self {
        Self { answer: seconds(TIMEOUT_VARIABLE, 60.0), retry: seconds(RETRY_VARIABLE, 60.0) }
    }

    /// How much of a body has to come: one that stands still is found out after the time limit of an answer, one that
    /// crawls after half a minute.
    pub(super) fn least(self) -> Least {
        Least::over(self.answer.min(Duration::from_secs(30)))
    }

    /// For the first contact: whoever mistyped an address wants to know soon.
    pub(super) fn of_first_contact(self) -> Self {
        const PATIENCE: Duration = Duration::from_secs(10);
        Self { answer: self.answer.min(PATIENCE), retry: self.retry.min(PATIENCE) }
    }
}

/// A positive number of seconds from the environment.
fn seconds(variable: &str, default: f64) -> Duration {
    let given = std::env::var(variable).ok().and_then(|text| text.trim().parse::<f64>().ok());
    let good = given.filter(|seconds| (0.01..=86_400.0).contains(seconds));
    Duration::from_secs_f64(good.unwrap_or(default))
}
