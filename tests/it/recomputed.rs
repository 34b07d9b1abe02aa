//! The figures of a run, computed anew from its embeddings by scikit-learn and, where it is there, pytorch-metric-learning.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::peers;
use crate::project::{Project, repository};

/// What the script imports.
const MODULES: [&str; 4] = ["numpy", "pyarrow", "scipy", "sklearn"];

/// A metric of every kind, those of the test set looked up in itself among all its pairs.
const METRICS: &str = r#"["recall@1", "recall@5", "precision@5", "map@r", "map@r/macro", "map@10", "map", "map-clip-at-r@5", "r-precision",
"mrr", "mrr@3", "ndcg@10", "true-ndcg@10", "hubness@5", "antihubs@5", "effective-rank", "alignment", "uniformity", "silhouette""#;

/// The smoke experiment with a graph of evaluations, one of them of an open set, and of episodes.
fn run(project: &Project) -> PathBuf {
    let at = |name: &str| project.root().join(name);
    std::fs::create_dir_all(at("pipelines")).unwrap();
    std::fs::create_dir_all(at("configs")).unwrap();
    let template = std::fs::read_to_string(repository().join("pipelines/metric-learning-evaluation.toml")).unwrap();
    let (before, _) = template.split_once("[stages.report]").unwrap();
    let more = r#"[stages.sample-some]
stage = "sample"
inputs = { dataset = "dataset" }
split = "train"
class-list = ["Airplane", "Cat", "Ship"]
total-examples-per-class = 40
sampler = { multi-shot = { classes-per-batch = 3 } }

[stages.embed-some]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample-some", model = "train" }

[stages.index-some]
stage = "index"
inputs = { dataset = "dataset", embeddings = "embed-some" }

[stages.evaluate-open]
stage = "evaluate"
inputs = { index = "index-some", queries = "embed-test" }

[stages.calibrate-open]
stage = "calibrate"
inputs = { index = "index-some", queries = "embed-test" }
counting = "open-set"

[stages.few-shot]
stage = "few-shot"
inputs = { embeddings = "embed-test" }
episodes = 200
"#;
    std::fs::write(at("pipelines/anew.toml"), format!("{before}{more}")).unwrap();
    let smoke = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
    let (before, _) = smoke.split_once("[report]").unwrap();
    let config = before.replace("pipeline = \"metric-learning\"", "pipeline = \"anew\"");
    let figures = format!(
        "[evaluate]\nmetrics = {METRICS}]\n[evaluate-test]\npairs = 1000000\nmetrics = {METRICS}, \"roc-auc\", \
         \"average-precision\", \"eer\", \"tpr@1fpr\", \"fpr@95tpr\", \"frr@1far\", \"nmi\"]\n[evaluate-open]\n\
         metrics = [\"recall@1\", \"map@r\", \"auroc\", \"dir@10far\", \"oscr\"]\n"
    );
    let path = at("configs/anew.toml");
    std::fs::write(&path, format!("{config}{figures}")).unwrap();
    let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
    project.root().join(run["dir"].as_str().unwrap())
}

/// What the script says of a run's folder, or of some of its stages.
fn recompute(dir: &Path, more: &[&str]) -> Option<Output> {
    let mut python = peers::python("recomputed figures", &MODULES)?;
    Some(python.arg(repository().join("tests/peers/recompute")).arg(dir).args(more).output().unwrap())
}

#[test]
fn figures_are_those_of_other_libraries_and_a_wrong_one_is_found() {
    let project = Project::new();
    let dir = run(&project);
    let Some(output) = recompute(&dir, &[]) else { return };
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{errors}");
    for figure in [
        "evaluate.map@r/macro |",
        "evaluate-test.eer |",
        "evaluate-test.silhouette |",
        "evaluate-open.oscr |",
        "calibrate.optimal.precision |",
        "calibrate-open.thresholds.recall |",
        "match-test.f1 by class |",
        "match-train.ece |",
        "few-shot.nearest-prototype.accuracy |",
    ] {
        assert!(said.contains(figure), "{figure}\n{said}");
    }
    let without = said.lines().find(|line| line.starts_with("skipped *."));
    if let Some(why) = without {
        peers::skip("figures of pytorch-metric-learning", why);
    }
    let skipped: Vec<&str> =
        said.lines().filter(|line| line.starts_with("skipped ") && Some(*line) != without).collect();
    assert!(
        skipped.iter().all(|line| line.contains("nmi") || line.contains("disjoint") || line.contains("distinct")),
        "{skipped:?}"
    );

    // A figure that is off by two millionths.
    let file = dir.join("evaluate-test/evaluation.json");
    let mut evaluation: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let value = evaluation["metrics"]["map@r"]["value"].as_f64().unwrap();
    evaluation["metrics"]["map@r"]["value"] = (value + 2e-6).into();
    // The file may be a link into the store.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, evaluation.to_string()).unwrap();
    let output = recompute(&dir, &["--stages", "evaluate-test"]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("evaluate-test.map@r **differs**"), "{said}");
    assert!(!said.contains("evaluate-test.map@r/macro **differs**"), "{said}");
}
