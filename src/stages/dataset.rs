//! The stage `dataset`: reads labelled images from a source into one table.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::artifact::{self, DatasetInfo, Examples, ExamplesWriter, read_json, write_json};
use crate::base::digest::Digest;
use crate::data::DataError;
use crate::data::sampler::Problem;
use crate::data::source::{Access, Source, SourceFacts, Step};
use crate::data::split::{Split, Undivided};
use crate::params;
use crate::stage::{
    Ctx, DatasetFacts, Facts, InputFacts, Kind, OutputFile, ParamIssue, Port, Progress, SourceDigest, SourceFinder,
    SplitFacts, Stage, StageError,
};

/// Reads labelled images from a source.
#[derive(Debug)]
pub struct Dataset;

params! {
    /// Reads labelled images from a source: a public archive, a folder, or the sample inside the program.
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
        /// How they are divided into splits, whatever the source has: a folder's images may then lie in folders of classes
        /// as well as in folders of splits.
        #[aka("splits", "partition", "subset")]
        split: Split = Split::Source,
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

    /// A folder that is divided twice.
    fn divided_twice(&self) -> Option<ParamIssue> {
        let Source::ImageFolder(folder) = &self.source else { return None };
        let twice = self.split != Split::Source && !folder.by_folders();
        twice.then(|| {
            let message = "the image folder has a `split` of its own: one of the two can divide the images";
            ParamIssue::new("split", message).help("leave out this one, or that of `source.image-folder`")
        })
    }
}

/// A problem of `split` at its place.
fn issue(problem: Problem, rule: &Split) -> ParamIssue {
    ParamIssue::new(format!("split.{}.{}", rule.name(), problem.path), problem.message).help(problem.help)
}

impl Stage for Dataset {
    const NAME: &'static str = "dataset";
    const SUMMARY: &'static str = "Reads labelled images from a source into one table.";
    // 1 - first version
    // 2 - images of a folder are laid over a background and turned as EXIF says; more formats, a limit of pixels; large
    //     images make smaller row groups
    const VERSION: u32 = 2;
    const OUTPUT: Kind = Kind::Dataset;
    const FILES: &'static [&'static str] = &["examples.parquet", "dataset.json"];
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        Vec::new()
    }

    fn infer(params: &Params, _: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        if let Some(issue) = params.divided_twice() {
            return Err(vec![issue]);
        }
        let source = params.source();
        let facts = source.loader().facts();
        if let Some(issue) = missing(&source, &facts) {
            return Err(vec![issue]);
        }
        let known = Undivided { classes: facts.classes.as_deref(), splits: facts.splits.as_ref() };
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
        Ok(Facts::Dataset(DatasetFacts { identity, classes: facts.classes, image: facts.image, splits }))
    }

    fn warnings(params: &Params, _: &InputFacts) -> Vec<ParamIssue> {
        let doubt = params.split.doubt().map(|problem| issue(problem, &params.split));
        doubt.into_iter().chain(trained_letters(params)).collect()
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
        Ok(Facts::Dataset(DatasetFacts { classes: Some(info.classes), image, splits: Some(splits), ..facts }))
    }

    fn sources(params: &Params, finder: &SourceFinder) -> Result<Vec<SourceDigest>, StageError> {
        let digests = params.source().loader().digests(finder.digest_file).map_err(stage_error)?;
        Ok(digests.into_iter().map(|(name, digest)| SourceDigest { name, digest }).collect())
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let source = params.source();
        let loader = source.loader();
        let classes = loader.facts().classes.unwrap_or_default();
        let division = params.split.division(&classes).map_err(|problems| {
            StageError::from(problems.into_iter().map(|problem| issue(problem, &params.split)).collect::<Vec<_>>())
        })?;
        let mut writer = ExamplesWriter::new(&ctx.output("examples.parquet"));
        let loaded = {
            let access = Access {
                downloads: ctx.downloads(),
                on_progress: &|step| ctx.progress(progress(step)),
                stop: &|| ctx.stop_if_cancelled().is_err(),
                on_read: &|name, digest| ctx.has_read(SourceDigest { name: name.to_owned(), digest }),
            };
            loader.load(&access, &mut |example| {
                let split = division.of(example.split, example.label, || example.image.digest());
                Ok(writer.push(split, example.label, example.image)?)
            })
        }
        .map_err(stage_error)?;
        let summary = writer.finish()?;
        if !loaded.skipped.is_empty() {
            let (count, first) = (loaded.skipped.len(), &loaded.skipped[0]);
            ctx.warn(format!("{count} files can't be read and are left out, the first is `{first}`: see dataset.json"));
        }
        let examples = Examples::read(&ctx.output("examples.parquet"))?;
        expect_splits(params, &summary.counts)?;
        if let Some(message) = in_two_classes(&examples, &loaded.classes) {
            ctx.warn(message);
        }
        ctx.metric("examples", count(summary.counts.values().sum()));
        ctx.metric("classes", count(loaded.classes.len()));
        let info = DatasetInfo {
            format: artifact::FORMAT,
            source: params.source.name().to_owned(),
            description: loader.description().to_owned(),
            classes: loaded.classes,
            counts: summary.counts,
            image: summary.image,
            checksum: summary.checksum,
            skipped: loaded.skipped,
            transparent: loaded.transparent,
        };
        Ok(write_json(&ctx.output("dataset.json"), &info)?)
    }
}

/// Letters of Omniglot that are in both splits.
fn trained_letters(params: &Params) -> Option<ParamIssue> {
    let (Source::Omniglot(omniglot), Split::Source) = (&params.source, &params.split) else { return None };
    let (shared, others) = omniglot.shared_alphabets();
    let names = shared.join("`, `");
    let message =
        format!("both splits hold letters of `{names}`: these classes of `test` are trained on, and not unseen");
    let help = match others {
        true => {
            let left_out = omniglot.leave_out.iter().map(String::as_str).chain(shared.iter().copied());
            format!("write `leave-out = {:?}`", left_out.collect::<Vec<_>>())
        }
        false => "choose another part for `test`: this one holds no other letters".to_owned(),
    };
    (!shared.is_empty()).then(|| ParamIssue::new("source.omniglot.test", message).help(help))
}

/// A rule by shares of images may leave a split empty, which is known when they are read.
fn expect_splits(params: &Params, counts: &BTreeMap<String, usize>) -> Result<(), StageError> {
    let Split::Images(shares) = &params.split else { return Ok(()) };
    let missing = shares.wanted().into_iter().find(|name| !counts.contains_key(*name));
    missing.map_or(Ok(()), |name| {
        let message = format!("the split `{name}` gets none of the {} images", counts.values().sum::<usize>());
        Err(ParamIssue::new("split", message).help("choose larger shares, or bring more images").into())
    })
}

/// Images that stand in two classes: what tells them apart is wrong in one of the two.
fn in_two_classes(examples: &Examples, classes: &[String]) -> Option<String> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (row, digest) in examples.digest.iter().enumerate() {
        let earlier = *first.entry(digest).or_insert(row);
        if examples.label[earlier] != examples.label[row] {
            pairs.push((earlier, row));
        }
    }
    let (one, other) = *pairs.first()?;
    let class = |row: usize| {
        usize::try_from(examples.label[row]).ok().and_then(|label| classes.get(label)).map_or("?", String::as_str)
    };
    let images = if pairs.len() == 1 { "1 image is".to_owned() } else { format!("{} images are", pairs.len()) };
    Some(format!(
        "{images} in two classes, pixel for pixel: example {one} is `{}` and example {other} is `{}`",
        class(one),
        class(other)
    ))
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

/// A `path` of the source where there is nothing, or a folder of images that is not as it should be.
fn missing(source: &Source, facts: &SourceFacts) -> Option<ParamIssue> {
    let path = match source {
        Source::Cifar10Sample(_) => None,
        Source::Cifar10(cifar) => cifar.path.as_ref(),
        Source::Cifar100(cifar) => cifar.path.as_ref(),
        Source::FashionMnist(idx) => idx.path.as_ref(),
        Source::Mnist(idx) => idx.path.as_ref(),
        Source::Omniglot(omniglot) => omniglot.path.as_ref(),
        Source::ImageFolder(folder) => Some(&folder.path),
    }?;
    let at = format!("source.{}.path", source.name());
    if !path.resolved.exists() {
        let message = format!("there is nothing at `{}`", path.resolved.display());
        let help = "the path is relative to the file that writes it (to the current folder in `--set`)";
        return Some(ParamIssue::new(at, message).help(help).unavailable());
    }
    if !matches!(source, Source::ImageFolder(_) | Source::Omniglot(_)) || facts.classes.is_some() {
        return None;
    }
    // The folder could not be listed: listing it for its digests says why, and no file is read.
    let error = source.loader().digests(&|_: &std::path::Path| Ok(Digest::of(b""))).err()?;
    let issue = ParamIssue::new(at, error.to_string()).unavailable();
    Some(match error.help() {
        Some(help) => issue.help(help),
        None => issue,
    })
}

fn progress(step: Step) -> Progress {
    Progress { done: step.done, total: Some(step.total), unit: step.unit, message: step.message }
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
