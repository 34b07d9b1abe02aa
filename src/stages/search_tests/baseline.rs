//! The stage `baseline` on images of two pixels.

use super::*;
use crate::baseline::Baseline;
use simpipe_artifact::{BaselineFile, ExamplesWriter, Image, ImageShape};

/// Examples 10 to 15, as the embedded pool has them, with these pixels.
fn world(pixels: [[u8; 2]; 6]) -> World {
    let world = World::ready();
    let shape = ImageShape { height: 1, width: 2, channels: 1 };
    let folder = world.folder("dataset");
    let mut writer = ExamplesWriter::new(&folder.join("examples.parquet"));
    for id in 0..16 {
        let pixels = if id < 10 { [7, 7] } else { pixels[id - 10] };
        writer.push("test", 0, Image { shape, pixels: pixels.to_vec() }).unwrap();
    }
    writer.finish().unwrap();
    let mut info: DatasetInfo = read_json(&folder.join("dataset.json")).unwrap();
    info.image = Some(shape);
    write_json(&folder.join("dataset.json"), &info).unwrap();
    world
}

fn run(world: &World, params: &Json) -> (BaselineFile, BTreeMap<String, f64>, Vec<String>) {
    let plugs = [("dataset", "dataset"), ("index", "index"), ("queries", "validation")];
    let (metrics, warnings) = world.run::<Baseline>(params, &plugs, "baseline").unwrap();
    (read_json(&world.folder("baseline").join(BaselineFile::FILE)).unwrap(), metrics, warnings)
}

#[test]
fn every_baseline_is_as_computed_by_hand() {
    // The index holds examples 10 to 13 (labels 0 0 1 1); queries are all six (4: label 0, 5: label 1).
    let world = world([[10, 10], [90, 95], [80, 90], [20, 10], [12, 10], [70, 90]]);
    let (file, metrics, _) = run(&world, &json!({}));
    assert_eq!((file.queries, file.of_queries, file.in_index, file.lone, file.indexed), (6, 6, 4, 0, 4));
    // By the embedding: 0 finds 1, 1 finds 0, 10 finds 11, 11 finds 10, 0.4 finds 0; 3 finds 1, of the other label.
    assert!((metrics["embedding.recall@1"] - 5.0 / 6.0).abs() < 1e-12, "{metrics:?}");
    // By pixels: 10 finds 13 (wrong), 11 finds 12 (wrong), 12 finds 11 (wrong), 13 finds 10 (wrong), 14 finds 10 (right),
    // 15 finds 12 (right).
    assert!((metrics["raw_pixels.recall@1"] - 2.0 / 6.0).abs() < 1e-12, "{metrics:?}");
    // Of the three others of an indexed query one has its label; of the four of another two.
    assert!((metrics["chance.recall@1"] - (4.0 / 3.0 + 1.0) / 6.0).abs() < 1e-12, "{metrics:?}");
    // Two labels of two rows each: the smaller.
    assert!((metrics["largest_class.recall@1"] - 0.5).abs() < 1e-12 && !metrics.contains_key("largest_class.map@r"));
    // The mean of the index is (50, 51.25); its images lie in two directions from it: 10 and 13, 11 and 12.
    assert!((metrics["mean_centred_pixels.recall@1"] - 2.0 / 6.0).abs() < 1e-12, "{metrics:?}");
    assert_eq!(file.skipped["untrained"], "There is no model at the port `model`.");
    for (name, figures) in &file.baselines {
        for (metric, figure) in figures {
            let (low, high) = (figure.low.unwrap(), figure.high.unwrap());
            assert!(low <= figure.value && figure.value <= high, "{name} {metric}: {figure:?}");
            assert_eq!(metrics[&format!("{}.{metric}.low", name.replace('-', "_"))], low);
        }
    }
    let gain = &file.gain["recall@1"];
    assert_eq!(gain.over, "largest-class");
    assert!((gain.difference.value - (5.0 / 6.0 - 0.5)).abs() < 1e-12);
}

#[test]
fn a_training_for_nothing_is_warned_of() {
    let world = world([[10, 10], [11, 10], [90, 90], [90, 91], [12, 10], [95, 90]]);
    // Pixels are always right, the embedding once wrong.
    let (file, metrics, warnings) = run(&world, &json!({}));
    assert_eq!((metrics["raw_pixels.recall@1"], metrics["raw_pixels.map@r"]), (1.0, 1.0));
    assert!(!file.gain["recall@1"].better && file.gain["recall@1"].difference.value < 0.0);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let expected =
        "recall@1 of the embedding, 0.8333, is not better than that of `mean-centred-pixels`, 1.0000, by more than";
    assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{warnings:?}");
}

#[test]
fn more_queries_than_may_be_are_a_sample_and_said() {
    let world = world([[10, 10], [90, 95], [80, 90], [20, 10], [12, 10], [70, 90]]);
    let (file, metrics, _) = run(&world, &json!({ "max-queries": 3 }));
    assert_eq!((file.queries, file.of_queries, metrics["queries"]), (3, 6, 3.0));
    assert_eq!(run(&world, &json!({ "max-queries": 3 })).0, file);
    let slice = json!({ "slice": { "begin": 4, "size": 2 } });
    let (file, metrics, _) = run(&world, &slice);
    assert_eq!((file.queries, file.in_index), (2, 0));
    assert_eq!((metrics["embedding.recall@1"], metrics["raw_pixels.recall@1"]), (0.5, 1.0));
}

#[test]
fn images_of_several_sizes_leave_pixels_out() {
    let world = world([[1, 1]; 6]);
    let folder = world.folder("dataset");
    let mut info: DatasetInfo = read_json(&folder.join("dataset.json")).unwrap();
    // All alike: no image has a direction from their mean.
    let (file, _, _) = run(&world, &json!({}));
    assert!(file.skipped["mean-centred-pixels"].contains("mean image") && file.baselines.contains_key("raw-pixels"));
    info.image = None;
    write_json(&folder.join("dataset.json"), &info).unwrap();
    let (file, _, _) = run(&world, &json!({}));
    assert!(file.skipped["raw-pixels"].contains("differ in size"), "{:?}", file.skipped);
    assert_eq!(file.baselines.keys().collect::<Vec<_>>(), ["chance", "largest-class"]);
}
