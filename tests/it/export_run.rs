//! Exports of whole runs, read back by the programs that they are for, where Python has them.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::peers;
use crate::project::{PLAIN_REPORT, Project, files_below, repository};

/// What a script of `tests/peers` prints.
fn python(script: &str, arguments: &[&str]) -> Json {
    let path = repository().join("tests/peers").join(script);
    let output = Command::new("python3").arg(path).args(arguments).env("NO_PROXY", "127.0.0.1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{script}: {error}\n{said}"))
}

/// A number of a JSON object.
fn number(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| panic!("{json} is no number"))
}

fn export(project: &Project, arguments: &[&str], code: i32) -> Json {
    let report = project.json(&[&["export", "latest", "--json"], arguments].concat(), code);
    if code == 0 {
        crate::schemas::validate("export.schema.json", &report);
    }
    report
}

fn at(project: &Project, name: &str) -> String {
    project.root().join(name).to_str().unwrap().to_owned()
}

/// Losses by step, as the run's own table has them.
fn losses(project: &Project, run: &Json) -> Vec<(u64, f64)> {
    let path = project.root().join(run["dir"].as_str().unwrap()).join("train/history.parquet");
    let history = simpipe_artifact::History::read(&path).unwrap();
    history.0.iter().map(|row| (row.step, row.loss)).collect()
}

#[test]
fn a_crate_holds_every_file_of_a_run_and_says_what_made_it() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let zip = at(&project, "run.zip");
    let report = export(&project, &["--ro-crate", &zip], 0);
    let stages = run["stages"].as_array().unwrap();
    let count: usize = stages.iter().map(|stage| stage["files"].as_object().unwrap().len()).sum();
    assert_eq!((report["file"].as_str(), report["files"].as_u64()), (Some(zip.as_str()), Some(count as u64 + 1)));
    let bytes = std::fs::read(&zip).unwrap();
    assert_eq!(report["bytes"], bytes.len());

    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    let mut read = |name: &str| {
        let mut content = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        content
    };
    let metadata: Json = serde_json::from_slice(&read("ro-crate-metadata.json")).unwrap();
    let entity = |id: &str| metadata["@graph"].as_array().unwrap().iter().find(|one| one["@id"] == id).unwrap();
    let train = stages.iter().find(|stage| stage["id"] == "train").unwrap();
    let digest = train["files"]["model.safetensors"]["digest"].as_str().unwrap();
    assert_eq!(simpipe_base::digest::Digest::of(&read("train/model.safetensors")).to_string(), digest);
    assert_eq!(entity("train/model.safetensors")["identifier"], format!("blake3:{digest}"));
    assert_eq!(entity("#run")["endTime"], run["finished"]);
    let sent: Json = serde_json::from_slice(&read("run.json")).unwrap();
    assert_eq!((&sent["run"], &sent["spec"]), (&run["run"], &run["spec"]));

    // The same bytes again, by the other spelling; what is there stays unless it is said otherwise.
    assert!(
        export(&project, &["--ro-crate", &zip], 2)["errors"][0]["message"].as_str().unwrap().contains("already exists")
    );
    export(&project, &["--format", "ro-crate", "--output", &zip, "--force"], 0);
    assert!(std::fs::read(&zip).unwrap() == bytes);
    if peers::python("ro_crate", &["rocrate_validator"]).is_some() {
        assert_eq!(python("check_ro_crate.py", &[&zip]), serde_json::json!([]));
    }
    // What the store has lost is in no crate.
    let object = project.root().join("artifacts/store/cas").join(&digest[..2]).join(digest);
    std::fs::remove_file(object).unwrap();
    let said = export(&project, &["--ro-crate", &at(&project, "other.zip")], 2);
    assert!(
        said["errors"][0]["message"].as_str().unwrap().contains("the store no longer has the result of `train`"),
        "{said}"
    );
    assert!(!Path::new(&at(&project, "other.zip")).exists());
}

#[test]
fn event_files_have_every_step_and_every_figure() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let logs = at(&project, "logs");
    let report = export(&project, &["--tensorboard", &logs], 0);
    let name = format!("smoke/{}", run["run"].as_str().unwrap());
    let file = &report["files"][0].as_str().unwrap();
    assert!(file.starts_with(&format!("{logs}/{name}/events.out.tfevents.")), "{file}");
    let bytes = std::fs::read(file).unwrap();
    export(&project, &["--format", "tensorboard", "--output", &logs], 0);
    assert!(std::fs::read(file).unwrap() == bytes && files_below(Path::new(&logs)).len() == 1, "the same bytes again");
    let args = ["run", "configs/smoke.toml", "--json", "--set", "seeds=[1, 2]"];
    let group = project.json(&[&args[..], &PLAIN_REPORT].concat(), 0);
    assert_eq!(export(&project, &["--tensorboard", &logs], 0)["files"].as_array().unwrap().len(), 2);
    // A file of one model or one index is of one seed, and which is not guessed.
    for wish in [&["--onnx"][..], &["--torch"], &["--faiss"], &["--stage", "train", "--torch"]] {
        let file = at(&project, "of-a-group");
        let report = export(&project, &[wish, &[file.as_str()]].concat(), 2);
        let error = &report["errors"][0];
        assert!(error["message"].as_str().unwrap().contains("is a group of runs, one of each seed"), "{error}");
        let first = group["seeds"][0]["run"].as_str().unwrap();
        assert!(
            error["help"].as_str().unwrap().contains(&format!("take one of its runs: `{first}` (seed 1)")),
            "{error}"
        );
    }
    let first = group["seeds"][0]["run"].as_str().unwrap();
    project.json(&["export", first, "--json", "--faiss", &at(&project, "of-a-run")], 0);
    if peers::python("tensorboard", &["tensorboard"]).is_none() {
        return;
    }
    let found = python("read_tensorboard.py", &[&logs]);
    let scalars = &found[&name]["scalars"];
    let expected = losses(&project, &run);
    let read = scalars["train/loss"].as_array().unwrap();
    assert_eq!(read.len(), expected.len());
    for (point, (step, loss)) in read.iter().zip(&expected) {
        assert!(
            point[0] == *step && (number(&point[1]) - loss).abs() < 1e-6 * loss.abs().max(1.0),
            "{point}: {step}, {loss}"
        );
    }
    for (metric, value) in run["metrics"].as_object().unwrap() {
        let point = &scalars[format!("metrics/{metric}")][0];
        assert_eq!(point[0], expected.last().unwrap().0);
        assert!((number(&point[1]) - number(value)).abs() <= 1e-6 * number(value).abs().max(1.0), "{metric}: {point}");
    }
    assert!(found[&name]["texts"]["spec"].as_str().unwrap().contains("\"multi-similarity\""), "{found}");
    for seed in group["seeds"].as_array().unwrap() {
        let name = format!("smoke/{}/seed-{}", group["run"].as_str().unwrap(), seed["seed"]);
        let found = number(&found[&name]["scalars"]["metrics/train.loss"][0][1]);
        assert!((found - number(&seed["metrics"]["train.loss"])).abs() < 1e-5, "{name}");
    }
}

#[test]
fn what_can_not_be_sent_is_said() {
    let project = Project::new();
    project.run(&PLAIN_REPORT);
    let said = |arguments: &[&str], code: i32| {
        export(&project, arguments, code)["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    assert!(said(&["--mlflow", "mlruns"], 2).contains("is not the address of a server"));
    assert!(said(&["--format", "mlflow"], 2).contains("needs the address of a server"));
    // A port that nobody listens at.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(said(&["--mlflow", &format!("http://127.0.0.1:{free}")], 4).contains("can't be reached"));
    assert!(said(&["--ro-crate", "a.zip", "--stage", "train"], 2).contains("takes the whole run"));
    assert!(said(&["--ro-crate", "a.zip", "--tensorboard", "b"], 2).contains("cannot be used with"));
    let file = at(&project, "file");
    std::fs::write(&file, "").unwrap();
    assert!(said(&["--tensorboard", &file], 2).contains("is a file"));
}

/// An MLflow server that goes with the value.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let process = Command::new("python3")
            .args(["-m", "mlflow", "server", "--backend-store-uri", "sqlite:///runs.db", "--workers", "1"])
            .args(["--default-artifact-root", "./artifacts", "--host", "127.0.0.1", "--port", &port])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while !server.answers(&port) {
            assert!(began.elapsed() < Duration::from_secs(180), "the server does not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }

    fn answers(&self, port: &str) -> bool {
        use std::io::Write;
        let Ok(mut stream) = std::net::TcpStream::connect(format!("127.0.0.1:{port}")) else { return false };
        let mut answer = String::new();
        drop(stream.set_read_timeout(Some(Duration::from_secs(20))));
        let asked = stream
            .write_all(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            .and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.contains("200 OK")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its workers too.
        let group = format!("-{}", self.process.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.process.wait());
    }
}

#[test]
#[ignore = "starts a server of many processes, beside which no wall time means anything: .ci/nightly peers"]
fn mlflow_has_what_was_sent() {
    if peers::python("mlflow", &["mlflow", "fastapi"]).is_none() {
        return;
    }
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let server = Server::start(project.root());
    let sent = export(&project, &["--mlflow", &server.url], 0);
    let found = python("read_mlflow.py", &[&server.url]);
    let read = &found["smoke"][sent["run_id"].as_str().unwrap()];
    assert_eq!((&read["status"], &read["name"]), (&"FINISHED".into(), &run["run"]));
    assert_eq!((&read["params"]["train.steps-per-epoch"], &read["params"]["seed"]), (&"12".into(), &"7".into()));
    for (metric, value) in run["metrics"].as_object().unwrap() {
        let found = number(&read["metrics"][metric.replace('@', "_at_")]);
        assert!((found - number(value)).abs() <= 1e-12 * number(value).abs(), "{metric}: {found}");
    }
    let history = read["histories"]["train.history.loss"].as_array().unwrap();
    let history: Vec<(u64, f64)> =
        history.iter().map(|point| (point[0].as_u64().unwrap(), number(&point[1]))).collect();
    assert_eq!(history, losses(&project, &run));
    // Twice only if somebody wants that.
    let said = export(&project, &["--mlflow", &server.url], 2);
    assert!(said["errors"][0]["message"].as_str().unwrap().contains("the server already has the run"), "{said}");
    export(&project, &["--mlflow", &server.url, "--force"], 0);

    let args = ["run", "configs/smoke.toml", "--json", "--set", "seeds=[1, 2]"];
    let group = project.json(&[&args[..], &PLAIN_REPORT].concat(), 0);
    let sent = export(&project, &["--format", "mlflow", "--output", &server.url], 0);
    assert_eq!(sent["runs"], 3);
    let found = python("read_mlflow.py", &[&server.url]);
    let parent = sent["run_id"].as_str().unwrap();
    let children = found["smoke"].as_object().unwrap().values();
    let mut losses: Vec<f64> = children
        .filter(|run| run["tags"]["mlflow.parentRunId"] == parent)
        .map(|run| number(&run["metrics"]["train.loss"]))
        .collect();
    losses.sort_by(f64::total_cmp);
    let seeds = group["seeds"].as_array().unwrap().iter();
    let mut expected: Vec<f64> = seeds.map(|seed| number(&seed["metrics"]["train.loss"])).collect();
    expected.sort_by(f64::total_cmp);
    assert_eq!(losses, expected);
}

#[test]
fn embeddings_are_read_by_numpy_and_the_projector_gets_all_that_it_names() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let dir = project.root().join(run["dir"].as_str().unwrap());
    let rows = simpipe_artifact::Embeddings::read(&dir.join("embed-validation/embeddings.parquet")).unwrap();
    let npz = at(&project, "all.npz");
    let report = export(&project, &["--format", "npz", "--output", &npz], 0);
    assert!(report["arrays"].as_array().unwrap().contains(&"embed-validation/labels".into()), "{report}");
    let twice = at(&project, "twice.npz");
    export(&project, &["--format", "npz", "--output", &twice], 0);
    assert!(std::fs::read(&npz).unwrap() == std::fs::read(&twice).unwrap(), "the same bytes each time");
    export(&project, &["--format", "npz", "--output", &npz], 2);

    let folder = at(&project, "projector");
    let report = export(&project, &["--projector", &folder], 0);
    let config = std::fs::read_to_string(Path::new(&folder).join("projector_config.pbtxt")).unwrap();
    for name in ["vectors.tsv", "metadata.tsv", "sprite.png"] {
        assert!(config.contains(&format!("_path: \"embed-validation/{name}\"")), "{config}");
        assert!(Path::new(&folder).join("embed-validation").join(name).is_file());
    }
    // 200 pictures of 48 pixels in 15 rows and columns, and white behind the last.
    assert_eq!((rows.len(), config.matches("    single_image_dim: 48\n").count()), (200, 4), "{config}");
    let sprite = image::open(Path::new(&folder).join("embed-validation/sprite.png")).unwrap().into_rgb8();
    assert_eq!(sprite.dimensions(), (15 * 48, 15 * 48));
    let images =
        simpipe_artifact::Examples::read_images(&dir.join("dataset/examples.parquet"), &rows.example_id).unwrap();
    for (image, place) in images.iter().zip(0..) {
        let corner = |at: u32| sprite.get_pixel(place % 15 * 48 + at, place / 15 * 48 + at).0;
        let pixel = |at: usize| image.pixels[(at * 32 + at) * 3..][..3].to_vec();
        assert_eq!([corner(0).to_vec(), corner(47).to_vec()], [pixel(0), pixel(31)], "picture {place}");
    }
    assert!((200..225).all(|place| sprite.get_pixel(place % 15 * 48 + 24, place / 15 * 48 + 24).0 == [255; 3]));
    assert_eq!(report["vectors"], rows.len() + 200, "both stages `embed`");
    let lines = |name: &str| std::fs::read_to_string(Path::new(&folder).join("embed-validation").join(name)).unwrap();
    assert_eq!(
        (lines("vectors.tsv").lines().count(), lines("metadata.tsv").lines().count()),
        (rows.len(), rows.len() + 1)
    );
    let first: Vec<f32> =
        lines("vectors.tsv").lines().next().unwrap().split('\t').map(|n| n.parse().unwrap()).collect();
    assert_eq!(first, rows.row(0), "every bit is there");
    export(&project, &["--projector", &folder], 2);

    if let Some(mut python) = peers::python("export_npz", &["numpy"]) {
        let code = "import json, sys, numpy as n; a = n.load(sys.argv[1]); e = a['embed-validation/embeddings']; \
                    print(json.dumps([list(e.shape), str(e.dtype), float(e[3, 1]), a['embed-validation/labels'].tolist(), \
                    a['embed-validation/example_ids'].tolist(), a['embed-validation/classes'].tolist()[0]]))";
        let output = python.args(["-c", code, &npz]).output().unwrap();
        let read: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&read[0], &read[1]), (&serde_json::json!([rows.len(), rows.dim]), &"float32".into()));
        assert_eq!(read[2].as_f64().unwrap() as f32, rows.row(3)[1]);
        assert_eq!(read[3], serde_json::json!(rows.label));
        assert_eq!(read[4], serde_json::json!(rows.example_id));
        assert_eq!(read[5], "Airplane");
    }
}

#[test]
fn embeddings_and_index_are_read_by_others() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let account =
        |flag: &str, name: &str, more: &[&str]| export(&project, &[&[flag, &at(&project, name)], more].concat(), 0);
    let folder = project.root().join(run["dir"].as_str().unwrap());
    let rows = simpipe_artifact::Embeddings::read(&folder.join("embed-validation/embeddings.parquet")).unwrap();
    let index = simpipe_artifact::IndexRows::read(&folder.join("index/index.arrow")).unwrap();
    for (flag, name) in [("--parquet", "e.parquet"), ("--arrow", "e.arrow")] {
        let told = account(flag, name, &["--stage", "embed-validation"]);
        assert_eq!((told["vectors"].as_u64(), &told["dim"]), (Some(rows.len() as u64), &16.into()));
        let whole = account(flag, &format!("all-{name}"), &[]);
        assert!(whole["vectors"].as_u64() > told["vectors"].as_u64(), "of all stages: {whole}");
    }
    let told = account("--faiss", "i.faiss", &[]);
    assert_eq!((&told["index"], &told["stage"]), (&"IndexFlatIP".into(), &"index".into()));
    assert_eq!(told["vectors"], index.label.len());
    account("--npz", "e.npz", &["--stage", "embed-validation"]);
    let wrong = |flag: &str, stage: &str| {
        let report = export(&project, &[flag, &at(&project, "other"), "--stage", stage], 2);
        format!("{} / {}", report["errors"][0]["message"].as_str().unwrap(), report["errors"][0]["help"])
    };
    assert!(wrong("--faiss", "embed-validation").contains("has no index / \"indexes are those of `index`"));
    assert!(wrong("--parquet", "index").contains("has no embeddings / \"embeddings are those of `embed-"));
    assert!(wrong("--ro-crate", "index").contains("takes the whole run"));
    // What is there stays.
    let again = export(&project, &["--faiss", &at(&project, "i.faiss")], 2);
    assert!(again["errors"][0]["message"].as_str().unwrap().contains("already exists"));

    // Each reader where Python has it.
    let read = |reader: &str, modules: &[&str]| {
        peers::python(&format!("exported embeddings in {reader}"), modules)?;
        Some(python("read_embeddings.py", &[project.root().to_str().unwrap(), reader]))
    };
    let columns = ["stage", "example_id", "label", "class", "split", "digest", "embedding"];
    let tables = read("pyarrow", &["pyarrow"]);
    for (said, name) in tables.iter().flat_map(|said| [(said, "parquet"), (said, "arrow")]) {
        assert_eq!((&said[name]["rows"], &said[name]["columns"]), (&rows.len().into(), &columns.to_vec().into()));
        assert_eq!(said[name]["type"], "fixed_size_list<item: float not null>[16]");
        let first = &said[name]["first"];
        assert_eq!((&first["stage"], &first["example_id"]), (&"embed-validation".into(), &rows.example_id[0].into()));
        assert_eq!((&first["digest"], &first["label"]), (&rows.digest[0].as_str().into(), &rows.label[0].into()));
        let vector: Vec<f32> = serde_json::from_value(said[name]["vector"].clone()).unwrap();
        assert_eq!(vector, rows.row(0));
    }
    if let Some(said) = read("faiss", &["numpy", "faiss"]) {
        assert_eq!((&said["faiss"]["class"], &said["faiss"]["dim"]), (&"IndexFlatIP".into(), &16.into()));
        assert_eq!(said["faiss"]["ids"], serde_json::json!(index.example_id));
        assert_eq!(said["faiss"]["found"], serde_json::json!(index.example_id[..3]));
        for found in said["faiss"]["distances"].as_array().unwrap() {
            assert!((number(found) - 1.0).abs() < 1e-5, "{found}");
        }
    }
    if let Some(said) = read("lance", &["pyarrow", "lance"]) {
        // Its own data sets know no item that is never missing.
        let vectors = "fixed_size_list<item: float>[16]";
        assert_eq!((&said["lance"]["rows"], &said["lance"]["type"]), (&rows.len().into(), &vectors.into()));
    }
}
