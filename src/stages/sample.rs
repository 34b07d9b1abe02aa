//! The stage `sample`: draws a pool of examples, and says how batches are drawn from it.

use serde_json::json;

use simpipe_artifact::{
    self as artifact, Belonging, DatasetInfo, Examples, SamplerFile, Samples, read_json, write_json,
};
use simpipe_base::check::count;
use simpipe_base::digest::canonical_json;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View, defaults};
use simpipe_base::{choice, params};
use simpipe_data::sampler::{BatchSampler, ClassList, ExpectedPool, Pool, PoolFacts, Sampler};
use simpipe_stage::{Ctx, DatasetFacts, Facts, InputFacts, Kind, OutputFile, Port, SamplesFacts, Stage, StageError};

choice! {
    /// The order of a pool.
    pub enum PoolOrder {
        /// Shuffled by the seed.
        #[aka("shuffled", "random")]
        "drawn" => Drawn,
        /// That of the dataset's numbers: with all examples of a split the same pool at every seed.
        #[aka("sorted", "none", "id", "source")]
        "dataset" => Dataset,
    }
}

/// Draws a pool of examples from one split of a dataset.
#[derive(Debug)]
pub struct Sample;

params! {
    /// Draws a pool of examples from one split of a dataset, and says how batches are drawn from it.
    ///
    /// # Example
    ///
    /// ```toml
    /// [sample]
    /// split = "train"
    /// class-list = 10
    /// total-examples-per-class = 60
    /// sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 8 } }
    /// ```
    pub struct Params {
        /// The split to draw from, such as `train`.
        #[aka("subset", "part", "partition", "fold")]
        split: String,
        /// The classes to draw from: "all" with examples in the split, a number of classes to choose at random, or a
        /// list of names, labels and ranges of labels such as "0..=4". If class names look like labels, write { label =
        /// 2 } or { label = "0..=4" } for labels, and "2" for a name.
        #[aka("classes", "labels", "class_names", "num_classes", "n_classes")]
        class_list: ClassList = ClassList::All,
        /// Number of examples per class in the pool, drawn without replacement; all by default.
        #[aka("total_examples", "max_examples_per_class", "max_per_class", "num_examples", "limit")]
        total_examples_per_class: Option<usize> = None => total(),
        /// How batches are drawn from the pool.
        #[aka("batch_sampler", "batches", "sampling")]
        sampler: Sampler = Sampler::MultiShot(defaults()),
        /// The order of the pool. Slices of later stages count positions in it.
        #[aka("shuffle", "sort", "shuffled")]
        order: PoolOrder = PoolOrder::Drawn,
        /// Any text. A different one gives different random draws with the same seed.
        #[aka("random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

fn total() -> simpipe_base::check::Check<Option<usize>> {
    count(1).optional()
}

impl Params {
    const fn pool(&self) -> Pool<'_> {
        Pool {
            split: self.split.as_str(),
            class_list: &self.class_list,
            total_examples_per_class: self.total_examples_per_class,
            sampler: &self.sampler,
        }
    }

    /// What decides the pool, in one text. The shape of batches does not.
    fn identity(&self, expected: &ExpectedPool, dataset: &DatasetFacts) -> String {
        let classes = match &expected.labels {
            // However the list is written, the same labels are the same pool.
            Some(labels) => json!(labels),
            None => json!({ "list": self.class_list.write(View::Full) }),
        };
        canonical_json(&json!({
            "split": self.split,
            "classes": classes,
            "total": self.total_examples_per_class,
            "stream": self.stream,
            "dataset": dataset.identity,
            "order": self.order.name(),
        }))
    }
}

impl Stage for Sample {
    const NAME: &'static str = "sample";
    const SUMMARY: &'static str = "Draws a pool of examples and the recipe of its batches.";
    // 1 - first version
    // 2 - a number or range that may be names as well as labels is refused
    // 3 - the pool tells its split and what its examples belong to; the recipe names the classes of the pool alone
    const VERSION: u32 = 3;
    const OUTPUT: Kind = Kind::Samples;
    const FILES: &'static [&'static str] = &["samples.parquet", "sampler.json"];
    const SEEDED: bool = true;
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        vec![Port::new("dataset", Kind::Dataset, &["examples.parquet", "dataset.json"])]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let dataset = inputs.dataset("dataset").cloned().unwrap_or_default();
        let split = dataset.splits.as_ref().and_then(|splits| splits.get(&params.split));
        let facts = PoolFacts {
            classes: dataset.classes.clone(),
            splits: dataset.splits.as_ref().map(|splits| splits.keys().cloned().collect()),
            count: split.map(|split| split.count),
            per_class: split.and_then(|split| split.per_class.clone()),
        };
        let expected = params.pool().expected(&facts)?;
        let steps_per_pass = params.pool().steps_per_pass(&facts, &expected);
        let known = expected.labels.as_ref().map(Vec::len);
        let batch = params.sampler.composition(known);
        Ok(Facts::Samples(SamplesFacts {
            identity: params.identity(&expected, &dataset),
            dataset: dataset.identity,
            split: params.split.clone(),
            classes: dataset.classes,
            columns: dataset.columns,
            labels: expected
                .labels
                .map(|labels| labels.into_iter().filter_map(|label| i32::try_from(label).ok()).collect()),
            image: dataset.image,
            count: expected.count,
            classes_per_batch: batch.classes.unwrap_or(0),
            examples_per_class: batch.examples,
            own_classes: params.sampler.own_classes(),
            makes_passes: params.sampler.makes_passes(),
            steps_per_pass,
        }))
    }

    fn complete(params: &Params, facts: Facts, file: &OutputFile<'_>) -> Result<Facts, StageError> {
        let Facts::Samples(facts) = facts else { return Ok(facts) };
        let drawn: SamplerFile = read_json(&file("sampler.json"))?;
        let steps_per_pass = match facts.steps_per_pass {
            None if facts.makes_passes => {
                let pool = Samples::read(&file("samples.parquet"))?;
                let batches = BatchSampler::load(&pool, &drawn);
                batches.map_err(|error| StageError::failed(error.to_string()))?.steps_per_pass()
            }
            known => known,
        };
        let classes_per_batch = params.sampler.composition(Some(drawn.labels.len())).classes.unwrap_or(0);
        Ok(Facts::Samples(SamplesFacts {
            labels: Some(drawn.labels),
            count: Some(drawn.count),
            classes_per_batch,
            steps_per_pass,
            ..facts
        }))
    }

    fn warnings(params: &Params, inputs: &InputFacts) -> Vec<Issue> {
        let classes = inputs.dataset("dataset").and_then(|dataset| dataset.classes.as_deref()).unwrap_or_default();
        params.pool().doubt(classes).into_iter().collect()
    }

    fn stream(params: &Params) -> Option<&str> {
        params.stream.as_deref()
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let info: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
        let examples = Examples::read(ctx.input("dataset", "examples.parquet"))?;
        let drawn = params.pool().draw(&info.classes, &examples.split, &examples.label, ctx.seed());
        let mut samples = drawn?;
        if params.order == PoolOrder::Dataset {
            samples.sort();
        }
        let belonging = Belonging::read_examples(ctx.input("dataset", "examples.parquet"))?;
        let rows = samples.example_id.iter().map(|id| usize::try_from(*id).unwrap_or(usize::MAX));
        samples.belonging = belonging.pick(rows);
        samples.write(&ctx.output("samples.parquet"))?;
        let mut labels = samples.label.clone();
        labels.sort_unstable();
        labels.dedup();
        #[expect(clippy::cast_precision_loss, reason = "counts of images are far below 2^53")]
        let (count, classes) = (samples.label.len() as f64, labels.len() as f64);
        ctx.metric("examples", count);
        ctx.metric("classes", classes);
        let classes = if params.sampler.names_classes() { info.classes } else { named(&info.classes, &labels) };
        let file = SamplerFile {
            format: artifact::FORMAT,
            split: params.split.clone(),
            labels,
            classes,
            count: samples.label.len(),
            sampler: params.sampler.write(View::Full),
            seed: ctx.seed().to_hex(),
        };
        Ok(write_json(&ctx.output("sampler.json"), &file)?)
    }
}

/// The names of these labels, by label; no name for others.
fn named(classes: &[String], labels: &[i32]) -> Vec<String> {
    let end = labels.iter().filter_map(|label| usize::try_from(*label).ok()).max().map_or(0, |last| last + 1);
    let is_there = |label: &usize| i32::try_from(*label).is_ok_and(|label| labels.binary_search(&label).is_ok());
    let name = |label: usize| classes.get(label).filter(|_| is_there(&label)).cloned().unwrap_or_default();
    (0..end).map(name).collect()
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
