//! The finding on a network that was not trained: whoever reads its numbers must not take them for those of a training.

use super::{Finding, ReportData};

/// Whether no step was run.
pub(super) fn finding(data: &ReportData) -> Option<Finding> {
    if !data.is_untrained() || data.matches.0.is_empty() {
        return None;
    }
    let text = "No training step was run: these are the numbers of a network that this experiment has not trained.";
    Some(Finding { name: NAME, flaw: false, text: text.to_owned() })
}

/// The name of the finding, which stands before all others.
pub(super) const NAME: &str = "untrained";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{findings, synthetic};

    #[test]
    fn a_network_without_a_step_is_the_first_finding() {
        let mut data = synthetic::small();
        assert!(finding(&data).is_none());
        data.model.steps = 0;
        let first = findings(&data, None).remove(0);
        assert_eq!((first.name, first.flaw), (NAME, false));
        assert!(first.text.starts_with("No training step was run:"), "{}", first.text);
        data.absent = ["training"].into();
        assert!(finding(&data).is_none(), "nothing is known of a training");
    }
}
