//! Points that somebody has chosen, and what another sweep has found out.

use super::*;

const EPOCHS: &str = "method = \"random\"\nobjective = \"match.map@r\"\ntrials = 2\nfinalists = 0\n[sweep.parameters]\n\
                      \"train.optimizer.adam.learning-rate\" = { low = 1e-4, high = 1e-1, log = true }\n\
                      \"train.steps-per-epoch\" = [12, 24]\n[train]\nsteps-per-epoch = 12\n";

#[test]
fn a_point_of_ones_own_is_taken_next_and_may_come_after_the_end() {
    let project = Project::new();
    let config = config(&project, EPOCHS);
    project.json(&["sweep", "run", &config, "--json"], 0);
    let rate = "train.optimizer.adam.learning-rate=0.0125";
    let added = project.json(&["sweep", "add", "--set", rate, "--json"], 0);
    validate("sweep-add.schema.json", &added);
    let parameters = serde_json::json!({ "train.optimizer.adam.learning-rate": 0.0125, "train.steps-per-epoch": 12 });
    assert_eq!((&added["trial"], &added["parameters"], &added["running"]), (&2.into(), &parameters, &false.into()));
    let status = project.json(&["sweep", "status", "--json"], 0);
    validate("sweep-status.schema.json", &status);
    assert_eq!((&status["state"], &status["trials"]["open"]), (&"interrupted".into(), &1.into()));
    // The same point twice would be the same numbers twice.
    let again = project.json(&["sweep", "add", "--set", rate, "--json"], 2);
    assert!(again["errors"][0]["message"].as_str().unwrap().starts_with("trial 2 of the sweep "), "{again}");

    let status = project.json(&["sweep", "resume", "--json"], 0);
    assert_eq!((&status["state"], &status["trials"]["finished"]), (&"done".into(), &3.into()), "{status}");
    let table = project.json(&["sweep", "table", "--json"], 0);
    validate("sweep-table.schema.json", &table);
    let of = |number: u64| table["trials"].as_array().unwrap().iter().find(|one| one["trial"] == number).unwrap();
    assert_eq!((&of(2)["added"], &of(2)["state"], &of(1)["added"]), (&true.into(), &"finished".into(), &false.into()));
    // It has not moved the method's own points on.
    let longer = project.json(&["sweep", "run", &config, "--json", "--set", "sweep.trials=4"], 0);
    assert_eq!(longer["trials"]["finished"], 4);
    let other = Project::new();
    let whole = super::config(&other, EPOCHS);
    other.json(&["sweep", "run", &whole, "--json", "--set", "sweep.trials=3"], 0);
    assert_eq!(trials(&project)[&3], trials(&other)[&2], "the third that the method has chosen");
}

#[test]
fn what_a_sweep_does_not_try_is_refused_with_what_was_meant() {
    let project = Project::new();
    let config = config(&project, EPOCHS);
    project.json(&["sweep", "run", &config, "--json", "--set", "sweep.trials=1"], 0);
    for (set, message, help) in [
        (
            "train.optimizer.adam.learning-rat=0.1",
            "the sweep does not vary `train.optimizer.adam.learning-rat`",
            "did you mean `train.optimizer.adam.learning-rate`?",
        ),
        ("train.epochs=3", "the sweep does not vary `train.epochs`", "`train.steps-per-epoch`"),
        ("train.optimizer.adam.learning-rate=fast", "`train.optimizer.adam.learning-rate` expects", ""),
        (
            "train.optimizer.adam.learning-rate=0.5",
            "the sweep does not try 0.5 for `train.optimizer.adam.learning-rate`",
            "it tries a number from 0.0001 to 0.1",
        ),
        ("train.steps-per-epoch=36", "the sweep does not try 36 for `train.steps-per-epoch`", "it tries one of 12, 24"),
        ("train.steps-per-epoch", "expected PATH=VALUE", "--set"),
    ] {
        let refused = project.json(&["sweep", "add", "--set", set, "--json"], 2);
        let error = &refused["errors"][0];
        assert!(error["message"].as_str().unwrap().contains(message), "{set}: {refused}");
        assert!(error["help"].as_str().unwrap_or_default().contains(help), "{set}: {refused}");
    }
    assert_eq!(lines(&project, "trial-asked").len(), 1, "nothing was added");
}

#[test]
fn what_another_sweep_has_found_out_is_told_first_and_counts_as_none_of_this() {
    let project = Project::new();
    let first = config(&project, EPOCHS);
    let status = project.json(&["sweep", "run", &first, "--json", "--set", "sweep.trials=4"], 0);
    let from = status["sweep"].as_str().unwrap().to_owned();
    assert_eq!(status["from"], Json::Null);
    // Fewer rates, and no more than the config's own steps: not all of the trials lie in that.
    let narrow = EPOCHS
        .replace("low = 1e-4", "low = 1e-3")
        .replace("\"train.steps-per-epoch\" = [12, 24]\n", "")
        .replace("\"random\"", "\"tpe\"")
        .replace("trials = 2", "trials = 1");
    let narrow = config(&project, &narrow);
    let told = project.json(&["sweep", "run", &narrow, "--new", "--from", &from, "--json"], 0);
    validate("sweep-status.schema.json", &told);
    assert_eq!((&told["trials"]["finished"], &told["from"]["sweep"]), (&1.into(), &from.as_str().into()));
    let left_out = told["from"]["left_out"].as_object().unwrap();
    let counts = left_out.values().map(|count| count.as_u64().unwrap()).sum::<u64>();
    let taken = told["from"]["trials"].as_u64().unwrap();
    assert!(taken >= 1 && taken + counts == 4, "the config's own values lie in both: {told}");
    for reason in left_out.keys() {
        let known = ["`train.optimizer.adam.learning-rate` lies outside", "`train.steps-per-epoch` has another value"];
        assert!(known.iter().any(|known| reason.starts_with(known)), "{reason}");
    }
    // It goes on whether or not that is said again, and with no other.
    let again = project.json(&["sweep", "run", &narrow, "--from", &from, "--json", "--set", "sweep.trials=2"], 0);
    assert_eq!((&again["sweep"], &again["trials"]["finished"]), (&told["sweep"], &2.into()));
    let own = told["sweep"].as_str().unwrap();
    let other = project.json(&["sweep", "run", &narrow, "--from", own, "--json"], 2);
    assert!(other["errors"][0]["message"].as_str().unwrap().contains("was started without the trials of "), "{other}");

    let objective = narrow_objective(&project, &narrow);
    let output = project.output(&["sweep", "run", &objective, "--new", "--from", &from]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("4 trials of ") && said.contains("the objective is another there: maximize `match.map@r`"),
        "{said}"
    );
}

/// The same config by another number.
fn narrow_objective(project: &Project, config: &str) -> String {
    let text = std::fs::read_to_string(config).unwrap().replace("match.map@r", "match.recall@1");
    let path = project.root().join("other.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
