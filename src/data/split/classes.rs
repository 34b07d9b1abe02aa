//! Classes divided whole, by the digest of their names or as they are listed.

use super::{Part, TEST, TRAIN, VALIDATION, ordered_by, share_of};
use crate::sampler::{ClassRef, labels_of};
use simpipe_base::check;
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;

/// Classes that a message names; the rest is counted.
const NAMED: usize = 5;

simpipe_base::params! {
    /// Shares or lists of the classes; no class is in two splits.
    ///
    /// Shares are taken in the order of the digests of the classes' names: first `test`, then `validation`; the others are
    /// `train`. So the same names are divided in the same way everywhere, and a new class moves few others. Images of every
    /// split of the source are divided.
    ///
    /// # Example
    ///
    /// ```toml
    /// { classes = { validation = 0.1, test = 0.4 } }
    /// ```
    pub struct ClassShares {
        /// The list of classes to train on; default: all others.
        #[aka("train_classes", "base")]
        train: Option<Part> = None,
        /// The share or the list of classes that becomes `validation`; where there are `folds`, one of them is.
        #[aka("val", "val_size", "validation_classes", "dev")]
        validation: Part = Part::Share(0.0),
        /// The share or the list of classes that becomes `test`; default: half of the classes, or all unlisted ones if
        /// `train` is given.
        #[aka("test_size", "test_classes", "novel")]
        test: Option<Part> = None,
        /// For cross-validation by class: divides the classes that are not `test` into this many parts of equal size
        /// (give or take one). One of them is `validation`, the others are `train`.
        #[aka("k", "n_splits", "n_folds", "num_folds", "cv")]
        folds: Option<usize> = None => check::between(2, 10_000).optional(),
        /// Which of the folds is `validation`, from 0.
        #[aka("fold_index", "fold_id")]
        fold: usize = 0 => check::count(0),
        /// Any text. A different one divides differently.
        #[aka("seed", "random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

/// The share for testing that is taken where none is written.
const TESTED: f64 = 0.5;

/// Classes with their splits, while they are found.
struct Assigned<'a> {
    names: &'a [String],
    splits: Vec<Option<&'static str>>,
    problems: Vec<Issue>,
}

impl ClassShares {
    /// What is wrong whatever the classes are.
    pub(super) fn problems(&self) -> Vec<Issue> {
        let mut problems = Vec::new();
        if self.train.as_ref().is_some_and(|part| part.share().is_some()) {
            let help = "leave it out to train on all classes of no other split; `validation` and `test` take shares";
            problems.push(problem("train", "`train` takes a list of classes, not a share", help));
        }
        let shares = [Some(&self.validation).filter(|_| self.folds.is_none()), self.test.as_ref()];
        let sum: f64 = shares.into_iter().flatten().filter_map(Part::share).sum();
        if sum >= 1.0 {
            let message =
                format!("the shares for `{VALIDATION}` and `{TEST}` add up to {sum}, so nothing is left to train on");
            problems.push(problem("validation", message, "choose shares whose sum is below 1"));
        }
        match self.folds {
            Some(folds) if self.fold >= folds => {
                let message = format!("there is no fold {}: the {folds} folds are 0 to {}", self.fold, folds - 1);
                problems.push(problem("fold", message, format!("choose 0 to {}", folds - 1)));
            }
            None if self.fold > 0 => {
                let message = "`fold` chooses the fold for `validation`, but there are no folds";
                problems.push(problem("fold", message, "write `folds = 4` too"));
            }
            _ => {}
        }
        problems
    }

    /// A share that the folds make needless.
    pub(super) fn doubt(&self) -> Option<Issue> {
        let folds = self.folds.filter(|_| self.validation.is_wanted())?;
        let message = format!("`validation` has no effect here: fold {} of {folds} is the validation split", self.fold);
        Some(problem("validation", message, "leave out `validation` or `folds`"))
    }

    /// The split of every class.
    pub(super) fn assign(&self, names: &[String]) -> Result<Vec<&'static str>, Vec<Issue>> {
        let problems = self.problems();
        let mut assigned = Assigned { names, splits: vec![None; names.len()], problems };
        assigned.list("train", TRAIN, self.train.as_ref().map_or(&[], Part::listed));
        if self.folds.is_none() {
            assigned.list("validation", VALIDATION, self.validation.listed());
        }
        assigned.list("test", TEST, self.test.as_ref().map_or(&[], Part::listed));
        if !assigned.problems.is_empty() {
            return Err(assigned.problems);
        }
        self.share_out(&mut assigned);
        self.fold_out(&mut assigned);
        self.expect_all(&mut assigned);
        let Assigned { splits, problems, .. } = assigned;
        let known: Option<Vec<&'static str>> = splits.into_iter().collect();
        known.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Gives the classes that no list has to the shares, and what is then left to the split that takes the rest.
    fn share_out(&self, assigned: &mut Assigned<'_>) {
        let count = assigned.names.len();
        let mut free = assigned.by_digest(None, self.stream.as_deref()).into_iter();
        let listed = self.train.is_some();
        let tested = match &self.test {
            Some(part) => part.share().map_or(0, |share| share_of(count, share)),
            None if listed => 0,
            None => share_of(count, TESTED).min(count.saturating_sub(1)),
        };
        let validated = match self.folds {
            Some(_) => 0,
            None => self.validation.share().map_or(0, |share| share_of(count, share)),
        };
        for (split, count) in [(TEST, tested), (VALIDATION, validated)] {
            free.by_ref().take(count).for_each(|label| assigned.splits[label] = Some(split));
        }
        let rest = match (listed, &self.test) {
            (false, _) => TRAIN,
            (true, None) => TEST,
            (true, Some(_)) => return,
        };
        free.for_each(|label| assigned.splits[label] = Some(rest));
    }

    /// Makes one fold of the training classes the validation split.
    fn fold_out(&self, assigned: &mut Assigned<'_>) {
        let Some(folds) = self.folds else { return };
        let training = assigned.by_digest(Some(TRAIN), self.stream.as_deref());
        if training.len() < folds {
            let message = format!("{folds} folds of {} training classes", training.len());
            let help = format!("choose at most {} folds, or a smaller `test`", training.len());
            assigned.problems.push(problem("folds", message, help));
            return;
        }
        let of_fold = training.into_iter().enumerate().filter(|(at, _)| at % folds == self.fold);
        of_fold.for_each(|(_, label)| assigned.splits[label] = Some(VALIDATION));
    }

    /// No class may be left over, and no split that is asked for may be empty.
    fn expect_all(&self, assigned: &mut Assigned<'_>) {
        let left: Vec<&String> = assigned
            .names
            .iter()
            .zip(&assigned.splits)
            .filter(|(_, split)| split.is_none())
            .map(|(name, _)| name)
            .collect();
        if !left.is_empty() {
            let named: Vec<String> = left.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let more = if left.len() > NAMED { format!(" and {} more", left.len() - NAMED) } else { String::new() };
            let message = format!("classes in no split: {}{more}", named.join(", "));
            let help = "name them, or leave out `train` or `test`, which then takes all others";
            assigned.problems.push(problem("train", message, help));
        }
        let wanted = [
            (TRAIN, true),
            (VALIDATION, self.folds.is_none() && self.validation.is_wanted()),
            (TEST, self.test.as_ref().is_none_or(Part::is_wanted)),
        ];
        for (split, _) in
            wanted.into_iter().filter(|(split, wanted)| *wanted && !assigned.splits.contains(&Some(*split)))
        {
            let count = assigned.names.len();
            let message = format!("the split `{split}` gets none of the {count} classes");
            assigned.problems.push(problem(split, message, "choose other shares or lists; every split needs a class"));
        }
    }
}

impl Assigned<'_> {
    /// Takes the classes of a list.
    fn list(&mut self, field: &str, split: &'static str, list: &[ClassRef]) {
        for (at, class) in list.iter().enumerate() {
            let path = format!("{field}[{at}]");
            match labels_of(self.names, class) {
                Ok(labels) => {
                    for label in labels {
                        if let Some(other) = self.splits[label] {
                            let message = format!("the class `{}` is already in `{other}`", self.names[label]);
                            self.problems.push(problem(&path, message, "list each class once"));
                        }
                        self.splits[label] = Some(split);
                    }
                }
                Err((message, help)) => self.problems.push(problem(&path, message, help)),
            }
        }
    }

    /// Classes of a split, or of none yet, in the order of their names' digests.
    fn by_digest(&self, split: Option<&str>, stream: Option<&str>) -> Vec<usize> {
        let of_split = |label: &usize| self.splits[*label] == split;
        let keyed = (0..self.names.len()).filter(of_split).map(|label| (ordered_by(&self.names[label], stream), label));
        let mut keyed: Vec<(Digest, usize)> = keyed.collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, label)| label).collect()
    }
}

fn problem(path: &str, message: impl Into<String>, help: impl Into<String>) -> Issue {
    Issue::of(path, message).help(help)
}
