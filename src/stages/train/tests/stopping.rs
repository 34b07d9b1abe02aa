//! Trainings that are stopped and go on, and that end early.

use serde_json::json;

use super::*;

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let whole = Lab::new();
    whole.train(&params(2), "model").unwrap();
    let mut lab = Lab::new();
    lab.stop_at = 7;
    assert!(matches!(lab.train(&params(2), "stopped"), Err(StageError::Interrupted)));
    assert_eq!(lab.checkpoints.0.lock().unwrap().keys().copied().collect::<Vec<_>>(), [5, 7]);
    lab.cancel.store(false, Ordering::Relaxed);
    lab.stop_at = u64::MAX;
    lab.seen.lock().unwrap().clear();
    lab.train(&params(2), "model").unwrap();
    let first = lab.seen.lock().unwrap().first().unwrap().clone();
    let words = "batch size 12 (4 classes x 3 examples), continues after step 7";
    assert_eq!((first.done, first.message.as_str()), (7, words));
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
    // How often checkpoints are made changes neither bytes nor key.
    let often = TrainParams { checkpoint_every_steps: Unkeyed(2), ..params(2) };
    let other = Lab::new();
    other.train(&often, "model").unwrap();
    assert!(other.files("model") == whole.files("model"), "the same bytes");
    assert_eq!(often.write(View::Key), params(2).write(View::Key));
    assert_ne!(often.write(View::Full), params(2).write(View::Full));
}

/// `params` with a rule that no epoch can satisfy, so that one is waited for.
pub(super) fn stopping(epochs: usize, keep_best: bool) -> TrainParams {
    let rule = json!({ "patience": 1, "min-delta": 10.0 });
    let keep_best = if keep_best { KeepBest::Yes } else { KeepBest::No };
    TrainParams { early_stopping: param::from_json(&rule).ok(), keep_best, ..params(epochs) }
}

#[test]
fn a_training_ends_early_and_keeps_its_best_epoch() {
    let lab = Lab::new();
    let metrics = lab.train(&stopping(9, true), "model").unwrap();
    let History(rows) = History::read(&lab.folder.path().join("model/history.parquet")).unwrap();
    assert_eq!((rows.len(), metrics["epochs"]), (10, 2.0), "two epochs of nine");
    let val_losses: Vec<f64> = rows.iter().filter_map(|row| row.val_loss).collect();
    let best = if val_losses[1] < val_losses[0] { 2 } else { 1 };
    let model: ModelFile = read_json(&lab.folder.path().join("model/model.json")).unwrap();
    assert_eq!((model.best_epoch, model.steps), (Some(best), best * 5));
    assert_eq!(metrics["val_loss"], val_losses[usize::try_from(best).unwrap() - 1]);
    let last = lab.seen.lock().unwrap().last().unwrap().message.clone();
    assert_eq!(last, format!("ended early after epoch 2; keeps epoch {best} (lowest val-loss)"));
    // The weights are those of a training of just so many epochs.
    let short = Lab::new();
    short.train(&params(usize::try_from(best).unwrap()), "model").unwrap();
    assert!(lab.files("model")[0] == short.files("model")[0], "the same weights");
}

#[test]
fn early_stopping_goes_on_from_any_checkpoint_and_keeping_the_best_from_its_own() {
    let (whole, lab) = (Lab::new(), Lab::new());
    whole.train(&stopping(9, false), "model").unwrap();
    // A longer training without the rule has left checkpoints before and behind the end of this one.
    lab.train(&params(4), "other").unwrap();
    lab.seen.lock().unwrap().clear();
    lab.train(&stopping(9, false), "model").unwrap();
    assert_eq!(lab.seen.lock().unwrap()[0].done, 10, "goes on from the last checkpoint that is not too far");
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
    let key = |params: &TrainParams| Train::resume_params(params).unwrap();
    assert_eq!(key(&params(1)), key(&stopping(9, false)), "they share checkpoints");
    assert_ne!(key(&params(1)), key(&stopping(1, true)), "they don't");
    assert_ne!(params(1).write(View::Key), stopping(1, false).write(View::Key));
}

#[test]
fn a_rule_that_looks_at_a_loss_that_is_not_there_is_refused() {
    let facts = [("sampler", Facts::Samples(samples(None)))];
    let issues = infer::<Train>(&stopping(2, false), &facts).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "early-stopping"));
    assert!(issues[0].help.as_ref().unwrap().contains("early-stopping = { metric = \"loss\" }"));
    let rule = param::from_json(&json!({ "metric": "loss" })).ok();
    infer::<Train>(&TrainParams { early_stopping: rule, ..params(2) }, &facts).unwrap();
}

#[test]
fn a_useless_checkpoint_is_a_warning() {
    let (lab, whole) = (Lab::new(), Lab::new());
    lab.checkpoints.save(3, b"nonsense");
    lab.train(&params(1), "model").unwrap();
    whole.train(&params(1), "model").unwrap();
    let warnings = lab.warnings.lock().unwrap();
    assert!(warnings[0].starts_with("the checkpoint of step 3 can't be used"), "{warnings:?}");
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
}

#[test]
fn an_older_checkpoint_is_used_where_newer_ones_are_useless() {
    let (lab, whole) = (Lab::new(), Lab::new());
    whole.train(&params(3), "model").unwrap();
    let kept = whole.checkpoints.0.lock().unwrap().clone();
    let (&newest, &older) = (kept.keys().next_back().unwrap(), kept.keys().next().unwrap());
    let cut = |bytes: &[u8], at: usize| bytes[..at].to_vec();
    // Damaged in three ways: cut, of another step, and nonsense between them.
    lab.checkpoints.save(older, &kept[&older]);
    lab.checkpoints.save(older + 1, &kept[&older]);
    lab.checkpoints.save(older + 2, b"");
    lab.checkpoints.save(newest, &cut(&kept[&newest], kept[&newest].len() / 2));
    lab.train(&params(3), "model").unwrap();
    assert_eq!(lab.seen.lock().unwrap()[0].done, older);
    let warnings = lab.warnings.lock().unwrap();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings.iter().all(|said| said.ends_with(&format!(": training continues from step {older}"))),
        "{warnings:?}"
    );
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
}
