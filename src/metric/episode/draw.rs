//! Which rows are shown and asked in each episode.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use crate::MetricError;
use simpipe_base::seed::Seed;

/// N-way K-shot episodes: `ways` classes, `shots` rows of each shown, `queries` other rows of each asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episodes {
    /// N: classes in an episode.
    pub ways: usize,
    /// K: rows of each class that are shown.
    pub shots: usize,
    /// Rows of each class that are asked.
    pub queries: usize,
    /// How many episodes.
    pub count: usize,
    /// Where they are drawn from.
    pub seed: Seed,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// Its classes: what a way's position means.
    pub ways: Vec<i32>,
    /// Rows shown, with the position of their class among the ways.
    pub support: Vec<(usize, usize)>,
    /// Rows asked, as (position of their class, row).
    pub queries: Vec<(usize, usize)>,
}

/// A class by its groups: rows that may not be both shown and asked.
#[derive(Debug, Clone)]
struct Class {
    label: i32,
    groups: Vec<Vec<usize>>,
}

/// Classes with enough rows, ready to be drawn from.
#[derive(Debug, Clone)]
pub struct Drawer {
    episodes: Episodes,
    /// Sets of classes: an episode draws all of its own from one of them.
    sets: Vec<Vec<Class>>,
}

impl Episodes {
    /// The episodes. Each is a pure function of the seed and its number.
    ///
    /// Classes and rows are drawn without replacement. With groups, at most one row of a group is shown, and none of its
    /// others is asked in that episode. Only classes are drawn that have enough rows for that, whichever are shown.
    ///
    /// # Errors
    /// If `ways`, `shots` or `queries` is 0, there are fewer than `ways` such classes, or not one group a row.
    pub fn draw(&self, labels: &[i32], groups: Option<&[u64]>) -> Result<Vec<Episode>, MetricError> {
        let drawer = self.drawer(labels, groups)?;
        Ok((0..self.count as u64).map(|number| drawer.episode(number)).collect())
    }

    /// What the episodes are drawn from.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn drawer(&self, labels: &[i32], groups: Option<&[u64]>) -> Result<Drawer, MetricError> {
        for (what, count) in [("ways", self.ways), ("shots", self.shots), ("queries", self.queries)] {
            if count == 0 {
                return Err(MetricError::Range { what, expected: "at least 1".to_owned() });
            }
        }
        if let Some(groups) = groups.filter(|groups| groups.len() != labels.len()) {
            let (ones, others) = (groups.len(), labels.len());
            return Err(MetricError::Lengths { one: "groups", ones, other: "labels", others });
        }
        let classes: Vec<Class> = classes(labels, groups).into_iter().filter(|class| self.is_enough(class)).collect();
        if classes.len() < self.ways {
            let expected = format!(
                "at most {}, the classes that have {} examples to show and {} others to ask",
                classes.len(),
                self.shots,
                self.queries
            );
            return Err(MetricError::Range { what: "ways", expected });
        }
        Ok(Drawer { episodes: *self, sets: vec![classes] })
    }

    /// Whether a class always has enough rows left to ask, also where a row of each of its largest groups is shown.
    fn is_enough(&self, class: &Class) -> bool {
        let mut sizes: Vec<usize> = class.groups.iter().map(Vec::len).collect();
        sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
        sizes.len() >= self.shots && sizes.iter().skip(self.shots).sum::<usize>() >= self.queries
    }
}

impl Drawer {
    /// The same, but the classes of one episode are all of one family, such as the letters of one alphabet (Lake,
    /// Salakhutdinov and Tenenbaum, 2015): an episode draws a family first, each as likely as the others. `None` is a class
    /// of no family, which is not drawn.
    ///
    /// # Errors
    /// If no family has `ways` classes with enough rows.
    pub fn within<'a>(self, family: impl Fn(i32) -> Option<&'a str>) -> Result<Self, MetricError> {
        let mut families: BTreeMap<&str, Vec<Class>> = BTreeMap::new();
        for class in self.sets.into_iter().flatten() {
            if let Some(family) = family(class.label) {
                families.entry(family).or_default().push(class);
            }
        }
        let largest = families.values().map(Vec::len).max().unwrap_or(0);
        let sets: Vec<_> = families.into_values().filter(|classes| classes.len() >= self.episodes.ways).collect();
        if sets.is_empty() {
            let Episodes { shots, queries, .. } = self.episodes;
            let expected = format!(
                "at most {largest}, the classes of the largest group that have {shots} examples to show and {queries} \
                 others to ask"
            );
            return Err(MetricError::Range { what: "ways", expected });
        }
        Ok(Self { sets, ..self })
    }

    /// Families that are drawn from; 1 where classes have none.
    #[must_use]
    pub const fn families(&self) -> usize {
        self.sets.len()
    }

    /// Classes that can be drawn.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// The episode of a number.
    #[must_use]
    pub fn episode(&self, number: u64) -> Episode {
        let Episodes { ways, shots, queries, seed, .. } = self.episodes;
        let set = match self.sets.len() {
            1 => 0,
            count => seed.rng("family", &[number]).random_range(0..count),
        };
        let classes = &self.sets[set];
        let mut rng = seed.rng("episode", &[number]);
        let mut episode = Episode { ways: Vec::new(), support: Vec::new(), queries: Vec::new() };
        for (way, class) in some(classes.len(), ways, &mut rng).into_iter().map(|at| &classes[at]).enumerate() {
            episode.ways.push(class.label);
            let mut order = some(class.groups.len(), class.groups.len(), &mut rng).into_iter();
            // One row of each group is shown, for rows of one group are alike.
            let shown: Vec<usize> = order.by_ref().take(shots).collect();
            for group in shown {
                let rows = &class.groups[group];
                episode.support.push((rows[rng.random_range(0..rows.len())], way));
            }
            let rest: Vec<usize> = order.flat_map(|group| class.groups[group].iter().copied()).collect();
            let asked = some(rest.len(), queries, &mut rng);
            episode.queries.extend(asked.into_iter().map(|at| (way, rest[at])));
        }
        episode
    }
}

/// The classes in the order of their labels, the groups of each in the order of their first row. Without groups, every row
/// is its own.
fn classes(labels: &[i32], groups: Option<&[u64]>) -> Vec<Class> {
    let mut found: BTreeMap<i32, BTreeMap<u64, Vec<usize>>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        let group = groups.map_or(row as u64, |groups| groups[row]);
        found.entry(*label).or_default().entry(group).or_default().push(row);
    }
    let class = |(label, groups): (i32, BTreeMap<u64, Vec<usize>>)| {
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.sort_unstable();
        Class { label, groups }
    };
    found.into_iter().map(class).collect()
}

/// `wanted` of `count` numbers in a drawn order, without replacement: the first places of a Fisher-Yates shuffle.
fn some(count: usize, wanted: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let wanted = wanted.min(count);
    for at in 0..wanted {
        let other = rng.random_range(at..count);
        numbers.swap(at, other);
    }
    numbers.truncate(wanted);
    numbers
}
