//! Sweeps over the smoke experiment: what is read, what is refused and where.

use std::path::Path;

use serde_json::json;

use super::*;
use simpipe_spec::{self as spec, LoadOptions};
use simpipe_stages::registry;
use simpipe_sweep::{Condition, Value};

/// The plan of the smoke config with a sweep, or the issues as `line:column message | help`.
fn plan(sweep: &str) -> Result<Plan, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/smoke.toml");
    let path = folder.path().join("sweep.toml");
    std::fs::write(&path, format!("extends = {:?}\n[sweep]\n{sweep}", smoke.display().to_string())).unwrap();
    let said = |issues: Vec<Issue>| {
        let said = issues.into_iter().map(|issue| {
            let (line, column) = issue.place.as_ref().map_or((0, 0), simpipe_base::source::Place::line_column);
            format!("{line}:{column} {} | {}", issue.message, issue.help.unwrap_or_default())
        });
        said.collect::<Vec<_>>()
    };
    let experiment = spec::load(&path, &LoadOptions::default()).map_err(said)?;
    Plan::build(experiment, registry::builtin()).map_err(said)
}

const HEAD: &str = "objective = \"match.map@r\"\ntrials = 9\n[sweep.parameters]\n";

fn sweep(parameters: &str) -> Arc<Sweep> {
    plan(&format!("{HEAD}{parameters}")).unwrap_or_else(|issues| panic!("{issues:?}")).sweep.unwrap()
}

fn refused(parameters: &str) -> String {
    let issues = plan(&format!("{HEAD}{parameters}")).err().unwrap_or_else(|| panic!("{parameters} is accepted"));
    assert_eq!(issues.len(), 1, "{issues:?}");
    issues[0].clone()
}

#[test]
fn lists_and_ranges_are_typed_by_what_they_name() {
    let sweep = sweep(
        "\"train.epochs\" = { low = 1, high = 4 }\n\"train.optimizer.adam.learning-rate\" = { low = 1e-4, high = 1, log = true }\n\
         \"train.loss\" = [\"multi-similarity\", { triplet = { margin = { low = 0.1, high = 0.5 } } }]",
    );
    let domains: Vec<_> =
        sweep.space.dimensions().iter().map(|one| (one.path.as_str(), &one.domain, one.when)).collect();
    let under = Some(Condition { dimension: 1, item: 1 });
    let expected = [
        ("train.epochs", &simpipe_sweep::Domain::Integer { low: 1, high: 4, log: false }, None),
        ("train.loss", &simpipe_sweep::Domain::Choice { items: 2 }, None),
        ("train.loss.triplet.margin", &simpipe_sweep::Domain::Real { low: 0.1, high: 0.5, log: false }, under),
        ("train.optimizer.adam.learning-rate", &simpipe_sweep::Domain::Real { low: 1e-4, high: 1.0, log: true }, None),
    ];
    assert_eq!(domains, expected);
    assert_eq!(sweep.goals, [Goal { metric: "match.map@r".to_owned(), maximize: true }]);
    let point =
        Point(vec![Some(Value::Integer(2)), Some(Value::Item(1)), Some(Value::Real(0.25)), Some(Value::Real(0.5))]);
    let parameters = json!(sweep.parameters(&point));
    let expected = json!({
        "train.epochs": 2, "train.loss": { "triplet": { "margin": 0.25 } }, "train.optimizer.adam.learning-rate": 0.5,
    });
    assert_eq!(parameters, expected);
}

#[test]
fn a_trial_is_the_config_with_its_values() {
    let text = format!(
        "{HEAD}\"train.epochs\" = [1, 3]\n\"train.loss\" = [{{ triplet = {{ margin = {{ low = 0.1, high = 0.5 }} }} }}]"
    );
    let plan = plan(&text).unwrap();
    let point = Point(vec![Some(Value::Item(1)), Some(Value::Item(0)), Some(Value::Real(0.125))]);
    let trial = Sweep::trial(&plan, Some(&point), 0, registry::builtin()).unwrap();
    let params = trial.graph[trial.find("train").unwrap()].stage.params(View::Full);
    assert_eq!((&params["epochs"], &params["loss"]["triplet"]["margin"]), (&json!(3), &json!(0.125)));
    assert!(trial.sweep.is_none() && trial.experiment.sweep.is_none());
    let own = Sweep::trial(&plan, None, 0, registry::builtin()).unwrap();
    assert_eq!(own.resolved(View::Full), plan.resolved(View::Full));
}

#[test]
fn the_configs_own_values_are_found_where_they_lie_in_the_space() {
    let rate = "\"train.optimizer.adam.learning-rate\" = { low = 1e-4, high = 1e-1, log = true }";
    let loss = "\"train.loss\" = [\"contrastive\", { multi-similarity = { distance = \"cosine\" } }]";
    let found = sweep(&format!("{loss}\n{rate}"));
    assert_eq!(found.own, Some(Point(vec![Some(Value::Item(1)), Some(Value::Real(0.002))])));
    assert_eq!(sweep("\"train.epochs\" = [2, 3]").own, None);
    // Its own numbers stand in the place of an item's ranges.
    let alpha =
        sweep("\"train.loss\" = [{ multi-similarity = { distance = \"cosine\", alpha = { low = 1.0, high = 4.0 } } }]");
    assert_eq!(alpha.own, Some(Point(vec![Some(Value::Item(0)), Some(Value::Real(2.0))])));
}

#[test]
fn a_chosen_point_is_found_down_to_the_ranges_inside_of_its_items() {
    let text = format!(
        "{HEAD}\"train.epochs\" = [2, 3]\n\"train.loss\" = [\"contrastive\", {{ triplet = {{ margin = {{ low = 0.1, high = 0.5 }} }} }}]"
    );
    let plan = plan(&text).unwrap();
    let added = |options: &[&str]| {
        let mut issues = Issues::default();
        let read = options.iter().map(|option| simpipe_spec::Setting::read(option, 1, &mut issues).unwrap());
        Sweep::added(&plan, &read.collect::<Vec<_>>(), registry::builtin())
    };
    let (two, item, real) = (Some(Value::Item(0)), |item| Some(Value::Item(item)), |real| Some(Value::Real(real)));
    for options in [
        &["train.epochs=2", "train.loss=triplet", "train.loss.triplet.margin=0.25"][..],
        &["train.loss={ triplet = { margin = 0.25 } }", "train.epochs=2"],
    ] {
        assert_eq!(added(options), Ok(Point(vec![two, item(1), real(0.25)])), "{options:?}");
    }
    assert_eq!(added(&["train.epochs=2", "train.loss=contrastive"]), Ok(Point(vec![two, item(0), None])));
    for (options, message, help) in [
        (
            &["train.epochs=2", "train.loss={ triplet = { margin = 0.75 } }"][..],
            "the sweep does not try 0.75 for `train.loss.triplet.margin`",
            "it tries a number from 0.1 to 0.5",
        ),
        (
            &["train.epochs=2", "train.loss=circle"],
            "the sweep does not try {\"circle\":",
            "it tries one of \"contrastive\", ",
        ),
        (&["train.epochs=2", "train.loss=tripletf"], "unknown choice `tripletf`", "did you mean `triplet`?"),
        (
            &["train.loss=contrastive"],
            "`train.epochs` needs a value too",
            "add `--set train.epochs=..`: it tries one of 2, 3",
        ),
    ] {
        let issues = added(options).unwrap_err();
        let help_of = issues[0].help.clone().unwrap_or_default();
        assert!(issues[0].message.starts_with(message) && help_of.starts_with(help), "{options:?}: {issues:?}");
    }
}

#[test]
fn mistakes_stand_at_their_own_line_with_what_was_meant() {
    for (parameters, start, part) in [
        ("\"train.epoch\" = [1, 2]", "6:1 unknown key `epoch` in `train`", "did you mean `epochs`?"),
        ("\"trian.epochs\" = [1, 2]", "6:1 there is no stage `trian`", "did you mean `train`?"),
        ("\"train.steps-per-epoch\" = [1, 0]", "6:31 `train.steps-per-epoch` must be", ""),
        ("\"train.epochs\" = [1, 1.5]", "6:22 `train.epochs` expects an integer", ""),
        ("\"train.epochs\" = { low = 3, high = 1 }", "6:36 the range of `train.epochs` is empty", "exchange"),
        ("\"train.epochs\" = { low = 1, hihg = 3 }", "6:", "high"),
        ("\"train.epochs\" = []", "6:18 `train.epochs` lists no value", ""),
        ("\"train.epochs\" = [1, 2, 1]", "6:25 `train.epochs` lists 1 twice", ""),
        ("\"train.epochs\" = 3", "6:18 `train.epochs` expects a list of values or a range", ""),
        ("train.epochs = [1, 2]", "6:1 `train` is not a parameter", "write `\"train.epochs\" = ..`"),
        ("train.epochs.a = { low = 1, high = 2 }", "6:1 `train` is not a parameter", "write `\"train.epochs.a\" = ..`"),
        ("\"train.loss\" = { low = 1, high = 2 }", "6:16 `train.loss` takes", "list its values"),
        ("\"train.loss\" = [\"triplett\"]", "6:17 unknown choice `triplett`", "did you mean `triplet`?"),
        ("\"train.loss\" = [{ triplet = { margin = { low = -2, high = 0.5, log = true } } }]", "6:", ""),
        ("\"train.optimizer.adam.learning-rate\" = { low = 0.0, high = 0.5, log = true }", "6:", ""),
    ] {
        let issues = plan(&format!("{HEAD}{parameters}")).err().unwrap_or_else(|| panic!("{parameters} is accepted"));
        let fits = |issue: &String| issue.starts_with(start) && issue.contains(part);
        assert!(issues.iter().any(fits), "{parameters}: {issues:?}");
    }
    let nested = refused("\"train.loss\" = [\"triplet\"]\n\"train.loss.triplet.margin\" = [0.1, 0.2]");
    assert!(nested.starts_with("7:1 `train.loss.triplet.margin` is inside `train.loss`"), "{nested}");
}

#[test]
fn metrics_are_those_that_the_graph_gives() {
    let body = "\n[sweep.parameters]\n\"train.epochs\" = [1, 2]";
    for (objective, part) in [
        ("objective = \"match.mapr\"", "did you mean `match.map@r`?"),
        ("objective = \"match.recall@7\"", "the graph does not produce `match.recall@7`"),
        ("objective = \"macth.map@r\"", "did you mean `match`?"),
        ("objective = \"map@r\"", "write `match.map@r`"),
        ("objective = \"train.parameters\"", "whether a higher or lower `train.parameters` is better"),
        (
            "objective = \"train.loss\"\nconstraints = { \"match.rcall@1\" = { min = 0.5 } }",
            "did you mean `match.recall@1`?",
        ),
        (
            "objective = \"train.loss\"\nconstraints = { \"match.recall@1\" = { min = 0.5, max = 0.1 } }",
            "these limits allow no value of `match.recall@1`",
        ),
        ("direction = \"minimize\"\nobjective = { \"train.loss\" = \"minimize\" }", "is for a single objective"),
    ] {
        let issues = plan(&format!("method = \"grid\"\n{objective}{body}")).err().unwrap_or_default();
        assert!(issues.iter().any(|issue| issue.contains(part)), "{objective}: {issues:?}");
    }
    for (objective, maximize) in [("train.loss", false), ("match.recall@5", true), ("calibrate.optimal.f1", true)] {
        let plan = plan(&format!("method = \"grid\"\nobjective = {objective:?}{body}")).unwrap();
        assert_eq!(plan.sweep.unwrap().goals[0].maximize, maximize, "{objective}");
    }
}

/// The warnings about choosing on the test split, as `line:column message`.
fn chosen_on_test(warnings: &[Issue]) -> Vec<String> {
    let about = warnings.iter().filter(|issue| issue.message.contains("on the split `test`"));
    let said = |issue: &Issue| {
        let (line, column) = issue.place.as_ref().map_or((0, 0), simpipe_base::source::Place::line_column);
        format!("{line}:{column} {}", issue.message)
    };
    about.map(said).collect()
}

#[test]
fn choosing_on_the_test_split_is_warned_of_at_its_line() {
    let body = "\n[sweep.parameters]\n\"train.epochs\" = [1, 2]";
    let said = |objective: &str, more: &str| {
        let plan = plan(&format!("method = \"grid\"\n{objective}{body}\n{more}")).unwrap();
        chosen_on_test(&plan.warnings)
    };
    for objective in ["match.map@r", "match.recall@5", "train.val_loss"] {
        let warnings = said(&format!("objective = {objective:?}"), "");
        assert_eq!(warnings.len(), 1, "{objective}: {warnings:?}");
        let start = format!("4:13 trials are chosen by `{objective}` on the split `test`");
        assert!(warnings[0].starts_with(&start), "{warnings:?}");
    }
    // Neither is measured on test images: one is of the training, one of queries from the training images.
    for objective in ["train.loss", "calibrate.optimal.f1"] {
        assert_eq!(said(&format!("objective = {objective:?}"), ""), [""; 0], "{objective}");
    }
    // A limit chooses too; of two objectives one is of the training.
    let limit = "objective = \"train.loss\"\nconstraints = { \"match.recall@1\" = { min = 0.1 } }";
    let warnings = said(limit, "");
    assert!(warnings.len() == 1 && warnings[0].starts_with("5:17 "), "{warnings:?}");
    let two = "objective = { \"match.map@r\" = \"maximize\", \"train.loss\" = \"minimize\" }";
    let warnings = said(two, "");
    assert!(warnings.len() == 1 && warnings[0].starts_with("4:15 "), "{warnings:?}");
    // The same number of other images.
    let held_out = "[dataset]\nsplit = { images = { validation = 0.3, keep = [\"test\"] } }\n\
                    [sample-validation]\nsplit = \"validation\"";
    assert_eq!(said("objective = \"match.map@r\"", held_out), [""; 0]);
}

#[test]
fn shipped_sweeps_choose_on_images_held_out_of_training() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut sweeps = 0;
    for entry in std::fs::read_dir(configs).unwrap() {
        let path = entry.unwrap().path();
        let experiment = spec::load(&path, &LoadOptions::default()).unwrap();
        if experiment.sweep.is_none() {
            continue;
        }
        let plan = Plan::build(experiment, registry::builtin()).unwrap();
        assert_eq!(chosen_on_test(&plan.warnings), [""; 0], "{}", path.display());
        sweeps += 1;
    }
    assert!(sweeps >= 2, "{sweeps} sweeps");
    // The same sweep, with the evaluated images drawn from `test`.
    let folder = tempfile::tempdir().unwrap();
    let losses = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/sweep-losses.toml");
    let path = folder.path().join("on-test.toml");
    let text = format!("extends = {:?}\n[sample-held-out]\nsplit = \"test\"\n", losses.display().to_string());
    std::fs::write(&path, text).unwrap();
    let plan = Plan::build(spec::load(&path, &LoadOptions::default()).unwrap(), registry::builtin()).unwrap();
    let warnings = chosen_on_test(&plan.warnings);
    assert!(warnings.len() == 1 && warnings[0].contains("`evaluate.map@r`"), "{warnings:?}");
}

#[test]
fn a_grid_knows_how_many_it_has_and_takes_no_endless_range() {
    let grid = |parameters: &str| {
        plan(&format!("method = \"grid\"\nobjective = \"train.loss\"\n[sweep.parameters]\n{parameters}"))
    };
    let trials = |parameters: &str| grid(parameters).unwrap().sweep.unwrap().trials;
    assert_eq!(trials("\"train.epochs\" = [1, 2]\n\"train.steps-per-epoch\" = [12, 24, 36]"), 6);
    assert_eq!(trials("\"train.epochs\" = [2, 3]"), 3, "and the config's own values, which are none of them");
    let endless = grid("\"train.optimizer.adam.learning-rate\" = { low = 0.001, high = 0.1 }").err().unwrap();
    assert!(endless[0].starts_with("6:1 a grid needs lists of values"), "{endless:?}");
    let few = plan("objective = \"train.loss\"\n[sweep.parameters]\n\"train.epochs\" = [1, 2]").err().unwrap();
    assert!(few[0].contains("missing key `trials`"), "{few:?}");
}

#[test]
fn a_sweep_changes_no_key_and_what_it_is_does_not_hang_on_how_long_it_is() {
    let with = plan(&format!("{HEAD}\"train.epochs\" = [1, 2]")).unwrap();
    assert!(!with.portable.to_string().contains("sweep"));
    let longer = plan(&format!("parallel = 2\n{}\"train.epochs\" = [1, 2]", HEAD.replace('9', "12"))).unwrap();
    let other = plan(&format!("{HEAD}\"train.epochs\" = [1, 3]")).unwrap();
    let identity = |plan: &Plan| plan.sweep.as_ref().unwrap().identity(plan);
    assert_eq!(Sweep::differences(&identity(&with), &identity(&longer)), []);
    let differences = Sweep::differences(&identity(&with), &identity(&other));
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].path.as_deref(), Some("sweep.parameters.train.epochs[1]"));
}

#[test]
fn rungs_are_the_training_with_fewer_epochs_under_one_schedule() {
    let asha = |epochs: usize, more: &str| {
        let method = "method = { asha = { min-epochs = 1, factor = 3 } }";
        plan(&format!("{method}\n{HEAD}\"train.validation-steps\" = [1, 2, 3]\n{more}[train]\nepochs = {epochs}"))
    };
    let plan = asha(9, "").unwrap();
    let sweep = plan.sweep.clone().unwrap();
    let further = sweep.rungs.as_ref().unwrap();
    assert_eq!(further.rungs.lengths(), [1, 3, 9]);
    let trial = Sweep::trial(&plan, Some(&Point(vec![Some(Value::Item(2))])), 1, registry::builtin()).unwrap();
    let params = trial.graph[trial.find("train").unwrap()].stage.params(View::Full);
    let found = (&params["epochs"], &params["schedule-epochs"], &params["validation-steps"]);
    assert_eq!(found, (&json!(3), &json!(9), &json!(3)));
    let refused = |epochs: usize, more: &str| asha(epochs, more).err().unwrap().concat();
    assert!(refused(1, "").contains("no trial would be trained further"), "{}", refused(1, ""));
    assert!(refused(9, "\"train.epochs\" = [9, 18]\n").contains("`train.epochs` varies"));
}
