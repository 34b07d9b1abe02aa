//! Indexes that are not searched exactly: what they leave, and that thresholds and answers are found through them.

use super::*;
use crate::evaluate::Evaluate;
use simpipe_artifact::{Codes, Graph, IndexStructure};

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

fn answers(world: &World, index: &str) -> Vec<simpipe_artifact::MatchRow> {
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
            (json!({ "ivf-pq": { "lists": 20, "probes": 20, "candidates": 40 } }), None),
            (json!("int8"), Some(DIM + 8)),
            (json!({ "binary": { "candidates": 80, "min-recall": 0.3 } }), Some(8)),
        ] {
            if search.get("binary").is_some() && distance != Distance::Cosine {
                continue;
            }
            let (metrics, _) = index(&world, &search, "index").unwrap();
            let info: IndexInfo = read_json(&world.folder("index").join("index.json")).unwrap();
            let IndexStructure { settings, bytes_per_vector, version } = info.structure.unwrap();
            assert_eq!(version, 2, "{search}");
            assert_eq!((metrics["neighbours_found"], settings.get(&info.search).is_some()), (info.recall, true));
            assert!(added.is_none_or(|added| bytes_per_vector == 4 * DIM + added), "{search}: {bytes_per_vector}");
            let has = |name: &str| world.folder("index").join(name).exists();
            assert_eq!(
                (has(Graph::FILE), has(Codes::FILE)),
                (info.search == "hnsw", info.search != "hnsw"),
                "{search}"
            );
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
        ("int8", Distance::InnerProduct, false),
        ("int8", Distance::SquaredEuclidean, false),
        ("ivf-pq", Distance::Manhattan, true),
        ("ivf-pq", Distance::InnerProduct, false),
        ("ivf-pq", Distance::Cosine, false),
        ("ivf-pq", Distance::SquaredEuclidean, false),
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
fn settings_that_do_not_fit_the_index_are_refused_where_they_are_written() {
    let mut inputs = facts(200, 0..200, true);
    if let Some(Facts::Embeddings(embeddings)) = inputs.0.get_mut("embeddings") {
        embeddings.dim = Some(24);
    }
    let search = json!({ "ivf-pq": { "lists": 300, "parts": 7 } });
    let params: index::Params = param::from_json(&json!({ "search": search })).unwrap();
    let issues = Index::infer(&params, &inputs).unwrap_err();
    let paths: Vec<&str> = issues.iter().map(|issue| issue.path.as_str()).collect();
    assert_eq!(paths, ["search.ivf-pq.lists", "search.ivf-pq.parts"], "{issues:?}");
}

/// Where the length of a vector is not known before anything runs, the run says the same.
#[test]
fn parts_that_do_not_fit_are_refused_in_a_run_too() {
    let world = world(Distance::Cosine);
    for parts in [7, 48] {
        let error = index(&world, &json!({ "ivf-pq": { "parts": parts } }), "index").unwrap_err();
        let words = format!("{parts} parts do not split the 24 numbers of a vector evenly");
        assert!(error.to_string().contains(&words), "{error}");
    }
    // More lists than vectors are as many as there are vectors.
    let few = json!({ "search": { "ivf-pq": { "lists": 50 } }, "slice": { "begin": 0, "size": 20 } });
    world.run::<Index>(&few, &[("dataset", "dataset"), ("embeddings", "many")], "few").unwrap();
    let Codes::Products(made) = Codes::open(&world.folder("few").join(Codes::FILE), 20, DIM).unwrap() else {
        panic!("other codes")
    };
    assert_eq!(made.lists, 20);
}

#[test]
fn codes_of_another_search_are_refused() {
    let world = world(Distance::Cosine);
    index(&world, &json!("int8"), "index").unwrap();
    index(&world, &json!({ "binary": { "min-recall": 0.0 } }), "other").unwrap();
    std::fs::copy(world.folder("other").join(Codes::FILE), world.folder("index").join(Codes::FILE)).unwrap();
    let plugs = [("index", "index"), ("queries", "held-out")];
    let error = world.run::<Calibrate>(&json!({}), &plugs, "calibrate").unwrap_err().to_string();
    assert!(error.contains("codes.bin has the codes of a search other than `int8`"), "{error}");
}

#[test]
fn files_of_an_index_that_are_cut_or_of_another_are_refused() {
    let world = world(Distance::Cosine);
    let plugs = [("index", "index"), ("queries", "held-out")];
    for (search, file) in [
        (json!({ "hnsw": { "min-recall": 0.0 } }), Graph::FILE),
        (json!("int8"), Codes::FILE),
        (json!({ "binary": { "min-recall": 0.0 } }), Codes::FILE),
        (json!({ "ivf-pq": { "min-recall": 0.0 } }), Codes::FILE),
        (json!("int8"), "index.arrow"),
    ] {
        index(&world, &search, "index").unwrap();
        let path = world.folder("index").join(file);
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 20, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let error = world.run::<Calibrate>(&json!({}), &plugs, "calibrate").unwrap_err();
            assert!(error.to_string().contains(&format!("{file} is not what its format says")), "{error}");
        }
        // That of an index of fewer vectors.
        let fewer = json!({ "search": search, "slice": { "begin": 0, "size": 1500 } });
        world.run::<Index>(&fewer, &[("dataset", "dataset"), ("embeddings", "many")], "fewer").unwrap();
        std::fs::copy(world.folder("fewer").join(file), &path).unwrap();
        let error = world.run::<Calibrate>(&json!({}), &plugs, "calibrate").unwrap_err().to_string();
        assert!(error.contains("1500") && error.contains("2000"), "{error}");
        std::fs::remove_dir_all(world.folder("index")).unwrap();
        std::fs::remove_dir_all(world.folder("fewer")).unwrap();
    }
}

#[test]
fn an_index_of_class_means_has_one_vector_a_class() {
    let world = World::new();
    let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
    world.run::<Index>(&json!({ "reduce": "centroids" }), &plugs, "index").unwrap();
    let rows = IndexRows::read(&world.folder("index").join("index.arrow")).unwrap();
    // (0 + 1 + 0.4) / 3 and (10 + 11 + 3) / 3; 0.4 and 10 are the nearest to them.
    assert_eq!(rows.vectors, [(1.4_f64 / 3.0) as f32, 8.0]);
    assert_eq!((rows.label, rows.example_id, rows.digest), (vec![0, 1], vec![14, 12], vec![String::new(); 2]));
    let info: IndexInfo = read_json(&world.folder("index").join("index.json")).unwrap();
    assert_eq!((info.count, info.class_means_of), (2, Some(6)));
    let plugs = [("index", "index"), ("queries", "training")];
    world.run::<Calibrate>(&json!({}), &plugs, "calibrate").unwrap();
    let plugs = [("index", "index"), ("queries", "training"), ("calibration", "calibrate")];
    world.run::<Match>(&json!({ "neighbours": 2, "allow-overlap": true }), &plugs, "match").unwrap();
    let found = Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0;
    // 0.25, 2, 10.5 and 5 are nearer to their own class's mean.
    assert_eq!(found.iter().map(|row| row.predicted).collect::<Vec<_>>(), [0, 0, 1, 1].map(Some));
    assert_eq!(found[3].neighbours.iter().map(|near| near.example_id).collect::<Vec<_>>(), [12, 14]);
    assert_eq!(found[3].distance, 3.0);
}

#[test]
fn no_query_is_part_of_a_mean() {
    let mut inputs = facts(200, 0..200, true);
    if let Some(Facts::Index(index)) = inputs.0.get_mut("index") {
        index.class_means = true;
        assert_eq!(index.count(), None, "while the classes are not known");
        index.pool.labels = Some([0, 1, 2].into());
        assert_eq!(index.count(), Some(3));
    }
    let params = param::from_json(&json!({ "leave-one-out": true })).unwrap();
    let issues = Match::infer(&params, &inputs).unwrap_err();
    assert!(issues.iter().any(|issue| issue.path == "leave-one-out" && issue.message.contains("class means")));
    assert!(issues.iter().any(|issue| issue.path == "neighbours"), "no more than classes: {issues:?}");
    let issues = Calibrate::infer(&param::defaults(), &inputs).unwrap_err();
    assert!(issues.iter().any(|issue| issue.message.contains("part of the class means")), "{issues:?}");
    let params = param::from_json(&json!({ "exclude": "same-group" })).unwrap();
    let issues = Evaluate::infer(&params, &inputs).unwrap_err();
    assert!(issues.iter().any(|issue| issue.path == "exclude" && issue.message.contains("class means")));
}
