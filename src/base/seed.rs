//! Seeds: named sub-streams of an experiment's one seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The seed of one stage: a pure function of the experiment's seed, the stage's kind and its optional stream.
///
/// A stage's id never enters: renaming a stage changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a stage kind.
    #[must_use]
    pub fn of_stage(experiment: u64, kind: &str, stream: Option<&str>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("simpipe stage seed 1");
        hasher.update(&experiment.to_le_bytes());
        update_text(&mut hasher, kind);
        update_text(&mut hasher, stream.unwrap_or(""));
        Self(*hasher.finalize().as_bytes())
    }

    /// A number for one purpose.
    #[must_use]
    pub fn number(&self, purpose: &str) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.derive(purpose, &[])[..8]);
        u64::from_le_bytes(bytes)
    }

    /// A generator for one purpose and position, such as `("batch", &[epoch, step])`: any position can be reached
    /// without drawing those before it.
    #[must_use]
    pub fn rng(&self, purpose: &str, position: &[u64]) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.derive(purpose, position))
    }

    fn derive(&self, purpose: &str, position: &[u64]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        update_text(&mut hasher, purpose);
        for number in position {
            hasher.update(&number.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// The seed as text, for an artifact that must draw again later.
    #[must_use]
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// Reads what [`Seed::to_hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

/// Length first, so that two texts in a row can't be split differently.
fn update_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_name_gives_another_stream() {
        let seed = Seed::of_stage(42, "sample", None);
        assert_eq!(seed.number("pool"), Seed::of_stage(42, "sample", None).number("pool"));
        assert_ne!(seed.number("pool"), seed.number("batch"));
        assert_ne!(seed.number("pool"), Seed::of_stage(43, "sample", None).number("pool"));
        assert_ne!(seed.number("pool"), Seed::of_stage(42, "train", None).number("pool"));
        assert_ne!(seed.number("pool"), Seed::of_stage(42, "sample", Some("b")).number("pool"));
        assert_eq!(Seed::from_hex(&seed.to_hex()), Some(seed));
    }
}
