//! Neighbours ranked anew from each other's neighbours.

use rayon::prelude::*;

use super::lookup::{Found, Lookup, depth};
use crate::artifact::Distance;
use crate::base::check;
use crate::metric::rerank::{Expansion, KReciprocal, Neighbours, expanded};
use crate::metric::space::{Space, square};
use crate::metric::{MetricError, RetrievalMetric};
use crate::search::ExactSearch;
use crate::search::distance::Rows;
use crate::stage::StageError;
use crate::stages::embedded;
use crate::{choice, params};

params! {
    /// k-reciprocal encoding (Zhong et al., 2017, arXiv:1701.08398).
    pub struct Reciprocal {
        /// Neighbours that must find each other.
        #[aka("k_1", "k")]
        k1: usize = 20 => check::count(1),
        /// Neighbours whose encodings are averaged, the image itself among them; 1 averages nothing.
        #[aka("k_2")]
        k2: usize = 6 => check::count(1),
        /// The share of the distance itself, from 0 (neighbours alone) to 1 (as before).
        #[aka("lambda_value", "lambda_")]
        lambda: f64 = 0.3 => check::between(0.0, 1.0),
    }
}

params! {
    /// Query expansion (Chum et al., 2007; Radenovic, Tolias and Chum, 2018, arXiv:1711.02512).
    pub struct Expanded {
        /// The nearest that a query is averaged with.
        #[aka("n", "nqe", "top_k", "neighbours", "neighbors")]
        k: usize = 10 => check::count(1),
        /// The power of its cosine similarity that each of them weighs; 0 weighs all as much as the query.
        #[aka("power", "beta")]
        alpha: f64 = 3.0 => check::not_negative(),
    }
}

choice! {
    /// How neighbours are ranked anew. Queries and index are looked at together, so a figure after it says what a system
    /// reaches that has all its queries at once.
    pub enum Rerank {
        /// Images are compared by the neighbours that they share: of those that find each other, `k1` and `k2` of them; the
        /// distance as before counts for `lambda`. For the distances cosine, euclidean and squared euclidean.
        #[aka("k_reciprocal_encoding", "re_ranking")]
        "k-reciprocal" => KReciprocal(Reciprocal),
        /// A query is replaced by a weighted mean of itself and its nearest, of unit length, and looked up again. For the
        /// distances cosine and inner product.
        #[aka("qe", "aqe", "alpha_qe", "average_query_expansion")]
        "query-expansion" => QueryExpansion(Expanded),
    }
}

impl Rerank {
    /// The distances that it is defined for.
    pub(super) const fn distances(&self) -> &'static [Distance] {
        match self {
            Self::KReciprocal(_) => &[Distance::Cosine, Distance::Euclidean, Distance::SquaredEuclidean],
            Self::QueryExpansion(_) => &[Distance::Cosine, Distance::InnerProduct],
        }
    }

    /// How many neighbours it looks at, by parameter.
    pub(super) fn neighbours(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::KReciprocal(by) => vec![("k1", by.k1), ("k2", by.k2)],
            Self::QueryExpansion(by) => vec![("k", by.k)],
        }
    }

    /// How many of the nearest of the first lookup it needs.
    pub(super) const fn expands_by(&self) -> usize {
        match self {
            Self::KReciprocal(_) => 0,
            Self::QueryExpansion(by) => by.k,
        }
    }
}

/// Each query's value of each metric after re-ranking.
///
/// # Errors
/// If the stage is to stop, or rows are beyond what can be compared.
pub(super) fn values(
    by: &Rerank,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
    found: &[Found],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    match by {
        Rerank::KReciprocal(by) => {
            reciprocal(&KReciprocal { k1: by.k1, k2: by.k2, lambda: by.lambda }, lookup, columns)
        }
        Rerank::QueryExpansion(by) => expansion(by, lookup, columns, found),
    }
}

/// For `map_err`.
pub(super) fn unmeasured(error: &MetricError) -> StageError {
    if *error == MetricError::Stopped { StageError::Interrupted } else { StageError::failed(error.to_string()) }
}

fn expansion(
    by: &Expanded,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
    found: &[Found],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    let (rows, asked) = (lookup.rows(), lookup.asked());
    let (row_values, values) = (numbers(&rows), numbers(&asked));
    let space = |values, labels| Space::new(values, rows.dim(), labels).map_err(|error| unmeasured(&error));
    let (index, queries) = (space(&row_values, lookup.row_labels)?, space(&values, lookup.labels)?);
    let nearest: Vec<Vec<u32>> = found.iter().map(|found| found.near.iter().take(by.k).copied().collect()).collect();
    let expansion = if by.alpha == 0.0 { Expansion::Average } else { Expansion::Alpha(by.alpha) };
    let values = expanded(&queries, &index, &nearest, expansion).map_err(|error| unmeasured(&error))?;
    lookup.stop_if_cancelled()?;
    let asked = Rows::new(&values, rows.dim()).map_err(|error| embedded::unsearchable(&error))?;
    Ok(lookup.find(asked, columns, 0)?.into_iter().map(|found| found.values).collect())
}

fn numbers(rows: &Rows<'_>) -> Vec<f32> {
    (0..rows.len()).flat_map(|row| rows.row(row)).copied().collect()
}

/// The index, and behind it the queries that are not in it: every image once, so that a query's neighbours are others.
struct Joint {
    values: Vec<f32>,
    dim: usize,
    labels: Vec<i32>,
    /// Where each query stands.
    place: Vec<usize>,
}

impl Joint {
    fn of(lookup: &Lookup<'_>) -> Self {
        let (rows, asked) = (lookup.rows(), lookup.asked());
        let mut values = numbers(&rows);
        let mut next = rows.len();
        let place = |(query, same): (usize, &std::sync::Arc<[u32]>)| {
            if let Some(row) = same.first() {
                return *row as usize;
            }
            values.extend(asked.row(query));
            next += 1;
            next - 1
        };
        let place = lookup.same.iter().enumerate().map(place).collect();
        Self { values, dim: rows.dim(), labels: vec![0; next], place }
    }

    fn rows(&self) -> Result<Rows<'_>, StageError> {
        Rows::new(&self.values, self.dim).map_err(|error| embedded::unsearchable(&error))
    }

    /// The nearest of every row by the lookup's distance, and how far its farthest is.
    fn neighbours(&self, lookup: &Lookup<'_>, space: &Space<'_>, depth: usize) -> Result<Neighbours, StageError> {
        let search = ExactSearch::new(self.rows()?, lookup.distance).stopped_by(lookup.stop);
        let nearest = search.nearest(self.rows()?, depth).map_err(|error| embedded::unsearchable(&error))?;
        let nearest = nearest.into_iter().map(|hits| hits.into_iter().map(|hit| hit.row).collect()).collect();
        Neighbours::new(nearest, self.farthest(lookup, space)?).map_err(|error| unmeasured(&error))
    }

    /// The largest squared distance of each row: `|k|^2 - 2 q.k` is largest where `(-2q, 1).(k, |k|^2)` is, which a search
    /// by the inner product finds.
    #[expect(clippy::cast_possible_truncation, reason = "the row is chosen by it, its distance is computed exactly")]
    fn farthest(&self, lookup: &Lookup<'_>, space: &Space<'_>) -> Result<Vec<f64>, StageError> {
        let origin = vec![0.0; self.dim];
        let (mut keys, mut turned) = (Vec::new(), Vec::new());
        for row in 0..space.len() {
            keys.extend_from_slice(space.row(row));
            keys.push(square(space.row(row), &origin) as f32);
            turned.extend(space.row(row).iter().map(|value| -2.0 * value));
            turned.push(1.0);
        }
        let rows = |values| Rows::new(values, self.dim + 1).map_err(|error| embedded::unsearchable(&error));
        let search = ExactSearch::new(rows(&keys)?, Distance::InnerProduct).stopped_by(lookup.stop);
        let found = search.nearest(rows(&turned)?, 1).map_err(|error| embedded::unsearchable(&error))?;
        let square = |(row, hits): (usize, &Vec<crate::search::Hit>)| {
            hits.first().map_or(0.0, |hit| square(space.row(row), space.row(hit.row as usize)))
        };
        Ok(found.iter().enumerate().map(square).collect())
    }
}

fn reciprocal(
    by: &KReciprocal,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    let joint = Joint::of(lookup);
    let space = Space::new(&joint.values, joint.dim, &joint.labels).map_err(|error| unmeasured(&error))?;
    let neighbours = joint.neighbours(lookup, &space, by.depth())?;
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    // Nothing is made of what is computed once the stage is to stop.
    let unless = |one: usize, other: usize| if (lookup.stop)() { 0.0 } else { between(one, other) };
    let encoded = by.encode(&neighbours, unless).map_err(|error| unmeasured(&error))?;
    let of_query = |query: usize| {
        if (lookup.stop)() {
            return Vec::new();
        }
        let distances = encoded.distances_to(&neighbours, joint.place[query], lookup.row_labels.len(), between);
        lookup.values(query, &ranking(lookup, query, &distances, columns), columns)
    };
    let values = (0..lookup.labels.len()).into_par_iter().map(of_query).collect();
    lookup.stop_if_cancelled()?;
    Ok(values)
}

/// Whether the rows that a query looks at are relevant, nearest first, ties by position, as far as metrics look.
fn ranking(lookup: &Lookup<'_>, query: usize, distances: &[f64], columns: &[RetrievalMetric]) -> Vec<bool> {
    let order = |one: &(f64, u32), other: &(f64, u32)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
    let rows = distances.iter().copied().zip(0..).filter(|near| lookup.looks_at(query, near.1));
    let mut rows: Vec<(f64, u32)> = rows.collect();
    let relevant = rows.iter().filter(|near| lookup.is_relevant(query, near.1));
    let first = relevant.min_by(|one, other| order(one, other)).copied();
    let before = first.map_or(0, |first| rows.iter().filter(|near| order(near, &first).is_lt()).count());
    let deep = depth(columns, lookup.relevant[query], 0).max(before.saturating_add(1));
    if deep < rows.len() {
        rows.select_nth_unstable_by(deep, order);
        rows.truncate(deep);
    }
    rows.sort_unstable_by(order);
    rows.iter().map(|near| lookup.is_relevant(query, near.1)).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::lookup::tests::{indexed, line};
    use super::*;
    use crate::artifact::{Embeddings, IndexRows};
    use crate::metric::golden;
    use crate::search::Vectors;
    use crate::search::overlap::same_examples;

    /// Rows of three classes around the corners of a triangle, with some of each class astray.
    fn cloud(seed: u64, count: usize, first_id: u64) -> Embeddings {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = Vec::new();
        for row in 0..count {
            let corner = row % 3;
            values.extend((0..3).map(|axis| rng.random_range(-0.6..0.6) + if axis == corner { 1.0 } else { 0.0 }));
        }
        let points: Vec<(f32, i32)> = (0..count).map(|row| (0.0, i32::try_from(row % 3).unwrap())).collect();
        Embeddings { values, dim: 3, ..line(&points, first_id) }
    }

    fn ask(
        by: &Rerank,
        index: &IndexRows,
        queries: &Embeddings,
        distance: Distance,
        alone: bool,
        names: &[&str],
    ) -> (Vec<Vec<Option<f64>>>, Vec<Vec<Option<f64>>>) {
        let same = same_examples(index, &queries.example_id, &queries.digest);
        let lookup = Lookup::new(index, queries, distance, same, alone, &|| false).unwrap();
        let columns: Vec<RetrievalMetric> = names.iter().map(|name| RetrievalMetric::parse(name).unwrap()).collect();
        let found = lookup.find(lookup.asked(), &columns, by.expands_by()).unwrap();
        let again = values(by, &lookup, &columns, &found).unwrap();
        (found.into_iter().map(|found| found.values).collect(), again)
    }

    /// All rankings by brute force: the whole joint matrix of the reference's order of queries and index.
    fn by_hand(by: KReciprocal, index: &IndexRows, queries: &Embeddings, names: &[&str]) -> Vec<Vec<Option<f64>>> {
        let all = Vectors::new(&[queries.values.clone(), index.vectors.clone()].concat(), 3, Distance::Cosine)
            .unwrap()
            .into_scaled()
            .unwrap();
        let labels = vec![0; all.len() / 3];
        let space = Space::new(&all, 3, &labels).unwrap();
        let neighbours = Neighbours::of_rows(&space, by.depth());
        let between = |one: usize, other: usize| square(space.row(one), space.row(other));
        let encoded = by.encode(&neighbours, between).unwrap();
        let of_query = |query: usize| {
            let distances = &encoded.distances(&neighbours, query, between)[queries.len()..];
            let mut order: Vec<usize> = (0..distances.len()).collect();
            order.sort_by(|one, other| distances[*one].total_cmp(&distances[*other]).then(one.cmp(other)));
            let hits: Vec<bool> = order.iter().map(|row| index.label[*row] == queries.label[query]).collect();
            let relevant = hits.iter().filter(|hit| **hit).count();
            let ranked = crate::metric::Ranked { hits: &hits, relevant };
            names.iter().map(|name| RetrievalMetric::parse(name).unwrap().of_query(&ranked)).collect()
        };
        (0..queries.len()).map(of_query).collect()
    }

    #[test]
    fn k_reciprocal_ranks_as_the_whole_matrix_does() {
        let names = ["recall@1", "map@r", "mrr", "map", "precision@5"];
        let (index, queries) = (indexed(&cloud(1, 60, 0)), cloud(2, 24, 1000));
        for (k1, k2, lambda) in [(6, 3, 0.3), (4, 1, 0.0), (9, 4, 1.0)] {
            let by = Rerank::KReciprocal(Reciprocal { k1, k2, lambda });
            let (before, after) = ask(&by, &index, &queries, Distance::Cosine, false, &names);
            let expected = by_hand(KReciprocal { k1, k2, lambda }, &index, &queries, &names);
            for (found, expected) in after.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found.unwrap() - expected.unwrap()).abs() < 1e-12, "{k1} {k2} {lambda}");
            }
            assert_eq!(before == after, lambda == 1.0, "{lambda}: the distance alone ranks as before");
        }
    }

    #[test]
    fn a_query_of_the_index_stands_for_itself_once() {
        let rows = cloud(3, 45, 0);
        let by = Rerank::KReciprocal(Reciprocal { k1: 5, k2: 2, lambda: 0.3 });
        let (before, after) = ask(&by, &indexed(&rows), &rows, Distance::Euclidean, true, &["map@r", "recall@1"]);
        assert_eq!(after.len(), 45);
        let mean = |values: &[Vec<Option<f64>>]| values.iter().map(|values| values[0].unwrap()).sum::<f64>() / 45.0;
        // Neighbours that find each other are mostly of one class: re-ranking helps such clouds.
        assert!(mean(&after) > mean(&before), "{} {}", mean(&after), mean(&before));
        // A copy of every row in the index changes nothing but how often each is found: no query finds its own.
        let doubled = Embeddings {
            values: [rows.values.clone(), rows.values.clone()].concat(),
            example_id: (0..90).collect(),
            digest: [rows.digest.clone(), rows.digest.clone()].concat(),
            label: [rows.label.clone(), rows.label.clone()].concat(),
            ..rows.clone()
        };
        let (before, after) = ask(&by, &indexed(&doubled), &rows, Distance::Euclidean, true, &["recall@1"]);
        assert!(before.iter().chain(&after).all(|values| values[0].is_some()));
    }

    #[test]
    fn expanded_queries_are_looked_up_again() {
        let case = golden("rerank").as_array().unwrap().iter().find(|case| case["params"].get("k").is_some()).cloned();
        let case = case.unwrap();
        let rows = |name: &str| -> Vec<Vec<f32>> { serde_json::from_value(case["input"][name].clone()).unwrap() };
        let (asked, kept) = (rows("queries"), rows("index"));
        let label = |row: &Vec<f32>| i32::from(row[0] > 0.0);
        let of = |rows: &[Vec<f32>], first| {
            let points: Vec<(f32, i32)> = rows.iter().map(|row| (0.0, label(row))).collect();
            Embeddings { values: rows.concat(), dim: rows[0].len(), ..line(&points, first) }
        };
        let (index, queries) = (indexed(&of(&kept, 0)), of(&asked, 1000));
        let by = Rerank::QueryExpansion(Expanded { k: 4, alpha: 2.0 });
        let (_, after) = ask(&by, &index, &queries, Distance::Cosine, false, &["map@r", "recall@1"]);
        // By hand: the four nearest by cosine, weighed by its square, added, and looked up.
        let cosine = |one: &[f32], other: &[f32]| {
            let dot = |one: &[f32], other: &[f32]| -> f64 {
                one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
            };
            dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
        };
        let ranked = |query: &[f32]| {
            let mut order: Vec<usize> = (0..kept.len()).collect();
            order.sort_by(|one, other| cosine(query, &kept[*other]).total_cmp(&cosine(query, &kept[*one])));
            order
        };
        let unit = |row: &[f32]| {
            let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|value| f64::from(*value) / norm).collect::<Vec<f64>>()
        };
        for (at, query) in asked.iter().enumerate() {
            let mut sum = unit(query);
            for near in &ranked(query)[..4] {
                let weight = cosine(query, &kept[*near]).max(0.0).powi(2);
                sum.iter_mut().zip(unit(&kept[*near])).for_each(|(sum, value)| *sum += weight * value);
            }
            #[expect(clippy::cast_possible_truncation, reason = "embeddings are f32")]
            let turned: Vec<f32> = sum.into_iter().map(|value| value as f32).collect();
            let hit = label(&kept[ranked(&turned)[0]]) == label(query);
            assert_eq!(after[at][1], Some(f64::from(u8::from(hit))), "query {at}");
        }
    }

    #[test]
    fn who_wants_to_stop_gets_no_ranking() {
        let (index, queries) = (indexed(&cloud(1, 60, 0)), cloud(2, 24, 1000));
        let same = same_examples(&index, &queries.example_id, &queries.digest);
        let lookup = Lookup::new(&index, &queries, Distance::Cosine, same, false, &|| true).unwrap();
        for by in [
            Rerank::KReciprocal(Reciprocal { k1: 6, k2: 3, lambda: 0.3 }),
            Rerank::QueryExpansion(Expanded { k: 3, alpha: 3.0 }),
        ] {
            let none = Found { values: Vec::new(), nearest: None, near: Vec::new(), hit: false };
            let error = values(&by, &lookup, &[RetrievalMetric::MapAtR], &vec![none; 24]).unwrap_err();
            assert!(matches!(error, StageError::Interrupted), "{error}");
        }
    }
}
