//! Numbers for a first experiment on a collection of images: what is drawn, how large batches are, which layers fit.

use super::backbone::Pretrained;
use super::collection::{Collection, HeldOut, Split};
use super::refusal::Refusal;

/// How one split is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draw {
    /// The labels drawn from, if not all that the split has.
    pub(super) labels: Option<Vec<usize>>,
    /// Labels that have too few images.
    pub(super) tiny: Vec<usize>,
    /// Examples of each class in the pool, if not all.
    pub(super) total: Option<usize>,
    pub(super) classes_per_batch: usize,
    pub(super) examples_per_class: usize,
    /// Examples in the pool, at least.
    pub(super) pool: usize,
}

/// Which test images are indexed and which are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evaluation {
    /// The first ones are indexed, the others asked.
    Halves {
        /// How many are indexed.
        index: usize,
        /// How many are asked.
        queries: usize,
    },
    /// Each is asked against all others: for classes too small to be halved.
    LeaveOneOut,
}

/// A first experiment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recipe {
    pub(super) train: Draw,
    pub(super) test: Draw,
    /// What is held out of training to find thresholds with, where there is enough of it.
    pub(super) held_out: Option<Draw>,
    pub(super) epochs: usize,
    pub(super) steps_per_epoch: usize,
    /// Lines of the list `layers`.
    pub(super) layers: Vec<String>,
    /// The network whose features these layers take; they take images if there is none.
    pub(super) backbone: Option<Pretrained>,
    pub(super) calibration: usize,
    pub(super) evaluation: Evaluation,
    pub(super) neighbours: usize,
}

/// Images in a batch, about.
const BATCH: usize = 80;
/// Images of a class in a batch, at most.
const EXAMPLES: usize = 8;
/// Steps in all, about: minutes on small images.
const STEPS: usize = 1000;
/// Fewer test images of a class than this are not halved.
const HALVED: usize = 8;
/// More test images of a class than this are not needed to compare two experiments.
const TESTED: usize = 200;

impl Recipe {
    pub(super) fn of(images: &Collection, backbone: Option<Pretrained>) -> Result<Self, Refusal> {
        let held_out = Self::held_out(images);
        let mut train = match &held_out {
            Some((_, train, _)) => train.clone(),
            None => Draw::of(&images.train, 4, EXAMPLES, None).map_err(|refusal| images.way_out(refusal))?,
        };
        // Images that are there twice stay in one split, which may have one less of the smallest class.
        if !images.exact && train.examples_per_class < EXAMPLES {
            train.examples_per_class = (train.examples_per_class - 1).max(2);
        }
        let test = Draw::of(&images.test, 2, 2, Some(TESTED)).map_err(|refusal| images.way_out(refusal))?;
        // Files that were not looked at may be broken too.
        let safe = |count: usize| if images.exact { count } else { count * 9 / 10 };
        let batch = train.classes_per_batch * train.examples_per_class;
        let steps_per_epoch = (train.pool / batch).clamp(20, 500);
        let median = median(&images.test.counts).min(test.total.unwrap_or(usize::MAX));
        let pool = safe(test.pool);
        let evaluation = if median < HALVED {
            Evaluation::LeaveOneOut
        } else {
            Evaluation::Halves { index: pool / 2, queries: pool - pool / 2 }
        };
        let indexed = match evaluation {
            Evaluation::Halves { index, .. } => index,
            Evaluation::LeaveOneOut => pool - 1,
        };
        let classes = train.labels.as_ref().map_or(images.classes.len(), Vec::len);
        Ok(Self {
            calibration: safe(train.pool).min(1000),
            neighbours: indexed.min(5),
            epochs: (STEPS / steps_per_epoch).clamp(2, 20),
            steps_per_epoch,
            layers: match backbone {
                Some(_) => head(classes),
                None => layers(images.image, classes),
            },
            backbone,
            train,
            test,
            evaluation,
            held_out: held_out.map(|(_, _, draw)| draw),
        })
    }

    /// What is held out and what is then trained on, where both have two classes of two images.
    fn held_out(images: &Collection) -> Option<(&HeldOut, Draw, Draw)> {
        let held_out = images.held_out.as_ref()?;
        let train = Draw::of(&held_out.train, 4, EXAMPLES, None).ok()?;
        let draw = Draw::of(&held_out.split, 2, 2, None).ok()?;
        Some((held_out, train, draw))
    }

    /// Queries, at least.
    pub(super) fn queries(&self) -> usize {
        match self.evaluation {
            Evaluation::Halves { queries, .. } => queries,
            Evaluation::LeaveOneOut => self.test.pool,
        }
    }
}

impl Draw {
    /// Leaves out classes of fewer than `few` images, unless that would leave fewer than two; `most` is wanted of each
    /// class in a batch.
    fn of(split: &Split, few: usize, most: usize, total: Option<usize>) -> Result<Self, Refusal> {
        let with = |least: usize| {
            let labels = 0..split.counts.len();
            labels.filter(|label| split.counts[*label] >= least).collect::<Vec<usize>>()
        };
        let usable = [few, 2].into_iter().map(with).find(|labels| labels.len() >= 2).ok_or_else(|| {
            let message = format!("the split `{}` needs two classes with two images each", split.name);
            Refusal::new(message, "metric learning compares images of one class with those of others: add images")
        })?;
        let tiny: Vec<usize> = with(1).into_iter().filter(|label| !usable.contains(label)).collect();
        let smallest = usable.iter().map(|label| split.counts[*label]).min().unwrap_or(0);
        let examples_per_class = most.min(smallest);
        let total = total.filter(|total| smallest > *total);
        let pool = usable.iter().map(|label| split.counts[*label].min(total.unwrap_or(usize::MAX))).sum();
        Ok(Self {
            classes_per_batch: usable.len().min((BATCH / examples_per_class).clamp(2, 10.max(BATCH / most))),
            examples_per_class,
            labels: (!tiny.is_empty()).then_some(usable),
            tiny,
            total,
            pool,
        })
    }
}

/// The middle count of the classes that have images; 0 if none has.
pub(super) fn median(counts: &[usize]) -> usize {
    let mut counts: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied().unwrap_or(0)
}

/// Convolutions with more and more filters, halving the map until it is small.
fn layers([height, width, _]: [usize; 3], classes: usize) -> Vec<String> {
    let mut lines = vec!["{ rescale = { divide-by = 255.0 } },".to_owned()];
    let (mut side, mut filters) = (height.min(width), 32);
    let conv = |filters: usize| format!("{{ conv2d = {{ filters = {filters}, kernel = 3, activation = \"relu\" }} }},");
    while side >= 8 {
        lines.extend([conv(filters), "\"batch-norm\",".to_owned(), "{ max-pool = { size = 2 } },".to_owned()]);
        (side, filters) = ((side - 2) / 2, (2 * filters).min(128));
    }
    if side >= 3 {
        lines.extend([conv(filters), "\"global-max-pool\",".to_owned()]);
    } else {
        lines.push("\"flatten\",".to_owned());
    }
    lines.push(embedding(classes));
    lines
}

/// Features of any scale, and what they say of the classes.
fn head(classes: usize) -> Vec<String> {
    vec!["\"batch-norm\",".to_owned(), embedding(classes)]
}

fn embedding(classes: usize) -> String {
    let size = if classes > 20 { 128 } else { 64 };
    format!("{{ metric-embedding = {{ size = {size} }} }},")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(train: &[usize], test: &[usize]) -> Collection {
        Collection {
            source: "\"x\"".into(),
            subject: "x".into(),
            classes: (0..train.len()).map(|at| format!("c{at}")).collect(),
            train: Split { name: "train".into(), counts: train.to_vec() },
            test: Split { name: "test".into(), counts: test.to_vec() },
            image: [32, 32, 3],
            held_out: None,
            can_be_unseen: false,
            copies: false,
            transparent: 0,
            exact: true,
            notes: Vec::new(),
            unread: None,
        }
    }

    #[test]
    fn batches_fit_the_classes() {
        let recipe = Recipe::of(&collection(&[500; 12], &[100; 12]), None).unwrap();
        assert_eq!((recipe.train.classes_per_batch, recipe.train.examples_per_class), (10, 8));
        assert_eq!((recipe.test.classes_per_batch, recipe.test.examples_per_class), (12, 2));
        assert_eq!((recipe.steps_per_epoch, recipe.epochs), (75, 13));
        assert_eq!(recipe.evaluation, Evaluation::Halves { index: 600, queries: 600 });
        assert_eq!(recipe.train.labels, None);
        let few = Recipe::of(&collection(&[5, 9, 7], &[2, 3, 2]), None).unwrap();
        assert_eq!((few.train.classes_per_batch, few.train.examples_per_class), (3, 5));
        assert_eq!((few.evaluation, few.calibration, few.neighbours), (Evaluation::LeaveOneOut, 21, 5));
    }

    #[test]
    fn tiny_classes_are_left_out_unless_none_would_stay() {
        let recipe = Recipe::of(&collection(&[30, 3, 20, 0], &[10, 1, 10, 0]), None).unwrap();
        assert_eq!((recipe.train.labels, recipe.train.tiny), (Some(vec![0, 2]), vec![1]));
        assert_eq!(recipe.test.labels, Some(vec![0, 2]));
        let all_tiny = Recipe::of(&collection(&[3, 2], &[2, 2]), None).unwrap();
        assert_eq!((all_tiny.train.labels, all_tiny.train.examples_per_class), (None, 2));
        let refusal = Recipe::of(&collection(&[30, 1], &[9, 9]), None).unwrap_err();
        assert_eq!(refusal.message, "the split `train` needs two classes with two images each");
    }

    #[test]
    fn many_test_images_are_capped() {
        let recipe = Recipe::of(&collection(&[5000; 10], &[1000; 10]), None).unwrap();
        assert_eq!((recipe.test.total, recipe.test.pool), (Some(200), 2000));
        assert_eq!((recipe.steps_per_epoch, recipe.epochs), (500, 2));
    }

    #[test]
    fn layers_fit_every_size() {
        for side in 1..200 {
            let text = layers([side, side + 3, 3], 10).join("");
            let layers: Vec<simpipe_nn::LayerSpec> = {
                let table: toml::Table = toml::from_str(&format!("layers = [{text}]")).unwrap();
                simpipe_base::param::from_json(&serde_json::to_value(&table["layers"]).unwrap()).unwrap()
            };
            let shapes = simpipe_nn::infer_shapes([side, side + 3, 3], &layers);
            assert!(shapes.is_ok(), "{side}: {shapes:?}");
        }
        assert_eq!(layers([32, 32, 3], 10).iter().filter(|line| line.contains("conv2d")).count(), 3);
    }
}
