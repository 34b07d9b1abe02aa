//! `simpipe query`: the answers of `match` for pictures that come as files, and what is said of pictures and runs that can't
//! be asked.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};
use simpipe::Run;
use simpipe_artifact::{Calibration, Examples, FileNames, Graph, Image, IndexRows, MatchRow, Matches, read_json};

use crate::project::{PLAIN_REPORT, Project, Record, files_below, repository, simpipe, template, write_pair};
use crate::schemas::validate;
use crate::{frozen_backbone, peers};

/// A run whose queries lie in a folder as PNG files, in their order.
pub(crate) struct Asked {
    pub(crate) project: Project,
    pub(crate) folder: PathBuf,
    pub(crate) rows: Vec<MatchRow>,
    pub(crate) classes: Vec<String>,
    files: FileNames,
}

impl Asked {
    pub(crate) fn new(more: &[&str]) -> Self {
        let project = Project::new();
        let run = project.run(&[&PLAIN_REPORT[..], more].concat());
        Self::of(project, &run)
    }

    pub(crate) fn of(project: Project, run: &Record) -> Self {
        let dir = run.dir(&project);
        let rows = Matches::read(&dir.join("match/matches.parquet")).unwrap().0;
        let ids: Vec<u64> = rows.iter().map(|row| row.query_id).collect();
        let images = Examples::read_images(&dir.join("dataset/examples.parquet"), &ids).unwrap();
        let index: Json = serde_json::from_slice(&std::fs::read(dir.join("index/index.json")).unwrap()).unwrap();
        let files = FileNames::read(&dir.join("dataset").join(FileNames::FILE)).unwrap();
        let folder = project.root().join("pictures");
        std::fs::create_dir_all(&folder).unwrap();
        images.iter().enumerate().for_each(|(at, image)| save(&folder.join(format!("{at:04}.png")), image));
        let classes = index["classes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        Self { classes: classes.collect(), files, project, folder, rows }
    }

    pub(crate) fn path(&self, at: usize) -> String {
        self.folder.join(format!("{at:04}.png")).to_str().unwrap().to_owned()
    }

    /// The answers to some of the pictures.
    fn ask_about(&self, places: &[usize]) -> Vec<Json> {
        let paths: Vec<String> = places.iter().map(|at| self.path(*at)).collect();
        self.ask(&paths.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn ask(&self, what: &[&str]) -> Vec<Json> {
        let answers = self.project.json(&[&["query", "latest", "--json"], what].concat(), 0);
        validate("query.schema.json", &answers);
        answers.as_array().unwrap().clone()
    }

    fn refused(&self, what: &[&str], code: i32) -> String {
        let json = self.project.json(&[&["query"], what, &["--json"]].concat(), code);
        format!("{} / {}", json["errors"][0]["message"].as_str().unwrap(), json["errors"][0]["help"])
    }

    /// What is said of bytes from standard input.
    fn piped(&self, bytes: &[u8], code: i32) -> Json {
        let mut child = simpipe(&["query", "latest", "-", "--json", "--root", self.project.root().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        serde_json::from_str(&said).unwrap()
    }

    /// Whether an answer is that of `match`.
    pub(crate) fn expect_same(&self, answer: &Json, at: usize) {
        let row = &self.rows[at];
        let class = |label: i32| self.classes[usize::try_from(label).unwrap()].as_str();
        let label = if row.matched { class(row.predicted.unwrap()) } else { "Unknown" };
        assert_eq!(
            (&answer["label"], &answer["accepted"]),
            (&label.into(), &row.matched.into()),
            "query {at}: {answer}"
        );
        let near = |json: &Json, number: f64| (json.as_f64().unwrap() - number).abs() <= 1e-6;
        assert!(near(&answer["distance"], row.distance.into()), "query {at}: {answer} {}", row.distance);
        // A line between two thresholds may be steep.
        assert!((answer["probability"].as_f64().unwrap() - row.probability).abs() < 1e-2, "query {at}: {answer}");
        let neighbours = answer["neighbours"].as_array().unwrap();
        assert_eq!(neighbours.len(), row.neighbours.len());
        for (found, expected) in neighbours.iter().zip(&row.neighbours) {
            let who = (&found["rank"], &found["example_id"], &found["label"]);
            assert_eq!(
                who,
                (&expected.rank.into(), &expected.example_id.into(), &class(expected.label).into()),
                "query {at}"
            );
            assert!(near(&found["distance"], expected.distance.into()), "query {at}: {found} {}", expected.distance);
            // Null where the source has no files.
            assert_eq!(found["file"], json!(self.files.of(expected.example_id)), "query {at}: {found}");
        }
    }
}

fn save(path: &Path, image: &Image) {
    let kind = if image.shape.channels == 1 { image::ExtendedColorType::L8 } else { image::ExtendedColorType::Rgb8 };
    image::save_buffer(path, &image.pixels, image.shape.width, image.shape.height, kind).unwrap();
}

pub(crate) fn store_of(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let store = project.root().join("artifacts");
    // What is remembered of runs, so that they are found sooner, lies beside the store.
    let is_result = |name: &String| !name.starts_with("runs/.");
    let names = files_below(&store).into_iter().filter(is_result);
    names.map(|name| (name.clone(), std::fs::read(store.join(name)).unwrap())).collect()
}

#[test]
fn a_picture_gets_the_answer_that_match_gave_it_in_any_company() {
    let asked = Asked::new(&[]);
    let before = store_of(&asked.project);
    let count = asked.rows.len();
    for places in [vec![0], (8..16).collect(), (64..128).collect::<Vec<usize>>()] {
        let answers = asked.ask_about(&places);
        assert_eq!(answers.len(), places.len());
        answers.iter().zip(places).for_each(|(answer, at)| asked.expect_same(answer, at));
    }
    let folder = asked.folder.to_str().unwrap();
    let answers = asked.ask(&[folder]);
    assert_eq!((answers.len(), &answers[3]["image"]), (count, &asked.path(3).into()));
    answers.iter().enumerate().for_each(|(at, answer)| asked.expect_same(answer, at));
    let known = asked.rows.iter().filter(|row| row.matched).count();
    assert!(known > 0 && known < count, "both kinds of answers are looked at: {known} of {count}");
    let near = |answer: &Json| answer["neighbours"].as_array().unwrap().len();
    assert!(answers.iter().all(|answer| near(answer) == 5), "an answer that is Unknown has neighbours too");

    // From standard input, and nothing was written.
    let answers = asked.piped(&std::fs::read(asked.path(5)).unwrap(), 0);
    assert_eq!(answers[0]["image"], "-");
    asked.expect_same(&answers[0], 5);
    assert_eq!(store_of(&asked.project), before, "asking writes nothing");

    // Every batch, through the library, which asks as the command does.
    let index = Run::open_at(asked.project.root(), "latest").unwrap().index().unwrap();
    let files: Vec<Vec<u8>> = (0..count).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    for batch in [1, 8, 64] {
        for (number, files) in files.chunks(batch).enumerate() {
            let found = index.query_bytes(files).unwrap();
            assert_eq!(found.len(), files.len());
            for (found, at) in found.iter().zip(number * batch..) {
                let near = |near: &simpipe::Neighbour| {
                    json!({
                        "rank": near.rank, "example_id": near.example_id, "label": near.label,
                        "distance": near.distance, "file": near.file,
                    })
                };
                let answer = json!({
                    "label": found.label, "accepted": found.accepted, "distance": found.distance,
                    "probability": found.probability,
                    "neighbours": found.neighbours.iter().map(near).collect::<Vec<_>>(),
                });
                asked.expect_same(&answer, at);
            }
        }
    }
}

/// Thresholds are found with the very queries that are matched, so one of them lies on its threshold.
const CALIBRATED_ON_ITS_QUERIES: &str = "
dataset dataset
sample sample dataset=dataset split:train
asked sample dataset=dataset split:test
train train dataset=dataset sampler=sample
embed embed dataset=dataset sampler=asked model=train
index index dataset=dataset embeddings=embed
calibrate calibrate index=index queries=embed
match match index=index queries=embed calibration=calibrate
";

const THRESHOLD: &str = r#"pipeline = "threshold"
seed = 7
device = "cpu"
[dataset]
source = "cifar10-sample"
[sample]
total-examples-per-class = 20
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 4 } }
[asked]
total-examples-per-class = 20
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 2 } }
[train]
epochs = 1
steps-per-epoch = 4
layers = [
  "rescale",
  { conv2d = { filters = 8, kernel = 5, stride = 3, activation = "relu" } },
  "flatten",
  { metric-embedding = { size = 16 } },
]
[index]
slice = { begin = 0, size = 60 }
[calibrate]
slice = { begin = 60, size = 140 }
[match]
slice = { begin = 60, size = 140 }
allow-overlap = true
"#;

/// A run with a query whose distance is the threshold to the last bit: its place, and the threshold. Other queries are Unknown.
pub(crate) fn on_its_threshold() -> (Asked, usize, f64) {
    let project = Project::new();
    let config = write_pair(project.root(), "threshold", &template(CALIBRATED_ON_ITS_QUERIES), THRESHOLD);
    let run = Record { json: project.json(&["run", config.to_str().unwrap(), "--json"], 0) };
    let calibration: Calibration = read_json(&run.dir(&project).join("calibrate/calibration.json")).unwrap();
    let threshold = calibration.cutpoints["optimal"].distance;
    let asked = Asked::of(project, &run);
    let at = asked.rows.iter().position(|row| f64::from(row.distance) == threshold).unwrap();
    assert!(asked.rows[at].matched && asked.rows.iter().any(|row| !row.matched), "threshold {threshold}");
    (asked, at, threshold)
}

/// A distance that equals the threshold to the last bit is believed, as `match` believes it, whatever stands beside the picture.
#[test]
fn a_picture_on_the_threshold_is_judged_as_match_judges_it() {
    let (asked, at, threshold) = on_its_threshold();
    let first = at.min(asked.rows.len() - 8);
    for places in [vec![at], (first..first + 8).collect(), (0..asked.rows.len()).collect::<Vec<usize>>()] {
        let answers = asked.ask_about(&places);
        answers.iter().zip(&places).for_each(|(answer, at)| asked.expect_same(answer, *at));
        let own = &answers[places.iter().position(|place| *place == at).unwrap()];
        assert_eq!(
            (own["distance"].as_f64(), &own["accepted"]),
            (Some(threshold), &true.into()),
            "of {}",
            places.len()
        );
    }
}

/// Each query left out of its own neighbours, an index that is walked, several views, votes: the same function answers.
#[test]
fn a_head_and_the_network_behind_it_answer_as_one() {
    let project = Project::new();
    let run = frozen_backbone::run(&project, &[]);
    let asked = Asked::of(project, &run);
    for begin in [0, 8] {
        let places: Vec<usize> = (begin..begin + 1 + begin).collect();
        let paths: Vec<String> = places.iter().map(|at| asked.path(*at)).collect();
        let answers = asked.ask(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        answers.iter().zip(places).for_each(|(answer, at)| asked.expect_same(answer, at));
    }
    let all = asked.ask(&[asked.folder.to_str().unwrap()]);
    all.iter().enumerate().for_each(|(at, answer)| asked.expect_same(answer, at));
    assert!(all.len() == 100 && all.iter().any(|answer| answer["accepted"] == true));
}

#[test]
fn the_way_a_run_judges_is_the_way_it_answers() {
    for more in [
        ["match.leave-one-out=true", "match.matcher={ majority-vote = { k = 3 } }", "match.neighbours=2"],
        // Few enough are looked at for the graph to be walked.
        [
            "index.slice=\"all\"",
            "index.search={ hnsw = { links = 8, search-width = 12, min-recall = 0.5 } }",
            "match.neighbours=3",
        ],
        [
            "embed-validation.views=[\"identity\", \"flip\"]",
            "match.matcher={ weighted-vote = { k = 5 } }",
            "match.neighbours=7",
        ],
    ] {
        let views = ["embed-calibration.views=[\"identity\", \"flip\"]"];
        let all = more.iter().chain(views.iter().filter(|_| more[0].contains("views")));
        let sets: Vec<&str> = all.flat_map(|set| ["--set", set]).collect();
        let project = Project::new();
        let events = project.root().join("events.jsonl");
        let args = [&PLAIN_REPORT[..], &sets[..], &["--events", events.to_str().unwrap()]].concat();
        let run = project.run(&args);
        let asked = Asked::of(project, &run);
        if sets.iter().any(|set| set.contains("hnsw")) {
            expect_times_of_the_index(&asked.project, &events);
        }
        for places in [0..1, 57..65, 0..asked.rows.len()] {
            let answers = asked.ask_about(&places.clone().collect::<Vec<_>>());
            answers.iter().zip(places).for_each(|(answer, at)| asked.expect_same(answer, at));
        }
    }
}

/// Files of an index that lost their end, or whose head says another length: told of, and neither answered nor mended.
#[test]
fn an_index_that_was_cut_short_is_refused() {
    let search = "index.search={ hnsw = { links = 8, search-width = 12, min-recall = 0.5 } }";
    let sets = ["--set", "index.slice=\"all\"", "--set", search, "--set", "match.neighbours=3"];
    let asked = Asked::new(&sets);
    let run = asked.project.json(&["show", "latest", "--json"], 0);
    let record = asked.project.root().join(run["dir"].as_str().unwrap()).join("run.json");
    let record: Json = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let index = record["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == "index").unwrap();
    let object = |name: &str| {
        let digest = index["files"][name]["digest"].as_str().unwrap();
        asked.project.root().join("artifacts/store/cas").join(&digest[..2]).join(digest)
    };
    for name in ["index.json", "index.arrow", "graph.bin"] {
        let object = object(name);
        let whole = std::fs::read(&object).unwrap();
        for kept in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::remove_file(&object).unwrap();
            std::fs::write(&object, &whole[..kept]).unwrap();
            let found = asked.refused(&["latest", &asked.path(0)], 2);
            assert!(found.contains(name) && found.contains("simpipe run"), "{name} {kept}: {found}");
        }
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, &whole).unwrap();
    }
    asked.expect_same(&asked.ask(&[&asked.path(0)])[0], 0);
    expect_flipped_bytes_to_be_found_by_verify_alone(&asked, &sets, &object("index.arrow"), &object("graph.bin"));
}

/// A byte that changed while length and time stayed: the store's memory of the file is trusted, unless every byte is to be read.
fn expect_flipped_bytes_to_be_found_by_verify_alone(asked: &Asked, sets: &[&str], index: &Path, graph: &Path) {
    // The store remembers what it reads of files that were not written just now.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(asked.project.run(&[&PLAIN_REPORT[..], sets].concat()).ran(), [""; 0]);
    let picture = asked.path(0);
    let rows = IndexRows::read(index).unwrap();
    let links = Graph::open(graph, rows.label.len()).unwrap();
    assert!(rows.label.len().is_multiple_of(2) && links.lowest[0] != Graph::NONE, "another link leads to a vector too");
    // The last bit of a number of the first vector, and of its first link.
    let numbers: Vec<u8> = rows.vectors[..4].iter().flat_map(|number| number.to_le_bytes()).collect();
    let first_links: Vec<u8> = links.lowest[..4].iter().flat_map(|link| link.to_le_bytes()).collect();
    drop((rows, links));
    for (path, bytes, name) in [(index, numbers, "index.arrow"), (graph, first_links, "graph.bin")] {
        let whole = std::fs::read(path).unwrap();
        let at = whole.windows(bytes.len()).position(|some| some == bytes).unwrap();
        change(path, at, whole[at] ^ 1);
        asked.ask(&[&picture]);
        let found = asked.refused(&["latest", &picture, "--verify"], 2);
        assert!(found.contains(name) && found.contains("its bytes have changed"), "{found}");
        change(path, at, whole[at]);
        asked.expect_same(&asked.ask(&[&picture, "--verify"])[0], 0);
    }
}

/// Changes a byte of a file, and nothing by which the store tells one state of it from another.
fn change(path: &Path, at: usize, byte: u8) {
    let modified = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[byte], at as u64).unwrap();
    file.set_modified(modified).unwrap();
}

/// How long the graph took to build and the sample to be searched: in the record, in the events, in the store's entry, on the run's
/// page, and in no file of the result.
fn expect_times_of_the_index(project: &Project, events: &Path) {
    let run = project.json(&["show", "latest", "--json"], 0);
    let folder = project.root().join(run["dir"].as_str().unwrap());
    let record: Json = serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    let stages = record["stages"].as_array().unwrap();
    let index = stages.iter().find(|stage| stage["id"] == "index").unwrap();
    let told: Vec<&String> = index["timings"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["build", "search"]);
    assert!(stages.iter().all(|stage| stage["id"] == "index" || stage["timings"].is_null()));
    let events = std::fs::read_to_string(events).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let timed: Vec<Json> = events.filter(|event| !event["timings"].is_null()).collect();
    assert_eq!(timed.len(), 1, "{timed:?}");
    assert_eq!((&timed[0]["event"], &timed[0]["stage"]), (&"stage-finished".into(), &"index".into()));
    assert_eq!(timed[0]["timings"], index["timings"]);
    let entry = project.root().join(format!("artifacts/store/ac/{}.json", index["key"].as_str().unwrap()));
    let entry: Json = serde_json::from_slice(&std::fs::read(entry).unwrap()).unwrap();
    assert_eq!(entry["timings"], index["timings"]);
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains(" (build ") && page.contains(", search "), "the run's page");
    let info = std::fs::read_to_string(folder.join("index/index.json")).unwrap();
    assert!(!info.contains("build\":") && !info.contains("seconds"), "{info}");
}

#[test]
fn neighbours_that_are_means_of_classes_say_so() {
    let asked = Asked::new(&["--set", "index.reduce=\"centroids\"", "--set", "match.neighbours=3"]);
    let answers = asked.ask(&[&asked.path(0), &asked.path(1), "--verify"]);
    for (answer, at) in answers.iter().zip(0..) {
        asked.expect_same(answer, at);
        assert!(answer["neighbours"].as_array().unwrap().iter().all(|near| near["class_mean"] == true));
    }
    let text = String::from_utf8(asked.project.output(&["query", "smoke", &asked.path(0)]).stdout).unwrap();
    assert!(text.contains("Neighbours are means of classes"), "{text}");
}

#[test]
fn a_page_holds_all_pictures_and_a_table_all_answers() {
    let asked = Asked::new(&[]);
    let page = asked.project.root().join("answers.html");
    let args = ["query", "smoke", &asked.path(0), &asked.path(1), "--html", page.to_str().unwrap()];
    let output = asked.project.output(&args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("Image") && text.contains("P(match)"), "{text}");
    assert!(!text.contains('\u{2580}'), "a pipe gets no pictures");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 12);
    assert!(page.contains("Content-Security-Policy") && !page.contains("<script"));
    let text = String::from_utf8(asked.project.output(&["query", "smoke", &asked.path(0)]).stdout).unwrap();
    assert!(text.contains("Rank  Example  Label"), "{text}");
    if peers::answers("script", &["--version"]) {
        in_a_terminal(&asked);
    } else {
        peers::skip("pictures in a terminal", "no `script`, which makes one");
    }
}

/// Six pictures of 96 pixels with a gap of 8, or of 12 characters and 6 lines; none where they are not wanted.
fn in_a_terminal(asked: &Asked) {
    let shown = |term: &str, way: &str| {
        let root = asked.project.root().to_str().unwrap();
        let simpipe = env!("CARGO_BIN_EXE_simpipe");
        let line = format!("'{simpipe}' query smoke '{}' --pictures {way} --root '{root}'", asked.path(0));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", term).stdin(Stdio::null()).current_dir(repository());
        ["NO_COLOR", "COLORTERM", "TMUX", "TERM_PROGRAM", "KITTY_WINDOW_ID", "KONSOLE_VERSION"].iter().for_each(
            |name| {
                script.env_remove(name);
            },
        );
        String::from_utf8(script.output().unwrap().stdout).unwrap()
    };
    let [kitty, sixel, block] = ["\u{1b}_Ga=T,f=24,s=616,v=96,c=77,r=6,", "\u{1b}P0;1q\"1;1;616;96", "\u{2580}"];
    for (term, way, mark) in [
        ("xterm-kitty", "auto", kitty),
        ("foot", "auto", sixel),
        ("xterm-256color", "auto", block),
        ("xterm-256color", "sixel", sixel),
        ("xterm-kitty", "blocks", block),
    ] {
        let text = shown(term, way);
        let mut others = [kitty, sixel, block].into_iter().filter(|other| *other != mark);
        assert!(text.contains(mark) && others.all(|other| !text.contains(other)), "{term} {way}: {text:?}");
    }
    for (term, way) in [("xterm-kitty", "never"), ("dumb", "auto"), ("dumb", "kitty"), ("vt100", "auto")] {
        let text = shown(term, way);
        assert!(
            text.contains("P(match)") && ![kitty, sixel, block].iter().any(|mark| text.contains(mark)),
            "{term} {way}: {text:?}"
        );
    }
}

#[test]
fn pictures_that_can_not_be_asked_about_are_told_of() {
    let asked = Asked::new(&[]);
    let at = |name: &str| asked.project.root().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::write(at("empty/notes.txt"), "words").unwrap();
    std::fs::write(at("page.pdf"), "%PDF-1.7").unwrap();
    // A head that claims more pixels than are allowed, and nothing behind it.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bomb.extend([200_000_u32.to_be_bytes(), 200_000_u32.to_be_bytes()].concat());
    bomb.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    std::fs::write(at("bomb.png"), bomb).unwrap();
    let path = |name: &str| at(name).to_str().unwrap().to_owned();
    for (what, code, words) in [
        (vec![path("nothing.png")], 4, "there is no image"),
        (vec![path("empty")], 4, "there is no image in the folder"),
        (vec![path("page.pdf")], 4, "1 of 1 image can't be read: `"),
        (vec![asked.path(0), path("page.pdf"), path("bomb.png")], 4, "2 of 3 images can't be read"),
        (vec![path("bomb.png")], 4, "200000 x 200000 pixels are more than `max-pixels = 100000000` allows"),
        (vec!["-".to_owned(), "-".to_owned()], 2, "`-` is given twice"),
    ] {
        let args: Vec<&str> = ["latest"].into_iter().chain(what.iter().map(String::as_str)).collect();
        let found = asked.refused(&args, code);
        assert!(found.contains(words), "{what:?}: {found}");
    }
    for (name, words) in [("page.pdf", "1 of 1 image can't be read: `-`"), ("bomb.png", "more than `max-pixels = ")] {
        let said = asked.piped(&std::fs::read(at(name)).unwrap(), 4);
        assert!(said["errors"][0]["message"].as_str().unwrap().contains(words), "{name}: {said}");
    }
    assert!(asked.refused(&["nobody", &asked.path(0)], 2).contains("no run `nobody`"));
    let found = asked.refused(&["latest", &asked.path(0), "--html", "-"], 2);
    assert!(found.contains("the page needs a file"), "{found}");
    let found = asked.refused(&["latest", &asked.path(0), "--stage", "matc"], 2);
    assert!(found.contains("no stage `match` called `matc`") && found.contains("`match`"), "{found}");
}

#[test]
fn runs_that_can_not_answer_say_why() {
    let asked = Asked::new(&[]);
    let run = asked.project.json(&["show", "latest", "--json"], 0);
    let file = asked.project.root().join(run["dir"].as_str().unwrap()).join("run.json");
    let whole = std::fs::read(&file).unwrap();
    let picture = asked.path(0);
    let with = |change: &dyn Fn(&mut Json)| {
        let mut record: Json = serde_json::from_slice(&whole).unwrap();
        change(&mut record);
        std::fs::write(&file, serde_json::to_vec(&record).unwrap()).unwrap();
        asked.refused(&[run["run"].as_str().unwrap(), &picture], 2)
    };
    fn stage<'a>(record: &'a mut Json, id: &str) -> &'a mut Json {
        record["stages"].as_array_mut().unwrap().iter_mut().find(|stage| stage["id"] == id).unwrap()
    }
    let found = with(&|record| {
        let failed = stage(record, "match");
        failed["outcome"] = "failed".into();
        failed["failure"] = json!({ "kind": "stage", "message": "no room", "help": null });
    });
    assert!(found.contains("its stage `match` failed: no room"), "{found}");
    let found = with(&|record| stage(record, "match")["stage"] = "other".into());
    assert!(found.contains("has no stage `match`"), "{found}");
    let found = with(&|record| {
        // The index is of an embedding by other weights.
        let mut other = stage(record, "embed-validation").clone();
        other["id"] = "embed-other".into();
        other["key_parts"]["inputs"]["model"]["model.safetensors"] = "ab".repeat(32).into();
        other["files"]["embeddings.parquet"]["digest"] = "cd".repeat(32).into();
        record["stages"].as_array_mut().unwrap().push(other);
        stage(record, "index")["key_parts"]["inputs"]["embeddings"]["embeddings.parquet"] = "cd".repeat(32).into();
    });
    assert!(found.contains("the index belongs to another model: its vectors are made by abababababab"), "{found}");
    std::fs::write(&file, &whole).unwrap();

    // Its results were removed.
    std::fs::remove_dir_all(asked.project.root().join("artifacts/store/ac")).unwrap();
    let found = asked.refused(&["latest", &picture], 2);
    assert!(found.contains("no longer has") && found.contains("simpipe run"), "{found}");
}
