//! What several benches need.

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The folder of the project.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The program that has been built beside this bench.
///
/// # Panics
/// If it has not been: `cargo build --release` first.
#[must_use]
pub fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let built = this.ancestors().nth(2).expect("a folder of builds").join("simpipe");
    assert!(built.is_file(), "{} is not there: `cargo build --release` first", built.display());
    built
}

/// Vectors as a trained network leaves them.
#[derive(Debug, Clone, Copy)]
pub struct Embeddings {
    /// Centres that they lie around, in turn.
    pub classes: usize,
    /// How far from these, as a share of how far the centres lie from the origin.
    pub spread: f32,
}

impl Embeddings {
    /// `count` vectors of unit length: `[count, dim]`, others for each seed around the same centres.
    #[must_use]
    pub fn drawn(self, count: usize, dim: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let draw = |rng: &mut ChaCha8Rng| rng.random::<f32>() + rng.random::<f32>() - 1.0;
        let centres: Vec<f32> = (0..self.classes * dim).map(|_| draw(&mut rng)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rows = Vec::with_capacity(count * dim);
        for at in 0..count {
            let centre = &centres[at % self.classes * dim..][..dim];
            let row: Vec<f32> = centre.iter().map(|centre| centre + self.spread * draw(&mut rng)).collect();
            let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            rows.extend(row.iter().map(|value| value / norm));
        }
        rows
    }
}
