//! The graph of a run as its record has it: what each stage did, and how long that took.

use super::{Diagram, Did, Stage, Wire, svg};
use crate::cli::print;
use simpipe_runner::{Outcome, RunRecord, StageRecord};

/// The picture for a page; `None` of a record that names no stage.
pub(in crate::cli) fn of_record(record: &RunRecord) -> Option<String> {
    let mut stages: Vec<&StageRecord> = Vec::new();
    for stage in &record.stages {
        // Of a group a stage stands there once a seed.
        if stages.iter().all(|known| known.id != stage.id) {
            stages.push(stage);
        }
    }
    let wires = |(to, stage): (usize, &&StageRecord)| {
        let inputs = record.spec["stages"][&stage.id]["inputs"].as_object().cloned().unwrap_or_default();
        let known = &stages;
        let wire = move |(port, from): (String, serde_json::Value)| {
            let from = known.iter().position(|stage| from == stage.id)?;
            // A record may come from anybody: what reads what comes later is no graph.
            (from < to).then(|| Wire { from, to, port: print::shown(port) })
        };
        inputs.into_iter().filter_map(wire).collect::<Vec<_>>()
    };
    let diagram = Diagram {
        title: record.name.clone(),
        wires: stages.iter().enumerate().flat_map(wires).collect(),
        stages: stages.iter().map(|stage| drawn(stage)).collect(),
    };
    (!diagram.stages.is_empty()).then(|| svg::draw_inside(&diagram))
}

fn drawn(stage: &StageRecord) -> Stage {
    let words = match stage.outcome {
        Outcome::Hit => format!("hit, saved {}", print::seconds(stage.saved_seconds)),
        Outcome::Ran => format!("ran, {}", print::seconds(stage.seconds)),
        Outcome::Failed | Outcome::Skipped => stage.outcome.word().to_owned(),
    };
    let did = Some(Did { outcome: stage.outcome, words });
    Stage { id: print::shown(&stage.id), kind: print::shown(&stage.stage), status: None, did }
}
