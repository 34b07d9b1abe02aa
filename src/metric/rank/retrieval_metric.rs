//! The metrics of ranked neighbours as one plain value, which a parameter can hold and compare.

use super::{MapAtK, MapAtR, Mrr, NdcgAtK, PrecisionAtK, RPrecision, RankMetric, Ranked, RecallAtK, TrueNdcgAtK};
use crate::Metric;
use crate::name::{Argument, Known, NameError, read};

/// The metrics of ranked neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrievalMetric {
    /// [`recall_at_k`](super::recall_at_k).
    RecallAtK(usize),
    /// [`precision_at_k`](super::precision_at_k).
    PrecisionAtK(usize),
    /// [`map_at_r`](super::map_at_r).
    MapAtR,
    /// [`map_at_k`](super::map_at_k).
    MapAtK(MapAtK),
    /// [`r_precision`](super::r_precision).
    RPrecision,
    /// [`mrr`](super::mrr).
    Mrr(Mrr),
    /// [`ndcg_at_k`](super::ndcg_at_k).
    NdcgAtK(usize),
    /// [`ndcg_at_k`](super::ndcg_at_k), with the ideal order of all relevant items.
    TrueNdcgAtK(usize),
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "recall",
        argument: Argument::Count,
        share: true,
        aka: &["hit", "hits", "hit-rate", "top", "rank", "cmc"],
    },
    Known { name: "precision", argument: Argument::Count, share: true, aka: &["p"] },
    Known { name: "map", argument: Argument::CountOrNone, share: true, aka: &["mean-average-precision", "ap"] },
    Known { name: "map@r", argument: Argument::None, share: true, aka: &["mean-average-precision-at-r"] },
    Known { name: "map-clip-at-r", argument: Argument::Count, share: true, aka: &[] },
    Known { name: "r-precision", argument: Argument::None, share: true, aka: &["rp", "precision@r"] },
    Known {
        name: "mrr",
        argument: Argument::CountOrNone,
        share: true,
        aka: &["mean-reciprocal-rank", "reciprocal-rank"],
    },
    Known { name: "ndcg", argument: Argument::Count, share: true, aka: &["bndcg"] },
    Known { name: "true-ndcg", argument: Argument::Count, share: true, aka: &["full-ndcg"] },
];

impl RetrievalMetric {
    /// The metric of a name, such as `recall@10`, `map@r` or `mrr`.
    ///
    /// ```
    /// use simpipe_metric::RetrievalMetric;
    /// assert_eq!(RetrievalMetric::parse("recall@10"), Ok(RetrievalMetric::RecallAtK(10)));
    /// let error = RetrievalMetric::parse("recal@10").unwrap_err();
    /// assert_eq!(error.help, "did you mean `recall@10`?");
    /// ```
    ///
    /// # Errors
    /// If there is no such metric, or its number is missing, not a whole number from 1 on, or not taken.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (name, number) = read(text, KNOWN)?;
        let k = number.count();
        Ok(match name {
            "recall" => Self::RecallAtK(k.unwrap_or(1)),
            "precision" => Self::PrecisionAtK(k.unwrap_or(1)),
            "map" => Self::MapAtK(MapAtK { k, clip_at_r: false }),
            "map-clip-at-r" => Self::MapAtK(MapAtK { k, clip_at_r: true }),
            "r-precision" => Self::RPrecision,
            "mrr" => Self::Mrr(Mrr(k)),
            "ndcg" => Self::NdcgAtK(k.unwrap_or(1)),
            "true-ndcg" => Self::TrueNdcgAtK(k.unwrap_or(1)),
            _ => Self::MapAtR,
        })
    }

    /// What `use_metric` makes of the metric itself.
    fn with<T>(&self, use_metric: impl FnOnce(&dyn RankMetric) -> T) -> T {
        match self {
            Self::RecallAtK(k) => use_metric(&RecallAtK(*k)),
            Self::PrecisionAtK(k) => use_metric(&PrecisionAtK(*k)),
            Self::MapAtR => use_metric(&MapAtR),
            Self::MapAtK(metric) => use_metric(metric),
            Self::RPrecision => use_metric(&RPrecision),
            Self::Mrr(metric) => use_metric(metric),
            Self::NdcgAtK(k) => use_metric(&NdcgAtK(*k)),
            Self::TrueNdcgAtK(k) => use_metric(&TrueNdcgAtK(*k)),
        }
    }

    /// The name in JSON: `recall@5`, `map@r`.
    #[must_use]
    pub fn name(&self) -> String {
        self.with(|metric| metric.name())
    }

    /// What it measures, with its definition and source.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        self.with(|metric| metric.doc())
    }

    /// What a value is a fraction of.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        self.with(|metric| metric.unit())
    }

    /// Whether more is better.
    #[must_use]
    pub fn higher_is_better(&self) -> bool {
        self.with(|metric| metric.higher_is_better())
    }

    /// Neighbours that it needs where `relevant` items have the query's label; `usize::MAX` is all of the index.
    #[must_use]
    pub fn depth(&self, relevant: usize) -> usize {
        self.with(|metric| metric.depth(relevant))
    }

    /// Whether neighbours behind the first relevant one change nothing.
    #[must_use]
    pub fn is_settled_by_first_hit(&self) -> bool {
        self.with(|metric| metric.is_settled_by_first_hit())
    }

    /// The value for one query, in [0, 1]; `None` where nothing is relevant.
    #[must_use]
    pub fn of_query(&self, ranked: &Ranked<'_>) -> Option<f64> {
        self.with(|metric| metric.of_query(ranked))
    }
}

impl Metric for RetrievalMetric {
    fn name(&self) -> String {
        self.name()
    }

    fn doc(&self) -> &'static str {
        self.doc()
    }

    fn unit(&self) -> &'static str {
        self.unit()
    }

    fn higher_is_better(&self) -> bool {
        self.higher_is_better()
    }
}

impl RankMetric for RetrievalMetric {
    fn depth(&self, relevant: usize) -> usize {
        self.depth(relevant)
    }

    fn is_settled_by_first_hit(&self) -> bool {
        self.is_settled_by_first_hit()
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        self.with(|metric| metric.of_relevant(ranked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let names = [RetrievalMetric::RecallAtK(1), RetrievalMetric::PrecisionAtK(1), RetrievalMetric::MapAtR]
            .map(|metric| metric.name());
        assert_eq!(names, ["recall@1", "precision@1", "map@r"]);
    }

    #[test]
    fn every_name_is_read_back() {
        let names = [
            "recall@1",
            "recall@10",
            "precision@5",
            "map@10",
            "map@r",
            "map-clip-at-r@5",
            "map",
            "r-precision",
            "mrr",
            "mrr@10",
            "ndcg@10",
            "true-ndcg@10",
        ];
        for name in names {
            let metric = RetrievalMetric::parse(name).unwrap();
            assert_eq!(metric.name(), name);
            assert!(!metric.doc().is_empty() && !metric.unit().is_empty() && metric.higher_is_better(), "{name}");
        }
    }

    #[test]
    fn queries_without_relevant_items_have_no_value() {
        let lone = Ranked { hits: &[false, false], relevant: 0 };
        let found = Ranked { hits: &[true, false], relevant: 1 };
        for name in ["recall@1", "precision@1", "map@r", "map@2", "r-precision", "mrr", "ndcg@2", "true-ndcg@2"] {
            let metric = RetrievalMetric::parse(name).unwrap();
            assert_eq!((metric.of_query(&lone), metric.of_query(&found)), (None, Some(1.0)), "{name}");
        }
    }
}
