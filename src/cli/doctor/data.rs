//! Probes of image sources: where each looks for its data, and whether it is there. No byte is read.

use super::{Finding, Site};
use crate::base::issue::Issues;
use crate::base::node::Value;
use crate::base::param::{self, Param};
use crate::data::source::{Place, Source};
use crate::spec::StageSpec;

/// Every source that needs no path.
pub(super) fn builtin(site: &Site) -> Vec<Finding> {
    let sources = Source::NAMES.iter().filter_map(|name| param::from_json::<Source>(&(*name).into()).ok());
    sources.map(|source| look(source.name(), &source, site, true)).collect()
}

/// The sources of the experiment.
pub(super) fn experiment(site: &Site) -> Vec<Finding> {
    let stages = site.plan.iter().flat_map(|plan| &plan.experiment.stages);
    stages
        .filter_map(|stage| Some((stage, source_of(stage)?)))
        .map(|(stage, source)| {
            let downloadable = written_path(stage).is_none();
            look(&format!("`{}`: {}", stage.id, source.name()), &source, site, downloadable)
        })
        .collect()
}

/// A stage's `source`, where it has one.
fn source_of(stage: &StageSpec) -> Option<Source> {
    let entry = stage.params.table()?.get("source")?;
    Source::read(&entry.node, "source", &mut Issues::default())
}

/// The path that a spec names inside its source.
fn written_path(stage: &StageSpec) -> Option<&str> {
    let Value::Table(source) = &stage.params.table()?.get("source")?.node.value else { return None };
    source.values().next()?.node.table()?.get("path")?.node.string()
}

/// `downloadable`: whether a run would fetch what is not there.
fn look(subject: &str, source: &Source, site: &Site, downloadable: bool) -> Finding {
    let places = source.loader().places(&site.store.join("downloads"));
    let listed = |places: &[Place]| {
        let paths: Vec<String> = places.iter().map(|place| place.path.display().to_string()).collect();
        paths.join(" or ")
    };
    if places.is_empty() {
        return Finding::ok(subject, "inside the program");
    }
    match places.iter().find(|place| place.complete) {
        Some(place) => Finding::ok(subject, format!("at {}", place.path.display())),
        None if downloadable => Finding::ok(subject, format!("not at {}: a run downloads it", listed(&places))),
        None => Finding::bad(
            subject,
            format!("not at {}", listed(&places)),
            "correct `path` (relative paths start from the file that writes them), or bring the data there",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn data_is_inside_there_downloadable_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        let site = Site { root: folder.path().into(), store: folder.path().join("store"), plan: None };
        let look = |json: serde_json::Value, downloadable| {
            let source: Source = param::from_json(&json).unwrap();
            look("x", &source, &site, downloadable)
        };
        assert_eq!(look(json!("cifar10-sample"), true).text, "inside the program");
        let missing = look(json!("cifar10"), true);
        assert!(missing.text.ends_with("cifar-10-binary.tar.gz: a run downloads it"), "{}", missing.text);
        let downloads = folder.path().join("store/downloads");
        std::fs::create_dir_all(&downloads).unwrap();
        std::fs::write(downloads.join("cifar-10-binary.tar.gz"), "x").unwrap();
        assert!(look(json!("cifar10"), true).text.starts_with("at "));
        let path = folder.path().join("photos");
        let bad = look(json!({ "image-folder": { "path": path } }), false);
        assert_eq!(bad.level, Level::Bad);
    }
}
