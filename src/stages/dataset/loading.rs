//! Reading a source into the artifact's tables, divided by a rule.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{issue, stage_error};
use simpipe_artifact::{
    DecodedFrom, Decodings, ExamplesSummary, ExamplesWriter, FileNames, FileNamesWriter, in_order_of_examples,
};
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_data::source::{Access, Example, Load, Loaded, SourceFacts, Step};
use simpipe_data::split::{Division, Listed, Split, Undivided};
use simpipe_data::{DataError, Storage};
use simpipe_picture::DecodeOptions;
use simpipe_stage::{Ctx, Progress, SourceDigest, StageError};

/// Things that a message names; the rest is counted.
const NAMED: usize = 20;

/// What is to be read.
pub(super) struct Loading<'a> {
    pub(super) source: &'a dyn Load,
    pub(super) rule: &'a Split,
    /// What an earlier result has.
    pub(super) earlier: Option<Decodings>,
    /// Which images are kept as the files that they came as.
    pub(super) storage: &'a Storage,
}

/// What was read.
pub(super) struct Read {
    pub(super) classes: Vec<String>,
    pub(super) skipped: Vec<String>,
    pub(super) transparent: usize,
    pub(super) summary: ExamplesSummary,
    /// Images whose pixels an earlier result had.
    pub(super) taken_over: usize,
}

impl Loading<'_> {
    /// Reads all images and writes `examples.parquet`, `images/` and, where they have names, `sources.parquet`.
    pub(super) fn run(&self, ctx: &Ctx<'_>) -> Result<Read, StageError> {
        let listed = self.listed(ctx)?;
        let known = self.with(ctx, |access| self.source.look(access))?;
        let images = if self.rule.looks_at_all() { self.look_at_all(ctx)? } else { Vec::new() };
        let classes = known.classes.as_deref().unwrap_or_default();
        let refused = |problems: Vec<_>| {
            StageError::from(problems.into_iter().map(|problem| issue(problem, self.rule)).collect::<Vec<Issue>>())
        };
        let columns = self.expect_column(&known)?;
        let mut division = self.rule.division(classes, listed, &images).map_err(refused)?;
        let mut tables = Tables::new(ctx, columns, self.source.decoding());
        let loaded = self.with(ctx, |access| {
            self.source.load(access, &mut |example| {
                let digest = || example.image.digest();
                match division.of(&example, digest).map(str::to_owned) {
                    Ok(split) => tables.push(&split, example),
                    Err(reason) => {
                        tables.unplaced.push(format!("{} {reason}", shown(example.name)));
                        Ok(())
                    }
                }
            })
        })?;
        if let Division::Listed(listed) = &division {
            expect_met(listed)?;
        }
        let summary = tables.finish()?;
        let Loaded { classes, skipped, transparent, taken_over } = loaded;
        Ok(Read { classes, skipped, transparent, summary, taken_over })
    }

    /// The rule's lists; what they are is a part of the key.
    fn listed(&self, ctx: &Ctx<'_>) -> Result<Option<Listed>, StageError> {
        let listed = self.rule.listed().map_err(stage_error)?;
        for (name, digest) in listed.iter().flat_map(|listed| &listed.digests) {
            ctx.has_read(SourceDigest { name: name.clone(), digest: *digest });
        }
        Ok(listed)
    }

    /// A column of a source that could not tell its columns before.
    fn expect_column<'a>(&self, known: &'a SourceFacts) -> Result<&'a [String], StageError> {
        let undivided = Undivided { columns: Some(&known.columns), ..Default::default() };
        let problems: Vec<Issue> = match self.rule {
            Split::Group(_) | Split::Column(_) => {
                self.rule.problems(undivided).into_iter().map(|problem| issue(problem, self.rule)).collect()
            }
            _ => Vec::new(),
        };
        if problems.is_empty() { Ok(&known.columns) } else { Err(problems.into()) }
    }

    /// Labels and digests of all images that are divided.
    fn look_at_all(&self, ctx: &Ctx<'_>) -> Result<Vec<(i32, Digest)>, StageError> {
        let mut images = Vec::new();
        self.with(ctx, |access| {
            // What was read is said of the second time, which the result is made of.
            let access = Access { on_read: &|_, _| (), ..*access };
            self.source.load(&access, &mut |example| {
                if self.rule.divides(example.split) {
                    images.push((example.label, example.image.digest()));
                }
                Ok(())
            })
        })?;
        Ok(images)
    }

    /// Calls a source with what it needs.
    fn with<T>(&self, ctx: &Ctx<'_>, work: impl FnOnce(&Access<'_>) -> Result<T, DataError>) -> Result<T, StageError> {
        let access = Access {
            downloads: ctx.downloads(),
            on_progress: &|step| ctx.progress(progress(step)),
            stop: &|| ctx.stop_if_cancelled().is_err(),
            on_read: &|name, digest| ctx.has_read(SourceDigest { name: name.to_owned(), digest }),
            column: self.rule.column(),
            earlier: self.earlier.as_ref(),
            storage: self.storage,
        };
        work(&access).map_err(stage_error)
    }
}

/// Names of lists that no image has: written wrong, or of images that are gone.
fn expect_met(listed: &Listed) -> Result<(), StageError> {
    let unmet: Vec<String> = listed.unmet().iter().map(|name| format!("`{name}`")).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    let message = format!("{} listed images are not in the source: {}", unmet.len(), named(&unmet));
    let help = "write the paths of files inside the source, with `/` between the parts; `sources.parquet` has them";
    Err(Issue::of("split.list", message).help(help).into())
}

fn named(things: &[String]) -> String {
    let mut text = things.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if things.len() > NAMED {
        text.push_str(&format!(" and {} more", things.len() - NAMED));
    }
    text
}

fn shown(name: &str) -> String {
    if name.is_empty() { "an image".to_owned() } else { format!("`{name}`") }
}

/// The artifact's tables while they grow.
struct Tables {
    examples: ExamplesWriter,
    names: FileNamesWriter,
    /// Names by split, and what each was decoded from: which number an example has is known when all are there.
    waiting: BTreeMap<String, Vec<(String, Option<DecodedFrom>)>>,
    decoded_from: PathBuf,
    /// Images that the rule puts nowhere, each with its reason.
    unplaced: Vec<String>,
}

impl Tables {
    fn new(ctx: &Ctx<'_>, columns: &[String], decoding: Option<DecodeOptions>) -> Self {
        Self {
            examples: ExamplesWriter::new(&ctx.output("examples.parquet")).telling(columns).decoding(decoding),
            names: FileNamesWriter::new(&ctx.output(FileNames::FILE)),
            waiting: BTreeMap::new(),
            decoded_from: ctx.output(DecodedFrom::FILE),
            unplaced: Vec::new(),
        }
    }

    fn push(&mut self, split: &str, example: Example<'_>) -> Result<(), DataError> {
        self.waiting.entry(split.to_owned()).or_default().push((example.name.to_owned(), example.decoded_from));
        Ok(self.examples.push_about(split, example.label, example.image, example.about)?)
    }

    fn finish(mut self) -> Result<ExamplesSummary, StageError> {
        if !self.unplaced.is_empty() {
            let placed: usize = self.waiting.values().map(Vec::len).sum();
            let (count, total) = (self.unplaced.len(), self.unplaced.len() + placed);
            let message = format!("{count} of {total} images are in no split: {}", named(&self.unplaced));
            return Err(Issue::of("split", message).help("make the rule name a split for every image").into());
        }
        let (names, from): (Vec<String>, Vec<Option<DecodedFrom>>) =
            in_order_of_examples(self.waiting).flat_map(|(_, examples)| examples).unzip();
        (0..).zip(names).try_for_each(|(id, name)| self.names.push(id, &name))?;
        self.names.finish()?;
        if from.iter().any(Option::is_some) {
            DecodedFrom::write(&self.decoded_from, from.into_iter())?;
        }
        Ok(self.examples.finish()?)
    }
}

fn progress(step: Step) -> Progress {
    Progress { done: step.done, total: Some(step.total), unit: step.unit, message: step.message }
}
