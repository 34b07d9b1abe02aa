//! simpipe as an outside program uses it: trains the smoke config, asks about images, and gets what the command prints.

use std::sync::Mutex;

use serde_json::Value as Json;
use simpipe::{Event, Experiment, Run};
use simpipe_artifact::{Embeddings, Examples};

use crate::project::{Project, repository};

/// A run of the smoke config below a project, with what was told of it.
fn smoke(project: &Project) -> (Run, Vec<Event>) {
    let told = Mutex::new(Vec::new());
    let experiment = Experiment::open(repository().join("configs/smoke.toml")).unwrap();
    let experiment = experiment.set("report.figures=[\"training-curves\"]").unwrap().at(project.root());
    assert_eq!(experiment.name(), "smoke");
    let run = experiment.run(|event| told.lock().unwrap().push(event.clone())).unwrap();
    (run, told.into_inner().unwrap())
}

/// The first images of a run's queries as PNG files, and their stored embeddings.
fn pictures(project: &Project, run: &Run, count: usize) -> (Vec<std::path::PathBuf>, Embeddings) {
    let rows = Embeddings::read(&run.folder().join("embed-validation/embeddings.parquet")).unwrap();
    let images =
        Examples::read_images(&run.folder().join("dataset/examples.parquet"), &rows.example_id[..count]).unwrap();
    let save = |(at, image): (usize, &simpipe_artifact::Image)| {
        let path = project.root().join(format!("{at}.png"));
        let kind = image::ExtendedColorType::Rgb8;
        image::save_buffer(&path, &image.pixels, image.shape.width, image.shape.height, kind).unwrap();
        path
    };
    (images.iter().enumerate().map(save).collect(), rows)
}

/// What several threads may ask at once.
fn shared<T: Send + Sync>(_: &T) {}

#[test]
fn a_program_trains_asks_and_embeds_as_the_command_does() {
    let project = Project::new();
    let (run, told) = smoke(&project);
    let count = |wanted: &dyn Fn(&&Event) -> bool| told.iter().filter(wanted).count();
    assert_eq!(count(&|event| matches!(event, Event::Started { .. })), 1);
    assert!(count(&|event| matches!(event, Event::StageFinished { outcome: "ran", .. })) > 8, "{told:?}");
    assert!(matches!(told.last(), Some(Event::Finished { ok: true, .. })), "{:?}", told.last());

    // The command finds that run, with the same numbers, and a second one is all hits.
    let shown = project.json(&["show", "latest", "--json"], 0);
    assert_eq!(shown["run"], run.id());
    let numbers: Json = run.metrics().iter().map(|(name, value)| (name.clone(), Json::from(*value))).collect();
    assert_eq!(shown["metrics"], numbers);
    let docs = std::fs::read_to_string(repository().join("docs/guides/library.md")).unwrap();
    let named = docs.split("metrics()[\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    named.for_each(|name| assert!(run.metrics().contains_key(name), "docs/guides/library.md indexes with `{name}`"));
    let again = smoke(&project).1;
    assert!(again.iter().all(|event| !matches!(event, Event::StageStarted { .. })), "{again:?}");

    let opened = Run::open_at(project.root(), run.id()).unwrap();
    assert!(opened.is_complete() && opened.name() == "smoke");
    let (paths, rows) = pictures(&project, &run, 5);
    let index = opened.index().unwrap();
    let answers = index.query_files(&paths).unwrap();
    let names: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let printed = project.json(&[&["query", run.id(), "--json"], &names[..]].concat(), 0);
    assert_eq!((answers.len(), index.len()), (5, 60));
    for (answer, printed) in answers.iter().zip(printed.as_array().unwrap()) {
        assert_eq!((&printed["label"], &printed["accepted"]), (&answer.label.as_str().into(), &answer.accepted.into()));
        assert_eq!(printed["distance"], serde_json::json!(answer.distance));
        assert_eq!(printed["probability"], serde_json::json!(answer.probability));
        let near: Vec<Json> = answer.neighbours.iter().map(|near| near.example_id.into()).collect();
        let said: Vec<Json> =
            printed["neighbours"].as_array().unwrap().iter().map(|near| near["example_id"].clone()).collect();
        assert!(near == said && near.len() == 5);
    }

    // Bytes are as good as files, and embeddings those that the run has stored.
    let bytes: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(index.query_bytes(&bytes).unwrap(), answers);
    let encoder = opened.encoder().unwrap();
    let vectors = encoder.encode_files(&paths).unwrap();
    shared(&index);
    shared(&encoder);
    assert!(encoder.dim() == 16 && encoder.encode_bytes(&bytes).unwrap() == vectors);
    for (row, vector) in vectors.iter().enumerate() {
        let off = vector.iter().zip(rows.row(row)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(off < 1e-6, "{row}: {off}");
    }
}

#[test]
fn what_can_not_be_is_an_error_with_words() {
    let project = Project::new();
    let error = Run::open_at(project.root(), "latest").unwrap_err();
    assert!(error.to_string().contains("no run `latest`") && error.exit_code() == 2, "{error}");
    let error = Experiment::open(project.root().join("nothing.toml")).unwrap_err();
    assert!(error.exit_code() != 0 && error.to_string().contains("nothing.toml"), "{error}");
    let experiment = Experiment::open(repository().join("configs/smoke.toml")).unwrap();
    let error = experiment.set("train.epoch=2").unwrap_err();
    assert!(error.to_string().contains("`epochs`"), "{error}");

    let (run, _) = smoke(&project);
    let error = run.index_of("matc").err().unwrap();
    assert!(error.to_string().contains("no stage `match` called `matc`"), "{error}");
    let error = run.encoder_of("train").err().unwrap();
    assert!(error.to_string().contains("no stage `embed` called `train`"), "{error}");
    // Of several seeds none is meant more than another.
    let seeds = ["report.figures=[\"training-curves\"]", "seeds=[1, 2]"];
    let group = seeds
        .into_iter()
        .fold(Experiment::open(repository().join("configs/smoke.toml")), |of, change| of.and_then(|of| of.set(change)));
    let group = group.unwrap().at(project.root()).run(|_| ()).unwrap();
    let errors = [group.encoder().err(), group.encoder_of("embed-validation").err(), group.index().err()];
    for error in errors.map(Option::unwrap) {
        assert!(error.to_string().contains("is a group of runs, one of each seed; take one of its runs: `"), "{error}");
    }
    let (index, encoder) = (run.index().unwrap(), run.encoder().unwrap());
    let error = index.query_bytes(&[&b"%PDF-1.7"[..], b"words"]).unwrap_err();
    assert_eq!((error.messages().len(), error.exit_code()), (2, 4));
    assert!(error.to_string().contains("`image 0` can't be read: neither JPEG"), "{error}");
    let error = encoder.encode_files(&[project.root().join("none.png")]).unwrap_err();
    assert!(error.to_string().contains("none.png"), "{error}");
    assert!(
        encoder.encode_bytes::<&[u8]>(&[]).unwrap().is_empty() && index.query_bytes::<&[u8]>(&[]).unwrap().is_empty()
    );
}
