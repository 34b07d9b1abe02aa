//! Probes of image sources: where each looks for its data, whether it is there, and whether it can be remembered. Of a
//! folder's files only those are read that may be the same in two classes.

use walkdir::WalkDir;

use super::{Environment, Finding, Level};
use simpipe_base::issue::Issues;
use simpipe_base::param::{self, Param};
use simpipe_data::source::{Place, Source};
use simpipe_spec::StageSpec;
use simpipe_store::Unremembered;

/// Files whose dates are looked at.
const DATED: usize = 1000;

/// Every source that needs no path.
pub(super) fn builtin(environment: &Environment) -> Vec<Finding> {
    let sources = Source::NAMES.iter().filter_map(|name| param::from_json::<Source>(&(*name).into()).ok());
    let look = |source: Source| {
        let found = look(source.name(), &source, environment);
        // Most are not wanted: nothing is wrong with a source that would be downloaded.
        if found.level == Level::Warn { Finding::ok(found.subject, found.text) } else { found }
    };
    sources.map(look).collect()
}

/// The sources of the experiment.
pub(super) fn experiment(environment: &Environment) -> Vec<Finding> {
    let stages = environment.plan.iter().flat_map(|plan| &plan.experiment.stages);
    stages
        .filter_map(|stage| Some((stage, source_of(stage)?)))
        .flat_map(|(stage, source)| {
            let subject = format!("`{}`: {}", stage.id, source.name());
            let reread = reread(&subject, &source, environment);
            std::iter::once(look(&subject, &source, environment)).chain(reread).chain(twins(&subject, &source))
        })
        .collect()
}

/// Files that every run reads to find its keys, however long nobody has changed them.
fn reread(subject: &str, source: &Source, environment: &Environment) -> Option<Finding> {
    let places = source.loader().places(&environment.store.join("downloads"));
    let place = places.into_iter().find(|place| place.complete)?;
    let files = WalkDir::new(&place.path).follow_links(true).into_iter().flatten();
    let files = files.filter(|item| item.file_type().is_file()).take(DATED);
    let (mut seen, mut found) = (0, Vec::new());
    for item in files {
        seen += 1;
        found.extend(Unremembered::of(item.path()).ok().flatten().map(|why| (item.into_path(), why)));
    }
    let (path, why) = found.first()?;
    let text = format!("{} of {seen} files are read by every run, such as {}: {why}", found.len(), path.display());
    Some(Finding::warn(subject, text, why.help()))
}

/// The same picture in two classes: one of the two labels is wrong.
fn twins(subject: &str, source: &Source) -> Option<Finding> {
    let Source::ImageFolder(folder) = source else { return None };
    let twins = folder.twins();
    let (one, other) = twins.first()?;
    let files = if twins.len() == 1 { "1 file lies".to_owned() } else { format!("{} files lie", twins.len()) };
    let text = format!("{files} in two classes, such as {one} and {other}");
    Some(Finding::warn(subject, text, "one of the two classes is wrong: remove one of the copies"))
}

/// A stage's `source`, where it has one.
fn source_of(stage: &StageSpec) -> Option<Source> {
    let entry = stage.params.table()?.get("source")?;
    Source::read(&entry.node, "source", &mut Issues::default())
}

/// Where a source's data is; what is wanted in the folder of downloads would be fetched by a run.
fn look(subject: &str, source: &Source, environment: &Environment) -> Finding {
    let downloads = environment.store.join("downloads");
    let places = source.loader().places(&downloads);
    let downloadable = places.iter().any(|place| place.path.starts_with(&downloads));
    let listed = |places: &[Place]| {
        let paths: Vec<String> = places.iter().map(|place| place.path.display().to_string()).collect();
        paths.join(" or ")
    };
    if places.is_empty() {
        return Finding::ok(subject, "inside the program");
    }
    match places.iter().find(|place| place.complete) {
        Some(place) => Finding::ok(subject, format!("at {}", place.path.display())),
        None if downloadable => Finding::warn(
            subject,
            format!("not at {}: a run downloads it", listed(&places)),
            "connect to the internet for the first run, or name a copy of the data with the source's `path`",
        ),
        None => Finding::bad(
            subject,
            format!("not at {}", listed(&places)),
            "correct `path` (paths are relative to the file that contains them), or put the data there",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;

    #[test]
    fn files_that_are_never_remembered_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment { root: folder.path().into(), store: folder.path().join("store"), remote: None, plan: None };
        let photos = folder.path().join("photos");
        std::fs::create_dir_all(photos.join("a")).unwrap();
        std::fs::write(photos.join("a/1.png"), "").unwrap();
        std::fs::write(photos.join("a/2.png"), "").unwrap();
        let source: Source = param::from_json(&json!({ "image-folder": { "path": photos } })).unwrap();
        assert_eq!(reread("x", &source, &environment), None);
        let later = SystemTime::now() + Duration::from_secs(1000);
        let file = std::fs::File::options().write(true).open(photos.join("a/2.png")).unwrap();
        file.set_modified(later).unwrap();
        let found = reread("x", &source, &environment).unwrap();
        assert!(found.text.starts_with("1 of 2 files are read by every run, such as "), "{}", found.text);
        assert!(found.text.ends_with("photos/a/2.png: the date is in the future"), "{}", found.text);
        assert_eq!(found.level, Level::Warn);
    }

    #[test]
    fn a_file_in_two_classes_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            std::fs::create_dir_all(folder.path().join(class)).unwrap();
            std::fs::write(folder.path().join(class).join("1.png"), "picture").unwrap();
        }
        let source: Source = param::from_json(&json!({ "image-folder": { "path": folder.path() } })).unwrap();
        let found = twins("x", &source).unwrap();
        assert_eq!(
            (found.level, found.text.as_str()),
            (Level::Warn, "1 file lies in two classes, such as a/1.png and b/1.png")
        );
        std::fs::write(folder.path().join("b/1.png"), "other").unwrap();
        assert_eq!(twins("x", &source), None);
    }

    #[test]
    fn data_is_inside_there_downloadable_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment { root: folder.path().into(), store: folder.path().join("store"), remote: None, plan: None };
        let look = |json: serde_json::Value| {
            let source: Source = param::from_json(&json).unwrap();
            look("x", &source, &environment)
        };
        assert_eq!(look(json!("cifar10-sample")).text, "inside the program");
        let missing = look(json!("cifar10"));
        assert!(missing.text.ends_with("cifar-10-binary.tar.gz: a run downloads it"), "{}", missing.text);
        assert_eq!(missing.level, Level::Warn);
        assert!(builtin(&environment).iter().all(|finding| finding.level == Level::Ok));
        let downloads = folder.path().join("store/downloads");
        std::fs::create_dir_all(&downloads).unwrap();
        std::fs::write(downloads.join("cifar-10-binary.tar.gz"), "x").unwrap();
        assert!(look(json!("cifar10")).text.starts_with("at "));
        let path = folder.path().join("photos");
        let bad = look(json!({ "image-folder": { "path": path } }));
        assert_eq!(bad.level, Level::Bad);
    }
}
