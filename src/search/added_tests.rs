use std::collections::BTreeMap;

use simpipe_base::param;

use super::*;
use crate::drawn::{mixed, numbers};

const DIM: usize = 6;

fn searches() -> [Search; 2] {
    let hnsw = serde_json::json!({ "hnsw": { "links": 5, "build-width": 30, "search-width": 40 } });
    [Search::Exact, param::from_json(&hnsw).unwrap()]
}

fn row(number: usize) -> AddedRow {
    AddedRow { label: i32::try_from(number % 7).unwrap(), digest: format!("{number:064x}") }
}

/// Adds and removes by turns, at most two of three of what is there: what is known by digest at the end.
fn come_and_go(added: &mut Added, steps: usize, vectors: &[f32]) -> BTreeMap<String, (usize, u32)> {
    let mut known: BTreeMap<String, (usize, u32)> = BTreeMap::new();
    for (step, vector) in vectors.chunks(DIM).take(steps).enumerate() {
        let place = added.add(row(step), vector).unwrap();
        assert!(known.insert(row(step).digest, (step, place)).is_none());
        let drawn = mixed(step as u64) as usize;
        if !drawn.is_multiple_of(3) {
            let digest = known.keys().nth(drawn % known.len()).unwrap().clone();
            known.remove(&digest);
            assert!(added.remove(&digest) && !added.remove(&digest));
        }
    }
    known
}

/// Every row is there by its digest, and is found by its own numbers; no other is.
fn expect_whole(added: &Added, known: &BTreeMap<String, (usize, u32)>, vectors: &[f32]) {
    assert_eq!((added.len(), added.living().len()), (known.len(), known.len()));
    let of = |step: usize| &vectors[step * DIM..(step + 1) * DIM];
    let asked: Vec<f32> = known.values().flat_map(|(step, _)| of(*step)).copied().collect();
    let rows = Rows::new(&asked, DIM).unwrap();
    // At full width: all are reached.
    let all = vec![Wanted { k: known.len(), ..Wanted::default() }];
    let reached = added.nearest(Rows::new(&asked[..DIM], DIM).unwrap(), &all).unwrap();
    assert_eq!(reached[0].len(), known.len());
    if let AddedVectors::Graph { graph, .. } = &added.held {
        assert_eq!(graph.walk(of(0), &all[0], graph.places()).len(), known.len(), "by a walk too");
    }
    let found = added.nearest(rows, &vec![Wanted { k: 1, ..Wanted::default() }; known.len()]).unwrap();
    let mut lost = 0;
    for ((digest, (step, _)), hits) in known.iter().zip(found) {
        let place = added.find(digest).unwrap();
        assert_eq!((added.row(place).unwrap(), added.vector(place)), (&row(*step), of(*step)));
        lost += usize::from(hits[0].row != place);
    }
    assert!(lost <= known.len() / 20, "{lost} of {} are not found by a narrow walk", known.len());
}

#[test]
fn what_comes_and_goes_is_found_or_not_in_lists_and_graphs() {
    let vectors = numbers(4000 * DIM);
    for search in searches() {
        let mut added = Added::new(DIM, Distance::Euclidean, &search);
        let known = come_and_go(&mut added, 4000, &vectors);
        assert!(known.len() > 1000, "{}", known.len());
        expect_whole(&added, &known, &vectors);
        // The same again is the same again.
        let mut again = added.emptied();
        assert!(again.is_empty() && again.living().is_empty());
        come_and_go(&mut again, 4000, &vectors);
        let asked = numbers(50 * DIM);
        let wanted: Vec<Wanted> = (0..50).map(|at| Wanted { k: 5, excluded: [at, at + 9].into() }).collect();
        let rows = Rows::new(&asked, DIM).unwrap();
        let found = added.nearest(rows, &wanted).unwrap();
        assert_eq!(again.nearest(rows, &wanted).unwrap(), found);
        assert!(found.iter().zip(&wanted).all(|(hits, wanted)| hits.iter().all(|hit| wanted.counts(hit.row))));
    }
}

fn add(added: &mut Added, numbers: std::ops::Range<usize>, vectors: &[f32]) {
    for number in numbers {
        added.add(row(number), &vectors[number * DIM..][..DIM]).unwrap();
    }
}

#[test]
fn whoever_has_a_copy_does_not_see_what_changes() {
    let vectors = numbers(2000 * DIM);
    for search in searches() {
        let mut added = Added::new(DIM, Distance::Cosine, &search);
        add(&mut added, 0..1000, &vectors);
        let asked = Rows::new(&vectors[1500 * DIM..1600 * DIM], DIM).unwrap();
        let wanted = vec![Wanted { k: 7, ..Wanted::default() }; 100];
        let (before, found) = (added.clone(), added.nearest(asked, &wanted).unwrap());
        (0..900).for_each(|number| assert!(added.remove(&row(number).digest)));
        add(&mut added, 1000..1500, &vectors);
        assert_eq!((before.len(), before.nearest(asked, &wanted).unwrap()), (1000, found));
        assert_eq!((added.len(), added.find(&row(3).digest)), (600, None));
        assert_eq!(before.find(&row(3).digest), Some(3));
    }
}

#[test]
fn what_can_not_be_compared_is_not_added() {
    for search in searches() {
        let mut added = Added::new(2, Distance::Cosine, &search);
        let odd = [&[1.0][..], &[0.0, 0.0], &[f32::NAN, 1.0]];
        for vector in odd {
            assert_eq!(added.expect_fitting(vector), added.add(row(1), vector).map(|_| ()));
            assert!(added.is_empty() && added.find(&row(1).digest).is_none());
        }
        added.add(row(1), &[3.0, 4.0]).unwrap();
        assert_eq!(added.vector(0), [0.6, 0.8]);
        let three = Rows::new(&[1.0, 0.0, 0.0], 3).unwrap();
        assert!(added.nearest(three, &[Wanted { k: 1, ..Wanted::default() }]).is_err());
        assert!(added.remove(&row(1).digest) && added.is_empty() && added.living().is_empty());
    }
}
