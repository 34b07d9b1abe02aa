//! What a reader of the data should know of it: copies, classes of one image, files that were left out.

use std::collections::BTreeMap;

use super::loading::Read;
use simpipe_artifact::Examples;
use simpipe_stage::Ctx;

/// Classes that a message names; the rest is counted.
const NAMED: usize = 5;

/// What comes of an image in two splits, long after this.
const REFUSED: &str = "`evaluate` and `match` refuse to look up what was trained on or is indexed: take the copies out, or set \
                       `allow-overlap = true` there";

/// Files that can't be read.
pub(super) fn of_files(read: &Read, ctx: &Ctx<'_>) {
    if let Some(first) = read.skipped.first() {
        let count = read.skipped.len();
        ctx.warn(format!("{count} files can't be read and are skipped, the first is `{first}`: see dataset.json"));
    }
}

/// Everything worth a warning that the examples show.
pub(super) fn of_examples(examples: &Examples, classes: &[String]) -> Vec<String> {
    let copies = Copies::of(examples);
    let told = [
        copies.in_two_classes(examples, classes),
        copies.in_two_splits(examples),
        copies.in_one_place(examples, classes),
        alone(examples, classes),
    ];
    told.into_iter().flatten().collect()
}

/// Examples that show what an earlier one shows, pixel for pixel.
struct Copies {
    /// The first example with the image, and the later one.
    pairs: Vec<(usize, usize)>,
}

impl Copies {
    fn of(examples: &Examples) -> Self {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (row, digest) in examples.digest.iter().enumerate() {
            let earlier = *first.entry(digest).or_insert(row);
            if earlier != row {
                pairs.push((earlier, row));
            }
        }
        Self { pairs }
    }

    /// What tells their classes apart is wrong in one of the two.
    fn in_two_classes(&self, examples: &Examples, classes: &[String]) -> Option<String> {
        let differ = |(one, other): &&(usize, usize)| examples.label[*one] != examples.label[*other];
        let pairs: Vec<&(usize, usize)> = self.pairs.iter().filter(differ).collect();
        let &&(one, other) = pairs.first()?;
        let images = images(pairs.len());
        let class = |row: usize| name(classes, examples.label[row]);
        let across = pairs.iter().filter(|(one, other)| examples.split[*one] != examples.split[*other]).count();
        let more = if across > 0 { format!(" ({across} of them in two splits: {REFUSED})") } else { String::new() };
        Some(format!(
            "{images} in two classes, pixel for pixel: example {one} is `{}` and example {other} is `{}`{more}",
            class(one),
            class(other)
        ))
    }

    /// What is tested was trained on. Those of two classes have been told of.
    fn in_two_splits(&self, examples: &Examples) -> Option<String> {
        let differ = |(one, other): &&(usize, usize)| {
            examples.label[*one] == examples.label[*other] && examples.split[*one] != examples.split[*other]
        };
        let mut pairs = self.pairs.iter().filter(differ);
        let (one, other) = *pairs.next()?;
        let images = images(1 + pairs.count());
        let (here, there) = (&examples.split[one], &examples.split[other]);
        Some(format!(
            "{images} in two splits, pixel for pixel: example {one} is in `{here}` and example {other} in `{there}` ({REFUSED})"
        ))
    }

    /// A copy weighs an image twice, and is found where another view of the same thing was to be.
    fn in_one_place(&self, examples: &Examples, classes: &[String]) -> Option<String> {
        let place = |row: usize| (examples.label[row], &examples.split[row]);
        let mut pairs = self.pairs.iter().filter(|(one, other)| place(*one) == place(*other));
        let (one, other) = *pairs.next()?;
        let images = images(1 + pairs.count());
        let (class, split) = (name(classes, examples.label[one]), &examples.split[one]);
        Some(format!(
            "{images} there more than once in one class and split, pixel for pixel: example {one} and example {other} are `{class}` in \
             `{split}`"
        ))
    }
}

/// A class of one image has no pair to train on, and nothing to find.
fn alone(examples: &Examples, classes: &[String]) -> Option<String> {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    examples.label.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
    let alone: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count == 1)
        .map(|(label, _)| format!("`{}`", name(classes, *label)))
        .collect();
    let have = match alone.len() {
        0 => return None,
        1 => "1 class has".to_owned(),
        count => format!("{count} classes have"),
    };
    let more = if alone.len() > NAMED { format!(" and {} more", alone.len() - NAMED) } else { String::new() };
    let named = alone.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Some(format!("{have} one image alone, which no other can be found by: {named}{more}"))
}

fn name(classes: &[String], label: i32) -> &str {
    usize::try_from(label).ok().and_then(|label| classes.get(label)).map_or("?", String::as_str)
}

fn images(count: usize) -> String {
    if count == 1 { "1 image is".to_owned() } else { format!("{count} images are") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::ImageShape;

    #[test]
    fn copies_and_lone_images_are_told() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let examples = Examples {
            split: texts(&["test", "train", "train", "train", "train"]),
            label: vec![0, 0, 1, 1, 2],
            shape: vec![ImageShape::default(); 5],
            digest: texts(&["x", "x", "y", "z", "z"]),
        };
        let classes = texts(&["a", "b", "c"]);
        assert_eq!(
            of_examples(&examples, &classes),
            [
                "1 image is in two classes, pixel for pixel: example 3 is `b` and example 4 is `c`",
                "1 image is in two splits, pixel for pixel: example 0 is in `test` and example 1 in `train` (`evaluate` and `match` \
                 refuse to look up what was trained on or is indexed: take the copies out, or set `allow-overlap = true` there)",
                "1 class has one image alone, which no other can be found by: `c`",
            ]
        );
        let across = Examples { split: texts(&["test", "train", "train", "train", "test"]), ..examples.clone() };
        let told = of_examples(&across, &classes).remove(0);
        assert!(told.contains("example 4 is `c` (1 of them in two splits: `evaluate` and `match` refuse"), "{told}");
        let apart = Examples { digest: texts(&["1", "2", "3", "4", "5"]), label: vec![0, 0, 1, 1, 1], ..examples };
        assert!(of_examples(&apart, &classes).is_empty());
        let twice = Examples { digest: texts(&["1", "2", "3", "3", "5"]), ..apart };
        let expected = "1 image is there more than once in one class and split, pixel for pixel: example 2 and example 3 are `b` in \
                        `train`";
        assert_eq!(of_examples(&twice, &classes), [expected]);
    }
}
