//! Any bytes as a file of an index: its graph, its codes or its rows. What is taken can be searched.
#![no_main]

use libfuzzer_sys::fuzz_target;
use simpipe_artifact::{Codes, Distance, Graph, IndexRows};
use simpipe_fuzz::{COUNT, DIM, rows, searches};
use simpipe_search::Searcher;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;
use simpipe_search::searcher::Structure;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let path = simpipe_fuzz::file("index", bytes);
    let structure = match kind % 3 {
        0 => Graph::open(&path, COUNT).and_then(|graph| graph.check(&path).map(|()| Structure::of_graph(graph))),
        1 => Codes::open(&path, COUNT, DIM)
            .and_then(|codes| codes.check(&path).map(|()| Structure::of_codes(codes, Distance::Cosine, COUNT, DIM))),
        _ => {
            let whole = IndexRows::read(&path);
            let Ok(read) = IndexRows::read_for_search(&path) else { return assert!(whole.is_err()) };
            assert_eq!(read.vectors.len(), read.dim * read.label.len());
            return;
        }
    };
    let Ok(structure) = structure else { return };
    let values = rows();
    let rows = Rows::new(&values, DIM).expect("rows of finite numbers");
    let wanted = [Wanted { k: 3, ..Wanted::default() }];
    for search in searches() {
        let query = Rows::new(&values[..DIM], DIM).expect("a row");
        let found = Searcher::new(rows, Distance::Cosine, &search, &structure).nearest(query, &wanted);
        assert_eq!(found.expect("a search that nobody stops")[0].len(), 3);
    }
});
