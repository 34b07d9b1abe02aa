//! The stage `report`: figures, `report.md`, `report.html` and every number shown, from what all other stages left.

mod absent;
mod evaluated;
mod font;
mod maps;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value as Json, json};

use simpipe_artifact::table::write_parquet;
use simpipe_artifact::{
    ArtifactError, BaselineFile, Calibration, Confusion, Distance, Embeddings, History, ImageSet, IndexInfo, IndexRows,
    MatchInfo, Matches, ModelFile, Samples, Thresholds, read_json, write_json,
};
use simpipe_base::check;
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_base::param::SpecPath;
use simpipe_base::params;
use simpipe_report::figure::{Neighbours, Order};
use simpipe_report::{
    Baselines, Drawn, FigureSpec, Judgement, OwnFont, ReportData, ReportError, Shown, held_side, lookup_without_self,
    page, summary, worth_reading,
};
use simpipe_search::vectors;
use simpipe_stage::{Ctx, Facts, InputFacts, Kind, Port, Progress, SourceDigest, SourceFinder, Stage, StageError};

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
        /// The figures, in order. A figure may appear several times with different parameters.
        #[aka("plots", "charts", "graphs", "visualizations")]
        figures: Vec<FigureSpec> = FigureSpec::all() => check::not_empty(),
        /// The page's title; default: the experiment's name.
        title: Option<String> = None,
        /// Whether the embedding is compared with chance and with raw pixels. Without a stage `baseline` at the port of that
        /// name this is computed here and reads every image of queries and index; raw pixels only up to 4e9 multiply-adds
        /// (queries x images of the index x bytes of an image), a second or two, and 256 MB of pixels: beyond, the page says so.
        baselines: bool = true,
        /// Whether charts are written as SVG too, beside their PNG: drawings that scale, with words that can be searched.
        #[aka("vector", "vector_graphics", "save_svg")]
        svg: bool = false,
        /// A font whose letters are drawn in figures and on the page in place of the bundled ones, which draw what it lacks: a
        /// TrueType or OpenType file, or the first of a collection; a relative path starts from the folder of the file that
        /// writes it. Its content is part of the key, its place is not. The page holds the glyphs that it uses.
        #[aka("font_file", "font_path", "font_family", "typeface")]
        font: Option<SpecPath> = None,
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
    /// 8 - The page has the fonts of its own text, and names what none of them has by its number too. It has at most 24 sheets
    /// on paper. Curves of many points are drawn by what a pixel shows; legends name 20 classes at most; names
    /// that begin alike are cut where they don't differ.
    /// 9 - What ended a training early and which epoch's weights are kept; `neighbours` shows as many as there are.
    /// 10 - The figures `learning-rate` and `pair-distances`, which are in the default too; overlaps and near copies beside the
    /// data; axes of small numbers have powers of ten; letters of a font of the spec with outlines of PostScript join on the page
    /// too. 11 - Classes are judged by queries that are not in the index, those that the index lacks by refusals; differences to
    /// baselines are told with their intervals; a network that was not trained and queries of one class are findings.
    /// 12 - Maps say which images they are of; no interval breaks over two lines; the resolved spec is on paper as a whole; maps name
    /// 20 classes on the page too; raw pixels are left out where they take much memory, and large images are held as they are shown.
    const VERSION: u32 = 12;
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

    fn infer(params: &ReportParams, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let mut issues = sources::unplugged(inputs);
        issues.extend(maps::issues(params, inputs));
        issues.extend(font::issue(params));
        let strips = strips(params).filter_map(|(at, strips)| Some((at, strips, inputs.matches("matches")?)));
        issues.extend(strips.flat_map(|(at, strips, matches)| {
            let path = format!("figures[{at}].neighbours");
            let slice = matches.count.and_then(|count| outside(strips, count, &path));
            slice.into_iter().chain(too_many(strips, matches.neighbours, &path))
        }));
        if issues.is_empty() { Ok(Facts::Report) } else { Err(issues) }
    }

    fn warnings(params: &ReportParams, _: &InputFacts) -> Vec<Issue> {
        font::warnings(params)
    }

    fn sources(params: &ReportParams, finder: &SourceFinder) -> Result<Vec<SourceDigest>, StageError> {
        font::source(params, finder)
    }

    fn source_params(params: &ReportParams) -> Json {
        font::source_params(params)
    }

    fn run(params: &ReportParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let _font = OwnFont::in_use(font::read(params, ctx)?);
        let mut data = read(params, ctx)?;
        let Wanted { ids, whole } = wanted(params, &data);
        let shown = held_side(ids.len() - whole.len());
        let side = |id: u64| if whole.contains(&id) { usize::MAX } else { shown };
        data.images = sources::images(ctx, &data, &ids, side)?;
        data.provenance.files = sources::file_names(ctx, &ids)?;
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
fn outside(strips: &Neighbours, count: usize, path: &str) -> Option<Issue> {
    let slice = strips.slice.as_ref()?;
    let end = slice.begin.saturating_add(slice.size);
    (end > count).then(|| {
        let by_position = matches!(strips.order, Order::Label | Order::Position);
        let places = if by_position { "position" } else { "place" };
        Issue::of(format!("{path}.slice"), format!("the slice ends at {places} {end}, but there are {count} queries"))
            .help(format!("choose `begin` and `size` with a sum of at most {count}"))
    })
}

/// Only what `match` kept can be shown. As many as are shown where nothing is said are a wish: fewer are shown then.
fn too_many(strips: &Neighbours, kept: usize, path: &str) -> Option<Issue> {
    let unsaid = Neighbours::default_k();
    (strips.k > kept && strips.k != unsaid).then(|| {
        let message = format!("{} neighbours of each query are to be shown, but `match` keeps {kept}", strips.k);
        Issue::of(format!("{path}.k"), message)
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

/// The examples whose images are read.
struct Wanted {
    /// All of them, each once, in order.
    ids: Vec<u64>,
    /// Those that are compared pixel by pixel, and so are held as they are.
    whole: BTreeSet<u64>,
}

fn wanted(params: &ReportParams, data: &ReportData) -> Wanted {
    let shown: BTreeSet<u64> = params.figures.iter().flat_map(|figure| figure.images(data)).collect();
    let mut whole = BTreeSet::new();
    // A large index is not held in memory for a baseline that is left out.
    if params.baselines && data.baseline.is_none() && worth_reading(data, lookup_without_self(data).len()) {
        whole.extend(&data.index.example_id);
        whole.extend(data.matches.0.iter().map(|row| row.query_id));
    }
    Wanted { ids: shown.union(&whole).copied().collect(), whole }
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
        let figure = &of_what_is_kept(figure, data);
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

/// The figure with no more neighbours of a query than `match` has kept of any.
fn of_what_is_kept(figure: &FigureSpec, data: &ReportData) -> FigureSpec {
    let mut figure = figure.clone();
    if let FigureSpec::Neighbours(strips) = &mut figure {
        let most = data.matches.0.iter().map(|row| row.neighbours.len()).max().unwrap_or(0);
        strips.k = strips.k.min(most.max(1));
    }
    figure
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
mod tests;
