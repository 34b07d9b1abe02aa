//! A metric of rankings with how it is averaged, and whether the nearest neighbour counts.

use super::{Average, Ranked, RetrievalMetric};
use crate::NameError;

/// What is asked of rankings: `recall@10`, `recall@10/macro`, `map@r/drop`, `ndcg@5/macro/drop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The metric.
    pub metric: RetrievalMetric,
    /// What a query weighs in the mean: all the same, or with `/macro` each class the same.
    pub average: Average,
    /// With `/drop`: the nearest neighbour is left out, as the query itself is where queries and index are one set.
    pub drop: bool,
}

impl Asked {
    /// Reads a name; `/micro` and `/keep` may be written, but are left out of [`name`](Self::name).
    ///
    /// # Errors
    /// If there is no such metric, or something else stands behind a `/`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts = text.split('/');
        let metric = RetrievalMetric::parse(parts.next().unwrap_or(""))?;
        let mut asked = Self { metric, average: Average::Micro, drop: false };
        for part in parts {
            match part {
                "micro" => asked.average = Average::Micro,
                "macro" => asked.average = Average::Macro,
                "keep" => asked.drop = false,
                "drop" => asked.drop = true,
                _ => {
                    let message = format!("`{text}`: there is no `/{part}`");
                    return Err(NameError {
                        message,
                        help: "expected `/micro`, `/macro`, `/keep` or `/drop`".to_owned(),
                    });
                }
            }
        }
        Ok(asked)
    }

    /// The name in JSON.
    #[must_use]
    pub fn name(&self) -> String {
        let average = if self.average == Average::Macro { "/macro" } else { "" };
        let nearest = if self.drop { "/drop" } else { "" };
        format!("{}{average}{nearest}", self.metric.name())
    }

    /// Neighbours that it needs where `relevant` items have the query's label.
    #[must_use]
    pub fn depth(&self, relevant: usize) -> usize {
        self.metric.depth(relevant).saturating_add(usize::from(self.drop))
    }

    /// The value for one query; `None` where nothing is relevant.
    #[must_use]
    pub fn of_query(&self, ranked: &Ranked<'_>) -> Option<f64> {
        if self.drop { self.metric.of_query(&ranked.without_nearest()) } else { self.metric.of_query(ranked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_the_nearest_are_read() {
        for name in ["recall@10", "recall@10/macro", "map@r/drop", "ndcg@5/macro/drop"] {
            assert_eq!(Asked::parse(name).unwrap().name(), name);
        }
        assert_eq!(Asked::parse("mrr/micro/keep").unwrap().name(), "mrr");
        assert_eq!(Asked::parse("mrr/mean").unwrap_err().help, "expected `/micro`, `/macro`, `/keep` or `/drop`");
        assert_eq!(Asked::parse("mr/macro").unwrap_err().help, "did you mean `mrr` or `mrr@10`?");
    }

    #[test]
    fn a_dropped_neighbour_is_looked_up_and_not_counted() {
        let asked = Asked::parse("recall@1/drop").unwrap();
        assert_eq!(asked.depth(3), 2);
        assert_eq!(asked.of_query(&Ranked { hits: &[true, false], relevant: 2 }), Some(0.0));
        assert_eq!(asked.of_query(&Ranked { hits: &[true, false], relevant: 1 }), None);
        assert_eq!(Asked::parse("mrr/drop").unwrap().depth(3), usize::MAX);
    }
}
