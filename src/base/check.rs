//! Ranges that a parameter's value must lie in, with the words for messages and reference pages.

use std::fmt::Display;

/// A test of a value and what it expects, as in "must be `expected`".
pub struct Check<T> {
    /// Words that follow "must be".
    pub expected: String,
    test: Box<dyn Fn(&T) -> bool>,
}

impl<T> Check<T> {
    /// A check of the given words and test.
    pub fn new(expected: impl Into<String>, test: impl Fn(&T) -> bool + 'static) -> Self {
        Self { expected: expected.into(), test: Box::new(test) }
    }

    /// Whether the value passes.
    pub fn accepts(&self, value: &T) -> bool {
        (self.test)(value)
    }
}

/// `value >= least`.
pub fn at_least<T: PartialOrd + Display + 'static>(least: T) -> Check<T> {
    Check::new(format!("at least {least}"), move |value| *value >= least)
}

/// `low <= value <= high`.
pub fn between<T: PartialOrd + Display + 'static>(low: T, high: T) -> Check<T> {
    Check::new(format!("between {low} and {high}"), move |value| *value >= low && *value <= high)
}

/// Whole numbers from `least` to a billion. Nothing is counted beyond that, so that products of two counts are numbers.
#[must_use]
pub fn count(least: usize) -> Check<usize> {
    between(least, 1_000_000_000)
}

/// A finite number above 0.
#[must_use]
pub fn positive() -> Check<f64> {
    Check::new("a number above 0", |value: &f64| value.is_finite() && *value > 0.0)
}

/// Any finite number.
#[must_use]
pub fn finite() -> Check<f64> {
    Check::new("a finite number", |value: &f64| value.is_finite())
}

/// A number in `[0, 1)`.
#[must_use]
pub fn decay() -> Check<f64> {
    Check::new("at least 0 and below 1", |value: &f64| (0.0..1.0).contains(value))
}

/// A list with something in it.
#[must_use]
pub fn not_empty<T: 'static>() -> Check<Vec<T>> {
    Check::new("a list of at least one item", |value: &Vec<T>| !value.is_empty())
}
