//! How much of a stage's progress is passed on: what an eye can follow, and never less than the last word on each part.

use std::time::{Duration, Instant};

use simpipe_stage::Progress;

/// Progress comes at most this often: ten a second are enough for any eye.
const EVERY: Duration = Duration::from_millis(100);

/// The progress of one stage under way.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When something was passed on, and the part of the work that it was about.
    last: Option<(Instant, String)>,
    /// What came after that, and was too soon.
    held: Option<Progress>,
}

impl Pace {
    /// What is passed on of a progress that comes now. A new beginning of the message is a new part of the work: it always
    /// is, and before it what was said last of the old part, which has the part's figures. The end is, too.
    pub(super) fn take(&mut self, progress: Progress, now: Instant) -> Vec<Progress> {
        let lead = progress.message.split(',').next().unwrap_or_default();
        let same = self.last.as_ref().is_some_and(|(_, old)| old == lead);
        let recent = self.last.as_ref().is_some_and(|(at, _)| now.saturating_duration_since(*at) < EVERY);
        if same && recent && progress.total != Some(progress.done) {
            self.held = Some(progress);
            return Vec::new();
        }
        let held = self.held.take().filter(|_| !same);
        self.last = Some((now, lead.to_owned()));
        held.into_iter().chain([progress]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_part_is_never_lost() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut said = |milliseconds: u64, done: u64, message: &str| {
            let progress = Progress { done, total: Some(9), unit: "steps", message: message.to_owned() };
            let passed = pace.take(progress, start + Duration::from_millis(milliseconds));
            passed.into_iter().map(|progress| progress.message).collect::<Vec<_>>()
        };
        assert_eq!(said(0, 1, "epoch 1, loss 3"), ["epoch 1, loss 3"]);
        assert!(said(10, 2, "epoch 1, loss 2").is_empty());
        assert!(said(20, 3, "epoch 1, loss 2, validation loss 1").is_empty());
        assert_eq!(said(30, 4, "epoch 2, loss 2"), ["epoch 1, loss 2, validation loss 1", "epoch 2, loss 2"]);
        assert!(said(40, 5, "epoch 2, loss 1").is_empty());
        // Newer news of the same part takes its place.
        assert_eq!(said(140, 6, "epoch 2, loss 0"), ["epoch 2, loss 0"]);
        assert!(said(150, 7, "epoch 2, validation loss 5").is_empty());
        assert_eq!(said(151, 7, "ended early"), ["epoch 2, validation loss 5", "ended early"]);
        assert_eq!(said(152, 9, "ended early"), ["ended early"]);
    }
}
