//! The table of the stage `evaluate` in a spec.

use super::asked::Wish;
use super::rerank::Rerank;
use crate::exclude::Exclude;
use crate::slice::Slice;
use simpipe_base::check;
use simpipe_base::param::defaults;
use simpipe_base::seed::Seed;
use simpipe_base::{choice, params};
use simpipe_metric as metric;
use simpipe_metric::statistics::Bootstrap;

choice! {
    /// What a query weighs in a mean over queries.
    pub enum Average {
        /// All the same: a class weighs as much as it has queries.
        #[aka("samples", "weighted", "per_query")]
        "micro" => Micro,
        /// Each class the same: the mean over classes of the means of each class's queries.
        #[aka("per_class", "class", "balanced")]
        "macro" => Macro,
    }
}

choice! {
    /// Groups for separate means, in addition to classes.
    pub enum Breakdown {
        /// The category of a query's class, such as the kind of a product or the alphabet of a letter: the column `category`
        /// of the data; where that has none, what stands before the last `/` of the class's name.
        #[aka("super_class", "superclass", "coarse", "supercategory")]
        "category" => Category,
    }
}

params! {
    /// How intervals are computed: the percentile bootstrap (Efron, 1979) over classes and queries.
    pub struct Resampled {
        /// Number of resamples; 2,000 determine the ends of a 95 % interval to about a twentieth of its width.
        #[aka("n_resamples", "samples", "repetitions", "n_boot", "iterations")]
        draws: usize = 2000 => check::between(10, 100_000),
        /// The share of resampled values within the interval.
        #[aka("confidence", "confidence_level", "coverage")]
        level: f64 = 0.95 => check::inside(0.0, 1.0),
    }
}

params! {
    /// How good the search is: queries are looked up in an index, and every figure comes with an interval.
    ///
    /// # Example
    ///
    /// ```toml
    /// [evaluate]
    /// metrics = ["recall@1", "map@r", "map@r/macro", "roc-auc", "nmi", "hubness@10"]
    /// ```
    pub struct Params {
        /// The figures, each `NAME`, `NAME@K` or `NAME@PERCENT`.
        ///
        /// Of ranked neighbours: `recall@K`, `precision@K`, `map@r`, `map`, `map@K`, `map-clip-at-r@K`, `r-precision`, `mrr`,
        /// `mrr@K`, `ndcg@K`, `true-ndcg@K`; with `/macro` or `/micro` behind them whatever `average` says. Of pairs of a
        /// query and an indexed image: `roc-auc`, `average-precision`, `eer`, `tpr@1fpr`, `fpr@95tpr`, `frr@1far`. Of queries
        /// whose class the index may lack: `auroc`, `dir@1far`, `oscr`. Of who finds whom: `hubness@K`, `antihubs@K`. Of the
        /// queries' embeddings: `nmi`, `ami`, `ari` (of k-means with as many clusters as classes), `alignment`,
        /// `uniformity`, `effective-rank`, `silhouette`.
        #[aka("scores", "figures", "measures", "metric", "k", "top_k", "topk", "ks")]
        metrics: Vec<Wish> = Wish::usual() => check::not_empty(),
        /// Positions in the queries' pool; all must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Whether queries that are in the index are left out of their own neighbours, together with copies of the
        /// image. This is how retrieval benchmarks look up a test set in itself.
        #[aka("loo", "exclude_self", "ignore_self", "embeddings_come_from_same_source")]
        leave_one_out: bool = false,
        /// Whether queries may be images that are in the index (where they match themselves at distance 0) or that the
        /// model was trained on. The results are then flattering, and the report says so.
        allow_overlap: bool = false,
        /// How much a query weighs in means over queries.
        average: Average = Average::Micro,
        /// Further indexed images that a query ignores, in addition to itself with `leave-one-out`; for data with the
        /// column.
        #[aka("ignore", "filter", "exclude_same")]
        exclude: Option<Exclude> = None,
        /// Groups for separate means over queries, in addition to classes; for data with a column `category`, or with
        /// class names of the form `category/class`.
        #[aka("by", "group_by", "stratify")]
        breakdown: Option<Breakdown> = None,
        /// How neighbours are re-ranked by their own neighbours. Ranking metrics are then given before and after.
        #[aka("reranking", "rerank_method")]
        rerank: Option<Rerank> = None,
        /// Number of pairs of one class, and of two classes each, for pair metrics: all if there are no more, else
        /// drawn at random.
        #[aka("n_pairs", "max_pairs", "num_pairs")]
        pairs: usize = 100_000 => check::between(1, 10_000_000),
        /// How intervals are computed.
        #[aka("confidence", "confidence_interval", "interval", "resampling")]
        bootstrap: Resampled = defaults(),
        /// Any text. A different one gives different random draws with the same seed.
        #[aka("random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

impl Params {
    pub(super) const fn bootstrap(&self, seed: Seed) -> Bootstrap {
        Bootstrap { draws: self.bootstrap.draws, level: self.bootstrap.level, seed }
    }
}

impl Average {
    pub(super) const fn of_metric(&self) -> metric::Average {
        match self {
            Self::Micro => metric::Average::Micro,
            Self::Macro => metric::Average::Macro,
        }
    }
}
