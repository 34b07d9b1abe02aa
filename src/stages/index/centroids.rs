//! One vector a class: the mean of its examples.

use std::collections::BTreeMap;

use simpipe_artifact::{Distance, Embeddings};
use simpipe_base::choice;
use simpipe_search::distance::{Rows, between};
use simpipe_search::vectors;

choice! {
    /// A summary of the embeddings to index.
    pub enum Reduce {
        /// One vector per class, the mean of its examples, scaled to unit length for the cosine distance (Snell,
        /// Swersky and Zemel, 2017: prototypes). Each has the number of the example that is nearest to it, whose image
        /// illustrates the class.
        #[aka("prototypes", "class-means", "class-centers", "centers")]
        "centroids" => Centroids,
    }
}

/// The mean of each class, in the order of labels, where a row is at unit length if the distance compares directions. Of an
/// example it has the number of the nearest to it and no digest: it is no image.
pub(super) fn centroids(rows: &Embeddings, ready: Rows<'_>, distance: Distance) -> Embeddings {
    let mut classes: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    rows.label.iter().enumerate().for_each(|(row, label)| classes.entry(*label).or_default().push(row));
    let mut means = Embeddings { dim: rows.dim, ..Embeddings::default() };
    for (label, members) in classes {
        let mut mean = mean(&members, ready);
        if distance == Distance::Cosine {
            vectors::to_unit_length(&mut mean, rows.dim);
        }
        let near = |row: usize| {
            let distance_of = between(distance, &mean, ready.row(row));
            if distance.larger_is_nearer() { -distance_of } else { distance_of }
        };
        let nearest = members.iter().copied().min_by(|one, other| near(*one).total_cmp(&near(*other))).unwrap_or(0);
        means.position.push(rows.position[nearest]);
        means.example_id.push(rows.example_id[nearest]);
        means.split.push(rows.split[nearest].clone());
        means.label.push(label);
        means.digest.push(String::new());
        means.values.extend(mean);
    }
    means
}

/// Summed in the order of the rows.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the one rounding to the artifact's type"
)]
fn mean(members: &[usize], rows: Rows<'_>) -> Vec<f32> {
    let mut sums = vec![0.0_f64; rows.dim()];
    for row in members {
        sums.iter_mut().zip(rows.row(*row)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums.into_iter().map(|sum| (sum / members.len() as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_search::Vectors;

    fn rows(values: &[[f32; 2]], labels: &[i32]) -> Embeddings {
        Embeddings {
            position: (0..).take(labels.len()).collect(),
            example_id: (50..).take(labels.len()).collect(),
            label: labels.to_vec(),
            split: vec!["test".into(); labels.len()],
            digest: vec!["d".into(); labels.len()],
            values: values.concat(),
            dim: 2,
            ..Embeddings::default()
        }
    }

    #[test]
    fn means_are_as_computed_by_hand() {
        let rows = rows(&[[0.0, 4.0], [1.0, 1.0], [2.0, 0.0], [3.0, 2.0], [5.0, 5.0]], &[7, 2, 7, 7, 2]);
        let ready = Vectors::new(&rows.values, 2, Distance::Euclidean).unwrap();
        let found = centroids(&rows, ready.rows(), Distance::Euclidean);
        // (1 + 5) / 2 twice; (0 + 2 + 3) / 3 and (4 + 0 + 2) / 3, to which the third, 53, is nearest.
        assert_eq!(found.values, [3.0, 3.0, (5.0_f64 / 3.0) as f32, 2.0]);
        assert_eq!((found.label, found.example_id), (vec![2, 7], vec![51, 53]));
        assert_eq!(found.digest, ["", ""]);
    }

    #[test]
    fn directions_count_for_the_cosine_distance() {
        // Of unit length (0.6, 0.8) and (0.8, 0.6), whose mean (0.7, 0.7) is scaled, however long they were.
        let rows = rows(&[[6.0, 8.0], [0.4, 0.3], [0.0, -9.0]], &[0, 0, 1]);
        let ready = Vectors::new(&rows.values, 2, Distance::Cosine).unwrap();
        let found = centroids(&rows, ready.rows(), Distance::Cosine);
        let half = 0.5_f32.sqrt();
        let expected = [half, half, 0.0, -1.0];
        assert!(
            found.values.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
            "{found:?}"
        );
        assert_eq!(found.example_id, [50, 52]);
    }
}
