//! Every metric by name, whatever it needs.

use super::name::{Known, NameError, read, shown, suggested};
use super::{Metric, clustering, episode, neighbour, open_set, pair, rank, space};
use simpipe_base::seed::Seed;

/// A metric, by what it needs.
#[derive(Debug)]
pub enum AnyMetric {
    /// Queries with ranked neighbours.
    Rank(rank::RetrievalMetric),
    /// Genuine and impostor pairs.
    Pair(Box<dyn pair::PairMetric>),
    /// Queries of known and of unknown classes.
    OpenSet(Box<dyn open_set::OpenSetMetric>),
    /// The nearest index rows of queries.
    Neighbour(Box<dyn neighbour::NeighbourMetric>),
    /// Labels and clusters.
    Clustering(Box<dyn clustering::ClusteringMetric>),
    /// Embeddings with labels.
    Space(Box<dyn space::SpaceMetric>),
    /// Few-shot episodes.
    Episode(Box<dyn episode::EpisodeMetric>),
}

/// The names of each group, in the order in which they are listed.
const GROUPS: [&[Known]; 7] =
    [rank::KNOWN, pair::KNOWN, open_set::KNOWN, neighbour::KNOWN, clustering::KNOWN, space::KNOWN, episode::KNOWN];

impl AnyMetric {
    /// The metric of a name; `seed` is where those that draw pairs draw them from.
    ///
    /// ```
    /// use simpipe_base::seed::Seed;
    /// use simpipe_metric::registry::AnyMetric;
    /// let seed = Seed::of_stage(42, "evaluate", None);
    /// assert_eq!(AnyMetric::parse("fpr@95tpr", seed)?.metric().name(), "fpr@95tpr");
    /// assert_eq!(AnyMetric::parse("equal-error-rate", seed).unwrap_err().help, "did you mean `eer`?");
    /// # Ok::<(), simpipe_metric::NameError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such metric, or its number is missing, wrong or not taken.
    pub fn parse(text: &str, seed: Seed) -> Result<Self, NameError> {
        let (name, _) = read(text, &GROUPS.concat())?;
        let has = |group: &[Known]| group.iter().any(|known| known.name == name);
        Ok(if has(rank::KNOWN) {
            Self::Rank(rank::RetrievalMetric::parse(text)?)
        } else if has(pair::KNOWN) {
            Self::Pair(pair::parse(text)?)
        } else if has(open_set::KNOWN) {
            Self::OpenSet(open_set::parse(text)?)
        } else if has(neighbour::KNOWN) {
            Self::Neighbour(neighbour::parse(text)?)
        } else if has(clustering::KNOWN) {
            Self::Clustering(clustering::parse(text)?)
        } else if has(space::KNOWN) {
            Self::Space(space::parse(text, seed)?)
        } else {
            Self::Episode(episode::parse(text)?)
        })
    }

    /// What it says of itself.
    #[must_use]
    pub fn metric(&self) -> &dyn Metric {
        match self {
            Self::Rank(metric) => metric,
            Self::Pair(metric) => metric.as_ref(),
            Self::OpenSet(metric) => metric.as_ref(),
            Self::Neighbour(metric) => metric.as_ref(),
            Self::Clustering(metric) => metric.as_ref(),
            Self::Space(metric) => metric.as_ref(),
            Self::Episode(metric) => metric.as_ref(),
        }
    }
}

/// Every name, in the order of the groups.
pub(super) fn known() -> impl Iterator<Item = &'static Known> {
    GROUPS.into_iter().flatten()
}

/// How the metric is written that other tools call by this very name: `` `roc-auc` `` for `AUC`.
#[must_use]
pub fn called(name: &str) -> Option<String> {
    known().find(|known| suggested(known).is_called(name)).map(|known| shown(known.name, known.argument))
}

/// How every name is written, in the order of the groups: `` `recall@10` ``, `` `map@r` ``.
#[must_use]
pub fn names() -> Vec<String> {
    GROUPS.concat().iter().map(|known| shown(known.name, known.argument)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use simpipe_base::suggest;

    fn parse(text: &str) -> Result<AnyMetric, NameError> {
        AnyMetric::parse(text, Seed::of_stage(1, "evaluate", None))
    }

    #[test]
    fn every_listed_name_is_read_back_and_says_what_it_is() {
        for written in names() {
            for name in written.split(" or ").map(|name| name.trim_matches('`')) {
                let found = parse(name).unwrap();
                let metric = found.metric();
                assert_eq!(metric.name(), name);
                assert!(metric.doc().ends_with('.') && !metric.unit().is_empty(), "{name}");
            }
        }
        assert_eq!(names().len(), 9 + 6 + 3 + 2 + 3 + 4 + 2);
    }

    #[test]
    fn no_name_stands_for_two_metrics() {
        let all = GROUPS.concat();
        let plain = |text: &str| text.replace(['-', '@', '_'], "").to_lowercase();
        let names: BTreeSet<String> = all.iter().map(|known| plain(known.name)).collect();
        assert_eq!(names.len(), all.len());
        let mut aka = BTreeSet::new();
        for other in all.iter().flat_map(|known| known.aka) {
            assert!(aka.insert(plain(other)) && !names.contains(&plain(other)), "{other}");
        }
    }

    #[test]
    fn what_other_tools_call_it_is_suggested_across_groups() {
        for (text, help) in [
            ("hit@5", "did you mean `recall@5`?"),
            ("auc", "did you mean `roc-auc`?"),
            ("tpir@5", "did you mean `dir@5far`?"),
            ("adjusted_rand_score", "did you mean `ari`?"),
            ("precision@r", "did you mean `r-precision`?"),
            ("map@R", "did you mean `map@r`?"),
        ] {
            assert_eq!(parse(text).unwrap_err().help, help, "{text}");
        }
        assert_eq!(called("AUC").as_deref(), Some("`roc-auc`"));
        assert_eq!((called("auct"), called("roc-auc")), (None, None));
        let unknown = parse("temperature-of-the-sea").unwrap_err().help;
        let first: Vec<&str> = GROUPS.concat().iter().map(|known| known.name).collect();
        assert_eq!(unknown, format!("expected {}", suggest::one_of(&first)));
    }
}
