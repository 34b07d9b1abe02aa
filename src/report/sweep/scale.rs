//! Scales of axes: numbers, their logarithms, names. Where a value lies, and what is written beside it. Draws nothing.

use simpipe_artifact::SweepValues;

use crate::chart::{drawable, number};

/// The room beyond the first and the last value, as a share of the axis.
const ROOM: f64 = 0.04;
/// How far beyond the quartiles an axis still goes, in distances of the quartiles (Tukey 1977: beyond 3 lies what is far
/// out): one training that went wrong must not press all others together.
const FAR_OUT: f64 = 3.0;

/// A tick: its share of the axis, and what stands beside it.
pub(crate) type Tick = (f64, String);

/// What an axis measures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scale {
    /// Evenly.
    Linear(f64, f64),
    /// In factors; both ends above 0.
    Log(f64, f64),
    /// One place for each name.
    Names(Vec<String>),
}

impl Scale {
    /// An even axis for values, whichever they are.
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        let range = drawable(low..high);
        let (span, size) = (range.end - range.start, range.end.abs());
        // Equal values have an axis that can be read.
        let flat = if size < 1e-9 { 0.05 } else { size * 0.05 };
        let room = if span < 1e-6 * size.max(1e-6) { flat } else { span * ROOM };
        let range = drawable(range.start - room..range.end + room);
        Self::Linear(range.start, range.end)
    }

    /// An axis in factors; an even one where a value is not above 0.
    pub(crate) fn log(low: f64, high: f64) -> Self {
        if !(low > 0.0 && high >= low && high.is_finite()) {
            return Self::linear(low, high);
        }
        let room = ((high.ln() - low.ln()) * ROOM).max(0.05).exp();
        Self::Log((low / room).max(f64::MIN_POSITIVE), (high * room).min(f64::MAX))
    }

    /// The axis of a parameter: its whole range, and what was tried beyond it.
    pub(crate) fn of_parameter(values: &SweepValues, tried: &[f64]) -> Self {
        match values {
            SweepValues::List(names) => Self::Names(names.clone()),
            SweepValues::Range { low, high, log, .. } => {
                let (low, high) = ends(tried.iter().copied().chain([*low, *high])).unwrap_or((*low, *high));
                if *log { Self::log(low, high) } else { Self::linear(low, high) }
            }
        }
    }

    /// An even axis for values of an objective, without those that lie far out.
    pub(crate) fn of_values(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let quartile = |share: f64| simpipe_metric::statistics::quantile(&sorted, share);
        let (Some(first), Some(third)) = (quartile(0.25), quartile(0.75)) else { return Self::Linear(0.0, 1.0) };
        let reach = FAR_OUT * (third - first);
        // Of equal quartiles nothing is known.
        let is_near = |value: &f64| reach <= 0.0 || (first - reach..=third + reach).contains(value);
        let (low, high) = ends(sorted.into_iter().filter(is_near)).unwrap_or((first, third));
        Self::linear(low, high)
    }

    /// Where a value lies, as a share of the axis; at its end what lies beyond. NaN lies at the start.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(low, high) => (value - low) / (high - low),
            Self::Log(low, high) => (value.max(f64::MIN_POSITIVE).ln() - low.ln()) / (high.ln() - low.ln()),
            Self::Names(names) => (value + 0.5) / names.len().max(1) as f64,
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Whether a value lies beyond the axis: -1 before, 1 behind, 0 on it.
    pub(crate) fn beyond(&self, value: f64) -> i8 {
        match self {
            Self::Linear(low, _) | Self::Log(low, _) if value < *low => -1,
            Self::Linear(_, high) | Self::Log(_, high) if value > *high => 1,
            _ => 0,
        }
    }

    /// Ticks, about so many at most.
    pub(crate) fn ticks(&self, most: usize) -> Vec<Tick> {
        match self {
            Self::Linear(low, high) => self.placed(even(*low, *high, most)),
            Self::Log(low, high) => self.placed(factors(*low, *high, most)),
            Self::Names(names) => {
                let every = names.len().div_ceil(most.max(1)).max(1);
                let tick = |(at, name): (usize, &String)| (self.share(at as f64), name.clone());
                names.iter().enumerate().step_by(every).map(tick).collect()
            }
        }
    }

    fn placed(&self, ticks: Vec<(f64, String)>) -> Vec<Tick> {
        ticks.into_iter().map(|(value, words)| (self.share(value), words)).collect()
    }
}

/// The least and the largest number.
pub(crate) fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// Round numbers in equal steps of 1, 2 or 5 times a power of ten.
fn even(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / most.max(1) as f64;
    let power = 10.0_f64.powi(rough.log10().floor() as i32);
    let Some(step) = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough) else {
        return Vec::new();
    };
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    if last < first {
        return Vec::new();
    }
    let digits = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    let is_plain = (1e-8..1e12).contains(&step) && low.abs().max(high.abs()) < 1e12;
    let words = |value: f64| if is_plain { number(value, digits) } else { format!("{value:.2e}").replace('-', "−") };
    let count = (last - first).min(1000.0) as usize;
    (0..=count).map(|at| (first + at as f64) * step).map(|value| (value, words(value))).collect()
}

/// Powers of ten; with twice and five times of them where there are few, and evenly where there are none of these.
fn factors(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let within = |times: &[u32]| -> Vec<f64> {
        let of_power =
            |power: i32| times.iter().filter_map(move |times| format!("{times}e{power}").parse::<f64>().ok());
        (first..=last).flat_map(of_power).filter(|value| (low..=high).contains(value)).collect()
    };
    let (tens, more) = (within(&[1]), within(&[1, 2, 5]));
    let chosen = match () {
        () if tens.len() >= 3 || tens.len() == 2 && more.len() > most => tens,
        () if (2..=most.max(2)).contains(&more.len()) => more,
        () => return even(low, high, most).into_iter().filter(|(value, _)| *value > 0.0).collect(),
    };
    let every = chosen.len().div_ceil(most.max(1)).max(1);
    chosen.into_iter().step_by(every).map(|value| (value, plain(value))).collect()
}

/// A number in as few signs as it has: `0.002`, `1e-6`, `12,000`.
pub(crate) fn plain(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:e}").replace('-', "−");
    }
    let digits = format!("{value}").split_once('.').map_or(0, |(_, fraction)| fraction.len());
    number(value, digits)
}

/// A number for reading: four digits that count, no more than it has.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() {
        return number(value, 0);
    }
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    plain(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scale: &Scale, most: usize) -> Vec<String> {
        scale.ticks(most).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(words(&Scale::Linear(0.0, 1.0), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(words(&Scale::Linear(0.41, 0.48), 4), ["0.42", "0.44", "0.46", "0.48"]);
        assert_eq!(words(&Scale::Linear(1.0, 12_000.0), 4), ["5,000", "10,000"]);
        assert_eq!(words(&Scale::Log(1e-4, 1e-1), 8), ["0.0001", "0.001", "0.01", "0.1"]);
        assert_eq!(words(&Scale::Log(1e-6, 1.0), 4), ["1e−6", "0.0001", "0.01", "1"]);
        assert_eq!(words(&Scale::Log(1.0, 16.0), 8), ["1", "2", "5", "10"]);
        // Within one decade.
        assert_eq!(words(&Scale::Log(0.22, 0.48), 5), ["0.3", "0.4"]);
        let names = Scale::Names(["a", "b", "c", "d"].map(str::to_owned).to_vec());
        assert_eq!(words(&names, 2), ["a", "c"]);
        assert_eq!(names.ticks(4)[0].0, 0.125);
    }

    #[test]
    fn a_logarithm_lies_in_factors() {
        let scale = Scale::Log(1e-4, 1.0);
        assert!((scale.share(1e-2) - 0.5).abs() < 1e-12);
        assert_eq!((scale.share(0.0), scale.share(f64::NAN), scale.share(7.0)), (0.0, 0.0, 1.0));
        assert_eq!((scale.beyond(1e-5), scale.beyond(0.5), scale.beyond(2.0)), (-1, 0, 1));
        assert!(matches!(Scale::log(0.0, 1.0), Scale::Linear(..)), "0 has no logarithm");
        let range = SweepValues::Range { low: 1e-3, high: 1e-1, log: true, integer: false };
        let Scale::Log(low, high) = Scale::of_parameter(&range, &[1e-2, 1.0]) else { panic!() };
        assert!(low < 1e-3 && high > 1.0, "what was tried beyond the range is on its axis: {low} {high}");
    }

    #[test]
    fn one_training_that_went_wrong_presses_nothing_together() {
        let mut values: Vec<f64> = (0..20).map(|at| 1.0 + f64::from(at) / 100.0).collect();
        values.push(1e6);
        let scale = Scale::of_values(&values);
        assert_eq!((scale.beyond(1e6), scale.beyond(1.19)), (1, 0));
        // Of a few values all are shown, and of equal ones there is an axis too.
        assert_eq!(Scale::of_values(&[0.1, 0.9]).beyond(0.9), 0);
        for values in [&[][..], &[0.5; 9], &[f64::NAN], &[0.0], &[1e300, -1e300], &[f64::INFINITY, 1.0], &[5e-324]] {
            let Scale::Linear(low, high) = Scale::of_values(values) else { panic!() };
            assert!(low < high && (high - low).is_finite(), "{values:?}: {low} {high}");
            assert!(Scale::of_values(values).ticks(6).len() < 20, "{values:?}");
        }
    }

    #[test]
    fn numbers_have_no_more_digits_than_they_need() {
        let found = [0.002, 1e-6, 12_000.0, 0.0, -0.5, 0.1 + 0.2, 0.000_123_456].map(short);
        assert_eq!(found, ["0.002", "1e−6", "12,000", "0", "−0.5", "0.3", "0.0001235"]);
    }
}
