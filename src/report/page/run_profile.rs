//! What the stages of a run spent their time in, layer by layer: a part of the run's block, for times are no result.

use simpipe_artifact::{LayerTime, Profile, ProfileRow};

use super::RunStage;
use super::html::{bar, details, paragraph, table, table_with};
use crate::cells::{percent, words};
use crate::chart::number;

/// Kinds of stages that are measured.
const KINDS: [&str; 3] = ["train", "embed", "baseline"];
/// What stands where nothing was counted.
const NONE: &str = "–";

/// The tables of all stages that were measured, and which were not.
pub(super) fn of(profile: &Profile, stages: &[RunStage]) -> String {
    let mut out = "<h3>Time by layer</h3>".to_owned();
    out += &paragraph(
        "Measured on the clock while this run computed. Layers that are computed as one operation stand under the first of them; \
         GFLOP/s are those of the operations whose work is counted, a convolution's as if it were computed directly. `elsewhere` \
         is what belongs to no layer: images read and changed, results written, and the way back of what has no kernel of its \
         own. The same numbers are in `profile.parquet` in the run's folder.",
    );
    let measured = profile.stages();
    let hit = |stage: &&RunStage| stage.outcome == "hit" && KINDS.contains(&stage.kind.as_str());
    let hits = stages.iter().filter(hit).filter(|stage| !measured.contains(&stage.id.as_str()));
    let hits: Vec<String> = hits.map(|stage| format!("`{}`", stage.id)).collect();
    if !hits.is_empty() {
        out += &paragraph(&format!("Not computed in this run, so not measured: {}.", hits.join(", ")));
    }
    measured.into_iter().for_each(|stage| out += &of_stage(profile, stage));
    out
}

fn of_stage(profile: &Profile, stage: &str) -> String {
    let layers = profile.layers(stage);
    let header = words(["Layer", "Seconds", "There", "Back", "Share", "GFLOP/s", ""]);
    let row = |layer: &LayerTime| {
        let [all, there, back] = [layer.seconds(), layer.forward, layer.backward].map(seconds);
        let cells = [layer.layer.as_str(), &all, &there, &back, &percent(layer.share), &figure(layer.gflops, 1)];
        (words(cells), bar(layer.share))
    };
    let rows: Vec<(Vec<String>, String)> = layers.iter().map(row).collect();
    let all: f64 = layers.iter().map(LayerTime::seconds).sum();
    let reached = profile.gflops(stage).map(|gflops| format!(", {} GFLOP/s where it is counted", number(gflops, 1)));
    let said = format!("`{stage}`: {} s measured{}.", seconds(all), reached.unwrap_or_default());
    paragraph(&said)
        + &table_with(&format!("Time of {stage} by layer"), &header, &rows)
        + &details(&format!("Operations of {stage}"), &operations(profile, stage))
}

fn operations(profile: &Profile, stage: &str) -> String {
    let header = words(["Layer", "Operation", "Direction", "Calls", "Seconds", "GFLOP", "GB", "GFLOP/s"]);
    let row = |row: &ProfileRow| {
        let giga = |value: Option<f64>| figure(value.map(|value| value / 1e9), 3);
        words([
            &row.layer,
            &row.operation,
            if row.back { "back" } else { "there" },
            &number(row.calls as f64, 0),
            &seconds(row.seconds),
            &giga(row.flop),
            &giga(row.bytes),
            &figure(row.gflops(), 1),
        ])
    };
    table(&format!("Operations of {stage}"), &header, &profile.of(stage).map(row).collect::<Vec<_>>())
}

fn seconds(value: f64) -> String {
    number(value, 3)
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| number(value, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_its_layers_with_shares_and_a_hit_is_named() {
        let row = |layer: &str, seconds: f64, flop: Option<f64>| ProfileRow {
            layer: layer.to_owned(),
            operation: "convolution".to_owned(),
            calls: 1200,
            seconds,
            flop,
            bytes: flop,
            ..ProfileRow::default()
        };
        let mut profile = Profile::default();
        profile.put("train", vec![row("layers.1.<b>", 3.0, Some(6e9)), row("loss", 0.5, None)], 4.0);
        let stage = |id: &str, kind: &str, outcome: &str| RunStage {
            id: id.to_owned(),
            kind: kind.to_owned(),
            outcome: outcome.to_owned(),
            ..RunStage::default()
        };
        let stages = [
            stage("train", "train", "ran"),
            stage("embed-a", "embed", "hit"),
            stage("match", "match", "hit"),
            stage("b", "baseline", "hit"),
        ];
        let html = of(&profile, &stages);
        assert!(html.contains("not measured: <code>embed-a</code>, <code>b</code>."), "{html}");
        assert!(html.contains("4.000 s measured, 2.0 GFLOP/s where it is counted"), "{html}");
        assert!(html.contains("layers.1.&lt;b&gt;") && !html.contains("<b>"), "{html}");
        let cells = ["3.000", "3.000", "0.000", "75.0 %", "2.0"].map(|cell| format!("<td><bdi>{cell}</bdi></td>"));
        assert!(html.contains(&cells.concat()) && html.contains("width=\"75.0\""), "{html}");
        // The loss, and what no row has.
        assert_eq!(html.matches("<bdi>12.5 %</bdi>").count(), 2);
        assert!(html.contains("<bdi>1,200</bdi>") && html.contains("<bdi>6.000</bdi>"), "{html}");
    }
}
