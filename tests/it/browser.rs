//! `report.html` in a real browser: `tests/browser` reads the pages of three runs in headless Chromium.

use std::io::Write;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use crate::peers;
use crate::project::{Project, repository};

/// What `npm install` puts below the folder where `.ci/run` calls it.
const AXE: &str = "node_modules/axe-core/axe.min.js";

/// Names that folders may have and pages may not obey.
const HOSTILE: [&str; 10] = [
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(2)>",
    "' onmouseover='alert(3)",
    "<script>alert(4)<",
    "]]>--><style>*{display:none}",
    "\u{202e}gnp.exe",
    "\u{1b}[31mred\u{7}",
    "שלום עולם",
    "漢字 かな 한글 ไทย العربية",
    "🦀 & `code` $(x) &lt;",
];

/// Two maps of every embedded image, a curve and a matrix.
const FIGURES: &str = "[report]\nbaselines = false\nfigures = [\"training-curves\", \"learning-rate\", \"pair-distances\", { projection = { method = \"pca\", count = 10000 } }, \
    \"confusion-matrix\", { sample-grid = { count = 10, columns = 5 } }]\n";

/// The smoke experiment with other images and these figures; gives the run's folder.
fn run(project: &Project, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let smoke = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    let mut config = smoke.split_once("[report]").unwrap().0.to_owned();
    for (from, to) in changes {
        assert!(config.contains(from), "{from}");
        config = config.replace(from, to);
    }
    let path = project.root().join(format!("{name}.toml"));
    std::fs::write(&path, config + FIGURES).unwrap();
    let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
    project.root().join(run["dir"].as_str().unwrap())
}

/// 60 training and 20 test images of each hostile class, and a file that is none.
fn hostile(project: &Project) -> PathBuf {
    let photos = project.root().join("photos");
    for (split, count) in [("train", 60_u8), ("test", 20)] {
        for (class, shade) in HOSTILE.into_iter().zip((0_u8..).step_by(25)) {
            let folder = photos.join(split).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let picture = RgbImage::from_fn(32, 32, |x, y| {
                    Rgb([shade, (x as u8) * (number % 8), (y as u8) * (number / 8 % 8)])
                });
                picture.save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
    std::fs::write(photos.join("train").join(HOSTILE[0]).join("\"><b>\u{202e}\u{1b}.png"), "no image").unwrap();
    let source = "source = { image-folder = { path = \"photos\", on-corrupt = \"skip\" } }";
    run(project, "hostile", &[("source = \"cifar10-sample\"", source)])
}

/// Images of 8 x 8 for each split, in some classes, as arrays of numpy.
fn npz(path: &Path, splits: [(&str, usize); 2], classes: usize) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (split, count) in splits {
        let labels: Vec<u8> = (0..count).map(|at| (at % classes) as u8).collect();
        let pixel = |at: usize| (at.wrapping_mul(2_654_435_761) >> 11) as u8;
        let images: Vec<u8> = (0..count * 64).map(|at| pixel(at) / 2 + labels[at / 64] % 10 * 12).collect();
        for (name, shape, bytes) in [("x", format!("{count}, 8, 8"), images), ("y", format!("{count},"), labels)] {
            zip.start_file(format!("{name}_{split}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}\n");
            zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
            zip.write_all(&u16::try_from(header.len()).unwrap().to_le_bytes()).unwrap();
            zip.write_all(header.as_bytes()).unwrap();
            zip.write_all(&bytes).unwrap();
        }
    }
    zip.finish().unwrap();
}

/// 10,000 test images of 8 x 8.
fn many(project: &Project) -> PathBuf {
    npz(&project.root().join("many.npz"), [("train", 200), ("test", 10_000)], 10);
    let changes = [
        ("source = \"cifar10-sample\"", "source = { npz = { path = \"many.npz\" } }"),
        ("total-examples-per-class = 60", "total-examples-per-class = 20"),
        ("[sample-validation]\ntotal-examples-per-class = 20\n", "[sample-validation]\n"),
        ("kernel = 3, activation", "kernel = 1, activation"),
    ];
    run(project, "many", &changes)
}

/// As much as a page can have: 120 classes, every figure and some twice, four evaluations.
fn worst(project: &Project) -> PathBuf {
    npz(&project.root().join("worst.npz"), [("train", 720), ("test", 720)], 120);
    let template = std::fs::read_to_string(repository().join("pipelines/metric-learning.toml")).unwrap();
    let (graph, report) = template.split_once("[stages.report]").unwrap();
    let evaluations = ["evaluation", "evaluation-test", "evaluation-seen", "evaluation-unseen"];
    let ports: String = evaluations.iter().map(|port| format!(", {port} = \"evaluate\"")).collect();
    let graph = format!(
        "{graph}[stages.evaluate]\nstage = \"evaluate\"\ninputs = {{ index = \"index\", queries = \"embed-validation\" }}\n\
         leave-one-out = true\nallow-overlap = true\n\n\
         [stages.report]{}",
        report.replace(" }", &(ports + " }"))
    );
    let smoke = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    let mut config = smoke.split_once("[report]").unwrap().0.to_owned();
    for (from, to) in [
        ("\"metric-learning\"", "\"worst\""),
        ("source = \"cifar10-sample\"", "source = { npz = { path = \"../worst.npz\" } }"),
        ("total-examples-per-class = 60", "total-examples-per-class = 6"),
        ("total-examples-per-class = 20", "total-examples-per-class = 6"),
        ("kernel = 3, activation", "kernel = 1, activation"),
        ("begin = 0, size = 60", "begin = 0, size = 480"),
    ] {
        assert!(config.contains(from), "{from}");
        config = config.replace(from, to);
    }
    let lists = "{ neighbours = { order = \"ORDER\", slice = { begin = 0, size = 40 } } }";
    let lists: Vec<String> = ["label", "worst", "random", "best"].map(|order| lists.replace("ORDER", order)).into();
    let figures = format!(
        "[report]\nbaselines = false\nfigures = [{{ sample-grid = {{ count = 60 }} }}, \"training-curves\", \"learning-rate\", \
         \"pair-distances\", {}, \
         \"metrics-over-distance\", \"precision-recall\", \"reliability\", \"distance-histogram\", \"roc\", \"det\", \
         \"confusion-matrix\", {{ no-match = {{ limit = 100 }} }}, {{ projection = {{ method = \"pca\" }} }}, \
         {{ projection = {{ method = \"t-sne\", count = 300 }} }}, {{ projection = {{ method = \"umap\", count = 300 }} }}, \
         \"roc\", \"det\", \"reliability\", \"precision-recall\", \"confusion-matrix\", \"distance-histogram\"]\n",
        lists.join(", ")
    );
    let path = crate::project::write_pair(project.root(), "worst", &graph, &(config + &figures));
    let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
    project.root().join(run["dir"].as_str().unwrap())
}

/// Pages about several runs, by name: of a group of seeds, of a comparison and of a sweep.
fn several(project: &Project, smoke: &Path) -> Vec<(&'static str, PathBuf)> {
    let plain = ["--set", "report.figures=[\"training-curves\"]", "--set", "seeds=[1, 2]"];
    let seeds = project.run(&plain).json["run"].as_str().unwrap().to_owned();
    let page = |args: &[&str], out: &str| {
        let out = project.root().join(out);
        project.json(&[args, &["--out", out.to_str().unwrap(), "--json"]].concat(), 0);
        out.join("report.html")
    };
    let compared = page(&["report", smoke.to_str().unwrap(), &seeds], "compared");
    let group = project.json(&["report", &seeds, "--json"], 0);
    let group = project.root().join(group["pages"][0]["file"].as_str().unwrap());
    let base = repository().join("configs/smoke.toml").display().to_string();
    let config = format!(
        "extends = {base:?}\nname = \"tiny\"\n[report]\nfigures = [\"training-curves\"]\n[sweep]\nmethod = \"grid\"\n\
         objective = \"match.map@r\"\nfinalists = 0\n[sweep.parameters]\n\"calibrate.metric\" = [\"f1\", \"precision\", \"recall\"]\n\
         \"match.neighbours\" = [5, 6]\n"
    );
    let path = project.root().join("tiny.toml");
    std::fs::write(&path, config).unwrap();
    project.json(&["sweep", "run", path.to_str().unwrap(), "--json"], 0);
    vec![("compared", compared), ("seeds", group), ("sweep", page(&["sweep", "report"], "sweep"))]
}

#[test]
fn reports_are_read_moved_and_printed_in_a_browser() {
    let test = "reports in a browser";
    let Some(mut python) = peers::python(test, &["pyarrow"]) else { return };
    python.arg(repository().join("tests/browser"));
    if !peers::program(test, "chromium") {
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser");
    std::fs::create_dir_all(&out).unwrap();
    let projects = [Project::new(), Project::new(), Project::new(), Project::new()];
    let smoke = projects[0].run(&[]).dir(&projects[0]);
    let split = projects[0].root().join("split");
    projects[0].json(&["report", smoke.to_str().unwrap(), "--split", split.to_str().unwrap(), "--json"], 0);
    for (name, page) in several(&projects[0], &smoke) {
        python.arg("--page").arg(format!("{name}={}", page.display()));
    }
    python.arg("--worst").arg(worst(&projects[3]));
    python.arg(smoke).arg("--split").arg(split);
    python.arg("--hostile").arg(hostile(&projects[1])).arg("--many").arg(many(&projects[2]));
    python.arg("--out").arg(out.join("seen"));
    let axe = out.join(AXE);
    if axe.is_file() {
        peers::is_there("accessibility by axe-core");
        python.arg("--axe").arg(axe);
    } else {
        let why =
            "no axe-core; `cp tests/browser/package.json target/browser && npm install --prefix target/browser` has it";
        assert!(!peers::asked_for() || !peers::answers("npm", &["--version"]), "{why}");
        peers::skip("accessibility by axe-core", why);
    }
    let output = python.output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    std::fs::write(out.join("said.txt"), said.as_bytes()).unwrap();
    assert!(output.status.success(), "{said}\n{errors}");
}

/// The shipped graph with two reports, and each of them alone in an empty store: the pages are the same to the byte.
#[test]
fn two_reports_of_one_process_are_those_of_two() {
    let template = std::fs::read_to_string(repository().join("pipelines/metric-learning.toml")).unwrap();
    let (before, report) = template.split_once("[stages.report]").unwrap();
    let smoke = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    let config = smoke.split_once("[report]").unwrap().0.to_owned();
    let figures = [
        "figures = [\"training-curves\", \"precision-recall\", { projection = { method = \"pca\", count = 100 } }]\n",
        "figures = [{ no-match = { limit = 5 } }, \"confusion-matrix\", { projection = { method = \"pca\", count = 200 } }]\n",
    ];
    let pages = |some: &[usize]| -> Vec<Vec<u8>> {
        let project = Project::new();
        let (mut graph, mut spec) = (before.to_owned(), config.replace("\"metric-learning\"", "\"reports\""));
        for at in some {
            graph += &format!("[stages.report-{at}]{report}\n");
            spec += &format!("[report-{at}]\nbaselines = false\ntitle = \"One\"\n{}", figures[*at]);
        }
        let path = crate::project::write_pair(project.root(), "reports", &graph, &spec);
        let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
        let dir = project.root().join(run["dir"].as_str().unwrap());
        some.iter().map(|at| std::fs::read(dir.join(format!("report-{at}/report.html"))).unwrap()).collect()
    };
    let text = |page: &[u8]| String::from_utf8(page.to_vec()).unwrap();
    let together = pages(&[0, 1]);
    for at in [0, 1] {
        let alone = pages(&[at]).remove(0);
        // The resolved spec on the page is that of the whole graph: all before it is the same.
        let part = |page: &[u8]| text(page).split("id=\"provenance\"").next().unwrap().to_owned();
        let script = |page: &[u8]| text(page).split("id=\"numbers\"").nth(1).unwrap().to_owned();
        assert!(part(&together[at]) == part(&alone) && script(&together[at]) == script(&alone), "report {at} differs");
    }
    assert_ne!(together[0], together[1]);
}
