//! The stage `report`: figures, `report.md`, `report.html` and every number shown, from what all other stages left.

mod absent;
mod evaluated;
mod maps;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::artifact::table::write_parquet;
use crate::artifact::{
    ArtifactError, BaselineFile, Calibration, Confusion, Distance, Embeddings, History, ImageSet, IndexInfo, IndexRows,
    MatchInfo, Matches, ModelFile, Samples, Thresholds, read_json, write_json,
};
use crate::base::check;
use crate::base::digest::Digest;
use crate::params;
use crate::report::figure::{Neighbours, Order};
use crate::report::{
    Baselines, Drawn, FigureSpec, Judgement, ReportData, ReportError, Shown, lookup_without_self, page, summary,
    worth_reading,
};
use crate::search::vectors;
use crate::stage::{Ctx, Facts, InputFacts, Kind, ParamIssue, Port, Progress, Stage, StageError};

/// The stage `report`.
#[derive(Debug)]
pub struct Report;

params! {
    /// A page with every figure and every number that a reader needs to believe them, or not to.
    ///
    /// # Example
    ///
    /// ```toml
    /// [report]
    /// title = "What the network has learnt"
    /// figures = ["training-curves", { neighbours = { k = 3, order = "worst" } }, "confusion-matrix"]
    /// ```
    pub struct ReportParams {
        /// The figures, in order; a figure may stand several times with other parameters.
        #[aka("plots", "charts", "graphs", "visualizations")]
        figures: Vec<FigureSpec> = FigureSpec::all() => check::not_empty(),
        /// The page's title; the experiment's name if it is left out.
        title: Option<String> = None,
        /// Whether the embedding is compared with chance and with raw pixels. Without a stage `baseline` at the port of that
        /// name this is computed here and reads every image of queries and index; raw pixels only up to 4e9 multiply-adds
        /// (queries x images of the index x bytes of an image), a second or two: beyond, the page says so.
        baselines: bool = true,
        /// Whether charts are written as SVG too, beside their PNG: drawings that scale, with words that can be searched.
        #[aka("vector", "vector_graphics", "save_svg")]
        svg: bool = false,
    }
}

/// Files of the calibration that the report reads.
const CALIBRATION_FILES: &[&str] = &["calibration.json", "thresholds.parquet", ImageSet::CALIBRATED_ON];
/// Files of the matches that the report reads.
const MATCH_FILES: &[&str] = &["matches.parquet", "confusion.parquet", "metrics.json", MatchInfo::FILE];

impl Stage for Report {
    const NAME: &'static str = "report";
    const SUMMARY: &'static str = "Draws the figures and writes the page that ties them together.";
    /// 1 - First version. 2 - Labels of validation losses leave the line free. 3 - Confusion matrix and legends of many
    /// classes show a part; maps of the cosine distance are of directions; names can't be Markdown; numbers without bound
    /// have a picture. 4 - The figure `reliability`; what the cutpoint achieves; classes by how often they fail; an embedding
    /// that is worse than a baseline is a flaw; losses have names.
    /// Images of other datasets are told apart; leaks are found by the bytes of images. 5 - Every evaluation that is plugged
    /// in, the most believable number first; an open set is no flaw; raw pixels are left out where they are much work.
    /// 6 - `report.html`, one file that is the whole report; what is not plugged in is said to be not there; what a stage
    /// `baseline` has measured is a finding too. 7 - A table beside each picture: what it shows. How far a map can be trusted;
    /// figures `distance-histogram`, `roc` and `det`, and neighbours of the worst, some and the best queries, which are in the
    /// default too. Long names wrap in the cards of the page, and its charts have no empty strip above them; names in Chinese,
    /// Japanese, Korean, Thai, Arabic and Hebrew are drawn as they are written, what no bundled font has is written by its
    /// number, and names that would look alike when cut are cut elsewhere.
    const VERSION: u32 = 7;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["figures/", "report.html", "report.md", "metrics.json"];
    // t-SNE starts from the principal components and draws no random number; UMAP has a seed of its own.
    const SEEDED: bool = false;
    const SHOWS_SPEC: bool = true;
    type Params = ReportParams;

    fn ports(_: &ReportParams) -> Vec<Port> {
        let mut ports = vec![
            Port::new("dataset", Kind::Dataset, sources::DATASET_FILES),
            Port::new("sampler", Kind::Samples, &["samples.parquet"]).optional(),
            Port::new("training", Kind::Model, &["model.json", "history.parquet", ImageSet::TRAINED_ON]).optional(),
            Port::new("index", Kind::Index, &["index.arrow", "index.json"]).optional(),
            Port::new("embeddings", Kind::Embeddings, &["embeddings.parquet"]),
            Port::new("calibration", Kind::Calibration, CALIBRATION_FILES).optional(),
            Port::new("matches", Kind::Matches, MATCH_FILES).optional(),
            Port::new("baseline", Kind::Baseline, &[BaselineFile::FILE]).optional(),
            maps::port("pca"),
            maps::port("t-sne"),
            maps::port("umap"),
        ];
        ports.extend(evaluated::ports());
        ports.extend(sources::ports());
        ports
    }

    fn infer(params: &ReportParams, inputs: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        let mut issues = sources::unplugged(inputs);
        issues.extend(maps::issues(params, inputs));
        let strips = strips(params).filter_map(|(at, strips)| Some((at, strips, inputs.matches("matches")?)));
        issues.extend(strips.flat_map(|(at, strips, matches)| {
            let path = format!("figures[{at}].neighbours");
            let slice = matches.count.and_then(|count| outside(strips, count, &path));
            slice.into_iter().chain(too_many(strips, matches.neighbours, &path))
        }));
        if issues.is_empty() { Ok(Facts::Report) } else { Err(issues) }
    }

    fn run(params: &ReportParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let mut data = read(params, ctx)?;
        let wanted = wanted(params, &data);
        data.images = sources::images(ctx, &data, &wanted)?;
        data.provenance.files = sources::file_names(ctx, &wanted)?;
        ctx.stop_if_cancelled()?;
        let stop = || ctx.cancelled();
        let computes = params.baselines && data.baseline.is_none();
        let baselines = computes.then(|| Baselines::of(&data, &stop)).transpose();
        let baselines = baselines.map_err(|error| failed(error, ctx.input("dataset", "examples.parquet")))?;
        let shown = draw(params, &data, ctx)?;
        let judgement = Judgement::of(&data, baselines.as_ref());
        let html = page(&data, &shown, baselines.as_ref(), &judgement);
        write(ctx, "report.html", &html.map_err(|error| failed(error, ctx.input("dataset", "examples.parquet")))?)?;
        let drawn: Vec<(String, Drawn)> = shown.into_iter().map(|shown| (shown.file, shown.figure.drawn())).collect();
        write(ctx, "report.md", &summary(&data, &drawn, baselines.as_ref(), &judgement))?;
        write_json(&ctx.output("metrics.json"), &numbers(&data, &drawn, baselines.as_ref(), &judgement))?;
        for (name, value) in baselines.map(|baselines| baselines.numbers()).unwrap_or_default() {
            ctx.metric(format!("baseline.{name}"), value);
        }
        Ok(())
    }
}

fn write(ctx: &Ctx<'_>, file: &str, text: &str) -> Result<(), StageError> {
    let path = ctx.output(file);
    std::fs::write(&path, text).map_err(StageError::io("write", &path))
}

/// The figures that show queries with neighbours, with their positions in the list.
fn strips(params: &ReportParams) -> impl Iterator<Item = (usize, &Neighbours)> {
    params.figures.iter().enumerate().filter_map(|(at, figure)| match figure {
        FigureSpec::Neighbours(strips) => Some((at, strips)),
        _ => None,
    })
}

/// The slice must lie among the queries.
fn outside(strips: &Neighbours, count: usize, path: &str) -> Option<ParamIssue> {
    let slice = strips.slice.as_ref()?;
    let end = slice.begin.saturating_add(slice.size);
    (end > count).then(|| {
        let by_position = matches!(strips.order, Order::Label | Order::Position);
        let places = if by_position { "position" } else { "place" };
        ParamIssue::new(
            format!("{path}.slice"),
            format!("the slice ends at {places} {end}, but there are {count} queries"),
        )
        .help(format!("choose `begin` and `size` with a sum of at most {count}"))
    })
}

/// Only what `match` kept can be shown.
fn too_many(strips: &Neighbours, kept: usize, path: &str) -> Option<ParamIssue> {
    (strips.k > kept).then(|| {
        let message = format!("{} neighbours of each query are to be shown, but `match` keeps {kept}", strips.k);
        ParamIssue::new(format!("{path}.k"), message)
            .help(format!("choose `k` of at most {kept}, or raise `neighbours` of the stage `match`"))
    })
}

/// Everything but the images; of ports that nothing is plugged into, nothing.
fn read(params: &ReportParams, ctx: &Ctx<'_>) -> Result<ReportData, StageError> {
    let model: Option<ModelFile> = plugged(ctx, "training", "model.json", read_json)?;
    let index_info: Option<IndexInfo> = plugged(ctx, "index", "index.json", read_json)?;
    let mut embeddings = Embeddings::read(ctx.input("embeddings", "embeddings.parquet"))?;
    let distance = absent::distance(index_info.as_ref(), model.as_ref());
    if distance == Distance::Cosine {
        // A map shows what the search compares: directions.
        vectors::to_unit_length(&mut embeddings.values, embeddings.dim);
    }
    let calibration = plugged(ctx, "calibration", "calibration.json", read_json::<Calibration>)?;
    let match_info = plugged(ctx, "matches", MatchInfo::FILE, read_json)?;
    let mut data = ReportData {
        title: params.title.clone(),
        absent: absent::ports(ctx),
        dataset: read_json(ctx.input("dataset", "dataset.json"))?,
        samples: plugged(ctx, "sampler", "samples.parquet", Samples::read)?.unwrap_or_default(),
        model: model.unwrap_or_else(|| absent::model(embeddings.dim, distance)),
        history: plugged(ctx, "training", "history.parquet", History::read)?.unwrap_or_default(),
        index_info: index_info.unwrap_or_else(|| absent::index(embeddings.dim, distance)),
        index: plugged(ctx, "index", "index.arrow", IndexRows::read)?.unwrap_or_default(),
        embeddings,
        calibration: calibration.unwrap_or_else(|| absent::calibration(distance)),
        thresholds: plugged(ctx, "calibration", "thresholds.parquet", Thresholds::read)?.unwrap_or_default(),
        matches: plugged(ctx, "matches", "matches.parquet", Matches::read)?.unwrap_or_default(),
        confusion: plugged(ctx, "matches", "confusion.parquet", Confusion::read)?.unwrap_or_default(),
        match_metrics: plugged(ctx, "matches", "metrics.json", read_json)?.unwrap_or_default(),
        match_info: match_info.unwrap_or_else(absent::matches),
        evaluations: evaluated::evaluations(ctx)?,
        further_matches: evaluated::further_matches(ctx)?,
        spec_digest: Some(Digest::of_json(ctx.spec()).to_string()),
        spec: ctx.spec().clone(),
        digests: sources::digests(ctx, &Report::ports(params))?,
        provenance: sources::provenance(ctx)?,
        images: BTreeMap::new(),
        projections: maps::read(ctx)?,
        baseline: match params.baselines && ctx.has_input("baseline") {
            true => Some(read_json(ctx.input("baseline", BaselineFile::FILE))?),
            false => None,
        },
    };
    sources::set_apart(&mut data, ctx)?;
    Ok(data)
}

/// A file of a port, if something is plugged into it.
fn plugged<T>(
    ctx: &Ctx<'_>,
    port: &str,
    file: &str,
    read: impl FnOnce(&Path) -> Result<T, ArtifactError>,
) -> Result<Option<T>, StageError> {
    Ok(if ctx.has_input(port) { Some(read(ctx.input(port, file))?) } else { None })
}

/// The examples whose images are read, each once, in order.
fn wanted(params: &ReportParams, data: &ReportData) -> Vec<u64> {
    let mut wanted: BTreeSet<u64> = params.figures.iter().flat_map(|figure| figure.images(data)).collect();
    // A large index is not held in memory for a baseline that is left out.
    if params.baselines && data.baseline.is_none() && worth_reading(data, lookup_without_self(data).len()) {
        wanted.extend(&data.index.example_id);
        wanted.extend(data.matches.0.iter().map(|row| row.query_id));
    }
    wanted.into_iter().collect()
}

/// Draws every figure; gives the files as the page names them.
fn draw(params: &ReportParams, data: &ReportData, ctx: &Ctx<'_>) -> Result<Vec<Shown>, StageError> {
    let folder = ctx.output("figures");
    std::fs::create_dir_all(&folder).map_err(StageError::io("create", &folder))?;
    let total = params.figures.len() as u64;
    let mut drawn = Vec::new();
    for (at, figure) in params.figures.iter().enumerate() {
        ctx.stop_if_cancelled()?;
        let message = figure.name().to_owned();
        ctx.progress(Progress { done: at as u64, total: Some(total), unit: "figures", message });
        let shown = figure.show(data, (&folder, at), &|| ctx.cancelled()).map_err(|error| failed(error, &folder))?;
        if let Some(columns) = shown.figure.table(data) {
            write_parquet(&folder.join(figure.table_name(at)), columns)?;
        }
        if let (true, Some(svg)) = (params.svg, &shown.svg) {
            write(ctx, &format!("figures/{}", figure.svg_name(at)), svg)?;
        }
        drawn.push(shown);
    }
    Ok(drawn)
}

fn failed(error: ReportError, folder: &Path) -> StageError {
    match error {
        ReportError::Stopped => StageError::Interrupted,
        ReportError::Io { path, source } => StageError::Io { action: "write", path, source },
        ReportError::Draw(_) | ReportError::NoImage(_) => {
            StageError::failed(format!("{error} (drawing into {})", folder.file_name().unwrap_or_default().display()))
        }
    }
}

/// `metrics.json`: every number that the page or a picture shows.
fn numbers(data: &ReportData, drawn: &[(String, Drawn)], baselines: Option<&Baselines>, judgement: &Judgement) -> Json {
    let figures: BTreeMap<&String, &BTreeMap<String, f64>> =
        drawn.iter().map(|(file, drawn)| (file, &drawn.numbers)).collect();
    let found: BTreeMap<&str, Json> = judgement
        .findings
        .iter()
        .map(|finding| (finding.name, json!({ "flaw": finding.flaw, "text": finding.text })))
        .collect();
    let baselines = match &data.baseline {
        Some(file) => json!(file),
        None => json!(baselines.map(Baselines::numbers)),
    };
    let mut numbers = json!({
        "headline": judgement.candidates,
        "match": data.match_metrics,
        "calibration": data.calibration,
        "baselines": baselines,
        "findings": found,
        "figures": figures,
    });
    if !data.evaluations.is_empty() {
        let by_stage = data.evaluations.iter().map(|found| (found.stage.clone(), json!(found.evaluation)));
        numbers["evaluations"] = by_stage.collect();
    }
    if !data.further_matches.is_empty() {
        let by_stage = data.further_matches.iter().map(|found| (found.stage.clone(), json!(found.metrics)));
        numbers["further_matches"] = by_stage.collect();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::artifact::{Estimate, Evaluation, ExamplesWriter, Gain, PerClass, PerQuery, Projection, ProjectionInfo};
    use crate::base::param;
    use crate::base::seed::Seed;
    use crate::metric::plane::{Way, place};
    use crate::report::synthetic;
    use crate::stage::{CtxParts, Inputs, MatchesFacts};

    fn params(json: Json) -> ReportParams {
        param::from_json(&json).unwrap()
    }

    fn infer(json: Json, count: Option<usize>, neighbours: usize) -> Vec<ParamIssue> {
        let facts = Facts::Matches(MatchesFacts { count, neighbours });
        let inputs = InputFacts(BTreeMap::from([("matches".to_owned(), facts)]));
        Report::infer(&params(json), &inputs).err().unwrap_or_default()
    }

    #[test]
    fn slices_and_neighbours_must_be_there() {
        let figures =
            |slice: Json, k: usize| json!({ "figures": ["sample-grid", { "neighbours": { "slice": slice, "k": k } }] });
        assert_eq!(infer(figures(json!({ "begin": 200, "size": 10 }), 5), Some(210), 5), []);
        let issues = infer(figures(json!({ "begin": 200, "size": 11 }), 6), Some(210), 5);
        let paths: Vec<&str> = issues.iter().map(|issue| issue.path.as_str()).collect();
        assert_eq!(paths, ["figures[1].neighbours.slice", "figures[1].neighbours.k"]);
        assert!(issues[0].message.contains("211") && issues[1].message.contains("keeps 5"), "{issues:?}");
        assert_eq!(infer(figures(json!({ "begin": 200, "size": 11 }), 5), None, 5), []);
    }

    #[test]
    fn the_tutorials_figures_are_read() {
        let spec = json!({ "figures": [
            { "sample-grid": { "count": 25, "columns": 5 } }, "training-curves",
            { "neighbours": { "slice": { "begin": 200, "size": 10 }, "k": 5, "order": "label" } },
            "metrics-over-distance", "precision-recall", { "confusion-matrix": { "normalize": false } },
            { "no-match": { "limit": 25 } },
            { "projection": { "method": "pca", "count": 1000, "thumbnail": 96, "size": 800 } },
            { "projection": { "method": "t-sne", "count": 1000, "thumbnail": 96, "size": 800 } },
        ] });
        let read = params(spec).figures;
        let mut defaults = FigureSpec::all();
        defaults[2] = read[2].clone();
        // The tutorial has neither probabilities nor what came after it.
        defaults.retain(|figure| match figure {
            FigureSpec::Reliability | FigureSpec::DistanceHistogram | FigureSpec::Roc | FigureSpec::Det => false,
            FigureSpec::Neighbours(neighbours) => neighbours.order == Order::Label,
            _ => true,
        });
        assert_eq!(read, defaults);
    }

    /// Writes every artifact of made-up data; gives the inputs of the stage.
    fn inputs(data: &ReportData, folder: &Path) -> Inputs {
        let path = |name: &str| folder.join(name);
        let mut writer = ExamplesWriter::new(&path("examples.parquet"));
        let other = data.images.values().next().unwrap();
        for id in 0..=*data.images.keys().last().unwrap() {
            writer.push("train", 0, data.images.get(&id).unwrap_or(other).clone()).unwrap();
        }
        writer.finish().unwrap();
        write_json(&path("dataset.json"), &data.dataset).unwrap();
        data.samples.write(&path("samples.parquet")).unwrap();
        write_json(&path("model.json"), &data.model).unwrap();
        data.history.write(&path("history.parquet")).unwrap();
        data.index.write(&path("index.arrow")).unwrap();
        write_json(&path("index.json"), &data.index_info).unwrap();
        data.embeddings.write(&path("embeddings.parquet")).unwrap();
        write_json(&path("calibration.json"), &data.calibration).unwrap();
        data.thresholds.write(&path("thresholds.parquet")).unwrap();
        data.provenance.trained_on.write(&path(ImageSet::TRAINED_ON)).unwrap();
        data.provenance.calibrated_on.write(&path(ImageSet::CALIBRATED_ON)).unwrap();
        data.matches.write(&path("matches.parquet")).unwrap();
        data.confusion.write(&path("confusion.parquet"), &data.dataset.classes, "Unknown").unwrap();
        write_json(&path("metrics.json"), &data.match_metrics).unwrap();
        write_json(&path(MatchInfo::FILE), &data.match_info).unwrap();
        let files = |port: &Port| port.files.iter().map(|file| ((*file).to_owned(), path(file))).collect();
        for found in &data.evaluations {
            write_json(&path(Evaluation::FILE), &found.evaluation).unwrap();
            found.queries.write(&path(PerQuery::FILE)).unwrap();
            found.classes.write(&path(PerClass::FILE)).unwrap();
        }
        let plugged = |port: &&Port| {
            !port.optional
                || ["sampler", "training", "index", "calibration", "matches"].contains(&port.name)
                || data.projections.contains_key(port.name)
                || (port.name == "baseline" && data.baseline.is_some())
                || (port.name == "evaluation" && !data.evaluations.is_empty())
                || (port.name == "matches-test" && !data.further_matches.is_empty())
        };
        for (method, (info, placed)) in &data.projections {
            std::fs::create_dir_all(path(method)).unwrap();
            write_json(&path(method).join(ProjectionInfo::FILE), info).unwrap();
            placed.write(&path(method).join(Projection::FILE)).unwrap();
        }
        if let Some(file) = &data.baseline {
            write_json(&path(BaselineFile::FILE), file).unwrap();
        }
        let mut inputs: Inputs = Report::ports(&params(json!({})))
            .iter()
            .filter(plugged)
            .map(|port| (port.name.to_owned(), files(port)))
            .collect();
        for method in data.projections.keys() {
            let files = [ProjectionInfo::FILE, Projection::FILE];
            inputs.insert(
                method.clone(),
                files.iter().map(|file| ((*file).to_owned(), path(method).join(file))).collect(),
            );
        }
        inputs
    }

    /// Runs the stage; gives its metrics and the bytes of every file by name.
    fn run(params: &ReportParams, data: &ReportData) -> (BTreeMap<String, f64>, BTreeMap<PathBuf, Vec<u8>>) {
        run_without(params, data, &[])
    }

    /// The same with nothing plugged into some ports.
    fn run_without(
        params: &ReportParams,
        data: &ReportData,
        without: &[&str],
    ) -> (BTreeMap<String, f64>, BTreeMap<PathBuf, Vec<u8>>) {
        let (upstream, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut inputs = inputs(data, upstream.path());
        inputs.retain(|port, _| !without.contains(&port.as_str()));
        let cancel = AtomicBool::new(false);
        let mut ctx = Ctx::new(CtxParts {
            id: "report",
            inputs,
            output: output.path(),
            seed: Seed::of_stage(1, "report", None),
            backend: "flex",
            spec: &data.spec,
            cancel: &cancel,
            on_progress: &|_| {},
            on_warning: &|_| {},
            checkpoints: None,
            downloads: upstream.path(),
        });
        Report::run(params, &mut ctx).unwrap();
        let figures = std::fs::read_dir(output.path().join("figures")).unwrap().map(|entry| entry.unwrap().path());
        let all = figures.chain(["report.html", "report.md", "metrics.json"].map(|name| output.path().join(name)));
        let file =
            |path: PathBuf| (path.strip_prefix(output.path()).unwrap().to_owned(), std::fs::read(&path).unwrap());
        let metrics = ctx.into_metrics();
        assert_eq!(crate::stages::reported::undefined(Report::NAME, metrics.keys()), [""; 0]);
        (metrics, all.map(file).collect())
    }

    #[test]
    fn a_run_leaves_the_page_its_figures_and_its_numbers() {
        let data = synthetic::small();
        let params =
            params(json!({ "figures": ["training-curves", { "sample-grid": { "count": 4 } }, "sample-grid"] }));
        let (metrics, files) = run(&params, &data);
        let names: Vec<&str> = files.keys().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "figures/01-training-curves.parquet",
                "figures/01-training-curves.png",
                "figures/02-sample-grid.parquet",
                "figures/02-sample-grid.png",
                "figures/03-sample-grid.parquet",
                "figures/03-sample-grid.png",
                "metrics.json",
                "report.html",
                "report.md"
            ]
        );
        let page = String::from_utf8(files[Path::new("report.md")].clone()).unwrap();
        for name in names.iter().filter(|name| name.ends_with(".png")) {
            assert!(page.contains(&format!("]({name})")), "{name} is not on the page");
        }
        // 12 queries of 10 classes, two of which have two.
        assert!((metrics["baseline.chance"] - 2.0 / 12.0).abs() < 1e-12 && metrics.contains_key("baseline.raw_pixels"));
        let numbers: Json = serde_json::from_slice(&files[Path::new("metrics.json")]).unwrap();
        assert_eq!(numbers["baselines"]["chance"], metrics["baseline.chance"]);
        assert_eq!(numbers["calibration"]["cutpoints"]["optimal"]["distance"], 0.064);
        let html = String::from_utf8(files[Path::new("report.html")].clone()).unwrap();
        assert!(html.starts_with("<!doctype html>") && html.contains("data:image/png;base64,"), "no page");
        // In two folders: nothing of where it was made is in it.
        assert_eq!(run(&params, &data), (metrics, files), "a second run gives other bytes");
    }

    #[test]
    fn charts_are_drawings_too_where_that_is_wanted() {
        let params = params(json!({ "figures": ["training-curves", "sample-grid"], "svg": true, "baselines": false }));
        let (_, files) = run(&params, &synthetic::small());
        let drawings: Vec<&PathBuf> =
            files.keys().filter(|path| path.extension().is_some_and(|end| end == "svg")).collect();
        assert_eq!(drawings, [Path::new("figures/01-training-curves.svg")]);
        let drawing = String::from_utf8(files[drawings[0]].clone()).unwrap();
        assert!(drawing.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{drawing}");
    }

    #[test]
    fn what_is_not_plugged_in_is_said_to_be_not_there() {
        let params =
            params(json!({ "figures": ["training-curves", "metrics-over-distance", "no-match", "projection"] }));
        let ports = ["sampler", "training", "index", "calibration", "matches"];
        let (metrics, files) = run_without(&params, &synthetic::small(), &ports);
        assert_eq!(metrics["baseline.queries"], 0.0);
        let text = |name: &str| String::from_utf8(files[Path::new(name)].clone()).unwrap();
        for port in ports {
            let sentence = format!("Nothing is plugged into the port {port}");
            assert!(text("report.html").contains(&sentence) && text("report.md").contains(&sentence), "{port}");
        }
        assert!(files.contains_key(Path::new("figures/01-training-curves.png")));
        assert!(text("report.html").contains("id=\"figure-4\"") && text("report.md").contains("Not there"));
    }

    #[test]
    fn evaluations_and_further_matches_are_shown_where_they_are_plugged_in() {
        let params = params(json!({ "figures": ["training-curves"], "baselines": false }));
        let mut data = synthetic::small();
        let text =
            |files: &BTreeMap<PathBuf, Vec<u8>>, name: &str| String::from_utf8(files[Path::new(name)].clone()).unwrap();
        let (_, without) = run(&params, &data);
        assert!(!text(&without, "report.md").contains("## Evaluation"));
        assert!(!text(&without, "metrics.json").contains("evaluation"));
        // The further matches are here the files of the report's own.
        data.evaluations = vec![synthetic::evaluated("evaluation")];
        data.further_matches = vec![synthetic::further_matches("matches-test")];
        data.match_metrics["accuracy"] = json!(0.75);
        data.spec["stages"] = json!({ "r": { "stage": "report", "inputs": { "evaluation": "evaluate-unseen" } } });
        let (_, with) = run(&params, &data);
        let page = text(&with, "report.md");
        assert!(page.contains("| map@r | 0.5000 | 0.4500 to 0.5500 | 12 |"), "{page}");
        assert!(page.contains("### matches-test\n\n12 queries of 10 classes."), "{page}");
        let numbers: Json = serde_json::from_str(&text(&with, "metrics.json")).unwrap();
        assert_eq!(numbers["evaluations"]["evaluate-unseen"]["metrics"]["map@r"]["low"], 0.45);
        assert_eq!(numbers["further_matches"]["matches-test"]["accuracy"], 0.75);
        let stages: Vec<&str> =
            numbers["headline"].as_array().unwrap().iter().filter_map(|one| one["stage"].as_str()).collect();
        assert_eq!(stages, ["evaluate-unseen", "matches", "matches-test"]);
        assert_eq!(numbers["headline"][0]["classes"], "trained");
    }

    #[test]
    fn stored_baselines_and_maps_are_shown_as_they_are() {
        let mut data = synthetic::small();
        let figures = json!({ "figures": [{ "projection": { "method": "pca", "size": 200 } }] });
        let computed = run(&params(figures.clone()), &data).1;
        let map = Path::new("figures/01-projection-pca.png");
        // The same points, computed before: the same picture.
        let mut rows = data.embeddings.clone();
        vectors::to_unit_length(&mut rows.values, rows.dim);
        let placed = place(&rows.values, rows.dim, &Way::Pca, &|| false).unwrap();
        let info = ProjectionInfo {
            format: 1,
            method: "pca".to_owned(),
            parameters: json!({}),
            count: rows.len(),
            of: rows.len(),
            left_out: 0,
            dim: rows.dim,
            distance: Distance::Cosine,
            explained: Some(placed.explained),
        };
        let (example_id, label) = (rows.example_id.clone(), rows.label.clone());
        let placed = Projection { position: rows.position, example_id, label, point: placed.points };
        data.projections.insert("pca".to_owned(), (info, placed));
        let figure = |value: f64| Estimate { value, low: Some(value - 0.05), high: Some(value + 0.05) };
        let figures_of = |value: f64| BTreeMap::from([("recall@1".to_owned(), figure(value))]);
        data.baseline = Some(BaselineFile {
            format: 1,
            queries: 10,
            of_queries: 12,
            in_index: 0,
            excluded: None,
            lone: 0,
            indexed: 20,
            distance: Distance::Cosine,
            embedding: figures_of(0.75),
            baselines: BTreeMap::from([("raw-pixels".to_owned(), figures_of(0.25))]),
            skipped: BTreeMap::from([("untrained".to_owned(), "There is no model at the port `model`.".to_owned())]),
            gain: BTreeMap::from([(
                "recall@1".to_owned(),
                Gain { over: "raw-pixels".to_owned(), difference: figure(0.5), better: true },
            )]),
        });
        let (metrics, files) = run(&params(figures.clone()), &data);
        assert_eq!(files[map], computed[map]);
        assert!(metrics.is_empty(), "they are the stage's: {metrics:?}");
        let page = String::from_utf8(files[Path::new("report.md")].clone()).unwrap();
        assert!(page.contains("| raw-pixels | 0.2500 (0.2000 to 0.3000) |"), "{page}");
        assert!(page.contains("10 of 12 queries") && page.contains("There is no model at the port"), "{page}");
        let numbers: Json = serde_json::from_slice(&files[Path::new("metrics.json")]).unwrap();
        assert_eq!(numbers["baselines"]["baselines"]["raw-pixels"]["recall@1"]["value"], 0.25);
        let mut without = figures;
        without["baselines"] = json!(false);
        let page = String::from_utf8(run(&params(without), &data).1[Path::new("report.md")].clone()).unwrap();
        assert!(!page.contains("## Baselines"));
    }

    #[test]
    fn baselines_can_be_left_out() {
        let params = params(json!({ "figures": ["training-curves"], "baselines": false, "title": "Mine" }));
        let (metrics, files) = run(&params, &synthetic::small());
        assert!(metrics.is_empty());
        let page = String::from_utf8(files[Path::new("report.md")].clone()).unwrap();
        assert!(page.starts_with("# Mine\n") && !page.contains("## Baselines"));
    }
}
