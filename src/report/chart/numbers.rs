//! Numbers as axes and tables write them.

use std::ops::Range;

/// Digits after the point that tell the ticks of a span apart.
pub(crate) fn digits(span: f64) -> usize {
    if span > 0.0 { (-(span / 8.0).log10().floor()).clamp(0.0, 8.0) as usize } else { 1 }
}

/// A number with some digits, thousands apart, and no sign before a zero; as a power of ten where it has many.
pub(crate) fn number(value: f64, digits: usize) -> String {
    const MANY: f64 = 1e15;
    if value.abs() >= MANY {
        return format!("{value:.2e}").replace('-', "−");
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) { "−" } else { "" };
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// A number in three digits, a small or a large one by a power of ten.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&value.abs()) {
        return format!("{value:.2e}").replace('-', "−");
    }
    let digits = (0..5).find(|digits| value.abs() * 10_f64.powi(*digits) >= 100.0).unwrap_or(5) as usize;
    let text = format!("{value:.digits$}").replace('-', "−");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number at an axis: on one of small numbers alone by a power of ten, for digits after the point would fill the margin.
pub(super) fn tick(value: f64, digits: usize, axis: &Range<f64>) -> String {
    const SMALL: f64 = 1e-3;
    if axis.start.abs().max(axis.end.abs()) >= SMALL {
        return number(value, digits);
    }
    // What plotters computes for 0 may be a little beside it.
    if value.abs() < (axis.end - axis.start) * 1e-6 {
        "0".to_owned()
    } else {
        format!("{value:.1e}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_say_three_digits() {
        let found = [0.0, 0.002, 0.1, 0.12345, 24.0, 0.001, 2.5e-5, 1e-12, 1e9, -0.25].map(short);
        assert_eq!(found, ["0", "0.002", "0.1", "0.123", "24", "0.001", "2.50e−5", "1.00e−12", "1.00e9", "−0.25"]);
    }

    #[test]
    fn small_axes_have_powers_of_ten() {
        assert_eq!(tick(2.5e-5, 7, &(0.0..1e-4)), "2.5e−5");
        assert_eq!([tick(1e-20, 7, &(0.0..1e-4)), tick(0.0, 7, &(0.0..1e-4))], ["0", "0"]);
        assert_eq!([tick(0.002, 4, &(0.0..0.01)), tick(-1.5, 1, &(-2.0..0.0))], ["0.0020", "−1.5"]);
    }

    #[test]
    fn numbers_are_grouped_and_zero_has_no_sign() {
        assert_eq!(number(12_000.0, 0), "12,000");
        assert_eq!(number(-0.049, 1), "0.0");
        assert_eq!(number(-0.05, 2), "−0.05");
        assert_eq!(number(1234.5, 1), "1,234.5");
        assert_eq!([number(-1.5e300, 3), number(f64::INFINITY, 0), number(f64::NAN, 1)], ["−1.50e300", "inf", "NaN"]);
        assert_eq!((digits(0.08), digits(1.1), digits(12_000.0)), (2, 1, 0));
    }
}
