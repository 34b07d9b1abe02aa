//! Indexes that are not searched exactly: what they leave, and that thresholds and answers are found through them.

use super::*;
use crate::artifact::{Graph, IndexStructure};

const DIM: usize = 24;

/// Rows around two centres, one of each class.
fn embed(world: &World, name: &str, first_id: u64, count: usize, distance: Distance) {
    let value = |at: usize| {
        let (row, column) = (at / DIM + first_id as usize, at % DIM);
        // Any number from -1 to 1 (splitmix64's last steps).
        let drawn = ((row * DIM + column) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let drawn = (drawn ^ drawn >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let drawn = (drawn ^ drawn >> 27) >> 40;
        drawn as f32 / (1_u32 << 23) as f32 - 1.0 + if row % 2 == 0 { 0.4 } else { -0.4 }
    };
    let ids: Vec<u64> = (first_id..).take(count).collect();
    let embeddings = Embeddings {
        position: (0..).take(count).collect(),
        digest: ids.iter().map(|id| format!("digest of {id}")).collect(),
        label: ids.iter().map(|id| i32::try_from(id % 2).unwrap()).collect(),
        example_id: ids,
        split: vec!["test".into(); count],
        values: (0..count * DIM).map(value).collect(),
        dim: DIM,
        ..Embeddings::default()
    };
    let folder = world.folder(name);
    embeddings.write(&folder.join("embeddings.parquet")).unwrap();
    let info = EmbeddingsInfo {
        format: 1,
        distance,
        dim: DIM,
        count,
        begin: 0,
        seen_in_training: false,
        model_use: ModelUse::default(),
        made_by: None,
    };
    write_json(&folder.join(EmbeddingsInfo::FILE), &info).unwrap();
    ImageSet::default().write(&folder.join(ImageSet::TRAINED_ON)).unwrap();
}

fn world(distance: Distance) -> World {
    let world = World::new();
    for (name, first, count) in [("many", 0, 2000), ("held-out", 5000, 100), ("queries", 9000, 300)] {
        embed(&world, name, first, count, distance);
    }
    world
}

fn index(world: &World, search: &Json, out: &str) -> Outcome {
    world.run::<Index>(&json!({ "search": search }), &[("dataset", "dataset"), ("embeddings", "many")], out)
}

fn answers(world: &World, index: &str) -> Vec<crate::artifact::MatchRow> {
    let plugs = [("index", index), ("queries", "held-out")];
    world.run::<Calibrate>(&json!({ "matcher": { "majority-vote": { "k": 3 } } }), &plugs, "calibrate").unwrap();
    let plugs = [("index", index), ("queries", "queries"), ("calibration", "calibrate")];
    world.run::<Match>(&json!({ "neighbours": 5 }), &plugs, "match").unwrap();
    Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0
}

#[test]
fn answers_come_through_the_search_of_the_index() {
    for distance in [Distance::Cosine, Distance::SquaredEuclidean] {
        let world = world(distance);
        index(&world, &json!("exact"), "exact").unwrap();
        let expected = answers(&world, "exact");
        for (search, added) in [
            (json!({ "hnsw": { "search-width": 300 } }), None),
            (json!("int8"), Some(DIM + 8)),
            (json!({ "binary": { "candidates": 80, "min-recall": 0.3 } }), Some(8)),
        ] {
            if search.get("binary").is_some() && distance != Distance::Cosine {
                continue;
            }
            let (metrics, _) = index(&world, &search, "index").unwrap();
            let info: IndexInfo = read_json(&world.folder("index").join("index.json")).unwrap();
            let IndexStructure { settings, bytes_per_vector } = info.structure.unwrap();
            assert_eq!((metrics["neighbours_found"], settings.get(&info.search).is_some()), (info.recall, true));
            assert!(added.is_none_or(|added| bytes_per_vector == 4 * DIM + added), "{search}: {bytes_per_vector}");
            assert_eq!(world.folder("index").join(Graph::FILE).exists(), info.search == "hnsw", "{search}");
            let found = answers(&world, "index");
            let same =
                expected.iter().zip(&found).filter(|(exact, found)| exact.neighbours == found.neighbours).count();
            assert!(same as f64 / 300.0 > if info.search == "binary" { 0.2 } else { 0.85 }, "{search}: {same} of 300");
            // Of what both have found the distances are the same, to the bit.
            for (exact, found) in expected.iter().zip(&found) {
                for near in &found.neighbours {
                    let also = exact.neighbours.iter().find(|other| other.example_id == near.example_id);
                    assert!(also.is_none_or(|also| also.distance == near.distance));
                }
            }
            std::fs::remove_dir_all(world.folder("index")).unwrap();
        }
    }
}

#[test]
fn an_index_that_finds_too_little_is_none() {
    let world = world(Distance::Cosine);
    let search = json!({ "binary": { "candidates": 1, "min-recall": 1.0 } });
    let error = index(&world, &search, "index").unwrap_err();
    let words = error.to_string();
    assert!(words.starts_with("the search `binary` finds ") && words.ends_with("`min-recall` is 1"), "{words}");
    assert!(error.help().unwrap().contains("`candidates`"));
}

#[test]
fn a_search_that_does_not_know_the_distance_is_refused_where_it_is_written() {
    let with = |distance| {
        let mut inputs = facts(200, 0..200, true);
        if let Some(Facts::Embeddings(embeddings)) = inputs.0.get_mut("embeddings") {
            embeddings.distance = distance;
        }
        inputs
    };
    for (search, distance, refused) in [
        ("hnsw", Distance::Manhattan, true),
        ("hnsw", Distance::InnerProduct, false),
        ("int8", Distance::Snr, true),
        ("binary", Distance::Euclidean, true),
        ("binary", Distance::Cosine, false),
        ("exact", Distance::Snr, false),
        ("auto", Distance::Snr, false),
    ] {
        let params: index::Params = param::from_json(&json!({ "search": search })).unwrap();
        let issues = Index::infer(&params, &with(distance)).err().unwrap_or_default();
        assert_eq!(
            issues.iter().any(|issue| issue.path == "search"),
            refused,
            "{search} {}: {issues:?}",
            distance.name()
        );
    }
}

#[test]
fn a_graph_that_is_not_whole_is_refused() {
    let world = world(Distance::Cosine);
    index(&world, &json!("hnsw"), "index").unwrap();
    let path = world.folder("index").join(Graph::FILE);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let plugs = [("index", "index"), ("queries", "held-out")];
    let error = world.run::<Calibrate>(&json!({}), &plugs, "calibrate").unwrap_err();
    assert!(error.to_string().contains("graph.bin is not what its format says"), "{error}");
}
