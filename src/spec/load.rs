//! From a config's path to an [`Experiment`]: files read, layers merged, top-level keys checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keys::{ACCEPTED, RESERVED, accepted};
use super::overrides::Override;
use super::{Experiment, StageSpec, merge, parse, project_of, seeds, template};
use simpipe_base::issue::{Issue, IssueKind, Issues};
use simpipe_base::node::{Entry, Table, Value};
use simpipe_base::param::{self, Param};
use simpipe_base::source::{Layer, Place, Source};
use simpipe_base::suggest::{self, Known};

/// What `numerics` may say: `fast` is what it is without, so it enters no key.
pub const NUMERICS: &[&str] = &["fast", "exact", "bf16"];

/// Bases that may stand below a config, each extending the next.
const DEEPEST: usize = 32;

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// What is laid over the config, in order.
    pub overlays: Vec<Overlay>,
    /// The project's folder, if it is not to be looked for.
    pub project: Option<PathBuf>,
}

/// A change of the command line, laid over the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// `--set`: one value, such as `train.epochs=5`.
    Set(String),
    /// `--set-file`: a TOML file of values, laid over the config as the config is over its base.
    File(PathBuf),
}

/// An [`Overlay`] that could be read.
enum ReadOverlay {
    Set(Override),
    File(Table),
}

/// Loads and merges a config; parameters of stages are not read yet.
///
/// Problems that leave a graph to look at are kept in [`Experiment::issues`], so that a person sees all at once.
///
/// # Errors
/// Every problem found, in the order of the text, where there is no graph to look at.
pub fn load(config: &Path, options: &LoadOptions) -> Result<Experiment, Vec<Issue>> {
    let mut issues = Issues::default();
    match load_into(config, options, &mut issues) {
        Some(experiment) => Ok(Experiment { issues: issues.0, ..experiment }),
        None => {
            issues.finish()?;
            Err(vec![Issue::nowhere(format!("`{}` can't be read", config.display()))])
        }
    }
}

fn load_into(config: &Path, options: &LoadOptions, issues: &mut Issues) -> Option<Experiment> {
    let project = options.project.clone().unwrap_or_else(|| project_of(config));
    let (source, mut table) = read_with_bases(config, Layer::Config, &mut Vec::new(), issues)?;
    let mut overlays = read_overlays(&options.overlays, issues);
    lay_pipelines(&mut overlays, &mut table, issues);

    let start = Place::new(&source, 0..0);
    let known = issues.0.len();
    let pipeline = read_pipeline(&table, &start, issues);
    let stages = pipeline.and_then(|(name, place)| Some((template::load(&name, &place, &project, issues)?, name)));
    let Some((mut stages, pipeline)) = stages else {
        // Without a template no stage is known, but the rest can still be checked.
        read_header(&table, config, &start, issues);
        return None;
    };
    let whole_template = issues.0.len() == known;
    lay_template_under(&stages, &mut table);
    let ids: Vec<String> = stages.iter().map(|stage| stage.id.clone()).collect();
    for overlay in overlays {
        match overlay {
            ReadOverlay::Set(option) => option.apply(&mut table, issues),
            ReadOverlay::File(above) => merge::lay_over(&mut table, above),
        }
    }
    take_stages(&mut stages, &mut table, issues);
    refuse_unknown(&table, &ids, whole_template, issues);
    let header = read_header(&table, config, &start, issues);
    Some(Experiment { pipeline, project, stages, header: table, ..header })
}

/// Reads what the command line lays over the config; options of each kind are counted from 1.
fn read_overlays(overlays: &[Overlay], issues: &mut Issues) -> Vec<ReadOverlay> {
    let (mut sets, mut files) = (0, 0);
    let read = overlays.iter().filter_map(|overlay| match overlay {
        Overlay::Set(option) => {
            sets += 1;
            Override::read(option, sets, issues).map(ReadOverlay::Set)
        }
        Overlay::File(path) => {
            files += 1;
            let name = path.display().to_string();
            let (_, mut table) = parse::read_file(path, &name, Layer::SetFile(files), issues)?;
            if let Some(extends) = table.remove("extends") {
                let message = "a file of overrides can't extend another";
                let help = "give both, base first: `--set-file BASE --set-file THIS`";
                issues.push(Issue::at(&extends.key, "extends", message).help(help));
            }
            Some(ReadOverlay::File(table))
        }
    });
    read.collect()
}

/// Lays every `pipeline` before all else: it decides which stages there are.
fn lay_pipelines(overlays: &mut Vec<ReadOverlay>, table: &mut Table, issues: &mut Issues) {
    overlays.retain_mut(|overlay| match overlay {
        ReadOverlay::Set(option) if option.is("pipeline") => {
            option.apply(table, issues);
            false
        }
        ReadOverlay::Set(_) => true,
        ReadOverlay::File(above) => {
            if let Some((key, entry)) = above.remove_entry("pipeline") {
                table.insert(key, entry);
            }
            true
        }
    });
}

/// A config over its `extends` bases.
fn read_with_bases(
    config: &Path,
    layer: Layer,
    chain: &mut Vec<PathBuf>,
    issues: &mut Issues,
) -> Option<(Arc<Source>, Table)> {
    let (source, mut table) = parse::read_file(config, &config.display().to_string(), layer, issues)?;
    chain.push(config.canonicalize().unwrap_or_else(|_| config.to_path_buf()));
    let Some(extends) = table.remove("extends") else { return Some((source, table)) };
    if matches!(extends.node.value, Value::Array(_)) {
        let message = "`extends` expects one file, found a list";
        let help = "let one base extend the other, or override values with `--set-file`";
        issues.push(Issue::at(&extends.node.place, "extends", message).help(help));
        return None;
    }
    let base = String::read(&extends.node, "extends", issues)?;
    let path = source.dir.join(&base);
    let place = &extends.node.place;
    let same = path.canonicalize().ok();
    if let Some(at) = chain.iter().position(|seen| Some(seen) == same.as_ref()) {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names: Vec<String> = chain[at..].iter().chain(std::iter::once(&chain[at])).map(name).collect();
        let message = format!("`extends` goes in a circle: {}", names.join(" -> "));
        issues.push(Issue::at(place, "extends", message).help("a base must not extend a config that extends it"));
        return None;
    }
    if chain.len() > DEEPEST {
        let message = format!("more than {DEEPEST} bases extend one another");
        let help = "move what several of them share into one base, or override values with `--set-file`";
        issues.push(Issue::at(place, "extends", message).help(help));
        return None;
    }
    if !path.is_file() {
        let message = format!("`extends` names `{base}`, which is not a file");
        let help = parse::similar_file(&path).map_or_else(
            || "the path is relative to the file that contains it".to_owned(),
            |similar| format!("{similar} the path is relative to the file that contains it"),
        );
        issues.push(Issue::at(place, "extends", message).help(help));
        return None;
    }
    let (_, mut merged) = read_with_bases(&path, Layer::Base, chain, issues)?;
    merge::lay_over(&mut merged, table);
    Some((source, merged))
}

fn read_pipeline(table: &Table, start: &Place, issues: &mut Issues) -> Option<(String, Place)> {
    let Some(entry) = table.get("pipeline") else {
        let misspelt =
            |key: &&String| !ACCEPTED.contains(&key.as_str()) && suggest::near(key, &accepted()) == Some("pipeline");
        if let Some(key) = table.keys().find(misspelt) {
            let issue = Issue::at(&table[key].key, key, format!("unknown key `{key}`"));
            issues.push(issue.help("did you mean `pipeline`?"));
            return None;
        }
        issues.push(
            Issue::at(start, "pipeline", "missing key `pipeline`")
                .help("write `pipeline = \"metric-learning\"` as the first line"),
        );
        return None;
    };
    let name = String::read(&entry.node, "pipeline", issues)?;
    Some((name, entry.node.place.clone()))
}

/// Puts the template's defaults below what the configs say.
fn lay_template_under(stages: &[StageSpec], table: &mut Table) {
    for stage in stages {
        let mut entry = Entry { key: stage.place.clone(), node: stage.params.clone() };
        if let Some(above) = table.remove(&stage.id) {
            merge::lay_stage_over(&mut entry, above);
        }
        table.insert(stage.id.clone(), entry);
    }
}

/// Moves the merged stage tables out of the config.
fn take_stages(stages: &mut [StageSpec], table: &mut Table, issues: &mut Issues) {
    for stage in stages {
        let Some(mut entry) = table.remove(&stage.id) else { continue };
        let Value::Table(params) = &mut entry.node.value else {
            let (id, found) = (&stage.id, param::found(&entry.node));
            let message = format!("`{id}` is a stage: it expects a table, found {found}");
            let help =
                format!("write `[{id}]` once, with its keys below it: `simpipe docs {}` lists them", stage.stage);
            issues.push(Issue::at(&entry.node.place, id, message).help(help));
            continue;
        };
        for key in ["stage", "inputs"] {
            if let Some(entry) = params.remove(key) {
                let message = format!("a config can't set `{key}`: the graph belongs to the template");
                issues.push(
                    Issue::at(&entry.key, format!("{}.{key}", stage.id), message)
                        .help("write another template under `pipelines/` and name it in `pipeline`"),
                );
            }
        }
        stage.params = entry.node;
    }
}

/// `whole`: the template could be read, so that a table which is no stage of it is a mistake of the config.
fn refuse_unknown(table: &Table, stages: &[String], whole: bool, issues: &mut Issues) {
    let stages: Vec<Known<'_>> = stages.iter().map(|id| id.as_str().into()).collect();
    // An `extends` that is still there came from an option: those of files are gone by now.
    let wrong = |key: &str| key == "extends" || !ACCEPTED.contains(&key);
    for (key, entry) in table.iter().filter(|(key, _)| wrong(key)) {
        if RESERVED.contains(&key.as_str()) {
            let message = format!("`{key}` has no meaning in a config of this version");
            let issue = Issue::at(&entry.key, key, message);
            issues.push(match key.as_str() {
                "stages" => {
                    issue.help("a stage's parameters are in the table of its id: `[train]`, not `[stages.train]`")
                }
                "extends" => issue.help("write it in the config itself"),
                _ => issue.help("leave it out"),
            });
            continue;
        }
        let is_table = matches!(entry.node.value, Value::Table(_) | Value::Array(_));
        if is_table && !whole {
            continue;
        }
        let (what, known) = if is_table { ("stage", stages.clone()) } else { ("key", accepted()) };
        let issue = Issue::at(&entry.key, key, format!("unknown {what} `{key}`")).help(suggest::help(key, &known));
        let sure = suggest::near(key, &known).is_some() || is_table;
        issues.push(if sure { issue } else { issue.kind(IssueKind::UnknownKey(key.clone())) });
    }
}

/// Reads all that is no stage.
fn read_header(table: &Table, config: &Path, start: &Place, issues: &mut Issues) -> Experiment {
    let name = read_key::<String>(table, "name", issues);
    let description = read_key::<String>(table, "description", issues);
    let seed = read_key::<u64>(table, "seed", issues);
    let seeds = seeds::read(table, issues);
    let device = read_key::<String>(table, "device", issues);
    let stem = config.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.unwrap_or(stem);
    if !template::is_name(&name) {
        let place = table.get("name").map_or(start, |entry| &entry.node.place);
        let message = format!("`name` names a folder, so it can't be `{name}`");
        issues.push(Issue::at(place, "name", message).help("use letters, digits, `-`, `_` and `.`"));
    }
    let device_place = table.get("device").map_or_else(|| start.clone(), |entry| entry.node.place.clone());
    Experiment {
        name,
        description: description.unwrap_or_default(),
        seed: seeds.first().copied().or(seed).unwrap_or(0),
        seeds,
        device: device.unwrap_or_else(|| "auto".into()),
        device_place,
        numerics: read_numerics(table, issues),
        numerics_place: table.get("numerics").map_or_else(|| start.clone(), |entry| entry.node.place.clone()),
        sweep: read_key(table, "sweep", issues),
        pipeline: String::new(),
        config: config.to_path_buf(),
        project: PathBuf::new(),
        header: Table::new(),
        stages: Vec::new(),
        issues: Vec::new(),
    }
}

/// `exact`, `bf16` or nothing.
fn read_numerics(table: &Table, issues: &mut Issues) -> Option<String> {
    let numerics = read_key::<String>(table, "numerics", issues)?;
    if let Some(entry) = table.get("numerics").filter(|_| !NUMERICS.contains(&numerics.as_str())) {
        let message = format!("unknown choice `{numerics}` for `numerics`");
        issues.push(Issue::at(&entry.node.place, "numerics", message).help(suggest::help(&numerics, NUMERICS)));
    }
    (numerics != "fast").then_some(numerics)
}

fn read_key<T: Param>(table: &Table, key: &str, issues: &mut Issues) -> Option<T> {
    table.get(key).and_then(|entry| T::read(&entry.node, key, issues))
}
