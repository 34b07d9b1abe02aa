//! What a parameter's value must be: limits as data, from which words, reference pages and the JSON Schema are made.

use super::bounds::{Bounds, Length, Limit, Number};

/// A test of a value and what it expects, as in "must be `expected`".
pub struct Check<T> {
    /// Words that follow "must be".
    pub expected: String,
    /// The limits of the number, or of every number of a list, as far as they are the test.
    pub bounds: Bounds,
    /// The limits of a list's length, as far as they are the test.
    pub length: Length,
    test: Box<dyn Fn(&T) -> bool>,
}

impl<T> Check<T> {
    /// A check of the given words and test. Limits that a program could follow are added with [`Check::with_bounds`]
    /// and [`Check::with_length`].
    pub fn new(expected: impl Into<String>, test: impl Fn(&T) -> bool + 'static) -> Self {
        let (bounds, length) = (Bounds::default(), Length::default());
        Self { expected: expected.into(), bounds, length, test: Box::new(test) }
    }

    /// Says which limits of a number the test holds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Says which lengths of a list the test lets through.
    #[must_use]
    pub fn with_length(self, length: Length) -> Self {
        Self { length, ..self }
    }

    /// Whether the value passes.
    pub fn accepts(&self, value: &T) -> bool {
        (self.test)(value)
    }
}

impl<T: 'static> Check<T> {
    /// The same check of a value that another holds.
    #[must_use]
    pub fn of<U: 'static>(self, inner: fn(&U) -> &T) -> Check<U> {
        let Self { expected, bounds, length, test } = self;
        Check { expected, bounds, length, test: Box::new(move |value| test(inner(value))) }
    }

    /// The same check of a value that may be left out.
    #[must_use]
    pub fn optional(self) -> Check<Option<T>> {
        let Self { expected, bounds, length, test } = self;
        Check { expected, bounds, length, test: Box::new(move |value| value.as_ref().is_none_or(&test)) }
    }
}

/// The check that limits alone make, in their words.
fn within<T: Number>(bounds: Bounds) -> Check<T> {
    Check::new(bounds.words(), move |value: &T| bounds.contains(value.to_f64())).with_bounds(bounds)
}

/// `value >= least`.
pub fn at_least<T: Number>(least: T) -> Check<T> {
    within(Bounds { min: Some(Limit::at(least)), integer: T::INTEGER, ..Bounds::default() })
}

/// `low <= value <= high`.
pub fn between<T: Number>(low: T, high: T) -> Check<T> {
    let (min, max) = (Some(Limit::at(low)), Some(Limit::at(high)));
    within(Bounds { min, max, integer: T::INTEGER, ..Bounds::default() })
}

/// `low < value < high`.
pub fn inside<T: Number>(low: T, high: T) -> Check<T> {
    let (min, max) = (Some(Limit::beyond(low)), Some(Limit::beyond(high)));
    within(Bounds { min, max, integer: T::INTEGER, ..Bounds::default() })
}

/// Whole numbers from `least` to a billion. Nothing is counted beyond that, so that products of two counts are numbers.
#[must_use]
pub fn count(least: usize) -> Check<usize> {
    between(least, 1_000_000_000)
}

/// A finite number above 0.
#[must_use]
pub fn positive() -> Check<f64> {
    within(Bounds { min: Some(Limit::beyond(0.0)), finite: true, ..Bounds::default() })
}

/// A finite number of at least 0.
#[must_use]
pub fn not_negative() -> Check<f64> {
    within(Bounds { min: Some(Limit::at(0.0)), finite: true, ..Bounds::default() })
}

/// Any finite number.
#[must_use]
pub fn finite() -> Check<f64> {
    within(Bounds { finite: true, ..Bounds::default() })
}

/// A number in `[0, 1)`.
#[must_use]
pub fn decay() -> Check<f64> {
    within(Bounds { min: Some(Limit::at(0.0)), max: Some(Limit::beyond(1.0)), ..Bounds::default() })
}

/// The height and width of an image in pixels, each from 1 to `most`.
#[must_use]
pub fn height_and_width(most: u32) -> Check<Vec<u32>> {
    let sides = between(1, most);
    let bounds = sides.bounds;
    Check::new(format!("two numbers from 1 to {most}, height and width"), move |size: &Vec<u32>| {
        size.len() == 2 && size.iter().all(|side| sides.accepts(side))
    })
    .with_bounds(bounds)
    .with_length(Length::of(2))
}

/// A list with something in it.
#[must_use]
pub fn not_empty<T: 'static>() -> Check<Vec<T>> {
    Check::new("a list of at least one item", |value: &Vec<T>| !value.is_empty()).with_length(Length::at_least(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_say_what_they_let_through() {
        for (check, words, good, bad) in [
            (at_least(0.5), "at least 0.5", vec![0.5, 1e300, f64::INFINITY], vec![0.4, f64::NAN]),
            (between(0.0, 100_000.0), "between 0 and 100000", vec![0.0, 1e5], vec![-0.1, 100_000.1, f64::NAN]),
            (
                inside(0.0, 1.0),
                "a number between 0 and 1, both excluded",
                vec![0.5, 1e-300],
                vec![0.0, 1.0, f64::NAN, f64::INFINITY],
            ),
            (positive(), "a number above 0", vec![1e-300, 5.0], vec![0.0, -1.0, f64::INFINITY, f64::NAN]),
            (not_negative(), "a number of at least 0", vec![0.0, 5.0], vec![-1e-9, f64::INFINITY, f64::NAN]),
            (finite(), "a finite number", vec![-5.0, 0.0], vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
            (decay(), "at least 0 and below 1", vec![0.0, 0.999], vec![1.0, -0.1, f64::NAN]),
        ] {
            assert_eq!(check.expected, words);
            for value in good {
                assert!(check.accepts(&value), "{value} is {words}");
            }
            for value in bad {
                assert!(!check.accepts(&value), "{value} is not {words}");
            }
        }
        let check = between(1_usize, 65_536);
        assert_eq!((check.expected.as_str(), check.bounds.integer), ("between 1 and 65536", true));
        assert!(check.accepts(&65_536) && !check.accepts(&65_537) && !check.accepts(&0));
    }

    #[test]
    fn a_check_reaches_through_what_holds_the_value() {
        struct Held(f64);
        let check = between(0.0, 1.0).of(|held: &Held| &held.0).optional();
        assert!(check.accepts(&None) && check.accepts(&Some(Held(1.0))) && !check.accepts(&Some(Held(2.0))));
        assert_eq!((check.expected.as_str(), check.bounds.max), ("between 0 and 1", Some(Limit::at(1.0))));
        assert_eq!(not_empty::<u8>().length.min, Some(1));
    }
}
