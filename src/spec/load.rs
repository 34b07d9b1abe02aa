//! From a config's path to an [`Experiment`]: files read, layers merged, top-level keys checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::overrides::Override;
use super::{Experiment, StageSpec, merge, parse, template};
use crate::base::issue::{Issue, Issues};
use crate::base::node::{Entry, Table, Value};
use crate::base::param::{self, Param};
use crate::base::source::{Place, Source};
use crate::base::suggest;

/// Top-level keys of a config that are no stage.
pub const RESERVED: &[&str] =
    &["format", "pipeline", "name", "description", "seed", "seeds", "device", "numerics", "extends", "sweep", "stages"];

/// Top-level keys that a config of this version may have (`extends` is read before the layers are merged).
const ACCEPTED: &[&str] = &["pipeline", "name", "description", "seed", "device", "numerics", "extends"];

/// What `numerics` may say: `fast` is what it is without, so it enters no key.
pub const NUMERICS: &[&str] = &["fast", "exact"];

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--set` options in order: `train.epochs=5`.
    pub set: Vec<String>,
    /// The project's folder, if it is not to be looked for.
    pub project: Option<PathBuf>,
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

/// The project of a config: the nearest folder above it that holds `pipelines/`, `configs/` or `simpipe.toml`, else
/// the current folder.
#[must_use]
pub fn project_of(config: &Path) -> PathBuf {
    let start = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(start) = std::path::absolute(start) else { return PathBuf::from(".") };
    project_above(&start).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The nearest folder at or above `folder` that is a project.
#[must_use]
pub fn project_above(folder: &Path) -> Option<&Path> {
    let marks = ["pipelines", "configs", "simpipe.toml"];
    folder.ancestors().find(|folder| marks.iter().any(|mark| folder.join(mark).exists()))
}

fn load_into(config: &Path, options: &LoadOptions, issues: &mut Issues) -> Option<Experiment> {
    let project = options.project.clone().unwrap_or_else(|| project_of(config));
    let (source, mut table) = read_with_bases(config, &mut Vec::new(), issues)?;
    let (first, later): (Vec<Override>, Vec<Override>) = options
        .set
        .iter()
        .filter_map(|option| Override::read(option, issues))
        .partition(|option| option.is("pipeline"));
    first.into_iter().for_each(|option| option.apply(&mut table, issues));

    let start = Place::new(&source, 0..0);
    let pipeline = read_pipeline(&table, &start, issues);
    let stages = pipeline.and_then(|(name, place)| Some((template::load(&name, &place, &project, issues)?, name)));
    let Some((mut stages, pipeline)) = stages else {
        // Without a template no stage is known, but the rest can still be checked.
        read_header(&table, config, &start, issues);
        return None;
    };
    lay_template_under(&stages, &mut table);
    let ids: Vec<String> = stages.iter().map(|stage| stage.id.clone()).collect();
    later.into_iter().for_each(|option| option.apply(&mut table, issues));
    take_stages(&mut stages, &mut table, issues);
    refuse_unknown(&table, &ids, issues);
    let header = read_header(&table, config, &start, issues);
    Some(Experiment { pipeline, project, stages, ..header })
}

/// A config over its `extends` bases.
fn read_with_bases(config: &Path, chain: &mut Vec<PathBuf>, issues: &mut Issues) -> Option<(Arc<Source>, Table)> {
    let (source, mut table) = parse::read_file(config, &config.display().to_string(), issues)?;
    chain.push(config.canonicalize().unwrap_or_else(|_| config.to_path_buf()));
    let Some(extends) = table.remove("extends") else { return Some((source, table)) };
    let base = String::read(&extends.node, "extends", issues)?;
    let path = source.dir.join(&base);
    let place = &extends.node.place;
    let same = path.canonicalize().ok();
    if let Some(at) = chain.iter().position(|seen| Some(seen) == same.as_ref()) {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names: Vec<String> = chain[at..].iter().chain(std::iter::once(&chain[at])).map(name).collect();
        issues.push(Issue::at(place, "extends", format!("`extends` goes in a circle: {}", names.join(" -> "))));
        return None;
    }
    if !path.is_file() {
        let message = format!("`extends` names `{base}`, which is not a file");
        issues.push(Issue::at(place, "extends", message).help("the path is relative to the file that writes it"));
        return None;
    }
    let (_, mut merged) = read_with_bases(&path, chain, issues)?;
    merge::lay_over(&mut merged, table);
    Some((source, merged))
}

fn read_pipeline(table: &Table, start: &Place, issues: &mut Issues) -> Option<(String, Place)> {
    let Some(entry) = table.get("pipeline") else {
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
        let Some(entry) = table.remove(&stage.id) else { continue };
        let Value::Table(params) = &entry.node.value else {
            param::expected(&entry.node, &stage.id, "a table", issues);
            continue;
        };
        for key in ["stage", "inputs"] {
            if let Some(entry) = params.get(key) {
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

fn refuse_unknown(table: &Table, stages: &[String], issues: &mut Issues) {
    let stages: Vec<&str> = stages.iter().map(String::as_str).collect();
    // An `extends` that is still there came from an option: those of files are gone by now.
    let wrong = |key: &str| key == "extends" || !ACCEPTED.contains(&key);
    for (key, entry) in table.iter().filter(|(key, _)| wrong(key)) {
        let issue = if RESERVED.contains(&key.as_str()) {
            let message = format!("`{key}` means nothing in a config of this version");
            Issue::at(&entry.key, key, message)
        } else {
            let is_table = entry.node.table().is_some();
            let (what, known) = if is_table { ("stage", stages.as_slice()) } else { ("key", ACCEPTED) };
            Issue::at(&entry.key, key, format!("unknown {what} `{key}`")).help(suggest::help(key, known))
        };
        issues.push(issue);
    }
}

/// Reads all that is no stage.
fn read_header(table: &Table, config: &Path, start: &Place, issues: &mut Issues) -> Experiment {
    let name = read_key::<String>(table, "name", issues);
    let description = read_key::<String>(table, "description", issues);
    let seed = read_key::<u64>(table, "seed", issues);
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
        seed: seed.unwrap_or(0),
        device: device.unwrap_or_else(|| "auto".into()),
        device_place,
        numerics: read_numerics(table, issues),
        pipeline: String::new(),
        config: config.to_path_buf(),
        project: PathBuf::new(),
        stages: Vec::new(),
        issues: Vec::new(),
    }
}

/// `exact`, or nothing.
fn read_numerics(table: &Table, issues: &mut Issues) -> Option<String> {
    let numerics = read_key::<String>(table, "numerics", issues)?;
    if let Some(entry) = table.get("numerics").filter(|_| !NUMERICS.contains(&numerics.as_str())) {
        let message = format!("unknown choice `{numerics}` for `numerics`");
        issues.push(Issue::at(&entry.node.place, "numerics", message).help(suggest::help(&numerics, NUMERICS)));
    }
    (numerics == "exact").then_some(numerics)
}

fn read_key<T: Param>(table: &Table, key: &str, issues: &mut Issues) -> Option<T> {
    table.get(key).and_then(|entry| T::read(&entry.node, key, issues))
}
