//! How an index is searched, as a spec says it. The searches themselves are [`searcher`](super::searcher)'s.

use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::param::{Param as _, Shape};
use simpipe_base::{choice, params};

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
        /// Number of links per vector; twice as many in the lowest layer.
        #[aka("m", "connectivity", "max_connections")]
        links: usize = 16 => check::between(2, 256),
        /// Width of the search while the graph is built: more takes longer and makes better links.
        #[aka("ef_construction", "expansion_add", "ef_build")]
        build_width: usize = 200 => check::between(1, 100_000),
        /// Width of a search: more takes longer and finds more of the nearest.
        #[aka("ef", "ef_search", "expansion_search")]
        search_width: usize = 64 => check::between(1, 100_000),
        /// The stage fails if the search finds a smaller share of the ten nearest.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

params! {
    /// Lists of vectors around centres, of which the nearest are looked through, and one byte for each part of a vector (Jegou,
    /// Douze and Schmid, 2011): for more vectors than the memory holds graphs of.
    ///
    /// # Example
    ///
    /// ```toml
    /// { ivf-pq = { lists = 16, probes = 4, parts = 8, candidates = 20, min-recall = 0.9 } }
    /// ```
    pub struct IvfPq {
        /// Lists; about four times the square root of the number of vectors if it is left out.
        #[aka("nlist", "num_lists", "num_partitions", "clusters", "n_lists")]
        lists: Option<usize> = None => check::between(1, 1_000_000).optional(),
        /// Number of lists to search per query, nearest first.
        #[aka("nprobe", "nprobes", "n_probes")]
        probes: usize = 32 => check::between(1, 1_000_000),
        /// Parts of a vector, of a byte each; they must split it evenly. One for each four numbers if it is left out, or as
        /// near to that as the length allows.
        #[aka("sub_vectors", "num_sub_vectors", "m", "pq_dim", "M")]
        parts: Option<usize> = None => check::between(1, 65_536).optional(),
        /// How many times the wanted number of vectors to compare exactly.
        #[aka("oversampling", "rescore_multiplier", "refine_factor", "k_factor")]
        candidates: usize = 10 => check::between(1, 1000),
        /// The stage fails if the search finds a smaller share of the ten nearest.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

impl IvfPq {
    /// Lists for so many vectors.
    #[must_use]
    pub fn lists_of(&self, vectors: usize) -> usize {
        self.lists.unwrap_or_else(|| (4 * vectors.isqrt()).max(1)).min(vectors.max(1))
    }

    /// Parts of vectors of this length.
    #[must_use]
    pub fn parts_of(&self, dim: usize) -> usize {
        let fits = |parts: &usize| dim.is_multiple_of(*parts);
        self.parts.unwrap_or_else(|| (dim.div_ceil(4).max(1)..=dim.max(1)).find(fits).unwrap_or(dim.max(1)))
    }
}

params! {
    /// One byte a number: all vectors are compared by these, and the best once more by their own numbers.
    pub struct Int8 {
        /// How many times the wanted number of vectors to compare exactly.
        #[aka("oversampling", "rescore_multiplier", "refine_factor")]
        candidates: usize = 4 => check::between(1, 1000),
        /// The stage fails if the search finds a smaller share of the ten nearest.
        #[aka("recall", "target_recall")]
        min_recall: f64 = 0.95 => check::between(0.0, 1.0),
    }
}

params! {
    /// One bit a number, on which side of the mean it is: all vectors are compared by the bits in which they differ, and the
    /// best once more by their own numbers. For long vectors and the cosine distance.
    pub struct Binary {
        /// How many times the wanted number of vectors to compare exactly.
        #[aka("oversampling", "rescore_multiplier", "refine_factor")]
        candidates: usize = 32 => check::between(1, 1000),
        /// The stage fails if the search finds a smaller share of the ten nearest.
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
        #[version = 2]
        #[aka("graph", "IndexHNSWFlat", "usearch", "hnswlib")]
        "hnsw" => Hnsw(Hnsw),
        /// Lists of vectors around centres, and one byte for each part of a vector.
        #[version = 2]
        #[aka("IndexIVFPQ", "pq", "product_quantization")]
        "ivf-pq" => IvfPq(IvfPq),
        /// One byte per dimension: reads a quarter of the bytes per query.
        #[version = 2]
        #[aka("sq8", "scalar", "scalar_quantization", "IndexScalarQuantizer")]
        "int8" => Int8(Int8),
        /// One bit a number.
        #[version = 2]
        #[aka("bq", "binary_quantization", "sign", "IndexBinaryFlat")]
        "binary" => Binary(Binary),
        /// `exact` up to 200,000 vectors, `hnsw` beyond them where the distance allows it.
        #[version = 2]
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
                let hnsw = Self::Hnsw(simpipe_base::param::defaults());
                if hnsw.refuses(distance).is_none() { hnsw } else { Self::Exact }
            }
            Self::Auto => Self::Exact,
            other => other.clone(),
        }
    }

    /// The version of how it searches. Keys of what is found follow the bytes of an index, so an index names it.
    #[must_use]
    pub fn version(&self) -> u32 {
        let Shape::Choice(search) = Self::shape() else { return 1 };
        search.alternatives.iter().find(|alternative| alternative.name == self.name()).map_or(1, |found| found.version)
    }

    /// The distances that it works with, where the given one is none of them.
    #[must_use]
    pub fn refuses(&self, distance: Distance) -> Option<&'static [Distance]> {
        use Distance::{Cosine, Euclidean, InnerProduct, SquaredEuclidean};
        let known: &'static [Distance] = match self {
            Self::Exact | Self::Auto => &Distance::ALL,
            Self::Hnsw(_) | Self::IvfPq(_) | Self::Int8(_) => &[Cosine, InnerProduct, Euclidean, SquaredEuclidean],
            Self::Binary(_) => &[Cosine],
        };
        (!known.contains(&distance)).then_some(known)
    }

    /// Settings that do not fit so many vectors of this length, as far as both are known: where each is written, what is wrong,
    /// and what to do.
    #[must_use]
    pub fn misfits(&self, vectors: Option<usize>, dim: Option<usize>) -> Vec<(&'static str, String, String)> {
        let Self::IvfPq(params) = self else { return Vec::new() };
        let mut misfits = Vec::new();
        if let (Some(lists), Some(vectors)) = (params.lists, vectors)
            && lists > vectors
        {
            let message = format!("{lists} lists are more than the {vectors} vectors of the index");
            let help = format!(
                "choose at most {vectors}, or leave it out: {} would be taken",
                IvfPq { lists: None, ..params.clone() }.lists_of(vectors)
            );
            misfits.push(("lists", message, help));
        }
        if let (Some(parts), Some(dim)) = (params.parts, dim)
            && !dim.is_multiple_of(parts)
        {
            let fit: Vec<String> =
                (1..=dim).filter(|parts| dim.is_multiple_of(*parts)).map(|parts| parts.to_string()).collect();
            let message = format!("{parts} parts do not split the {dim} numbers of a vector evenly");
            misfits.push(("parts", message, format!("choose one of {}", fit.join(", "))));
        }
        misfits
    }

    /// The least share of the nearest that it must find; `None` where it finds all.
    #[must_use]
    pub const fn min_recall(&self) -> Option<f64> {
        match self {
            Self::Exact | Self::Auto => None,
            Self::Hnsw(hnsw) => Some(hnsw.min_recall),
            Self::IvfPq(lists) => Some(lists.min_recall),
            Self::Int8(int8) => Some(int8.min_recall),
            Self::Binary(binary) => Some(binary.min_recall),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

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

    #[test]
    fn lists_and_parts_fit_what_they_are_of() {
        let of = |json: serde_json::Value| -> Search { param::from_json(&json!({ "ivf-pq": json })).unwrap() };
        let Search::IvfPq(left_out) = of(json!({})) else { unreachable!() };
        assert_eq!((left_out.lists_of(10_000), left_out.lists_of(3), left_out.lists_of(0)), (400, 3, 1));
        let parts: Vec<usize> = [256, 64, 10, 7, 1, 0].map(|dim| left_out.parts_of(dim)).to_vec();
        assert_eq!(parts, [64, 16, 5, 7, 1, 1]);
        assert_eq!(of(json!({})).misfits(Some(3), Some(7)), []);
        let misfits = of(json!({ "lists": 200, "parts": 5 })).misfits(Some(100), Some(12));
        let (paths, words): (Vec<_>, Vec<_>) =
            misfits.into_iter().map(|(path, words, help)| (path, words + "; " + &help)).unzip();
        assert_eq!(paths, ["lists", "parts"]);
        assert_eq!(
            words[0],
            "200 lists are more than the 100 vectors of the index; choose at most 100, or leave it out: 40 would be taken"
        );
        assert_eq!(words[1], "5 parts do not split the 12 numbers of a vector evenly; choose one of 1, 2, 3, 4, 6, 12");
        assert_eq!(of(json!({ "lists": 200, "parts": 5 })).misfits(None, None), []);
    }
}
