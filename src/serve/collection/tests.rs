use serde_json::json;
use simpipe_base::param;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;

use super::*;

/// What is known of three images of a run, two of them the same.
fn collection(search: &Search) -> Collection {
    let rows = IndexRows {
        example_id: vec![5, 6, 7],
        label: vec![0, 1, 0],
        digest: ["a", "b", "a"].map(str::to_owned).to_vec(),
        dim: 2,
        ..IndexRows::default()
    };
    let searching = Searching { dim: 2, distance: Distance::Euclidean, search };
    Collection::new(&rows, &["cat".to_owned(), "dog".to_owned()], searching)
}

fn hnsw() -> Search {
    param::from_json(&json!({ "hnsw": { "links": 4, "build-width": 20, "search-width": 12 } })).unwrap()
}

/// A vector that looks random, another for each number.
fn vector(number: u32) -> Vec<f32> {
    let mixed = |number: u32| (number.wrapping_mul(2_654_435_761) >> 8) as f32 / 65_536.0;
    vec![mixed(number), mixed(number ^ 0x5bd1_e995)]
}

fn add(number: u32, class: &str) -> Change {
    Change::Add { digest: number.to_string(), class: class.to_owned(), vector: vector(number) }
}

fn delete(digest: &str) -> Change {
    Change::Delete { digest: digest.to_owned() }
}

fn make(collection: &mut Collection, changes: &[Change]) {
    changes.iter().for_each(|change| collection.apply(change).unwrap());
}

fn told(collection: &Collection, digest: &str) -> Vec<String> {
    match collection.known(digest) {
        Known::No => Vec::new(),
        Known::As(classes) => classes,
    }
}

/// What is found beside the run for some vectors: digests with distances.
fn found(collection: &Collection, numbers: impl Iterator<Item = u32>, k: usize) -> Vec<Vec<(String, f32)>> {
    let asked: Vec<f32> = numbers.flat_map(vector).collect();
    let rows = Rows::new(&asked, 2).unwrap();
    let wanted = vec![Wanted { k, ..Wanted::default() }; rows.len()];
    let hits = collection.beside().added.nearest(rows, &wanted).unwrap();
    let first = collection.run.len() as u32;
    let named = |hits: Vec<simpipe_search::Hit>| {
        hits.iter().map(|hit| (collection.image(first + hit.row).0.to_owned(), hit.distance)).collect()
    };
    hits.into_iter().map(named).collect()
}

#[test]
fn images_come_and_go_with_all_their_copies() {
    for search in [Search::Exact, hnsw()] {
        let mut index = collection(&search);
        assert_eq!((told(&index, "a"), index.copies("a"), index.len()), (vec!["cat".to_owned()], 2, 3));
        make(&mut index, &[add(1, "bird"), add(1, "fish")]);
        assert_eq!((told(&index, "1"), index.class(2), index.new_classes()), (vec!["bird".to_owned()], "bird", 1));
        let before = index.clone();
        make(&mut index, &[delete("a"), delete("a")]);
        let gone: Vec<u32> = index.beside().gone.iter().collect();
        assert_eq!((told(&index, "a").len(), index.counts(), gone), (0, (1, 1), vec![0, 2]));
        let again = Change::Add { digest: "a".to_owned(), class: "dog".to_owned(), vector: vector(2) };
        make(&mut index, &[again]);
        assert_eq!(told(&index, "a"), ["dog"]);
        assert_eq!((index.image(1), index.image(4)), (("b", false), ("a", true)));
        make(&mut index, &[delete("1")]);
        assert_eq!((told(&index, "1").len(), index.counts()), (0, (1, 1)));
        assert_eq!((before.counts(), told(&before, "a")), ((3, 1), vec!["cat".to_owned()]), "a copy stays as it is");
        let odd = Change::Add { digest: "x".to_owned(), class: "new".to_owned(), vector: vec![1.0] };
        assert!(index.apply(&odd).is_err() && index.known("x") == Known::No && index.new_classes() == 1);
    }
}

/// Ten thousand images come and most of them go again, through the graph and one by one: all that are left are found, by their
/// own vectors and by any other's at full width, and nothing else is.
#[test]
fn ten_thousand_images_come_and_go() {
    const ALL: u32 = 10_000;
    for search in [Search::Exact, hnsw()] {
        let mut index = collection(&search);
        let left = |number: u32| number % 7 == 3;
        for number in 0..ALL {
            make(&mut index, &[add(number, if number % 2 == 0 { "dog" } else { "bird" })]);
            // Each goes a while after it came.
            if let Some(old) = number.checked_sub(50).filter(|old| !left(*old)) {
                make(&mut index, &[delete(&old.to_string())]);
            }
        }
        (ALL - 50..ALL).filter(|old| !left(*old)).for_each(|old| make(&mut index, &[delete(&old.to_string())]));
        let living: Vec<u32> = (0..ALL).filter(|number| left(*number)).collect();
        assert_eq!(index.counts(), (3, living.len()));
        let mut all: Vec<u32> = found(&index, 0..1, living.len())[0].iter().map(|hit| hit.0.parse().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, living, "all are reached");
        let own = found(&index, living.iter().copied(), 1);
        let lost = own.iter().zip(&living).filter(|(hits, number)| hits[0] != (number.to_string(), 0.0)).count();
        assert!(lost <= living.len() / 20, "{lost} of {} don't find themselves in a narrow walk", living.len());
    }
}

#[test]
fn the_same_changes_find_the_same_and_the_fewest_hold_the_same() {
    for search in [Search::Exact, hnsw()] {
        let mut changes = vec![delete("a")];
        changes.extend((0..900).map(|number| add(number, if number % 2 == 0 { "dog" } else { "bird" })));
        changes.extend((0..900).filter(|number| number % 3 != 0).map(|number| delete(&number.to_string())));
        let mut index = collection(&search);
        make(&mut index, &changes);
        assert_eq!(index.counts(), (1, 300));
        // A restart reads the same log.
        let mut again = collection(&search);
        make(&mut again, &changes);
        assert_eq!(found(&again, 0..300, 5), found(&index, 0..300, 5));
        // A shorter log holds the same; what is found of it is found again after the next restart.
        let fewest = index.changes();
        assert_eq!(fewest.len(), 301);
        let [mut short, mut restarted] = [index.unchanged(), collection(&search)];
        assert_eq!((short.counts(), short.new_classes()), ((3, 0), 0));
        make(&mut short, &fewest);
        make(&mut restarted, &fewest);
        assert_eq!(found(&short, 0..300, 5), found(&restarted, 0..300, 5));
        assert_eq!((short.counts(), short.changes()), (index.counts(), fewest));
        if search == Search::Exact {
            assert_eq!(found(&short, 0..300, 5), found(&index, 0..300, 5));
        }
        for number in 0..900 {
            assert_eq!(told(&short, &number.to_string()), told(&index, &number.to_string()), "{number}");
        }
    }
}
