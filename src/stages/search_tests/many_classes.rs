//! `match` where there are many more classes than a matrix of them could be held in memory.

use super::*;

#[test]
fn confusion_grows_with_the_queries_and_not_with_the_classes() {
    const CLASSES: i32 = 100_000;
    let world = World::ready();
    let mut info: DatasetInfo = read_json(&world.folder("dataset").join("dataset.json")).unwrap();
    info.classes = (0..CLASSES).map(|label| format!("class {label}")).collect();
    write_json(&world.folder("dataset").join("dataset.json"), &info).unwrap();
    // Every query of a class of its own, at the indexed points 0, 1, 10 and 11 (labels 0 and 1) and at 5.5, beyond the
    // cutpoint.
    let points: Vec<(f32, i32)> =
        (0..CLASSES).map(|label| ([0.0, 1.0, 10.0, 11.0, 5.5][label as usize % 5], label)).collect();
    world.index().unwrap();
    world.embed("queries", 1000, &points, false);
    let plugs = [("index", "index"), ("queries", "queries"), ("calibration", "calibrate")];
    let (metrics, _) = world.run::<Match>(&json!({ "neighbours": 1 }), &plugs, "match").unwrap();
    assert_eq!(metrics["unknown"], 0.2);
    let cells = Confusion::read(&world.folder("match").join("confusion.parquet")).unwrap().0;
    assert_eq!(cells.len(), points.len());
    assert!(cells.iter().zip(0..).all(|(cell, label)| (cell.label, cell.count) == (label, 1)));
    assert_eq!(cells.iter().filter(|cell| cell.predicted.is_none()).count(), points.len() / 5);
}
