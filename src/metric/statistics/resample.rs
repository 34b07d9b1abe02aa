//! Resampling in two levels: classes first, then the queries of each.
//!
//! Queries of one class are alike, so resampling queries alone takes them for more evidence than they are, and gives
//! intervals that hold for these classes only. Drawing classes with replacement, then within each as many queries as it
//! has, asks how the figure would be for other classes too (Davison and Hinkley, Bootstrap Methods, 1997, 3.8).

use std::ops::Range;

use rand::RngExt;

use simpipe_base::seed::Seed;

/// Queries by class, ready to be drawn from.
#[derive(Debug, Clone)]
pub struct TwoLevel {
    /// Queries, those of a class together.
    order: Vec<u32>,
    /// Each class's part of `order`.
    classes: Vec<Range<u32>>,
}

impl TwoLevel {
    /// The queries of these labels.
    ///
    /// # Panics
    /// If there are 2^32 queries or more.
    #[must_use]
    pub fn new(labels: &[i32]) -> Self {
        let count = u32::try_from(labels.len()).expect("fewer than 2^32 queries");
        let label = |query: u32| labels[query as usize];
        let mut order: Vec<u32> = (0..count).collect();
        // A stable sort: queries of a class stay in their order.
        order.sort_by_key(|query| label(*query));
        let mut start = 0;
        let class = |same: &[u32]| {
            let end = start + u32::try_from(same.len()).unwrap_or(u32::MAX);
            std::mem::replace(&mut start, end)..end
        };
        let classes = order.chunk_by(|one, other| label(*one) == label(*other)).map(class).collect();
        Self { order, classes }
    }

    /// Queries, those of a class together: a drawn place is a place in this order.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Classes with a query.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Calls `place` with every place drawn in draw number `draw`, of each class as many as it has and of no class more:
    /// for figures that a class drawn twice, or not at all, would change by itself.
    pub fn draw_within<S>(&self, seed: Seed, draw: u64, state: &mut S, mut place: impl FnMut(&mut S, usize)) {
        let mut rng = seed.rng("bootstrap-within", &[draw]);
        for class in &self.classes {
            for _ in class.clone() {
                place(state, rng.random_range(class.clone()) as usize);
            }
        }
    }

    /// Calls `place` with every place drawn in draw number `draw`, and `end` after each class of it.
    ///
    /// A pure function of seed and number, so draws can be made in any order and by any thread.
    pub fn draw<S>(
        &self,
        seed: Seed,
        draw: u64,
        state: &mut S,
        mut place: impl FnMut(&mut S, usize),
        end: impl Fn(&mut S),
    ) {
        let mut rng = seed.rng("bootstrap", &[draw]);
        for _ in 0..self.classes.len() {
            let class = &self.classes[rng.random_range(0..self.classes.len())];
            for _ in class.clone() {
                place(state, rng.random_range(class.clone()) as usize);
            }
            end(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_classes_are_drawn_and_queries_only_from_their_own() {
        let labels = [5, 1, 5, 1, 1, 9];
        let two_level = TwoLevel::new(&labels);
        assert_eq!((two_level.order(), two_level.classes()), (&[1, 3, 4, 0, 2, 5][..], 3));
        let seed = Seed::of_stage(1, "evaluate", None);
        let mut counts = [0_u32; 6];
        for draw in 0..600 {
            let mut drawn: Vec<Vec<usize>> = vec![Vec::new()];
            let place = |drawn: &mut Vec<Vec<usize>>, place: usize| drawn.last_mut().unwrap().push(place);
            two_level.draw(seed, draw, &mut drawn, place, |drawn| drawn.push(Vec::new()));
            drawn.pop();
            assert_eq!(drawn.len(), 3);
            for class in drawn {
                let label = |place: usize| labels[two_level.order()[place] as usize];
                assert!(class.iter().all(|place| label(*place) == label(class[0])), "{class:?}");
                assert_eq!(class.len(), labels.iter().filter(|other| **other == label(class[0])).count());
                class.iter().for_each(|place| counts[*place] += 1);
            }
        }
        // Each query is expected once a draw.
        assert!(counts.iter().all(|count| (500..700).contains(count)), "{counts:?}");
    }

    #[test]
    fn within_classes_every_class_keeps_its_size() {
        let labels = [5, 1, 5, 1, 1, 9];
        let two_level = TwoLevel::new(&labels);
        let mut counts = [0_u32; 6];
        for draw in 0..600 {
            let mut drawn: Vec<i32> = Vec::new();
            two_level.draw_within(Seed::of_stage(1, "evaluate", None), draw, &mut drawn, |drawn, place| {
                counts[place] += 1;
                drawn.push(labels[two_level.order()[place] as usize]);
            });
            assert_eq!(drawn, [1, 1, 1, 5, 5, 9]);
        }
        assert!(counts[..5].iter().all(|count| (500..700).contains(count)) && counts[5] == 600, "{counts:?}");
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        let none = TwoLevel::new(&[]);
        none.draw(Seed::of_stage(1, "evaluate", None), 0, &mut (), |(), _| panic!(), |()| panic!());
    }
}
