//! From neighbours to one label and the distance that it is believed at.

use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

params! {
    /// How many neighbours vote.
    pub struct Vote {
        /// Neighbours looked at.
        #[aka("top_k", "n_neighbors", "num_neighbors", "neighbors", "neighbours")]
        k: usize = 5 => check::count(1),
    }
}

choice! {
    /// How neighbours become a label. Ties go to the label seen first, going from the nearest neighbour outwards.
    pub enum Matcher {
        /// Label and distance of the nearest neighbour.
        #[aka("match_nearest", "nn", "1nn")]
        "nearest" => Nearest,
        /// The label with most of the k votes; the distance is the mean over all k neighbours.
        #[aka("match_majority_vote", "majority", "vote", "knn")]
        "majority-vote" => MajorityVote(Vote),
        /// The label with the largest sum of weights that fall from 1 for the nearest to 0 for the k-th neighbour
        /// (Dudani, 1976); the distance is the mean over the neighbours of that label.
        "weighted-vote" => WeightedVote(Vote),
        /// The label with most of the k votes; the distance is that of its nearest neighbour, so that neighbours of
        /// other labels do not blur it.
        "max-in-class" => MaxInClass(Vote),
    }
}

/// A label and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The label.
    pub label: i32,
    /// Its distance (or similarity), made of rounded ones.
    pub distance: f32,
}

impl Matcher {
    /// The matcher of a name and number of neighbours, as `calibration.json` holds them.
    #[must_use]
    pub fn named(name: &str, k: usize) -> Option<Self> {
        let vote = Vote { k };
        let all =
            [Self::Nearest, Self::MajorityVote(vote.clone()), Self::WeightedVote(vote.clone()), Self::MaxInClass(vote)];
        all.into_iter().find(|matcher| matcher.name() == name)
    }

    /// Neighbours that it looks at.
    #[must_use]
    pub const fn k(&self) -> usize {
        match self {
            Self::Nearest => 1,
            Self::MajorityVote(vote) | Self::WeightedVote(vote) | Self::MaxInClass(vote) => vote.k,
        }
    }

    /// The verdict on neighbours given as (label, distance), nearest first; those beyond [`Matcher::k`] are not
    /// looked at, and distances are [`rounded`] first. `None` where there are none.
    ///
    /// ```
    /// use simpipe_search::matcher::{Matcher, Vote};
    /// let neighbours = [(3, 0.5), (1, 0.5), (1, 2.0)];
    /// let verdict = Matcher::MajorityVote(Vote { k: 3 }).decide(&neighbours).unwrap();
    /// assert_eq!((verdict.label, verdict.distance), (1, 1.0));
    /// ```
    #[must_use]
    pub fn decide(&self, neighbours: &[(i32, f32)]) -> Option<Verdict> {
        let near = neighbours.iter().take(self.k());
        let neighbours: &[(i32, f32)] = &near.map(|&(label, distance)| (label, rounded(distance))).collect::<Vec<_>>();
        let &(nearest, distance) = neighbours.first()?;
        let of_label = |label: i32| neighbours.iter().filter(move |near| near.0 == label).map(|near| near.1);
        Some(match self {
            Self::Nearest => Verdict { label: nearest, distance },
            Self::MajorityVote(_) => {
                let label = heaviest(neighbours, |_| 1.0);
                Verdict { label, distance: mean(neighbours.iter().map(|near| near.1)) }
            }
            Self::WeightedVote(_) => {
                let label = heaviest(neighbours, dudani(neighbours));
                Verdict { label, distance: mean(of_label(label)) }
            }
            Self::MaxInClass(_) => {
                let label = heaviest(neighbours, |_| 1.0);
                Verdict { label, distance: of_label(label).next().unwrap_or(distance) }
            }
        })
    }
}

/// Rounds to 8 decimals in `f32` arithmetic, as TensorFlow Similarity rounds the distances of all neighbours that it
/// calibrates or matches with: cutpoints are such numbers, so verdicts must be made of them too.
#[must_use]
pub fn rounded(distance: f32) -> f32 {
    const SCALE: f32 = 1e8;
    let scaled = distance * SCALE;
    if scaled.is_finite() { scaled.round_ties_even() / SCALE } else { distance }
}

impl Verdict {
    /// Whether it is believed: at a distance of at most the cutpoint, or a similarity of at least.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "cutpoints are float32 distances")]
    pub fn within(&self, distance: Distance, cutpoint: f64) -> bool {
        let cutpoint = cutpoint as f32;
        if distance.larger_is_nearer() { self.distance >= cutpoint } else { self.distance <= cutpoint }
    }
}

/// The label with the largest total weight.
fn heaviest(neighbours: &[(i32, f32)], weight: impl Fn(f32) -> f64) -> i32 {
    let mut totals: Vec<(i32, f64)> = Vec::new();
    for &(label, distance) in neighbours {
        match totals.iter_mut().find(|total| total.0 == label) {
            Some(total) => total.1 += weight(distance),
            None => totals.push((label, weight(distance))),
        }
    }
    totals.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best }).map_or(0, |best| best.0)
}

/// `(d_k - d) / (d_k - d_1)`, or 1 where all are as far: unchanged by the distance's scale and sense, so it serves
/// similarities too.
fn dudani(neighbours: &[(i32, f32)]) -> impl Fn(f32) -> f64 {
    let end = |near: Option<&(i32, f32)>| near.map_or(0.0, |near| f64::from(near.1));
    let (first, last) = (end(neighbours.first()), end(neighbours.last()));
    move |distance| if first == last { 1.0 } else { (last - f64::from(distance)) / (last - first) }
}

/// The mean in `f32`, summed from the nearest outwards as the reference does.
#[expect(clippy::cast_precision_loss, reason = "k is far below 2^24")]
fn mean(distances: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = distances.fold((0.0, 0_usize), |(sum, count), distance| (sum + distance, count + 1));
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEIGHBOURS: [(i32, f32); 5] = [(2, 0.0), (7, 0.25), (7, 0.75), (2, 1.0), (7, 1.0)];

    fn decide(matcher: &Matcher) -> (i32, f32) {
        let verdict = matcher.decide(&NEIGHBOURS).unwrap();
        (verdict.label, verdict.distance)
    }

    #[test]
    fn each_matcher_decides_as_computed_by_hand() {
        let vote = Vote { k: 5 };
        assert_eq!(decide(&Matcher::Nearest), (2, 0.0));
        assert_eq!(decide(&Matcher::MajorityVote(vote.clone())), (7, 0.6));
        // Weights 1, 0.75, 0.25, 0, 0: a tie of 1 against 1, to the label seen first, whose mean is (0 + 1) / 2.
        assert_eq!(decide(&Matcher::WeightedVote(vote.clone())), (2, 0.5));
        assert_eq!(decide(&Matcher::MaxInClass(vote)), (7, 0.25));
    }

    #[test]
    fn ties_go_to_the_label_seen_first_and_k_limits_the_vote() {
        assert_eq!(decide(&Matcher::MajorityVote(Vote { k: 2 })), (2, 0.125));
        assert_eq!(decide(&Matcher::MaxInClass(Vote { k: 4 })), (2, 0.0));
        assert_eq!(Matcher::Nearest.decide(&[]), None);
    }

    #[test]
    fn a_matcher_is_found_by_its_name() {
        for name in Matcher::NAMES {
            assert_eq!(Matcher::named(name, 3).unwrap().name(), *name);
        }
        assert_eq!(Matcher::named("weighted-vote", 3).unwrap().k(), 3);
        assert_eq!(Matcher::named("best", 3), None);
    }

    #[test]
    fn weights_serve_similarities_too() {
        let similar = [(2, 9.0), (7, 8.0), (7, 7.0), (2, 1.0)];
        // Weights 1, 7/8, 6/8, 0.
        let verdict = Matcher::WeightedVote(Vote { k: 4 }).decide(&similar).unwrap();
        assert_eq!((verdict.label, verdict.distance), (7, 7.5));
    }

    #[test]
    fn a_distance_is_within_the_cutpoint_that_it_was_rounded_to() {
        let distance = 0.069_823_265_f32;
        let cutpoint = rounded(distance);
        assert!(cutpoint < distance);
        let at = |distance| Matcher::Nearest.decide(&[(0, distance)]).unwrap();
        assert!(at(distance).within(Distance::Cosine, cutpoint.into()));
        assert!(!at(distance + 1e-7).within(Distance::Cosine, cutpoint.into()));
        assert!(at(2.0).within(Distance::InnerProduct, 1.5));
        assert!(!at(1.0).within(Distance::InnerProduct, 1.5));
        assert_eq!(rounded(f32::INFINITY), f32::INFINITY);
        assert_eq!(rounded(3e38), 3e38);
    }
}
