//! What a sweep varies: dimensions with their domains, some of which apply only under an item of another.

/// What values a dimension has.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Any number between the bounds, both included; evenly spread, or in its logarithm.
    Real {
        /// The least value; above 0 where `log`.
        low: f64,
        /// The largest value.
        high: f64,
        /// Whether factors matter rather than differences.
        log: bool,
    },
    /// Any whole number between the bounds, both included.
    Integer {
        /// The least value; above 0 where `log`.
        low: i64,
        /// The largest value.
        high: i64,
        /// Whether factors matter rather than differences.
        log: bool,
    },
    /// One of a list, by its position; no order is assumed.
    Choice {
        /// How many there are, at least one.
        items: usize,
    },
}

/// The value of one dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Of a [`Domain::Real`].
    Real(f64),
    /// Of a [`Domain::Integer`].
    Integer(i64),
    /// Of a [`Domain::Choice`].
    Item(usize),
}

/// When a dimension applies: `dimension` is a choice that has taken `item`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The position of the choice, before that of the dimension.
    pub dimension: usize,
    /// The item of the choice.
    pub item: usize,
}

/// One parameter that a sweep varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// The path in the spec, such as `train.optimizer.adam.learning-rate`.
    pub path: String,
    /// Its values.
    pub domain: Domain,
    /// Under which choice it applies; always if there is none.
    pub when: Option<Condition>,
}

/// All that a sweep varies, in the order of the spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

/// A value for each dimension; `None` where it does not apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Point(pub Vec<Option<Value>>);

impl Domain {
    /// The ends of the scale that values are laid out on: a whole number has the room of half a step at both sides.
    #[must_use]
    pub fn scale(&self) -> (f64, f64) {
        match *self {
            Self::Real { low, high, log } => (on_scale(low, log), on_scale(high, log)),
            Self::Integer { low, high, log } => (on_scale(low as f64 - 0.5, log), on_scale(high as f64 + 0.5, log)),
            Self::Choice { items } => (0.0, items as f64),
        }
    }

    /// Whether the scale is a logarithm.
    #[must_use]
    pub const fn is_log(&self) -> bool {
        matches!(self, Self::Real { log: true, .. } | Self::Integer { log: true, .. })
    }

    /// Whether its values have an order.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        !matches!(self, Self::Choice { .. })
    }

    /// How many values there are; `None` for numbers that are not whole.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match *self {
            Self::Real { low, high, .. } => (low >= high).then_some(1),
            Self::Integer { low, high, .. } => Some(high.saturating_sub(low).unsigned_abs().saturating_add(1)),
            Self::Choice { items } => Some(items as u64),
        }
    }

    /// The value at the position `at` of an enumeration.
    #[must_use]
    pub(super) fn nth(&self, at: u64) -> Value {
        match *self {
            Self::Real { low, .. } => Value::Real(low),
            Self::Integer { low, .. } => Value::Integer(low.saturating_add_unsigned(at)),
            Self::Choice { .. } => Value::Item(at as usize),
        }
    }

    /// Where a value lies on the scale, as a share of it in [0, 1].
    #[must_use]
    pub fn share(&self, value: Value) -> f64 {
        let (low, high) = self.scale();
        let at = match value {
            Value::Real(value) => on_scale(value, self.is_log()),
            Value::Integer(value) => on_scale(value as f64, self.is_log()),
            Value::Item(item) => item as f64 + 0.5,
        };
        if high > low { ((at - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The value at a share of the scale; within the bounds whatever `share` is.
    #[must_use]
    pub fn at(&self, share: f64) -> Value {
        let (start, end) = self.scale();
        let at = start + share.clamp(0.0, 1.0) * (end - start);
        match *self {
            // The ends themselves, which a logarithm and back would miss by a digit.
            Self::Real { low, .. } if share <= 0.0 => Value::Real(low),
            Self::Real { high, .. } if share >= 1.0 => Value::Real(high),
            Self::Real { low, high, log } => Value::Real(off_scale(at, log).clamp(low, high)),
            Self::Integer { low, high, log } => {
                let whole = off_scale(at, log).round() as i64;
                Value::Integer(whole.clamp(low, high))
            }
            Self::Choice { items } => Value::Item((at as usize).min(items - 1)),
        }
    }
}

fn on_scale(value: f64, log: bool) -> f64 {
    if log { value.ln() } else { value }
}

fn off_scale(at: f64, log: bool) -> f64 {
    if log { at.exp() } else { at }
}

impl Space {
    /// A space of these dimensions.
    ///
    /// # Panics
    /// If a dimension depends on one that does not stand before it, or that is not a choice.
    #[must_use]
    pub fn new(dimensions: Vec<Dimension>) -> Self {
        for (at, dimension) in dimensions.iter().enumerate() {
            if let Some(when) = dimension.when {
                let chosen = dimensions[..at].get(when.dimension).map(|dimension| &dimension.domain);
                assert!(matches!(chosen, Some(Domain::Choice { items }) if when.item < *items), "{}", dimension.path);
            }
        }
        Self { dimensions }
    }

    /// Its dimensions.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Whether each dimension always applies.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.dimensions.iter().all(|dimension| dimension.when.is_none())
    }

    /// How many points there are, each under its conditions; `None` where one is any number.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.count_under(None)
    }

    /// Points of the dimensions that apply under `when` and of what hangs on them.
    fn count_under(&self, when: Option<Condition>) -> Option<u64> {
        let mut product = 1u64;
        for (at, dimension) in self.dimensions.iter().enumerate().filter(|(_, dimension)| dimension.when == when) {
            let count = match dimension.domain {
                Domain::Choice { items } => {
                    let under = |item| self.count_under(Some(Condition { dimension: at, item }));
                    (0..items).map(under).try_fold(0u64, |sum, count| count.map(|count| sum.saturating_add(count)))?
                }
                _ => dimension.domain.count()?,
            };
            product = product.saturating_mul(count);
        }
        Some(product)
    }

    /// A point made dimension by dimension: `value` is asked for those that apply.
    pub fn point(&self, mut value: impl FnMut(usize, &Domain) -> Value) -> Point {
        let mut point = Point(Vec::with_capacity(self.dimensions.len()));
        for (at, dimension) in self.dimensions.iter().enumerate() {
            let applies = dimension.when.is_none_or(|when| point.fulfils(when));
            point.0.push(applies.then(|| value(at, &dimension.domain)));
        }
        point
    }

    /// The point at shares of the dimensions' scales.
    #[must_use]
    pub fn at(&self, shares: &[f64]) -> Point {
        self.point(|at, domain| domain.at(shares[at]))
    }

    /// Where a point lies on each scale; `None` where a dimension does not apply.
    #[must_use]
    pub fn shares(&self, point: &Point) -> Vec<Option<f64>> {
        let share = |(dimension, value): (&Dimension, &Option<Value>)| value.map(|value| dimension.domain.share(value));
        self.dimensions.iter().zip(&point.0).map(share).collect()
    }
}

impl Point {
    /// Whether the choice of `when` has taken its item.
    #[must_use]
    pub fn fulfils(&self, when: Condition) -> bool {
        self.0[when.dimension] == Some(Value::Item(when.item))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn dimension(path: &str, domain: Domain) -> Dimension {
        Dimension { path: path.to_owned(), domain, when: None }
    }

    /// `real` log in [1e-4, 1], a choice of 3, under its item 1 a whole number 1 to 4.
    pub(in super::super) fn conditional() -> Space {
        let whole = Domain::Integer { low: 1, high: 4, log: false };
        Space::new(vec![
            dimension("rate", Domain::Real { low: 1e-4, high: 1.0, log: true }),
            dimension("loss", Domain::Choice { items: 3 }),
            Dimension { when: Some(Condition { dimension: 1, item: 1 }), ..dimension("loss.a.k", whole) },
        ])
    }

    #[test]
    fn shares_and_values_are_each_others_inverse() {
        let real = Domain::Real { low: 1e-4, high: 1.0, log: true };
        assert_eq!(real.share(Value::Real(1e-2)), 0.5);
        let whole = Domain::Integer { low: 1, high: 100, log: true };
        for number in [1, 2, 10, 99, 100] {
            assert_eq!(whole.at(whole.share(Value::Integer(number))), Value::Integer(number));
        }
        assert_eq!((whole.at(-3.0), whole.at(7.0)), (Value::Integer(1), Value::Integer(100)));
        assert_eq!((real.at(0.0), real.at(1.0)), (Value::Real(1e-4), Value::Real(1.0)));
        let choice = Domain::Choice { items: 3 };
        let items: Vec<Value> = [0.0, 0.34, 0.99, 1.0].map(|share| choice.at(share)).to_vec();
        assert_eq!(items, [0, 1, 2, 2].map(Value::Item));
        let one = Domain::Real { low: 2.0, high: 2.0, log: false };
        assert_eq!((one.share(Value::Real(2.0)), one.at(0.3)), (0.5, Value::Real(2.0)));
    }

    #[test]
    fn each_whole_number_has_the_same_room() {
        let whole = Domain::Integer { low: 3, high: 6, log: false };
        let mut seen = [0; 4];
        for step in 0..4000 {
            let Value::Integer(number) = whole.at((f64::from(step) + 0.5) / 4000.0) else { panic!() };
            seen[(number - 3) as usize] += 1;
        }
        assert_eq!(seen, [1000; 4]);
    }

    #[test]
    fn what_hangs_on_a_choice_applies_under_its_item_alone() {
        let space = conditional();
        assert_eq!(space.at(&[0.5, 0.5, 0.9]).0[2], Some(Value::Integer(4)));
        assert_eq!(space.at(&[0.5, 0.9, 0.9]).0[2], None);
        assert_eq!(space.count(), None);
        let finite = Space::new(
            space.dimensions()[1..]
                .iter()
                .cloned()
                .map(|mut dimension| {
                    dimension.when = dimension.when.map(|when| Condition { dimension: 0, ..when });
                    dimension
                })
                .collect(),
        );
        assert_eq!(finite.count(), Some(1 + 4 + 1));
    }
}
