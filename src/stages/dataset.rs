//! The stage `dataset`: reads labelled images from a source into one table and a file of pixels for each split.

mod checks;
mod loading;
mod told;

use std::borrow::Cow;
use std::collections::BTreeMap;

use self::checks::{expect_splits, issue, missing};
use self::loading::Loading;
use simpipe_artifact::{
    self as artifact, Belonging, DatasetInfo, DecodedFrom, Decodings, Examples, FileNames, IMAGES, read_json,
    write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_base::params;
use simpipe_data::source::{Source, SourceFacts};
use simpipe_data::split::{Split, Undivided};
use simpipe_data::{DataError, Storage};
use simpipe_stage::{
    Ctx, DatasetFacts, Facts, InputFacts, Kind, OutputFile, Port, SourceDigest, SourceFinder, SplitFacts, Stage,
    StageError,
};

/// Reads labelled images from a source.
#[derive(Debug)]
pub struct Dataset;

params! {
    /// Reads labelled images from a source: a public archive, a folder, or the sample inside the program.
    ///
    /// Images are in `images/`, one file per split, and are read from there one by one, so a dataset may be larger than memory.
    /// For each image, `examples.parquet` has the `file` and the `offset` of its `height` x `width` x `channels` bytes. If the
    /// image is `encoded`, these are the `length` bytes of the file it came as.
    ///
    /// # Example
    ///
    /// ```toml
    /// [dataset]
    /// source = "cifar10-sample"
    /// ```
    pub struct Params {
        /// Where the images come from.
        #[aka("name", "dataset", "data", "kind", "type")]
        source: Source,
        /// How the images are divided into splits, whatever the source has. A folder may then contain class folders or
        /// split folders.
        #[aka("splits", "partition", "subset")]
        split: Split = Split::Source,
        /// Whether images are stored as pixels or as the files they came as. Both give the same pixels.
        #[aka("format", "keep", "cache", "encoding")]
        storage: Storage = Storage::Auto,
    }
}

impl Params {
    /// The source as it is read: a folder of classes needs no rule of its own where `split` divides it.
    fn source(&self) -> Cow<'_, Source> {
        match &self.source {
            Source::ImageFolder(folder) if self.split != Split::Source => {
                folder.undivided().map_or(Cow::Borrowed(&self.source), |folder| Cow::Owned(Source::ImageFolder(folder)))
            }
            source => Cow::Borrowed(source),
        }
    }

    /// What the rule of splits knows of the images before they are read.
    fn undivided<'a>(&self, facts: &'a SourceFacts) -> Undivided<'a> {
        Undivided {
            classes: facts.classes.as_deref(),
            splits: facts.splits.as_ref(),
            // Where the classes are not known yet, nothing else is.
            columns: facts.classes.as_ref().map(|_| facts.columns.as_slice()),
        }
    }
}

impl Stage for Dataset {
    const NAME: &'static str = "dataset";
    const SUMMARY: &'static str =
        "Reads labelled images from a source into one table and one file of pixels per split.";
    // 1 - first version
    // 2 - images of a folder are laid over a background and turned as EXIF says; more formats, a limit of pixels; large
    //     images make smaller row groups
    // 3 - pixels lie in `images/`, a file a split; examples are numbered split after split, `train` first and `test` last;
    //     images are scaled in whole numbers
    const VERSION: u32 = 3;
    const OUTPUT: Kind = Kind::Dataset;
    const FILES: &'static [&'static str] = &["examples.parquet", IMAGES, "dataset.json"];
    const OPTIONAL_FILES: &'static [&'static str] = &[FileNames::FILE, DecodedFrom::FILE];
    const TAKES_OVER: Option<&'static [&'static str]> = Some(&[]);
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        Vec::new()
    }

    fn infer(params: &Params, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        if let Some(issue) = params.divided_twice().or_else(|| params.overfull()) {
            return Err(vec![issue]);
        }
        let source = params.source();
        let facts = source.loader().facts();
        if let Some(issue) = missing(&source, &facts) {
            return Err(vec![issue]);
        }
        let known = params.undivided(&facts);
        let problems = params.split.problems(known);
        if !problems.is_empty() {
            return Err(problems.into_iter().map(|problem| issue(problem, &params.split)).collect());
        }
        let splits = params.split.counts(known).map(|splits| {
            let counts = splits.into_iter();
            counts.map(|(name, split)| (name, SplitFacts { count: split.count, per_class: split.per_class })).collect()
        });
        // Never in a key: the digests of what the source holds are.
        let identity = match &params.split {
            Split::Source => format!("{:?}", params.source),
            rule => format!("{:?} {rule:?}", params.source),
        };
        let told = |name: &&str| facts.columns.iter().any(|column| column == name);
        // Where the classes are not known yet, nothing else is.
        let columns = facts.classes.as_ref();
        let columns = columns.map(|_| Belonging::COLUMNS.into_iter().filter(told).map(str::to_owned).collect());
        Ok(Facts::Dataset(DatasetFacts { identity, classes: facts.classes, image: facts.image, splits, columns }))
    }

    fn warnings(params: &Params, _: &InputFacts) -> Vec<Issue> {
        let of_rule = params.split.doubt().map(|problem| issue(problem, &params.split));
        // What the source's own splits are does not matter where they are divided anew.
        let of_source = params.source.loader().doubt().filter(|_| params.split == Split::Source);
        let of_source = of_source.map(|(path, message, help)| {
            Issue::of(format!("source.{}.{path}", params.source.name()), message).help(help)
        });
        of_rule.into_iter().chain(of_source).collect()
    }

    fn complete(_: &Params, facts: Facts, file: &OutputFile<'_>) -> Result<Facts, StageError> {
        let Facts::Dataset(facts) = facts else { return Ok(facts) };
        let info: DatasetInfo = read_json(&file("dataset.json"))?;
        let said = |splits: &BTreeMap<String, SplitFacts>| {
            let counts = splits.values().all(|split| split.per_class.is_some());
            counts && splits.iter().map(|(name, split)| (name, split.count)).eq(counts_of(&info))
        };
        let splits = match facts.splits {
            Some(splits) if said(&splits) => splits,
            // Not known before, or images are left out that can't be read.
            _ => split_facts(&Examples::read(&file("examples.parquet"))?, info.classes.len()),
        };
        let image = info.image.map(|shape| [shape.height, shape.width, shape.channels].map(|side| side as usize));
        let columns = facts.columns.map_or_else(|| Belonging::told(&file("examples.parquet")), Ok)?;
        let (classes, splits, columns) = (Some(info.classes), Some(splits), Some(columns));
        Ok(Facts::Dataset(DatasetFacts { classes, image, splits, columns, ..facts }))
    }

    fn sources(params: &Params, finder: &SourceFinder) -> Result<Vec<SourceDigest>, StageError> {
        let mut digests = params.source().loader().digests(finder.digest_file).map_err(stage_error)?;
        digests.extend(params.split.listed().map_err(stage_error)?.into_iter().flat_map(|listed| listed.digests));
        Ok(digests.into_iter().map(|(name, digest)| SourceDigest { name, digest }).collect())
    }

    fn source_params(params: &Params) -> serde_json::Value {
        // How a folder is read hangs on whether something else divides it, not on how; and asking that reads it.
        serde_json::json!([params.source.write(View::Located), params.split == Split::Source])
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let source = params.source();
        let earlier = ctx.earlier().map(Decodings::open).transpose().unwrap_or_default().flatten();
        let loaded =
            Loading { source: source.loader(), rule: &params.split, earlier, storage: &params.storage }.run(ctx)?;
        let total: usize = loaded.summary.counts.values().sum();
        tracing::info!(decoded = total - loaded.taken_over, taken_over = loaded.taken_over, "images");
        told::of_files(&loaded, ctx);
        let examples = Examples::read(&ctx.output("examples.parquet"))?;
        expect_splits(params, &loaded.summary.counts)?;
        told::of_examples(&examples, &loaded.classes).into_iter().for_each(|message| ctx.warn(message));
        ctx.metric("examples", count(loaded.summary.counts.values().sum()));
        ctx.metric("classes", count(loaded.classes.len()));
        let info = DatasetInfo {
            format: artifact::FORMAT,
            source: params.source.name().to_owned(),
            description: source.loader().description().to_owned(),
            classes: loaded.classes,
            counts: loaded.summary.counts,
            image: loaded.summary.image,
            checksum: loaded.summary.checksum,
            skipped: loaded.skipped,
            transparent: loaded.transparent,
            encoded: loaded.summary.encoded,
        };
        Ok(write_json(&ctx.output("dataset.json"), &info)?)
    }
}

fn counts_of(info: &DatasetInfo) -> impl Iterator<Item = (&String, usize)> {
    info.counts.iter().map(|(name, count)| (name, *count))
}

/// Examples by split and label.
fn split_facts(examples: &Examples, classes: usize) -> BTreeMap<String, SplitFacts> {
    let mut splits: BTreeMap<String, SplitFacts> = BTreeMap::new();
    for (split, label) in examples.split.iter().zip(&examples.label) {
        if !splits.contains_key(split) {
            splits.insert(split.clone(), SplitFacts { count: 0, per_class: Some(vec![0; classes]) });
        }
        let Some(facts) = splits.get_mut(split) else { continue };
        facts.count += 1;
        let of_label = usize::try_from(*label).ok().zip(facts.per_class.as_mut());
        if let Some(count) = of_label.and_then(|(label, counts)| counts.get_mut(label)) {
            *count += 1;
        }
    }
    splits
}

#[expect(clippy::cast_precision_loss, reason = "counts of images are far below 2^53")]
const fn count(number: usize) -> f64 {
    number as f64
}

/// All that is wrong with outside data ends with exit code 4, but for what would be right if it held still.
fn stage_error(error: DataError) -> StageError {
    match error {
        DataError::Stopped => StageError::Interrupted,
        DataError::Moved { path } => StageError::SourceChanged { what: path.display().to_string() },
        DataError::Artifact(error) => error.into(),
        error => {
            let unavailable = StageError::unavailable(error.to_string());
            match error.help() {
                Some(help) => unavailable.with_help(help),
                None => unavailable,
            }
        }
    }
}

#[cfg(test)]
#[path = "dataset_tests.rs"]
mod tests;
