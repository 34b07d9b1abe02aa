//! How images are divided that come without splits for everything: by chance, by shares of each class, or class by class.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Collection, HeldOut, Split};
use crate::cli::init::refusal::Refusal;
use crate::cli::toml_text::quoted;
use simpipe_base::param;
use simpipe_data::source::SplitCounts;
use simpipe_data::split::{ENOUGH, HELD_OUT, Split as Rule, TEST, TRAIN, Undivided, VALIDATION};

/// Shares of the classes that are held out of training, and tested.
const UNSEEN: (f64, f64) = (0.2, 0.4);
/// Fewer images of a class than this are not divided by chance, which might leave none, but by a share of each class.
const DIVIDED: usize = 150;
/// That share is one of so many.
const EACH: usize = 5;

impl Collection {
    /// Whether other classes are tested than trained on, and none are held out to find thresholds with: then all of them are
    /// divided anew, and that is noted.
    pub(super) fn is_divided_anew(&mut self) -> bool {
        let mut counts = self.train.counts.iter().zip(&self.test.counts);
        let apart = counts.all(|(train, test)| *train == 0 || *test == 0);
        let anew = apart && self.held_out.is_none() && self.can_be_unseen;
        if anew {
            let note = "no class of `test` is in `train`, and thresholds are found with classes of neither: the `split` of the \
                        dataset divides all classes anew; `simpipe docs split` has other ways";
            self.notes.push(note.to_owned());
        }
        anew
    }

    /// The same images with classes for testing that are never trained on.
    pub(super) fn by_class(mut self, source: &str, counts: &BTreeMap<String, Vec<usize>>) -> Result<Self, Refusal> {
        if self.pairs() == 0 {
            return Err(self.explained(self.lone()));
        }
        let [train, split, test] = unseen(&self.classes, counts).ok_or_else(|| {
            let message = format!("{} classes are too few to keep some unseen", self.classes.len());
            self.explained(Refusal::new(
                message,
                "leave out `--unseen-classes`, or use at least 7 classes of two images each",
            ))
        })?;
        let rule = Some(format!("{{ classes = {{ validation = {}, test = {} }} }}", UNSEEN.0, UNSEEN.1));
        let held_out = HeldOut { source: source.to_owned(), rule, train: train.clone(), split, by_class: true };
        (self.train, self.test, self.held_out) = (train, test, Some(held_out));
        Ok(self)
    }

    /// Of a table that says no splits, where classes are large: shares of the images for testing and validation.
    pub(super) fn tested_by_chance(mut self) -> Result<Self, Refusal> {
        if self.pairs() == 0 {
            return Err(self.explained(self.lone()));
        }
        if self.smallest() < DIVIDED {
            if self.can_be_stratified() {
                return Ok(self.tested_by_shares());
            }
            let message = "the table has no column `split`, and its classes are too small to split at random";
            let unseen = if self.can_be_unseen { "test whole classes with `--unseen-classes`, or " } else { "" };
            let help = format!("{unseen}add a column `split` of `train` and `test`");
            return Err(self.explained(Refusal::new(message, help)));
        }
        let part = |name: &str, percent: usize| Split {
            name: name.to_owned(),
            counts: self.train.counts.iter().map(|count| count * percent / 100).collect(),
        };
        // Chance gives a fifth to `test`, more or less: what is indexed and asked is surely there with three of four.
        let (train, held_out, test) = (part(TRAIN, 70), part(VALIDATION, 10), part(TEST, 15));
        let untested = part(TRAIN, 85);
        let rule = Some(format!("{{ images = {{ validation = {HELD_OUT}, test = 0.2 }} }}"));
        self.held_out = Some(HeldOut { source: self.source.clone(), rule, train, split: held_out, by_class: false });
        (self.train, self.test, self.exact) = (untested, test, false);
        Ok(self)
    }

    /// A folder of classes that its own rule leaves too few images to hold out of training: exact shares of each class, as of a
    /// table, where they are large enough, else as it is. `source` reads the folder undivided.
    pub(super) fn divided_by_shares(self, source: &str) -> Self {
        let counts = self.train.counts.iter().zip(&self.test.counts).map(|(train, test)| train + test).collect();
        let train = Split { name: TRAIN.to_owned(), counts };
        let whole = Self { source: source.to_owned(), train, ..self.clone() };
        if whole.can_be_stratified() { whole.tested_by_shares() } else { self }
    }

    /// Of such a table with smaller classes: exact shares of each class.
    fn tested_by_shares(mut self) -> Self {
        let split = |name: &str, counts: Vec<usize>| Split { name: name.to_owned(), counts };
        let (rest, test) = fifths(&self.train.counts, &self.train.counts);
        let (train, held_out) = fifths(&rest, &self.train.counts);
        self.held_out = Some(HeldOut {
            source: self.source.clone(),
            rule: Some("{ images = { validation = 0.2, test = 0.2, stratified = true } }".to_owned()),
            train: split(TRAIN, train),
            split: split(VALIDATION, held_out),
            by_class: false,
        });
        // Copies of an image stay together, which may move some.
        (self.train, self.test, self.exact) = (split(TRAIN, rest), split(TEST, test), false);
        self
    }

    /// Images of the smallest class that there is in training.
    fn smallest(&self) -> usize {
        self.train.counts.iter().copied().filter(|count| *count > 0).min().unwrap_or(0)
    }

    /// Whether a share of each class leaves, and gives, at least two images of two classes.
    fn can_be_stratified(&self) -> bool {
        self.train.counts.iter().filter(|count| **count >= ENOUGH).count() >= 2
    }

    /// Where nothing is held out yet and classes are large enough: a share of the training images, by chance or of each class;
    /// the splits `keep` as they are.
    pub(super) fn divided(mut self, keep: Vec<String>) -> Self {
        let by_chance = self.smallest() >= DIVIDED;
        // Images held out would join those of a split of that name.
        if self.held_out.is_some()
            || !(by_chance || self.can_be_stratified())
            || keep.iter().any(|name| name == VALIDATION)
        {
            return self;
        }
        // Without a kept `test` a fifth would become one, which nothing here looks at.
        let tested = if keep.iter().any(|name| name == TEST) { "" } else { "test = 0.0, " };
        let keep: Vec<String> = keep.iter().map(|name| quoted(name)).collect();
        let part = |tenths: usize| self.train.counts.iter().map(|count| count * tenths / 10).collect();
        let (share, (train, held_out)) = match by_chance {
            true => (format!("validation = {HELD_OUT}"), (part(9), part(1))),
            false => ("validation = 0.2, stratified = true".to_owned(), fifths(&self.train.counts, &self.train.counts)),
        };
        self.held_out = Some(HeldOut {
            source: self.source.clone(),
            rule: Some(format!("{{ images = {{ {share}, {tested}keep = [{}] }} }}", keep.join(", "))),
            train: Split { name: TRAIN.to_owned(), counts: train },
            split: Split { name: VALIDATION.to_owned(), counts: held_out },
            by_class: false,
        });
        self
    }
}

/// What is left of each class, and what goes, where a fifth of `all` its images, rounded up, is taken of those that are left:
/// the rule of `stratified`, which leaves one.
fn fifths(left: &[usize], all: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let taken = |(left, all): (&usize, &usize)| all.div_ceil(EACH).min(left.saturating_sub(1));
    let taken: Vec<usize> = left.iter().zip(all).map(taken).collect();
    (left.iter().zip(&taken).map(|(left, taken)| left - taken).collect(), taken)
}

/// Training, validation and test with classes of their own; `None` where one of them would not have two classes of two images.
pub(super) fn unseen(classes: &[String], counts: &BTreeMap<String, Vec<usize>>) -> Option<[Split; 3]> {
    let (validation, test) = UNSEEN;
    let division: Rule = param::from_json(&json!({ "classes": { "validation": validation, "test": test } }))
        .expect("the shares are valid");
    let splits = counts.iter().map(|(name, counts)| (name.clone(), SplitCounts::of_classes(counts.clone()))).collect();
    let found = division.counts(Undivided { classes: Some(classes), splits: Some(&splits), columns: None })?;
    let split = |name: &str| {
        let counts = found.get(name).and_then(|split| split.per_class.clone());
        Split { name: name.to_owned(), counts: counts.unwrap_or_else(|| vec![0; classes.len()]) }
    };
    let splits = [TRAIN, VALIDATION, TEST].map(split);
    let present = |split: &Split| split.counts.iter().filter(|count| **count > 1).count();
    splits.iter().all(|split| present(split) >= 2).then_some(splits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::collection::tests::small;

    #[test]
    fn a_table_without_splits_is_divided_where_its_classes_are_large() {
        let large = |images| Collection { test: Split { name: "test".into(), counts: vec![0; 8] }, ..small(images, 8) };
        let divided = large(201).tested_by_chance().unwrap();
        let held_out = divided.held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0], divided.test.counts[0]), (140, 20, 30));
        assert_eq!(held_out.rule.as_deref(), Some("{ images = { validation = 0.1, test = 0.2 } }"));
        let refused = large(7).tested_by_chance().unwrap_err();
        assert!(refused.help.contains("--unseen-classes") && refused.help.contains("column `split`"), "{refused:?}");
    }

    #[test]
    fn smaller_classes_give_an_exact_share_each() {
        let bare = Collection { test: Split { name: "test".into(), counts: vec![0; 8] }, ..small(10, 8) };
        let divided = bare.tested_by_chance().unwrap();
        let held_out = divided.held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0], divided.test.counts[0]), (5, 2, 2));
        assert_eq!(divided.train.counts[0], 7, "those that are held out are no test images");
        assert_eq!(held_out.rule.as_deref(), Some("{ images = { validation = 0.2, test = 0.2, stratified = true } }"));
        let held_out = small(13, 3).divided(vec!["test".to_owned()]).held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0]), (9, 3));
        let rule = "{ images = { validation = 0.2, stratified = true, keep = [\"test\"] } }";
        assert_eq!(held_out.rule.as_deref(), Some(rule));
        assert_eq!(small(6, 3).divided(vec!["test".to_owned()]).held_out, None, "too few to spare any");
        let of_folder = small(8, 3).divided_by_shares("undivided");
        let held_out = of_folder.held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0], of_folder.test.counts[0]), (4, 2, 2));
        assert_eq!((held_out.source.as_str(), of_folder.exact), ("undivided", false));
        assert_eq!(small(7, 3).divided_by_shares("undivided"), small(7, 3));
        assert_eq!(fifths(&[1, 2, 6, 0], &[1, 2, 6, 0]), (vec![1, 1, 4, 0], vec![0, 1, 2, 0]));
    }
}
