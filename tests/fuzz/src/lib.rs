//! What the fuzz targets share.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::json;
use simpipe_base::param;
use simpipe_search::Search;

/// A file of these bytes, in memory where the system has such a folder. The same one each time, under its own name.
///
/// # Panics
/// If it can't be written.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let shared = PathBuf::from("/dev/shm");
        let parent = if shared.is_dir() { shared } else { std::env::temp_dir() };
        let folder = parent.join(format!("simpipe-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the file");
        folder
    });
    let path = folder.join(name);
    // What was mapped may still be: a new file, not the old one cut short.
    drop(std::fs::remove_file(&path));
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Vectors of the index whose files are read.
pub const COUNT: usize = 60;
/// Numbers of each.
pub const DIM: usize = 4;

/// The vectors: all different, none of length 0.
#[must_use]
pub fn rows() -> Vec<f32> {
    (0..COUNT * DIM).map(|at| 1.0 + ((at * 37 + at / DIM * 11) % 101) as f32).collect()
}

/// A search by each method that has files, looking at fewer vectors than there are.
///
/// # Panics
/// If a method has other parameters by now.
#[must_use]
pub fn searches() -> Vec<Search> {
    let methods = json!([
        { "hnsw": { "links": 4, "build-width": 8, "search-width": 6 } },
        { "ivf-pq": { "lists": 4, "parts": 2, "probes": 2, "candidates": 1 } },
        { "int8": { "candidates": 1 } },
        { "binary": { "candidates": 1 } },
    ]);
    let methods = methods.as_array().expect("a list").iter();
    methods.map(|method| param::from_json(method).expect("a method as a spec names it")).collect()
}
