//! The pool of a sampler: checked against what is known of the dataset, then drawn.
//!
//! Nothing of the batch shape enters the draw: two samplers that differ only in that have the same pool.

use std::collections::{BTreeMap, BTreeSet};

use super::class_list::{ClassList, ClassRef, Written, item};
use super::classes::Classes;
use super::{Sampler, draw};
use simpipe_artifact::{Samples, split_name};
use simpipe_base::issue::Issue;
use simpipe_base::seed::Seed;

/// Classes that a message names; the rest is counted.
const NAMED: usize = 3;
/// Items of a list that are reported: each is compared with every class for a name that may be meant.
const PROBLEMS: usize = 20;

/// What a pool is drawn from, and how.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    /// The split drawn from.
    pub split: &'a str,
    /// The classes.
    pub class_list: &'a ClassList,
    /// How many examples of each class are drawn, without replacement; all if `None`.
    pub total_examples_per_class: Option<usize>,
    /// The batches that it must suffice for.
    pub sampler: &'a Sampler,
}

/// What is known of the dataset; `None` where only its data tells.
#[derive(Debug, Clone, Default)]
pub struct PoolFacts {
    /// Names by label.
    pub classes: Option<Vec<String>>,
    /// Names of the splits.
    pub splits: Option<Vec<String>>,
    /// Examples in the split.
    pub count: Option<usize>,
    /// Examples in the split by label.
    pub per_class: Option<Vec<usize>>,
}

/// What a pool will be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedPool {
    /// Its labels, sorted, unless they are drawn at random or not known.
    pub labels: Option<Vec<usize>>,
    /// How many examples it has.
    pub count: Option<usize>,
}

/// Something that the dataset can't give, at a path inside the stage's table such as `class-list[2]`.
pub(super) fn problem(path: impl Into<String>, message: String, help: impl Into<String>) -> Issue {
    Issue::of(path, message).help(help)
}

impl Pool<'_> {
    /// What the pool will be, as far as the facts tell.
    ///
    /// # Errors
    /// Everything that the facts rule out.
    pub fn expected(&self, facts: &PoolFacts) -> Result<ExpectedPool, Vec<Issue>> {
        let mut problems = Vec::new();
        if let Some(splits) = facts.splits.as_ref().filter(|splits| !splits.iter().any(|name| name == self.split)) {
            let names: Vec<&str> = splits.iter().map(String::as_str).collect();
            let message = format!("the dataset has no split `{}`", self.split);
            problems.push(problem("split", message, split_name::help(self.split, &names)));
        }
        let candidates = candidates(facts);
        let labels = self.labels(facts, candidates.as_deref(), &mut problems);
        let classes = match (self.class_list, &candidates) {
            (ClassList::All, candidates) => candidates.as_ref().map(Vec::len),
            (ClassList::Drawn(count), _) => Some(*count),
            (ClassList::Listed(list), _) => Some(listed(list)),
        };
        // A list with mistakes has no length yet.
        let wrong_list = problems.iter().any(|problem| problem.path.starts_with("class-list["));
        problems.extend(self.check_batch(classes.filter(|_| !wrong_list)));
        if let Some(names) = facts.classes.as_ref().filter(|_| !wrong_list) {
            let misfits = self.sampler.as_dyn().misfits(names, labels.as_deref());
            problems
                .extend(misfits.into_iter().map(|misfit| Issue { path: self.sampler.path(&misfit.path), ..misfit }));
        }
        if let Some(per_class) = &facts.per_class {
            let names = facts.classes.as_deref().unwrap_or_default();
            let open = candidates.as_deref().unwrap_or_default();
            problems.extend(self.check_counts(labels.as_deref(), open, per_class, names));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let count = match (self.total_examples_per_class, &labels, &facts.per_class) {
            (Some(total), _, _) => classes.map(|classes| classes.saturating_mul(total)),
            (None, Some(labels), Some(per_class)) => Some(labels.iter().map(|&label| per_class[label]).sum()),
            (None, Some(labels), None) if Some(labels.len()) == facts.classes.as_ref().map(Vec::len) => facts.count,
            _ => None,
        };
        match self.sampler.as_dyn().needs().pool.zip(count) {
            Some(((wanted, parameter), found)) if wanted > found => {
                let message = format!("a batch needs {wanted} examples, but the pool has {found}");
                let help = format!("set `{parameter}` to at most {found}, or make the pool larger");
                Err(vec![problem(self.sampler.path(parameter), message, help)])
            }
            _ => Ok(ExpectedPool { labels, count }),
        }
    }

    /// How many batches one pass over the pool has, as far as the facts tell; `None` too where batches are drawn without
    /// end.
    #[must_use]
    pub fn steps_per_pass(&self, facts: &PoolFacts, expected: &ExpectedPool) -> Option<usize> {
        let classes = match (self.class_list, &expected.labels) {
            (_, Some(labels)) => labels.len(),
            (ClassList::Drawn(count), None) => *count,
            _ => return None,
        };
        let sizes = match (self.total_examples_per_class, &expected.labels, &facts.per_class) {
            (Some(total), _, _) => vec![total; classes],
            (None, Some(labels), Some(per_class)) => {
                labels.iter().map(|&label| per_class.get(label).copied().unwrap_or(0)).collect()
            }
            _ => return None,
        };
        self.sampler.as_dyn().steps_per_pass(&sizes)
    }

    /// What is allowed but probably not meant: a number of classes to draw, where a class is called so.
    #[must_use]
    pub fn doubt(&self, classes: &[String]) -> Option<Issue> {
        let ClassList::Drawn(count) = self.class_list else { return None };
        let name = Classes::new(classes).called(*count)?;
        let message = format!("{count} classes are drawn at random, although one is called `{name}`");
        Some(problem("class-list", message, format!("write [{name:?}] for that class alone")))
    }

    /// The labels that the list means; problems where it means none.
    fn labels(&self, facts: &PoolFacts, candidates: Option<&[usize]>, problems: &mut Vec<Issue>) -> Option<Vec<usize>> {
        match self.class_list {
            ClassList::All => candidates.map(<[usize]>::to_vec),
            ClassList::Drawn(count) => {
                let candidates = candidates?;
                if *count > candidates.len() {
                    let message =
                        format!("{count} classes to draw, but the split `{}` has {}", self.split, candidates.len());
                    let help = format!("choose at most {}, or \"all\"", candidates.len());
                    problems.push(problem("class-list", message, help));
                }
                (*count == candidates.len()).then(|| candidates.to_vec())
            }
            ClassList::Listed(list) => {
                let classes = facts.classes.as_ref()?;
                let mut labels = BTreeSet::new();
                let before = problems.len();
                let known = Classes::new(classes);
                for (index, class) in list.iter().enumerate() {
                    if problems.len() >= before + PROBLEMS {
                        let message = format!("{} more items of the list were not checked", list.len() - index);
                        problems.push(problem("class-list", message, "correct the others first"));
                        break;
                    }
                    match known.labels_of(class) {
                        Ok(found) => {
                            let twice = found.clone().find(|label| labels.contains(label));
                            labels.extend(found);
                            if let Some(label) = twice {
                                let message = format!("the class `{}` is listed twice", classes[label]);
                                let help = "list each class once: by name, by label or in a range";
                                problems.push(problem(item(index), message, help));
                            }
                        }
                        Err((message, help)) => problems.push(problem(item(index), message, help)),
                    }
                }
                Some(labels.into_iter().collect())
            }
        }
    }

    /// A batch must fit into the pool's shape, whatever the data is.
    fn check_batch(&self, classes: Option<usize>) -> Vec<Issue> {
        let mut problems = Vec::new();
        let needs = self.sampler.as_dyn().needs();
        if let Some((classes, (per_batch, parameter))) = classes.zip(needs.classes).filter(|(has, (all, _))| has < all)
        {
            let message = format!("a batch needs {per_batch} distinct classes, but the class list has {classes}");
            let help = format!("set `{parameter}` to at most {classes}, or list more classes");
            problems.push(problem(self.sampler.path(parameter), message, help));
        }
        let total = self.total_examples_per_class.zip(needs.examples).filter(|(has, (all, _))| has < all);
        if let Some((total, (per_class, parameter))) = total {
            let message =
                format!("a batch needs {per_class} distinct examples per class, but the pool has {total} of each");
            let help = format!("set `{parameter}` to at most {total}, or raise `total-examples-per-class`");
            problems.push(problem(self.sampler.path(parameter), message, help));
        }
        problems
    }

    /// Every class must have the examples that pool and batch take. Where the classes are still to be drawn from
    /// `open`, there is a problem only if no draw can succeed.
    fn check_counts(
        &self,
        labels: Option<&[usize]>,
        open: &[usize],
        per_class: &[usize],
        names: &[String],
    ) -> Option<Issue> {
        let (path, needed) = match (self.total_examples_per_class, self.sampler.as_dyn().needs().examples) {
            // A total below the batch's need is reported already.
            (Some(total), _) => ("total-examples-per-class".to_owned(), total),
            (None, Some((per_batch, parameter))) => (self.sampler.path(parameter), per_batch),
            // A class that is listed has examples, whatever a batch takes.
            (None, None) => ("class-list".to_owned(), 1),
        };
        let found = |label: usize| per_class.get(label).copied().unwrap_or(0);
        let short: Vec<usize> = labels.unwrap_or(open).iter().copied().filter(|&label| found(label) < needed).collect();
        let drawn = match self.class_list {
            ClassList::Drawn(count) if labels.is_none() => Some(*count),
            _ => None,
        };
        if short.is_empty() || drawn.is_some_and(|drawn| drawn <= open.len() - short.len()) {
            return None;
        }
        let name = |label: usize| names.get(label).cloned().unwrap_or_else(|| label.to_string());
        let mut listed: Vec<String> =
            short.iter().take(NAMED).map(|&label| format!("`{}` has {}", name(label), found(label))).collect();
        if short.len() > NAMED {
            listed.push(format!("{} more classes have too few", short.len() - NAMED));
        }
        let message = format!(
            "{needed} examples of each class are needed, but in the split `{}` {}",
            self.split,
            listed.join(", ")
        );
        let least = short.iter().map(|&label| found(label)).min().unwrap_or(0);
        let help = match least {
            0 => "remove classes without examples from `class-list`".to_owned(),
            least => {
                let name = path.rsplit('.').next().unwrap_or(&path);
                format!("set `{name}` to at most {least}, or remove these classes from `class-list`")
            }
        };
        Some(problem(path, message, help))
    }

    /// Draws the pool from the examples' splits and labels.
    ///
    /// # Errors
    /// What the dataset can't give; also classes drawn at random that turn out to have too few examples.
    pub fn draw(
        &self,
        classes: &[String],
        splits: &[String],
        labels: &[i32],
        seed: Seed,
    ) -> Result<Samples, Vec<Issue>> {
        let mut by_label: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for ((id, split), label) in (0..).zip(splits).zip(labels) {
            if let Some(label) = usize::try_from(*label).ok().filter(|_| split == self.split) {
                by_label.entry(label).or_default().push(id);
            }
        }
        let mut per_class = vec![0; classes.len()];
        for (&label, ids) in &by_label {
            if let Some(count) = per_class.get_mut(label) {
                *count = ids.len();
            }
        }
        let facts = PoolFacts {
            classes: Some(classes.to_vec()),
            splits: Some(splits.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()),
            count: Some(per_class.iter().sum()),
            per_class: Some(per_class),
        };
        let expected = self.expected(&facts)?;
        let chosen = match (expected.labels, self.class_list) {
            (Some(labels), _) => labels,
            (None, ClassList::Drawn(count)) => {
                let candidates = candidates(&facts).unwrap_or_default();
                let drawn = draw::distinct(&mut seed.rng("classes", &[]), candidates.len(), *count);
                let mut labels: Vec<usize> = drawn.into_iter().map(|at| candidates[at]).collect();
                labels.sort_unstable();
                // Those drawn are known now: check them like a list.
                let known = facts.per_class.as_deref().unwrap_or_default();
                if let Some(problem) = self.check_counts(Some(&labels), &[], known, classes) {
                    return Err(vec![problem]);
                }
                labels
            }
            (None, _) => Vec::new(),
        };
        Ok(self.drawn_from(&by_label, &chosen, seed))
    }

    fn drawn_from(&self, by_label: &BTreeMap<usize, Vec<u64>>, chosen: &[usize], seed: Seed) -> Samples {
        let mut pool: Vec<(u64, i32)> = Vec::new();
        for &label in chosen {
            let ids = by_label.get(&label).map(Vec::as_slice).unwrap_or_default();
            let total = self.total_examples_per_class.unwrap_or(ids.len());
            let mut drawn = draw::distinct(&mut seed.rng("pool", &[label as u64]), ids.len(), total);
            drawn.sort_unstable();
            let label = i32::try_from(label).expect("labels were read from 32-bit integers");
            pool.extend(drawn.into_iter().map(|at| (ids[at], label)));
        }
        draw::shuffle(&mut seed.rng("pool", &[]), &mut pool);
        let (example_id, label) = pool.into_iter().unzip();
        Samples { example_id, label, split: self.split.to_owned(), ..Samples::default() }
    }
}

/// Labels that have an example in the split; all labels while that is not known.
fn candidates(facts: &PoolFacts) -> Option<Vec<usize>> {
    match (&facts.per_class, &facts.classes) {
        (Some(per_class), _) => Some((0..per_class.len()).filter(|&label| per_class[label] > 0).collect()),
        (None, Some(classes)) => Some((0..classes.len()).collect()),
        (None, None) => None,
    }
}

/// Classes that a list means, were it without mistakes.
fn listed(list: &[ClassRef]) -> usize {
    let count = |class: &ClassRef| match class.written {
        Written::Name(_) | Written::Label(_) => 1,
        Written::Range(first, last) => (last - first).saturating_add(1),
    };
    list.iter().map(count).fold(0, usize::saturating_add)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
