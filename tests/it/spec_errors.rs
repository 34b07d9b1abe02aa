//! Every spec under `tests/fixtures/spec/bad` is refused with the message beside it. `BLESS=1` rewrites them.

use std::path::{Path, PathBuf};

use crate::project::{Project, repository, simpipe};

fn bad_specs() -> Vec<PathBuf> {
    let folder = repository().join("tests/fixtures/spec/bad");
    let mut specs: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    specs.sort();
    specs
}

/// The options of a fixture: those after `# args:` in its first line.
fn arguments(spec: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&std::fs::read(spec).unwrap()).into_owned();
    let first = text.lines().next().unwrap_or("");
    first.strip_prefix("# args: ").map(|args| args.split('|').map(str::to_owned).collect()).unwrap_or_default()
}

#[test]
fn bad_specs_are_refused_with_their_golden_message() {
    let specs = bad_specs();
    assert!(specs.len() >= 150, "found only {} bad specs", specs.len());
    let mut wrong = Vec::new();
    for spec in specs {
        let shown = spec.strip_prefix(repository()).unwrap().display().to_string();
        let output = simpipe(&["check", &shown]).args(arguments(&spec)).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(2) {
            wrong.push(format!("{shown}: exit code {:?}\n{message}", output.status.code()));
        }
        let golden = spec.with_extension("stderr");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &message).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if expected != message {
            wrong.push(format!("{shown}: expected\n{expected}\nfound\n{message}"));
        }
        if !message.lines().any(|line| line.contains(".toml:") || line.contains("--set ")) {
            wrong.push(format!("{shown}: a message without a place\n{message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

/// `docs/reference/specs.md` shows ten messages as they are printed, under the folders that a reader knows.
#[test]
fn the_messages_of_the_docs_are_those_printed() {
    let docs = std::fs::read_to_string(repository().join("docs/reference/specs.md")).unwrap();
    let block = docs.split("Ten as they are printed:").nth(1).and_then(|rest| rest.split("```").nth(1)).unwrap();
    let golden: Vec<String> = bad_specs()
        .iter()
        .map(|spec| std::fs::read_to_string(spec.with_extension("stderr")).unwrap())
        .map(|text| text.replace("tests/fixtures/spec/bad/", "configs/").replace("tests/fixtures/spec/", ""))
        .collect();
    let shown: Vec<&str> = block.trim().split("\n\n").collect();
    assert_eq!(shown.len(), 10);
    for message in shown {
        assert!(golden.iter().any(|golden| golden.trim() == message), "no spec is refused like this:\n{message}");
    }
}

#[test]
fn errors_in_json_have_a_place_and_a_suggestion() {
    let project = Project::new();
    let json = project.json(&["check", "configs/smoke.toml", "--json", "--set", "train.epoch=3"], 2);
    let error = &json["errors"][0];
    assert_eq!(error["help"], "did you mean `epochs`?");
    assert_eq!((&error["line"], &error["column"]), (&1.into(), &1.into()));
    assert_eq!(error["file"], "--set train.epoch=3");
}

#[test]
fn every_shipped_config_passes_check() {
    let project = Project::new();
    for entry in std::fs::read_dir(repository().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        let shown = path.strip_prefix(repository()).unwrap().display().to_string();
        let json = project.json(&["check", &shown, "--json"], 0);
        assert_eq!(json["ok"], true, "{shown}");
    }
}

#[test]
fn files_that_are_no_spec_are_refused_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |name: &str, bytes: &[u8], expected: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = simpipe(&["check", path.to_str().unwrap()]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        assert!(message.contains(expected), "{name}: {message}");
    };
    refuse("latin1.toml", b"pipeline = \"m\"\nname = \"caf\xe9\"\n", "not UTF-8");
    refuse("deep.toml", format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes(), "nested too deep");
    refuse("huge.toml", &vec![b'#'; 50 << 20], "is it the right file?");
    refuse("empty.toml", b"", "missing key `pipeline`");
    let output = simpipe(&["check", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is a folder"));
    let output = simpipe(&["check", "no-such.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Bounded time and memory for texts that no person writes; every one is refused with words.
#[test]
fn monstrous_files_are_refused_in_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monster.toml");
    let head = "pipeline = \"metric-learning\"\n";
    let dots = vec!["a"; 10_000].join(".");
    let tables: String = (0..10_000).map(|number| format!("[t{number}]\nx = 1\n")).collect();
    let monsters = [
        ("a dotted header", format!("{head}[{dots}]\n")),
        ("a dotted key", format!("{head}[train]\n{dots} = 1\n")),
        ("nested lists", format!("{head}[train]\nlayers = {}{}\n", "[".repeat(10_000), "]".repeat(10_000))),
        ("nested tables", format!("{head}[train]\nloss = {}1{}\n", "{ a = ".repeat(10_000), " }".repeat(10_000))),
        ("growing headers", (1..90).map(|depth| format!("[{}]\n", vec!["a"; depth].join("."))).collect()),
        ("ten thousand stages", format!("{head}{tables}")),
        ("ten thousand keys", format!("{head}[train]\n{}", tables.replace('[', "").replace("]\nx", "").as_str())),
        ("a megabyte of brackets", format!("{head}{}", "]\n".repeat(500_000))),
        ("one long text", format!("{head}name = \"{}\"\n", "x".repeat(900_000))),
    ];
    for (what, text) in monsters {
        std::fs::write(&path, text).unwrap();
        let started = std::time::Instant::now();
        let output = simpipe(&["check", path.to_str().unwrap()]).output().unwrap();
        let (message, elapsed) = (String::from_utf8_lossy(&output.stderr), started.elapsed());
        assert_eq!(output.status.code(), Some(2), "{what}: {message}");
        assert!(message.starts_with("error: ") && message.len() < 20_000, "{what}: {} bytes", message.len());
        assert!(elapsed < std::time::Duration::from_secs(20), "{what}: {elapsed:?}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    let path = folder.path().join("windows.toml");
    std::fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let output = simpipe(&["check", path.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Words of this tool in the wrong place, and of other tools: each leads to the line that is meant.
#[test]
fn words_of_other_places_and_tools_lead_to_the_right_line() {
    for (set, help) in [
        ("match.recall-at=[1]", "`metrics` of a stage `evaluate`"),
        ("match.metrics=[\"recall@1\"]", "`metrics` of a stage `evaluate`"),
        ("train.precision=\"bf16\"", "write `numerics = \"bf16\"` at the top of the file"),
        ("train.amp=true", "write `numerics = \"bf16\"` at the top of the file"),
        ("train.mixed_precision=true", "write `numerics = \"bf16\"` at the top of the file"),
        ("train.dtype=\"bfloat16\"", "write `numerics = \"bf16\"` at the top of the file"),
        ("amp=true", "did you mean `numerics`?"),
        ("train.GradientTape=true", "`simpipe run` takes every step"),
        ("train.callbacks=[]", "`early-stopping`, `keep-best`"),
        ("train.lr_scheduler=\"cosine\"", "did you mean `schedule`?"),
        ("train.adamw={ learning-rate = 0.1 }", "write `optimizer = { adamw = { learning-rate = .. } }`"),
        ("train.backend=\"cpu\"", "did you mean `device`? It belongs at the top of the file"),
        ("train.epoch=3", "did you mean `epochs`"),
        ("train.weight_decay=0.1", "write `train.optimizer.adam.weight-decay`"),
        ("train.lr=0.1", "write `train.optimizer.adam.learning-rate`"),
        (
            "train.adamw={ lr = 0.1, micro-batch = 4 }",
            "keys below `[train.adamw]` are read into it: move `micro-batch` above",
        ),
        ("train.loss={ triplet = { miner = \"hdc\" } }", "`miner` is a parameter of `train`: move it to `[train]`"),
        ("train.loss={ arc-face = { num_classes = 3 } }", "the number of classes follows from the data"),
        ("train.loss=[\"triplet\", \"arc-face\"]", "write { sum = { terms = [{ loss = \"triplet\" }, { loss"),
        ("train.schedule={ step = { step_size = 3 } }", "did you mean `every`?"),
        ("train.schedule={ step = { gamma = 0.1 } }", "did you mean `factor`?"),
        ("train.optimizer={ adam = { betas = [0.9, 0.999] } }", "write `beta-1 = 0.9, beta-2 = 0.999`"),
        ("train.optimizer={ adam = { momentum = 0.9 } }", "did you mean `beta-1`?"),
        ("train.warmup=10", "write `train.schedule.warmup-cosine.warmup-steps`"),
        ("train.layers=[{ metric-embedding = 64 }]", "write { metric-embedding = { size = 64 } }"),
        ("sample.batch_size=32", "a batch is `classes-per-batch` x `examples-per-class` examples"),
        ("device=gpu", "did you mean `cuda`? `auto` takes a GPU if this build and this machine have one"),
        ("dataset.source={ image-folder = { path = \"~/no-such-photos\" } }", "write out the folder"),
    ] {
        let output = simpipe(&["check", "configs/quickstart.toml", "--set", set]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && message.contains(help), "{set}: {message}");
    }
}
