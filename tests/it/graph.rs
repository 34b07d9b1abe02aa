//! `simpipe graph` draws every shipped experiment alike in all formats.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::project::{Project, repository};

/// Edges of a DOT text as (from, to, port).
fn dot_edges(text: &str) -> BTreeSet<(String, String, String)> {
    let edge = |line: &str| {
        let (ends, label) = line.trim().strip_suffix("];")?.split_once(" [label = ")?;
        let (from, to) = ends.split_once(" -> ")?;
        Some([from, to, label].map(|part| part.trim_matches('"').to_owned()).into())
    };
    text.lines().filter_map(edge).collect()
}

#[test]
fn every_format_shows_every_plug_of_every_config() {
    let project = Project::new();
    let configs = std::fs::read_dir(repository().join("configs")).unwrap();
    for config in configs.map(|entry| entry.unwrap().path()) {
        let config = config.to_str().unwrap();
        let draw = |format: &str| {
            let output = project.output(&["graph", config, "--format", format]);
            assert_eq!(output.status.code(), Some(0), "{config}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let (dot, mermaid, svg) = (draw("dot"), draw("mermaid"), draw("svg"));
        let edges = dot_edges(&dot);
        let plan: Json = project.json(&["plan", config, "--json"], 0);
        // Of several seeds each has its own, of which one is drawn.
        let ids: BTreeSet<&str> =
            plan["stages"].as_array().unwrap().iter().map(|stage| stage["id"].as_str().unwrap()).collect();
        let stages = ids.len();
        assert!(edges.contains(&("sample".into(), "train".into(), "sampler".into())), "{edges:?}");
        if config.ends_with("cifar10.toml") {
            assert!(edges.contains(&("train".into(), "report".into(), "training".into())), "{edges:?}");
            assert!(edges.contains(&("sample-validation".into(), "train".into(), "validation".into())));
        }
        assert_eq!(mermaid.matches(" -->|").count(), edges.len(), "{config}");
        assert_eq!(svg.matches("<path class=\"wire\"").count(), edges.len(), "{config}");
        assert_eq!(svg.matches("<rect class=\"box\"").count(), stages, "{config}");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }
}

#[test]
fn boxes_do_not_overlap_and_lie_inside_the_picture() {
    let project = Project::new();
    let output = project.output(&["graph", "configs/cifar10-evaluation.toml", "--format", "svg"]);
    let svg = String::from_utf8(output.stdout).unwrap();
    let number = |line: &str, name: &str| -> f64 {
        let after = line.split(&format!(" {name}=\"")).nth(1).unwrap();
        after.split('"').next().unwrap().parse().unwrap()
    };
    let head = svg.lines().next().unwrap();
    let page = [number(head, "width"), number(head, "height")];
    let rects: Vec<[f64; 4]> = svg
        .lines()
        .filter(|line| line.starts_with("<rect class=\"box\""))
        .map(|line| ["x", "y", "width", "height"].map(|name| number(line, name)))
        .collect();
    assert_eq!(rects.len(), 20);
    for (at, [x, y, width, height]) in rects.iter().enumerate() {
        assert!(*x > 0.0 && *y > 0.0 && x + width < page[0] && y + height < page[1]);
        for [other_x, other_y, other_width, other_height] in &rects[at + 1..] {
            let apart = x + width < *other_x
                || other_x + other_width < *x
                || y + height < *other_y
                || other_y + other_height < *y;
            assert!(apart, "two boxes overlap");
        }
    }
}

#[test]
fn a_status_is_drawn_and_a_file_is_written_by_its_ending() {
    let project = Project::new();
    let path = project.root().join("graph.svg");
    let output = project.output(&["graph", "configs/smoke.toml", "--status", "--output", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = std::fs::read_to_string(&path).unwrap();
    // The source is inside the program: `dataset` is known to be stale, the rest waits for it. One box each in the legend.
    assert_eq!(svg.matches("<rect class=\"stale\"").count(), 2);
    assert_eq!(svg.matches("<rect class=\"maybe\"").count(), 10);
    assert_eq!(svg.matches("<rect class=\"fresh\"").count(), 1);
    let unknown = project.output(&["graph", "configs/smoke.toml", "--output", "graph.xyz"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--format"));
}
