//! How an index is searched, as a spec says it. The searches themselves are [`searcher`](super::searcher)'s.

use crate::artifact::Distance;
use crate::base::check;
use crate::{choice, params};

/// Vectors up to which `auto` searches exactly: about what two cores compare with 64 queries in a tenth of a second.
pub const EXACT_UP_TO: usize = 200_000;

params! {
    /// A graph of near vectors, walked from far to near (Malkov and Yashunin, 2016).
    ///
    /// # Example
    ///
    /// ```toml
    /// { hnsw = { links = 16, build-width = 200, search-width = 64, min-recall = 0.95 } }
    /// ```
    pub struct Hnsw {
        /// Links of a vector to others; twice as many in the lowest layer.
        #[aka("m", "connectivity", "max_connections")]
        links: usize = 16 => check::between(2, 256),
        /// Vectors that are looked at together while the graph is built: more take longer and make better links.
        #[aka("ef_construction", "expansion_add", "ef_build")]
        build_width: usize = 200 => check::between(1, 100_000),
        /// Vectors that are looked at together in a search: more take longer and find more of the nearest.
        #[aka("ef", "ef_search", "expansion_search")]
        search_width: usize = 64 => check::between(1, 100_000),
        /// The stage fails if the search finds a smaller share of the ten nearest than that.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

params! {
    /// One byte a number: all vectors are compared by these, and the best once more by their own numbers.
    pub struct Int8 {
        /// How many times as many vectors as are wanted are compared by their own numbers.
        #[aka("oversampling", "rescore_multiplier", "refine_factor")]
        candidates: usize = 4 => check::between(1, 1000),
        /// The stage fails if the search finds a smaller share of the ten nearest than that.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

params! {
    /// One bit a number, on which side of the mean it is: all vectors are compared by the bits in which they differ, and the
    /// best once more by their own numbers. For long vectors and the cosine distance.
    pub struct Binary {
        /// How many times as many vectors as are wanted are compared by their own numbers.
        #[aka("oversampling", "rescore_multiplier", "refine_factor")]
        candidates: usize = 32 => check::between(1, 1000),
        /// The stage fails if the search finds a smaller share of the ten nearest than that.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

choice! {
    /// How an index is searched. Whatever finds the candidates, their distances are those of `exact`.
    pub enum Search {
        /// Every vector is compared: the answer is exact and needs no structure beside the vectors.
        #[aka("flat", "brute_force", "linear", "nmslib", "FlatL2", "IndexFlatL2")]
        "exact" => Exact,
        /// A graph of near vectors, walked from far to near: for many vectors, and the same bytes from any number of threads.
        #[aka("graph", "IndexHNSWFlat", "usearch", "hnswlib")]
        "hnsw" => Hnsw(Hnsw),
        /// One byte a number: a quarter of what is read for each query.
        #[aka("sq8", "scalar", "scalar_quantization", "IndexScalarQuantizer")]
        "int8" => Int8(Int8),
        /// One bit a number.
        #[aka("bq", "binary_quantization", "sign", "IndexBinaryFlat")]
        "binary" => Binary(Binary),
        /// `exact` up to 200,000 vectors, `hnsw` beyond them where the distance allows it.
        #[aka("default", "best")]
        "auto" => Auto,
    }
}

impl Search {
    /// The method for so many vectors: what `auto` stands for.
    #[must_use]
    pub fn of(&self, vectors: usize, distance: Distance) -> Self {
        match self {
            Self::Auto if vectors > EXACT_UP_TO => {
                let hnsw = Self::Hnsw(crate::base::param::defaults());
                if hnsw.refuses(distance).is_none() { hnsw } else { Self::Exact }
            }
            Self::Auto => Self::Exact,
            other => other.clone(),
        }
    }

    /// The distances that it works with, where the given one is none of them.
    #[must_use]
    pub fn refuses(&self, distance: Distance) -> Option<&'static [Distance]> {
        use Distance::{Cosine, Euclidean, InnerProduct, SquaredEuclidean};
        let known: &'static [Distance] = match self {
            Self::Exact | Self::Auto => &Distance::ALL,
            Self::Hnsw(_) | Self::Int8(_) => &[Cosine, InnerProduct, Euclidean, SquaredEuclidean],
            Self::Binary(_) => &[Cosine],
        };
        (!known.contains(&distance)).then_some(known)
    }

    /// The least share of the nearest that it must find; `None` where it finds all.
    #[must_use]
    pub const fn min_recall(&self) -> Option<f64> {
        match self {
            Self::Exact | Self::Auto => None,
            Self::Hnsw(hnsw) => Some(hnsw.min_recall),
            Self::Int8(int8) => Some(int8.min_recall),
            Self::Binary(binary) => Some(binary.min_recall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::param;

    #[test]
    fn auto_is_exact_until_it_is_large() {
        for (vectors, distance, name) in [
            (0, Distance::Cosine, "exact"),
            (EXACT_UP_TO, Distance::Cosine, "exact"),
            (EXACT_UP_TO + 1, Distance::Cosine, "hnsw"),
            (EXACT_UP_TO + 1, Distance::Euclidean, "hnsw"),
            (EXACT_UP_TO + 1, Distance::Manhattan, "exact"),
        ] {
            assert_eq!(Search::Auto.of(vectors, distance).name(), name, "{vectors} {distance:?}");
        }
        let hnsw: Search = param::from_json(&serde_json::json!({ "hnsw": { "links": 8 } })).unwrap();
        assert_eq!((hnsw.of(1, Distance::Cosine), hnsw.min_recall()), (hnsw.clone(), Some(0.95)));
        assert!(hnsw.refuses(Distance::Snr).is_some() && Search::Exact.refuses(Distance::Snr).is_none());
    }
}
