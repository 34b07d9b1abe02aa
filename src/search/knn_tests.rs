//! Exact search against its plain definition.

use proptest::prelude::*;

use super::preselection::MOST_EXCLUDED;
use super::*;

/// The definition: all distances, sorted.
fn naive(rows: &[f32], query: &[f32], distance: Distance, wanted: &Wanted) -> Vec<Hit> {
    let hit = |(row, key): (u32, &[f32])| Hit { row, distance: between(distance, query, key) };
    let mut hits: Vec<Hit> = (0..).zip(rows.chunks_exact(query.len())).map(hit).collect();
    hits.retain(|hit| !wanted.excluded.contains(&hit.row));
    let sign = if distance.larger_is_nearer() { -1.0 } else { 1.0 };
    hits.sort_by(|a, b| (sign * a.distance).partial_cmp(&(sign * b.distance)).unwrap()); // stable: ties by position
    hits.truncate(wanted.k);
    hits
}

fn search(rows: &[f32], queries: &[f32], dim: usize, distance: Distance, wanted: &[Wanted]) -> Vec<Vec<Hit>> {
    let (rows, queries) = (Rows::new(rows, dim).unwrap(), Rows::new(queries, dim).unwrap());
    let found = ExactSearch::new(rows, distance).map(queries, wanted, |_, hits| hits.to_vec()).unwrap();
    // So many rows that none are kept turned around.
    let again = ExactSearch::keeping(rows, distance, 0).map(queries, wanted, |_, hits| hits.to_vec()).unwrap();
    assert_eq!(found, again);
    found
}

/// Numbers of a fixed sequence in [-1, 1).
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    use rand::RngExt;
    let mut rng = simpipe_base::seed::Seed::of_stage(seed, "test", None).rng("numbers", &[]);
    (0..count).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect()
}

fn unit(mut rows: Vec<f32>, dim: usize) -> Vec<f32> {
    for row in rows.chunks_exact_mut(dim) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Few distinct values: ties, duplicates and zero rows in nearly every case; k beyond the rows in many.
    #[test]
    fn the_search_is_the_definition(
        (dim, rows, queries) in (1_usize..6).prop_flat_map(|dim| {
            let values = |most: usize| proptest::collection::vec(-2_i8..3, 0..most * dim);
            (Just(dim), values(90), values(9))
        }),
        k in 0_usize..100,
        excluded in proptest::collection::vec(0_u32..90, 0..4),
    ) {
        let floats = |values: &[i8]| values.iter().take(values.len() / dim * dim).map(|&v| f32::from(v) / 2.0).collect();
        let (rows, queries): (Vec<f32>, Vec<f32>) = (floats(&rows), floats(&queries));
        let excluded: Arc<[u32]> = excluded.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let wanted = vec![Wanted { k, excluded }; queries.len() / dim];
        for distance in Distance::ALL {
            let found = search(&rows, &queries, dim, distance, &wanted);
            for (query, found) in queries.chunks_exact(dim).zip(&found) {
                prop_assert_eq!(found, &naive(&rows, query, distance, &wanted[0]));
            }
        }
    }
}

#[test]
fn several_tiles_give_the_definition() {
    let dim = 17;
    let (rows, queries) = (unit(numbers(2_500 * dim, 1), dim), unit(numbers(150 * dim, 2), dim));
    let wanted: Vec<Wanted> =
        (0..150).map(|query| Wanted { k: 1 + query as usize % 40, excluded: [query, 2_400].into() }).collect();
    for distance in Distance::ALL {
        let found = search(&rows, &queries, dim, distance, &wanted);
        for ((query, wanted), found) in queries.chunks_exact(dim).zip(&wanted).zip(&found) {
            assert_eq!(found, &naive(&rows, query, distance, wanted), "{distance:?}");
        }
    }
}

/// As many copies of one image as rows: none may be its own copy's neighbour, and no room is taken for them.
#[test]
fn many_excluded_rows_are_skipped() {
    let dim = 3;
    let rows = unit(numbers(3_000 * dim, 8), dim);
    let excluded: Arc<[u32]> = (0..3_000).filter(|row| row % 7 != 3 && !(900..1500).contains(row)).collect();
    assert!(excluded.len() > MOST_EXCLUDED);
    for distance in Distance::ALL {
        let wanted = [5, 0, 4_000].map(|k| Wanted { k, excluded: Arc::clone(&excluded) });
        let queries = &rows[..3 * dim];
        let found = search(&rows, queries, dim, distance, &wanted);
        for ((query, wanted), found) in queries.chunks_exact(dim).zip(&wanted).zip(&found) {
            assert_eq!(found, &naive(&rows, query, distance, wanted), "{distance:?}");
        }
    }
    let exact = ExactSearch::new(Rows::new(&rows, dim).unwrap(), Distance::Cosine);
    assert_eq!(exact.preselection(&Wanted { k: 5, excluded }), 0);
}

#[test]
fn the_preselection_proves_itself_on_ordinary_rows() {
    let dim = 32;
    let (rows, queries) = (unit(numbers(3_000 * dim, 3), dim), unit(numbers(20 * dim, 4), dim));
    let exact = ExactSearch::new(Rows::new(&rows, dim).unwrap(), Distance::Cosine);
    let queries = Rows::new(&queries, dim).unwrap();
    let wanted = vec![Wanted { k: 10, excluded: Arc::default() }; 20];
    for (query, preselected) in exact.preselect(queries, &wanted, &Marks::default(), 0..20).into_iter().enumerate() {
        assert_eq!(preselected.rows.len(), 26);
        let among = Among { wanted: &wanted[query], gone: &Marks::default() };
        let hits = exact.rank(queries.row(query), among, preselected.rows);
        let beyond = preselected.beyond.unwrap().into();
        assert!(exact.is_beyond(queries.row(query), beyond, hits[9].distance.into()), "query {query}");
    }
}

#[test]
fn rows_that_are_gone_are_as_if_excluded_whatever_prepares_the_search() {
    let dim = 5;
    let rows = unit(numbers(2_000 * dim, 9), dim);
    let gone: Marks = (0..2_000).filter(|row| row % 3 != 1 && !(700..1300).contains(row)).collect();
    let excluded: Arc<[u32]> = gone.iter().collect();
    let queries = Rows::new(&rows[..40 * dim], dim).unwrap();
    for distance in Distance::ALL {
        let own = |at: u32| Wanted { k: 8, excluded: [at, at + 700].into() };
        let wanted: Vec<Wanted> = (0..40).map(own).collect();
        let all = |wanted: &Wanted| Wanted { k: 8, excluded: both(&excluded, &wanted.excluded) };
        let expected: Vec<Vec<Hit>> =
            (0..40).map(|at| naive(&rows, queries.row(at), distance, &all(&wanted[at]))).collect();
        let rows = Rows::new(&rows, dim).unwrap();
        for exact in [ExactSearch::new(rows, distance), ExactSearch::unprepared(rows, distance)] {
            let found = exact.map_living(queries, &wanted, &gone, |_, hits| hits.to_vec()).unwrap();
            assert_eq!(found, expected, "{distance:?}");
        }
    }
}

/// Positions of both, in their order.
fn both(one: &[u32], other: &[u32]) -> Arc<[u32]> {
    let all: std::collections::BTreeSet<u32> = one.iter().chain(other).copied().collect();
    all.into_iter().collect()
}

#[test]
fn an_identical_row_is_at_exactly_zero() {
    let dim = 64;
    let mut rows = numbers(300 * dim, 5);
    rows.iter_mut().for_each(|x| *x = *x * 1e-3 + 100.0); // |a|^2 + |b|^2 - 2ab would be off by about 0.1
    let query = rows[200 * dim..201 * dim].to_vec();
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Manhattan, Distance::Snr] {
        let found = search(&rows, &query, dim, distance, &[Wanted { k: 2, excluded: Arc::default() }]);
        assert_eq!(found[0][0], Hit { row: 200, distance: 0.0 }, "{distance:?}");
        assert!(found[0][1].distance > 0.0);
    }
}

#[test]
fn a_collapsed_embedding_is_ordered_by_position() {
    let rows = [0.6, 0.8].repeat(2_000);
    let found = search(&rows, &[0.6, 0.8], 2, Distance::Cosine, &[Wanted { k: 3, excluded: [1].into() }]);
    assert_eq!(found[0].iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn huge_numbers_do_not_overflow_the_order() {
    let rows = [1e30, 0.0, -3e30, 0.0, 2e30, 0.0];
    let found = search(&rows, &[1.9e30, 0.0], 2, Distance::InnerProduct, &[Wanted { k: 3, excluded: Arc::default() }]);
    assert_eq!(found[0].last().unwrap().row, 1);
    let found = search(&rows, &[1.9e30, 0.0], 2, Distance::Manhattan, &[Wanted { k: 1, excluded: Arc::default() }]);
    assert_eq!(found[0][0].row, 2);
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let dim = 8;
    let (rows, queries) = (numbers(700 * dim, 6), numbers(400 * dim, 7));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let exact = ExactSearch::new(Rows::new(&rows, dim).unwrap(), Distance::Euclidean);
        let found = pool.install(|| exact.nearest(Rows::new(&queries, dim).unwrap(), 7)).unwrap();
        found.concat().into_iter().map(|hit| (hit.row, hit.distance.to_bits())).collect::<Vec<_>>()
    };
    let one = run(1);
    assert_eq!(one.len(), 400 * 7);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn queries_of_another_length_are_refused() {
    let exact = ExactSearch::new(Rows::new(&[1.0, 2.0], 2).unwrap(), Distance::Cosine);
    let refused = exact.nearest(Rows::new(&[1.0], 1).unwrap(), 1).unwrap_err();
    assert_eq!(refused, SearchError::Dimension { queries: 1, rows: 2 });
}

/// `cargo test --release --lib search::knn -- --ignored --nocapture` prints the time of performance.md's case.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "the measurement is what it is for")]
fn time_of_10_000_queries_in_60_000_rows() {
    let dim = 256;
    let (rows, queries) = (unit(numbers(60_000 * dim, 8), dim), unit(numbers(10_000 * dim, 9), dim));
    let rows = Rows::new(&rows, dim).unwrap();
    let start = std::time::Instant::now();
    let found = ExactSearch::new(rows, Distance::Cosine).nearest(Rows::new(&queries, dim).unwrap(), 10).unwrap();
    eprintln!("exact k-nn 10,000 x 60,000, d 256, k 10: {:?}", start.elapsed());
    assert_eq!(found.len(), 10_000);
}

#[test]
fn a_search_stops_when_it_is_told_to() {
    let (rows, queries) = (numbers(700 * 8, 6), numbers(400 * 8, 7));
    for distance in [Distance::Cosine, Distance::Manhattan] {
        let asked = std::sync::atomic::AtomicU32::new(0);
        let stop = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 5;
        let exact = ExactSearch::new(Rows::new(&rows, 8).unwrap(), distance).stopped_by(&stop);
        assert_eq!(exact.nearest(Rows::new(&queries, 8).unwrap(), 7), Err(SearchError::Stopped));
    }
}
