//! `cross-batch-memory`: a loss of pairs with rows of earlier batches behind the batch's own.

use burn::tensor::{Tensor, TensorData};

use super::problems::{Known, under};
use super::{Embedded, Inner, Loss, LossSpec, Target, like_its_loss};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_base::{check, param};

params! {
    /// Cross-batch memory (Wang et al., 2020, arXiv:1912.06798): every row of a batch is compared with the batch's own rows
    /// and with those of earlier batches, as they were embedded then: they get no gradient.
    ///
    /// The batch comes first, then the newest of the earlier rows, `size` in all. Rows are kept from step `warmup-steps` on. The
    /// memory is part of a checkpoint, not of the model. Validation compares a batch with itself alone.
    ///
    /// # Shapes
    ///
    /// Keeps `embeddings` of `[size, dim]`, `labels` of `[size, 2]` (their upper and lower 16 bits) and `filled` of `[1]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { cross-batch-memory = { loss = "triplet", size = 4096, warmup-steps = 500 } }
    /// ```
    pub struct CrossBatchMemory {
        /// The loss that compares; one of pairs, not one that compares rows with what it has learned of classes.
        #[aka("base_loss", "inner")]
        loss: Box<LossSpec> = Box::new(LossSpec::MultiSimilarity(param::defaults())),
        /// Rows that a row is compared with: the batch's own and the memory's.
        #[aka("memory_size", "queue_size", "capacity", "K")]
        size: usize = 1024 => check::between(1, 1_000_000),
        /// Steps at the start in which nothing is kept: embeddings still change fast.
        #[aka("warmup", "start_step")]
        warmup_steps: usize = 0 => check::count(0),
    }
}

const LOSS: &str = "loss";
const EMBEDDINGS: &str = "embeddings";
const LABELS: &str = "labels";
const FILLED: &str = "filled";

impl Loss for CrossBatchMemory {
    like_its_loss!();

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        vec![
            WeightSpec::statistic(EMBEDDINGS, [self.size, target.dim], Start::Zeros),
            WeightSpec::statistic(LABELS, [self.size, 2], Start::Zeros),
            WeightSpec::statistic(FILLED, [1_usize], Start::Zeros),
        ]
    }

    fn inner(&self, target: Target) -> Vec<Inner<'_>> {
        vec![Inner { name: LOSS.to_owned(), loss: &self.loss, target }]
    }

    fn problems(&self, known: &Known) -> Vec<Issue> {
        if let Some(issue) = self.misfit() {
            return vec![issue];
        }
        let mut issues = under(LOSS, self.loss.inside(known));
        if let Some(rows) = known.rows.filter(|rows| *rows >= self.size) {
            let message = format!("a batch has {rows} rows, so a memory of {} holds no earlier ones", self.size);
            issues.push(Issue::of("size", message).help("make it several times as large as a batch"));
        }
        issues
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let Some(step) = cx.step() else { return self.compared(batch, cx) };
        let labels = read(cx);
        let fitting = self.size.saturating_sub(batch.labels.len()).min(labels.len());
        let value = if fitting == 0 {
            self.compared(batch, cx)
        } else {
            let rows = cx.weight::<2>(EMBEDDINGS).narrow(0, 0, fitting);
            self.compared(&batch.with_memory(rows, labels[..fitting].to_vec()), cx)
        };
        if step >= self.warmup_steps as u64 {
            self.keep(batch, labels, cx);
        }
        value
    }
}

impl CrossBatchMemory {
    /// What makes no sense with a memory.
    fn misfit(&self) -> Option<Issue> {
        let (name, needs) = (self.loss.name(), self.loss.needs());
        let (message, help) = if self.loss.holds("cross-batch-memory") {
            (format!("`{name}` has a memory of its own"), "one memory is enough: make its `size` larger")
        } else if needs.two_views {
            (
                format!("`{name}` compares the two views of an example, and none with earlier rows"),
                "leave out the memory",
            )
        } else if classifies(&self.loss) {
            let help = "leave out the memory; in a `sum`, give one to the terms that compare pairs";
            (format!("`{name}` compares rows with what it has learned of each class, not with other rows"), help)
        } else if !needs.positive_pairs && !needs.negative_pairs {
            (format!("`{name}` compares no rows"), "choose a loss of pairs, such as \"triplet\"")
        } else {
            return None;
        };
        Some(Issue::of(LOSS, message).help(help))
    }

    fn compared(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        self.loss.as_dyn().forward(batch, &mut cx.inner(LOSS, 0, self.loss.name()))
    }

    /// Puts the batch's rows before those that are there; the oldest drop out at the end.
    fn keep(&self, batch: &Embedded<'_>, labels: Vec<i32>, cx: &mut Cx<'_>) {
        let old = cx.weight::<2>(EMBEDDINGS);
        let kept = Tensor::cat(vec![batch.embeddings.clone().detach(), old], 0).narrow(0, 0, self.size);
        let device = kept.device();
        let labels: Vec<i32> = batch.labels.iter().copied().chain(labels).take(self.size).collect();
        let mut halves: Vec<f32> = labels.iter().flat_map(|label| split(*label)).collect();
        halves.resize(2 * self.size, 0.0);
        let vector = |values: Vec<f32>| {
            let size = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [size]), &device)
        };
        #[expect(clippy::cast_precision_loss, reason = "a memory has at most a million rows")]
        let filled = labels.len() as f32;
        cx.replace(EMBEDDINGS, kept.flatten(0, 1));
        cx.replace(LABELS, vector(halves));
        cx.replace(FILLED, vector(vec![filled]));
    }
}

/// Whether it, or a loss inside it, compares rows with classes and not with each other. A boundary for each class, as
/// `margin` may learn it, is one between rows all the same.
fn classifies(loss: &LossSpec) -> bool {
    let (any, needs) = (Target { dim: 1 << 16, classes: 1 }, loss.needs());
    let inner = loss.as_dyn().inner(any);
    if inner.is_empty() {
        return needs.known_classes && !needs.positive_pairs && !needs.negative_pairs;
    }
    inner.iter().any(|inner| classifies(inner.loss))
}

/// The labels of the rows that are there.
fn read(cx: &Cx<'_>) -> Vec<i32> {
    let numbers = |values: Tensor<1>| values.into_data().try_into_vec::<f32>().expect("statistics are f32");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    let filled = numbers(cx.weight(FILLED))[0] as usize;
    let halves = numbers(cx.weight::<2>(LABELS).flatten(0, 1));
    halves.chunks_exact(2).take(filled).map(|halves| joined([halves[0], halves[1]])).collect()
}

/// A label as two numbers that `f32` holds exactly.
fn split(label: i32) -> [f32; 2] {
    let bytes = label.to_be_bytes();
    [f32::from(u16::from_be_bytes([bytes[0], bytes[1]])), f32::from(u16::from_be_bytes([bytes[2], bytes[3]]))]
}

/// What [`split`] was given.
fn joined(halves: [f32; 2]) -> i32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of 16 bits")]
    let [upper, lower] = halves.map(|half| (half as u16).to_be_bytes());
    i32::from_be_bytes([upper[0], upper[1], lower[0], lower[1]])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::golden::{self, Golden, assert_close};
    use crate::layer::{Mode, TrainPass};
    use crate::loss::tfs_tests::{labels, values};
    use crate::ops::Numerics;
    use crate::parameters::Parameters;
    use simpipe_base::seed::Seed;

    #[test]
    fn labels_come_back_from_their_halves() {
        for label in [0, 1, -1, 65_535, 65_536, 16_777_217, i32::MAX, i32::MIN] {
            assert_eq!(joined(split(label)), label);
        }
    }

    /// A step of training: the loss, its gradient, and what the memory holds then.
    fn step(
        loss: &LossSpec,
        parameters: &mut Parameters,
        made: u64,
        rows: Tensor<2>,
        labels: &[i32],
    ) -> (f32, Vec<f32>) {
        let mut pass = TrainPass::new(Seed::of_stage(1, "train", None), made);
        let batch = Embedded::new(rows.clone(), labels, &[]);
        let mut cx = Cx::of_loss(parameters, Numerics::Fast, Mode::Train(&mut pass), loss.name());
        let value = loss.as_dyn().forward(&batch, &mut cx);
        let gradient = values(rows.grad(&value.clone().backward()).unwrap());
        for (path, value) in pass.replaced {
            parameters.put(&path, value);
        }
        (value.into_scalar::<f32>(), gradient)
    }

    #[test]
    fn steps_are_tensorflow_similaritys() {
        let golden = Golden::read(golden::file!("loss_xbm"));
        let device = Device::flex().autodiff();
        for case in &golden.cases {
            let inner = match case.params["loss"].as_str().unwrap() {
                "MultiSimilarityLoss" => json!("multi-similarity"),
                "TripletLoss" => json!({ "triplet": { "margin": case.params["margin"] } }),
                _ => json!("circle"),
            };
            let (size, warmup) = (&case.params["memory_size"], &case.params["warmup_steps"]);
            let loss = json!({ "cross-batch-memory": { "loss": inner, "size": size, "warmup-steps": warmup } });
            let loss: LossSpec = param::from_json(&loss).unwrap();
            let target = Target { dim: 8, classes: 4 };
            let seed = Seed::of_stage(1, "train", None);
            let mut parameters = Parameters::of_loss(&loss, target, seed, &Device::flex()).to_trainable();
            let steps = case.expected["steps"].as_array().unwrap();
            for (made, expected) in (0..).zip(steps) {
                let rows = golden::matrix(&expected["embeddings"], &device).require_grad();
                let (value, gradient) = step(&loss, &mut parameters, made, rows, &labels(&expected["labels"]));
                let what = format!("{}, step {made}", case.params);
                let mean = golden::numbers(&expected["per_example"]).iter().sum::<f64>() / 16.0;
                assert_close(&[value], &json!([mean]), golden.tolerance, &what);
                assert_close(&gradient, &expected["gradient_of_mean"], golden.tolerance, &what);
            }
            assert_eq!(steps.len(), 4);
        }
        assert_eq!(golden.cases.len(), 3);
    }

    #[test]
    fn the_newest_rows_are_kept_and_the_oldest_dropped() {
        let loss: LossSpec =
            param::from_json(&json!({ "cross-batch-memory": { "size": 5, "warmup-steps": 1 } })).unwrap();
        let seed = Seed::of_stage(1, "train", None);
        let fresh = Parameters::of_loss(&loss, Target { dim: 1, classes: 2 }, seed, &Device::flex());
        let mut parameters = fresh.to_trainable();
        let mut after = |made: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a few steps")]
            let at = made as f32;
            let rows = Tensor::<2>::from_data([[at], [at + 0.5]], &Device::flex().autodiff()).require_grad();
            let label = i32::try_from(made).unwrap();
            step(&loss, &mut parameters, made, rows, &[label, -label]);
            let weights = parameters.to_weights();
            let held = |name: &str| weights.0[&format!("loss.cross-batch-memory.{name}")].1.clone();
            let labels: Vec<i32> = held(LABELS).chunks(2).map(|two| joined([two[0], two[1]])).collect();
            (held(EMBEDDINGS), labels, held(FILLED)[0])
        };
        assert_eq!(after(0), (vec![0.0; 5], vec![0; 5], 0.0));
        assert_eq!(after(1), (vec![1.0, 1.5, 0.0, 0.0, 0.0], vec![1, -1, 0, 0, 0], 2.0));
        assert_eq!(after(2), (vec![2.0, 2.5, 1.0, 1.5, 0.0], vec![2, -2, 1, -1, 0], 4.0));
        assert_eq!(after(3), (vec![3.0, 3.5, 2.0, 2.5, 1.0], vec![3, -3, 2, -2, 1], 5.0));
    }

    #[test]
    fn what_makes_no_sense_with_a_memory_is_refused_at_its_loss() {
        let known = Known { dim: Some(4), rows: Some(8), views: 1 };
        let issues = |loss: Json| {
            let spec = json!({ "cross-batch-memory": { "loss": loss, "size": 32 } });
            param::from_json::<LossSpec>(&spec).unwrap().problems(&known)
        };
        assert_eq!(issues(json!("triplet")), []);
        assert_eq!(issues(json!({ "matryoshka": { "loss": "triplet", "sizes": [2] } })), []);
        let sum = |name: &str| json!({ "sum": { "terms": [{ "loss": "triplet" }, { "loss": name }] } });
        assert_eq!(issues(sum("circle")), []);
        assert_eq!(issues(sum("lp")), []);
        assert_eq!(issues(json!({ "margin": { "learn-beta": "per-class" } })), []);
        for (loss, words) in [
            (json!("cross-batch-memory"), "a memory of its own"),
            (sum("cross-batch-memory"), "a memory of its own"),
            (json!("simclr"), "two views"),
            (sum("simclr"), "two views"),
            (json!("proxy-anchor"), "learned of each class"),
            (sum("normalized-softmax"), "learned of each class"),
            (json!("lp"), "compares no rows"),
        ] {
            let found = issues(loss.clone());
            assert_eq!((found.len(), found[0].path.as_str()), (1, "loss.cross-batch-memory.loss"), "{loss}");
            assert!(found[0].message.contains(words), "{loss}: {}", found[0].message);
        }
        let small = json!({ "cross-batch-memory": { "size": 8 } });
        let found = param::from_json::<LossSpec>(&small).unwrap().problems(&known);
        assert_eq!(found[0].path, "loss.cross-batch-memory.size");
    }
}
