use serde_json::json;

use super::*;
use crate::Vectors;
use simpipe_base::param;

/// Vectors around ten centres, as a trained network leaves them.
fn embeddings(count: usize, dim: usize, seed: u64) -> Vec<f32> {
    use rand::RngExt;
    let draw = |rng: &mut dyn FnMut() -> f32| rng() + rng() - 1.0;
    let mut centres = simpipe_base::seed::Seed::of_stage(99, "test", None).rng("centres", &[]);
    let centres: Vec<f32> = (0..10 * dim).map(|_| draw(&mut || centres.random::<f32>())).collect();
    let mut rng = simpipe_base::seed::Seed::of_stage(seed, "test", None).rng("rows", &[]);
    let number = |at: usize| centres[at / dim % 10 * dim + at % dim] + 1.5 * draw(&mut || rng.random::<f32>());
    (0..count * dim).map(number).collect()
}

fn methods() -> Vec<Search> {
    let all = json!([
        "exact", "hnsw", { "hnsw": { "links": 8, "build-width": 60, "search-width": 100 } }, "int8", "binary",
        { "ivf-pq": { "lists": 30, "probes": 24, "candidates": 20 } },
        { "ivf-pq": { "lists": 1, "parts": 32, "candidates": 20 } },
    ]);
    param::from_json(&all).unwrap()
}

fn share_found(exact: &[Vec<Hit>], found: &[Vec<Hit>]) -> f64 {
    let pairs = || exact.iter().zip(found);
    let all: usize = exact.iter().map(Vec::len).sum();
    let same: usize = pairs().map(|(exact, found)| found.iter().filter(|hit| exact.contains(hit)).count()).sum();
    same as f64 / all as f64
}

/// As many as leave a quarter of them beyond what the method looks at that looks at most.
const ROWS: usize = 1_500;
const DIM: usize = 32;

#[test]
fn every_method_finds_what_is_near_with_the_distances_of_exact() {
    let (values, asked) = (embeddings(ROWS, DIM, 1), embeddings(30, DIM, 2));
    for distance in Distance::ALL {
        let rows = Vectors::new(&values, DIM, distance).unwrap();
        let asked = Vectors::new(&asked, DIM, distance).unwrap();
        // The second is left out of what the third finds.
        let left_out = |at: usize| if at.is_multiple_of(3) { [1, 7, 20].into() } else { [].into() };
        let wanted: Vec<Wanted> = (0..30).map(|at| Wanted { k: 5, excluded: left_out(at) }).collect();
        let nothing = Structure::nothing();
        let exact = Searcher::new(rows.rows(), distance, &Search::Exact, &nothing);
        let exact = exact.nearest(asked.rows(), &wanted).unwrap();
        for search in methods() {
            let structure = Structure::new(rows.rows(), distance, &search, &|| false).unwrap();
            let searcher = Searcher::new(rows.rows(), distance, &search, &structure);
            let found = searcher.nearest(asked.rows(), &wanted).unwrap();
            let least = if search.refuses(distance).is_some() || search == Search::Exact { 1.0 } else { 0.9 };
            let share = share_found(&exact, &found);
            assert!(share >= least, "{} {}: {share}", search.name(), distance.name());
            let whole = |(hits, wanted): (&Vec<Hit>, &Wanted)| {
                hits.len() == 5 && hits.iter().all(|hit| !wanted.excluded.contains(&hit.row))
            };
            assert!(found.iter().zip(&wanted).all(whole));
            let few = Searcher::for_few(rows.rows(), distance, &search, &structure);
            assert!(share_found(&exact, &few.nearest(asked.rows(), &wanted).unwrap()) >= least);
        }
    }
}

#[test]
fn every_method_finds_all_where_all_is_wanted_and_nothing_that_is_gone() {
    let (values, asked) = (embeddings(ROWS, DIM, 1), embeddings(30, DIM, 2));
    let gone: Marks = (0..ROWS as u32).step_by(9).collect();
    let rows = Vectors::new(&values, DIM, Distance::Cosine).unwrap();
    let asked = Vectors::new(&asked, DIM, Distance::Cosine).unwrap();
    let wanted = |k: usize, queries: usize| vec![Wanted { k, ..Wanted::default() }; queries];
    let nothing = Structure::nothing();
    let exact = Searcher::new(rows.rows(), Distance::Cosine, &Search::Exact, &nothing);
    let exact = exact.map_living(asked.rows(), &wanted(5, 30), &gone, |_, hits| hits.to_vec()).unwrap();
    for search in methods() {
        let structure = Structure::new(rows.rows(), Distance::Cosine, &search, &|| false).unwrap();
        let searcher = Searcher::new(rows.rows(), Distance::Cosine, &search, &structure);
        let found = searcher.map_living(asked.rows(), &wanted(5, 30), &gone, |_, hits| hits.to_vec()).unwrap();
        assert!(found.iter().all(|hits| hits.len() == 5 && hits.iter().all(|hit| !gone.has(hit.row))));
        assert!(share_found(&exact, &found) >= 0.9, "{}: {}", search.name(), share_found(&exact, &found));
        // As deep as the index, all of it is found.
        let two = Rows::new(asked.rows().span(0..2), DIM).unwrap();
        let deep = |gone: &Marks| searcher.map_living(two, &wanted(4000, 2), gone, |_, hits| hits.len()).unwrap();
        assert_eq!((deep(&Marks::default()), deep(&gone)), (vec![ROWS; 2], vec![ROWS - gone.len(); 2]));
        // Where hardly anything is left, that is found.
        let most: Marks = (0..ROWS as u32).filter(|row| row % 200 != 7).collect();
        let left = searcher.map_living(two, &wanted(9, 2), &most, |_, hits| hits.len()).unwrap();
        assert_eq!(left, [8; 2], "{}", search.name());
    }
}

/// Candidates of some queries are looked for together, also where some want so many that all rows are compared.
#[test]
fn a_query_in_company_finds_what_it_finds_alone() {
    let (values, asked) = (embeddings(ROWS, DIM, 1), embeddings(70, DIM, 2));
    let gone: Marks = (0..ROWS as u32).step_by(9).collect();
    let rows = Vectors::new(&values, DIM, Distance::Cosine).unwrap();
    let asked = Vectors::new(&asked, DIM, Distance::Cosine).unwrap();
    let left_out = |at: usize| if at.is_multiple_of(2) { [1, 7].into() } else { [].into() };
    let wanted: Vec<Wanted> = (0..70).map(|at| Wanted { k: [5, 4000, 2][at % 3], excluded: left_out(at) }).collect();
    for search in methods() {
        let structure = Structure::new(rows.rows(), Distance::Cosine, &search, &|| false).unwrap();
        let searcher = Searcher::new(rows.rows(), Distance::Cosine, &search, &structure);
        let all = |queries: Rows<'_>, wanted: &[Wanted]| {
            searcher.map_living(queries, wanted, &gone, |_, hits| hits.to_vec()).unwrap()
        };
        let one = |at: usize| all(Rows::new(asked.rows().row(at), DIM).unwrap(), &wanted[at..=at]).remove(0);
        let alone: Vec<Vec<Hit>> = (0..70).map(one).collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| all(asked.rows(), &wanted)) == alone, "{} {threads}", search.name());
        }
    }
}

#[test]
fn copies_and_tiny_indexes_are_searched_too() {
    // Twenty times the same ten rows: walks could end among copies.
    let ten = embeddings(10, 16, 3);
    let values = ten.repeat(60);
    let rows = Vectors::new(&values, 16, Distance::Cosine).unwrap();
    let asked = Vectors::new(&ten, 16, Distance::Cosine).unwrap();
    let wanted = vec![Wanted { k: 70, excluded: [].into() }; 10];
    for search in methods() {
        for count in [1, 2, 3, 600] {
            let rows = Rows::new(rows.rows().span(0..count), 16).unwrap();
            let structure = Structure::new(rows, Distance::Cosine, &search, &|| false).unwrap();
            let searcher = Searcher::new(rows, Distance::Cosine, &search, &structure);
            let found = searcher.nearest(asked.rows(), &wanted).unwrap();
            let whole = |hits: &Vec<Hit>| hits.len() == 70.min(count) && hits.is_sorted_by_key(|hit| hit.distance);
            assert!(found.iter().all(whole), "{} {count}", search.name());
        }
    }
    let none = Rows::new(&[], 0).unwrap();
    for search in methods() {
        let structure = Structure::new(none, Distance::Cosine, &search, &|| false).unwrap();
        let searcher = Searcher::new(none, Distance::Cosine, &search, &structure);
        assert!(searcher.nearest(asked.rows(), &wanted).unwrap().iter().all(Vec::is_empty));
    }
}

#[test]
fn a_search_stops_when_it_is_asked_to() {
    let values = embeddings(500, 8, 4);
    let rows = Vectors::new(&values, 8, Distance::Euclidean).unwrap();
    let wanted = vec![Wanted { k: 3, excluded: [].into() }; 500];
    for search in methods() {
        let structure = Structure::new(rows.rows(), Distance::Euclidean, &search, &|| false).unwrap();
        let searcher = Searcher::new(rows.rows(), Distance::Euclidean, &search, &structure).stopped_by(&|| true);
        assert_eq!(searcher.nearest(rows.rows(), &wanted).unwrap_err(), SearchError::Stopped);
        if matches!(search, Search::Hnsw(_) | Search::IvfPq(_)) {
            let stopped = Structure::new(rows.rows(), Distance::Euclidean, &search, &|| true);
            assert_eq!(stopped.unwrap_err(), SearchError::Stopped);
        }
    }
}
