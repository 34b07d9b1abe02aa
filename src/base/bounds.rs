//! Limits of numbers and of lists as data: what the JSON Schema says of a parameter and a search over it may try.

/// A number that a parameter may be.
pub trait Number: Copy + 'static {
    /// Whether it is a whole number.
    const INTEGER: bool;
    /// The nearest `f64`; exact up to 2^53.
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Number for $ty {
            const INTEGER: bool = true;
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}
integers!(u8, u32, u64, usize, i32, i64);

impl Number for f64 {
    const INTEGER: bool = false;
    fn to_f64(self) -> f64 {
        self
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The number.
    pub value: f64,
    /// Whether the number itself lies outside.
    pub exclusive: bool,
}

impl Limit {
    /// A limit that is let through.
    #[must_use]
    pub fn at(value: impl Number) -> Self {
        Self { value: value.to_f64(), exclusive: false }
    }

    /// A limit that is not let through.
    #[must_use]
    pub fn beyond(value: impl Number) -> Self {
        Self { value: value.to_f64(), exclusive: true }
    }
}

/// Limits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The lower end.
    pub min: Option<Limit>,
    /// The upper end.
    pub max: Option<Limit>,
    /// Whether infinity lies outside even where there is no end.
    pub finite: bool,
    /// Whether it is a whole number.
    pub integer: bool,
}

impl Bounds {
    /// Those of an unsigned integer.
    pub const UNSIGNED: Self =
        Self { min: Some(Limit { value: 0.0, exclusive: false }), max: None, finite: false, integer: true };

    /// Whether a number lies within.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        let above = |limit: Limit| if limit.exclusive { value > limit.value } else { value >= limit.value };
        let below = |limit: Limit| if limit.exclusive { value < limit.value } else { value <= limit.value };
        self.min.is_none_or(above) && self.max.is_none_or(below) && (!self.finite || value.is_finite())
    }

    /// These limits, and those of the number's type where there are none.
    #[must_use]
    pub fn or(self, of_type: Self) -> Self {
        Self {
            min: self.min.or(of_type.min),
            max: self.max.or(of_type.max),
            finite: self.finite || of_type.finite,
            integer: self.integer || of_type.integer,
        }
    }

    /// Words that follow "must be".
    #[must_use]
    pub fn words(&self) -> String {
        match (self.min, self.max) {
            (None, None) if self.finite => "a finite number".to_owned(),
            (None, None) => "a number".to_owned(),
            (Some(Limit { value, exclusive: true }), None) => format!("a number above {value}"),
            (Some(Limit { value, .. }), None) if self.finite => format!("a number of at least {value}"),
            (Some(Limit { value, .. }), None) => format!("at least {value}"),
            (None, Some(Limit { value, exclusive: true })) => format!("a number below {value}"),
            (None, Some(Limit { value, .. })) => format!("at most {value}"),
            (Some(min), Some(max)) => {
                let (low, high) = (min.value, max.value);
                match (min.exclusive, max.exclusive) {
                    (false, false) => format!("between {low} and {high}"),
                    (false, true) => format!("at least {low} and below {high}"),
                    (true, false) => format!("above {low} and at most {high}"),
                    (true, true) => format!("a number between {low} and {high}, both excluded"),
                }
            }
        }
    }
}

/// Limits of a list's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Length {
    /// Items at least.
    pub min: Option<usize>,
    /// Items at most.
    pub max: Option<usize>,
}

impl Length {
    /// So many items or more.
    #[must_use]
    pub const fn at_least(min: usize) -> Self {
        Self { min: Some(min), max: None }
    }

    /// Just so many.
    #[must_use]
    pub const fn of(count: usize) -> Self {
        Self { min: Some(count), max: Some(count) }
    }
}
