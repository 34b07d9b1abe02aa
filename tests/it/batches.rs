//! Augmenters, views, samplers with passes and views of `embed` on the smoke experiment.

use std::path::PathBuf;

use crate::project::{Project, repository, simpipe};

/// The smoke experiment with these lines in place of others, in a file of its own.
fn config(project: &Project, lines: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    for (old, new) in lines {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    let folder = project.root().join("configs");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("batches.toml");
    std::fs::write(&path, text).unwrap();
    path
}

const SAMPLER: (&str, &str) = (
    "sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 4 } }",
    "sampler = { epochs = { examples-per-class = 12 } }",
);
const TRAIN: (&str, &str) = (
    "steps-per-epoch = 12\n",
    "augment = [\"alternating-flip\", { random-crop = { padding = 2, border = \"reflect\" } }, { color-jitter = { \
     brightness = 0.2, saturation = 0.2 } }]\nviews = 2\n",
);
const EMBED: (&str, &str) = (
    "[embed-calibration]\n",
    "[embed-validation]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"\nnormalize = true\n\n\
     [embed-calibration]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"\nnormalize = true\n",
);

#[test]
fn augmented_views_of_passes_are_trained_on_and_looked_up_alike() {
    let project = Project::new();
    let path = config(&project, &[SAMPLER, TRAIN, EMBED]);
    let run = |more: &[&str]| {
        let args: Vec<&str> =
            ["run", path.to_str().unwrap(), "--json"].into_iter().chain(more.iter().copied()).collect();
        project.json(&args, 0)
    };
    let outcomes = |run: &serde_json::Value, outcome: &str| {
        run["stages"].as_array().unwrap().iter().filter(|stage| stage["outcome"] == outcome).count()
    };
    let first = run(&[]);
    assert_eq!(outcomes(&first, "ran"), 10, "{first}");
    let again = run(&["--set", "train.loader-threads=3"]);
    assert_eq!(outcomes(&again, "hit"), 10, "the number of threads is in no key: {again}");
    // 60 examples of each class, 12 in a batch: 5 steps.
    let objects = project.root().join("artifacts/store/cas");
    let texts: Vec<String> = walkdir::WalkDir::new(objects)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .collect();
    assert!(texts.iter().any(|text| text.contains("\"steps\": 5") && text.contains("trained_on")));
    let used = texts.iter().filter(|text| text.contains("layers.5.global-max-pool") && text.contains("\"flip\""));
    assert_eq!(used.count(), 3, "both embeddings and the index say how they are made");
}

/// What `check` prints of the changed experiment, which it must refuse at these lines.
fn refused(lines: &[(&str, &str)], expected: &[(&str, &str)]) {
    let project = Project::new();
    let path = config(&project, lines);
    let output = simpipe(&["check", path.to_str().unwrap()]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    let text = std::fs::read_to_string(&path).unwrap();
    for (line, words) in expected {
        let number = text.lines().position(|found| found.contains(line)).unwrap() + 1;
        assert!(message.contains(&format!("batches.toml:{number}")), "line {number}:\n{message}");
        assert!(message.contains(words), "{words}:\n{message}");
    }
}

#[test]
fn what_batches_can_not_be_is_told_at_its_line() {
    let augment = |list: &str| format!("steps-per-epoch = 12\naugment = [\n  {list}\n]\n");
    refused(
        &[("steps-per-epoch = 12\n", &augment("{ random-crop = { padding = 40 } },\n  { cutout = { size = 33 } },"))],
        &[("padding = 40", "too wide for images of 32 x 32"), ("size = 33", "larger than images of 32 x 32")],
    );
    refused(&[("steps-per-epoch = 12\n", &augment("\"RandomHorizontalFlip\""))], &[("Random", "`horizontal-flip`")]);
    refused(&[("steps-per-epoch = 12\n", "views = 2\n")], &[("views = 2", "would all be the same image")]);
    refused(&[(SAMPLER.0, "sampler = { single-shot = { batch-size = 16 } }")], &[("[train]", "needs two views of it")]);
    let categories = |lists: &str| format!("sampler = {{ hierarchical = {{ categories = {{ {lists} }} }} }}");
    refused(
        &[(SAMPLER.0, &categories("a = [\"Cat\", \"Dog\", \"Cat\"], b = [\"Plane\"]"))],
        &[("hierarchical", "the class `Cat` is already in `a`"), ("hierarchical", "no class `Plane`")],
    );
    refused(
        &[(SAMPLER.0, &categories("a = [\"0..=4\"], b = [\"5..=8\"]"))],
        &[("hierarchical", "no category contains `Truck`")],
    );
    refused(
        &[EMBED, ("layer = \"global-max-pool\"", "layer = \"global-max-pol\"")],
        &[("global-max-pol\"", "did you mean `global-max-pool`?")],
    );
    refused(
        &[EMBED, ("layer = \"global-max-pool\"", "layer = \"conv2d-2\"")],
        &[("conv2d-2\"", "but an embedding is a vector")],
    );
    refused(
        &[("[embed-calibration]\n", "[embed-calibration]\nviews = [\"flip\"]\n")],
        &[("[calibrate]", "the queries by the last layer of flip")],
    );
}
