//! What the stage leaves, of whole and of partial inputs.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::*;
use simpipe_artifact::{Estimate, Evaluation, ExamplesWriter, Gain, PerClass, PerQuery, Projection, ProjectionInfo};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_metric::plane::{Way, place};
use simpipe_report::synthetic;
use simpipe_stage::{CtxParts, Inputs, MatchesFacts};

fn params(json: Json) -> ReportParams {
    param::from_json(&json).unwrap()
}

fn infer(json: Json, count: Option<usize>, neighbours: usize) -> Vec<Issue> {
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
    // The figure's own default asks for no more than there is; what somebody else wrote does.
    assert_eq!(infer(json!({ "figures": ["neighbours"] }), Some(210), 3), []);
    assert_eq!(infer(json!({ "figures": [{ "neighbours": { "k": 4 } }] }), Some(210), 3).len(), 1);
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
    defaults[4] = read[2].clone();
    // The tutorial has neither probabilities nor what came after it.
    defaults.retain(|figure| match figure {
        FigureSpec::Reliability | FigureSpec::DistanceHistogram | FigureSpec::Roc | FigureSpec::Det => false,
        FigureSpec::LearningRate | FigureSpec::PairDistances => false,
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
        inputs.insert(method.clone(), files.iter().map(|file| ((*file).to_owned(), path(method).join(file))).collect());
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
    let file = |path: PathBuf| (path.strip_prefix(output.path()).unwrap().to_owned(), std::fs::read(&path).unwrap());
    let metrics = ctx.into_metrics();
    assert_eq!(crate::reported::undefined(Report::NAME, metrics.keys()), [""; 0]);
    (metrics, all.map(file).collect())
}

#[test]
fn a_run_leaves_the_page_its_figures_and_its_numbers() {
    let data = synthetic::small();
    let params = params(json!({ "figures": ["training-curves", { "sample-grid": { "count": 4 } }, "sample-grid"] }));
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
    let params = params(json!({ "figures": ["training-curves", "metrics-over-distance", "no-match", "projection"] }));
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

/// What is compared pixel by pixel is held whole, as long as that is not too much; all else is held as large as it is shown.
#[test]
fn images_are_held_whole_for_the_baseline_alone() {
    let mut data = synthetic::small();
    let with = |baselines: bool| params(json!({ "figures": ["sample-grid"], "baselines": baselines }));
    let compared = data.index.example_id.len() + data.matches.0.len();
    let Wanted { ids, whole } = wanted(&with(true), &data);
    assert!(whole.len() == compared && ids.len() > compared && whole.iter().all(|id| ids.contains(id)));
    let Wanted { ids: shown, whole } = wanted(&with(false), &data);
    assert!(!shown.is_empty() && shown.len() < ids.len() && whole.is_empty());
    // 20 images of the index alone are more than 256 MB.
    data.dataset.image = Some(simpipe_artifact::ImageShape { height: 2100, width: 2100, channels: 3 });
    let Wanted { ids, whole } = wanted(&with(true), &data);
    assert_eq!((ids, whole.len()), (shown, 0));
}

/// A panorama is shown, and no image of another shape than the one that was stored stands for it.
#[test]
fn an_image_that_is_larger_than_any_picture_is_made_smaller_and_shown() {
    let shape = simpipe_artifact::ImageShape { height: 3, width: 1700, channels: 1 };
    let params = params(json!({ "figures": [{ "sample-grid": { "count": 4, "columns": 2 } }], "baselines": false }));
    let (_, files) = run(&params, &synthetic::with(3, 4, shape));
    let page = String::from_utf8(files[Path::new("report.html")].clone()).unwrap();
    assert!(page.contains("data:image/png;base64,") && files.contains_key(Path::new("figures/01-sample-grid.png")));
}

#[test]
fn a_font_of_the_spec_draws_figures_and_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.ttf");
    std::fs::write(&path, include_bytes!("../../report/font/DejaVuSans-Bold.ttf")).unwrap();
    let plain = params(json!({ "figures": ["training-curves"], "baselines": false }));
    let file = SpecPath { written: "own.ttf".to_owned(), resolved: path };
    let own = ReportParams { font: Some(file), ..plain.clone() };
    let (data, chart) = (synthetic::small(), Path::new("figures/01-training-curves.png"));
    let [(_, bundled), (_, other)] = [plain, own].map(|params| run(&params, &data));
    assert_ne!(bundled[chart], other[chart]);
    let html = |files: &BTreeMap<PathBuf, Vec<u8>>| String::from_utf8(files[Path::new("report.html")].clone()).unwrap();
    let rule = "@font-face{font-family:\"simpipe own\"";
    assert!(html(&other).contains(rule) && !html(&bundled).contains(rule));
    assert!(!html(&other).contains("own.ttf"), "no path");
}

/// 200,000 steps with all their noise: what is seen of them, not all.
#[test]
fn long_trainings_have_a_small_page() {
    let mut data = synthetic::small();
    let first = data.history.0[0].clone();
    data.history.0 = (0..200_000_u32)
        .map(|step| simpipe_artifact::HistoryRow {
            step: u64::from(step),
            epoch: step / 1000,
            loss: f64::from(step.wrapping_mul(2_654_435_761) >> 16) / 65_536.0,
            val_loss: (step % 1000 == 999).then_some(0.5),
            ..first.clone()
        })
        .collect();
    let (_, files) = run(&params(json!({ "figures": ["training-curves"], "baselines": false })), &data);
    let size = files[Path::new("report.html")].len();
    assert!((50_000..1_000_000).contains(&size), "{size} bytes");
}
