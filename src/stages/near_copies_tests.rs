use std::path::Path;

use serde_json::{Value as Json, json};

use super::*;
use crate::search_tests::World;
use simpipe_artifact::{ExamplesWriter, Image, ImageShape};
use simpipe_base::param;
use simpipe_stage::{DatasetFacts, SamplesFacts};

const SHAPE: ImageShape = ImageShape { height: 16, width: 16, channels: 1 };

/// Stripes of a width, in a brightness.
fn stripes(width: usize, light: u8) -> Image {
    Image {
        shape: SHAPE,
        pixels: (0..256).map(|at| if (at % 16 / width).is_multiple_of(2) { light } else { 10 }).collect(),
    }
}

/// A dataset of images with their labels, in its own folder.
fn dataset(folder: &Path, classes: &[&str], images: &[(Image, i32)]) {
    let mut writer = ExamplesWriter::new(&folder.join(DATASET));
    images.iter().for_each(|(image, label)| writer.push("any", *label, image.clone()).unwrap());
    let summary = writer.finish().unwrap();
    let info = DatasetInfo {
        format: 1,
        source: "test".into(),
        description: String::new(),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        counts: summary.counts,
        image: summary.image,
        checksum: summary.checksum,
        skipped: Vec::new(),
        transparent: 0,
        encoded: 0,
    };
    write_json(&folder.join(INFO), &info).unwrap();
}

fn pool(folder: &Path, rows: &[(u64, i32)]) {
    let (example_id, label) = rows.iter().copied().unzip();
    Samples { example_id, label, ..Samples::default() }.write(&folder.join(POOL)).unwrap();
}

/// Runs the stage with ports plugged to folders; gives what it found, its metrics and warnings.
fn run(
    world: &World,
    params: &Json,
    plugs: &[(&str, &str)],
) -> (NearCopies, NearCopiesInfo, BTreeMap<String, f64>, Vec<String>) {
    let (metrics, warnings) = world.run::<NearCopiesStage>(params, plugs, "out").unwrap();
    let file = |name: &str| world.folder("out").join(name);
    let pairs = NearCopies::read(&file(NearCopies::FILE)).unwrap();
    (pairs, read_json(&file(NearCopiesInfo::FILE)).unwrap(), metrics, warnings)
}

fn ids(pairs: &NearCopies) -> Vec<(u64, u64, bool)> {
    pairs.0.iter().map(|pair| (pair.query_id, pair.reference_id, pair.same_label)).collect()
}

#[test]
fn copies_are_found_in_another_pool_of_the_same_dataset() {
    let world = World::empty();
    // 0 and 3 differ in brightness, 1 and 4 in nothing; 2 is alone; 5 is blank.
    let images = [
        (stripes(1, 200), 0),
        (stripes(2, 200), 0),
        (stripes(4, 200), 1),
        (stripes(1, 90), 1),
        (stripes(2, 200), 0),
        (stripes(1, 10), 0),
    ];
    dataset(&world.folder("data"), &["cat", "dog"], &images);
    pool(&world.folder("queries"), &[(2, 1), (1, 0), (0, 0), (5, 0)]);
    pool(&world.folder("references"), &[(4, 0), (3, 1), (2, 1), (5, 0)]);
    let plugs = [("dataset", "data"), ("queries", "queries"), ("references", "references")];
    let (pairs, info, metrics, warnings) = run(&world, &json!({}), &plugs);
    assert_eq!(ids(&pairs), [(0, 3, false), (1, 4, true)].map(|pair| pair).to_vec());
    assert!(pairs.0.iter().all(|pair| pair.correlation > 1.0 - 1e-6 && pair.correlation <= 1.0), "{pairs:?}");
    assert_eq!((info.query_ids, info.pairs, info.same_label, info.identical), (vec![0, 1], 2, 1, 1));
    assert_eq!(info.query_digests, [images[0].0.digest().to_string(), images[1].0.digest().to_string()]);
    let expected = [("identical", 1.0), ("pairs", 2.0), ("queries", 2.0), ("share", 0.5)];
    assert_eq!(metrics, expected.map(|(name, value)| (name.to_owned(), value)).into());
    let words = "2 of 4 queries have a near copy among the 4 references, of a correlation of at least 0.95";
    assert_eq!(warnings, [words]);
    // A slice takes the first query alone, which has none: no image is a copy of itself.
    let slice = json!({ "slice": { "begin": 0, "size": 1 } });
    let (pairs, _, metrics, warnings) = run(&world, &slice, &plugs);
    assert_eq!((pairs.0.len(), metrics["share"], warnings), (0, 0.0, vec![]));
}

#[test]
fn examples_of_another_dataset_are_other_images_whatever_their_numbers() {
    let world = World::empty();
    dataset(&world.folder("one"), &["cat", "dog"], &[(stripes(1, 200), 0), (stripes(2, 200), 1)]);
    // Other numbers of other classes: 0 is the second image of the first dataset.
    dataset(&world.folder("two"), &["dog", "elk"], &[(stripes(2, 120), 0), (stripes(4, 120), 1)]);
    let all = [(0, 0), (1, 1)];
    pool(&world.folder("pool"), &all);
    let plugs = [("dataset", "one"), ("queries", "pool"), ("references", "pool"), ("reference-dataset", "two")];
    let (pairs, info, ..) = run(&world, &json!({}), &plugs);
    assert_eq!(ids(&pairs), [(1, 0, true)], "both are dogs");
    assert_eq!(
        (info.classes, info.reference_classes),
        (vec!["cat".to_owned(), "dog".into()], vec!["dog".into(), "elk".into()])
    );
    // The same dataset at both ports: a query is no copy of itself.
    let plugs = [("dataset", "one"), ("queries", "pool"), ("references", "pool"), ("reference-dataset", "one")];
    assert_eq!(ids(&run(&world, &json!({}), &plugs).0), []);
}

#[test]
fn slices_and_datasets_are_checked_before_anything_runs() {
    let pool = |dataset: &str| {
        Facts::Samples(SamplesFacts { dataset: dataset.into(), count: Some(10), ..SamplesFacts::default() })
    };
    let data = |identity: &str| Facts::Dataset(DatasetFacts { identity: identity.into(), ..DatasetFacts::default() });
    let issues = |params: Json, facts: &[(&str, Facts)]| {
        let inputs = facts.iter().map(|(port, facts)| ((*port).to_owned(), facts.clone())).collect();
        let found = NearCopiesStage::infer(&param::from_json(&params).unwrap(), &InputFacts(inputs));
        found.err().unwrap_or_default().into_iter().map(|issue| issue.path + &issue.message).collect::<Vec<_>>()
    };
    let facts = [("dataset", data("a")), ("queries", pool("a")), ("references", pool("b"))];
    assert_eq!(
        issues(json!({}), &facts),
        ["the references come from a dataset other than that at the port `reference-dataset`"]
    );
    let plugged = [facts.to_vec(), vec![("reference-dataset", data("b"))]].concat();
    assert_eq!(issues(json!({}), &plugged), [""; 0]);
    let wrong = json!({ "slice": { "begin": 5, "size": 6 }, "reference-slice": { "begin": 0, "size": 11 } });
    let found = issues(wrong, &plugged);
    assert!(found.len() == 2 && found[0].starts_with("slice") && found[1].starts_with("reference-slice"), "{found:?}");
}
