//! A [`Diagram`] as text for other programs: Graphviz DOT and Mermaid.

use std::fmt::Write;

use super::{Diagram, Stage, word};
use simpipe_runner::status::Freshness;

/// Graphviz.
pub(super) fn dot(diagram: &Diagram) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&diagram.title));
    text += "  rankdir = LR;\n";
    text += "  node [shape = box, fontname = \"Helvetica\"];\n";
    text += "  edge [fontname = \"Helvetica\", fontsize = 10];\n";
    for stage in &diagram.stages {
        let label = quoted(&format!("{}\n{}", stage.id, caption(stage)));
        let style = stage.status.map_or("", |status| match status {
            Freshness::Fresh => ", style = solid, color = \"#0072b2\"",
            Freshness::Stale => ", style = \"dashed,bold\", color = \"#d55e00\"",
            Freshness::MaybeStale => ", style = dotted, color = \"#8c6d00\"",
        });
        push(&mut text, format_args!("  {} [label = {label}{style}];", quoted(&stage.id)));
    }
    for wire in &diagram.wires {
        let (from, to) = (quoted(&diagram.stages[wire.from].id), quoted(&diagram.stages[wire.to].id));
        push(&mut text, format_args!("  {from} -> {to} [label = {}];", quoted(&wire.port)));
    }
    text + "}\n"
}

/// Mermaid. Nodes are numbered: its keywords, such as `end`, may be stage ids.
pub(super) fn mermaid(diagram: &Diagram) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, stage) in diagram.stages.iter().enumerate() {
        let class = stage.status.map_or("", |status| match status {
            Freshness::Fresh => ":::fresh",
            Freshness::Stale => ":::stale",
            Freshness::MaybeStale => ":::maybe",
        });
        let (id, caption) = (entities(&stage.id), entities(&caption(stage)));
        push(&mut text, format_args!("  s{at}[\"<b>{id}</b><br/>{caption}\"]{class}"));
    }
    for wire in &diagram.wires {
        push(&mut text, format_args!("  s{} -->|\"{}\"| s{}", wire.from, entities(&wire.port), wire.to));
    }
    if diagram.stages.iter().any(|stage| stage.status.is_some()) {
        text += "  classDef fresh stroke:#0072b2,stroke-width:2px\n";
        text += "  classDef stale stroke:#d55e00,stroke-width:3px,stroke-dasharray:7 4\n";
        text += "  classDef maybe stroke:#8c6d00,stroke-width:2px,stroke-dasharray:2 4\n";
    }
    text
}

/// The line below a stage's id.
pub(super) fn caption(stage: &Stage) -> String {
    match (stage.status, &stage.did) {
        (Some(status), _) => format!("{} · {}", stage.kind, word(status)),
        (None, Some(did)) => format!("{} · {}", stage.kind, did.words),
        (None, None) => stage.kind.clone(),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

/// A DOT string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Mermaid's and XML's way with signs that mean something to them.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn dot_names_every_stage_and_port_once() {
        let expected = r##"digraph "a \"b\" <c>" {
  rankdir = LR;
  node [shape = box, fontname = "Helvetica"];
  edge [fontname = "Helvetica", fontsize = 10];
  "data" [label = "data\ndataset"];
  "draw" [label = "draw\nsample"];
  "end" [label = "end\ntrain"];
  "data" -> "draw" [label = "dataset"];
  "data" -> "end" [label = "dataset"];
  "draw" -> "end" [label = "sampler"];
}
"##;
        assert_eq!(dot(&sample(None)), expected);
        assert!(dot(&sample(Some(Freshness::Stale))).contains(r#""end\ntrain · stale", style = "dashed,bold""#));
    }

    #[test]
    fn mermaid_has_a_class_for_every_status() {
        let plain = mermaid(&sample(None));
        assert!(plain.contains("  s2[\"<b>end</b><br/>train\"]\n  s0 -->|\"dataset\"| s1\n"), "{plain}");
        assert!(!plain.contains("classDef"));
        let marked = mermaid(&sample(Some(Freshness::MaybeStale)));
        assert!(marked.contains("train · maybe stale\"]:::maybe\n") && marked.contains("classDef maybe"), "{marked}");
    }
}
