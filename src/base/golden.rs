//! Golden vectors: inputs with what a reference library computed for them, and how a value is held against them.
//!
//! A file is `{name, source, tolerance, note, cases: [{input, params, expected}]}`; numbers that JSON has no word for are
//! the strings "nan", "inf" and "-inf". Each layer evaluates what it computes: it lists an [`Evaluator`] by the names of
//! files. Nothing that a file holds makes an evaluator panic.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// One file.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldenFile {
    /// What it is about: evaluators are chosen by it.
    pub name: String,
    /// The reference and its version.
    #[serde(default)]
    pub source: String,
    /// Absolute and relative: see [`Comparison::value`].
    pub tolerance: f64,
    /// What its numbers are, in words.
    #[serde(default)]
    pub note: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// What the reference was given.
    #[serde(default)]
    pub input: Json,
    /// Under the reference's own names.
    #[serde(default)]
    pub params: Json,
    /// What it gave.
    pub expected: Json,
}

/// Why a case was not compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The program computes no such thing.
    #[error("not supported: {0}")]
    Unknown(String),
    /// The case is not of its file's form.
    #[error("malformed: {0}")]
    Malformed(String),
}

impl CaseError {
    /// A thing that the program does not compute.
    pub fn unknown(what: impl Into<String>) -> Self {
        Self::Unknown(what.into())
    }

    /// A case of another form.
    pub fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

/// Computes what a case asks for and holds it against what is expected.
pub type Evaluator = fn(&Case, &mut Comparison) -> Result<(), CaseError>;

/// Found values beside expected ones.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    tolerance: f64,
    compared: usize,
    error: f64,
    wrong: usize,
    mismatches: Vec<String>,
    unknown: Vec<String>,
}

impl Comparison {
    /// A comparison within this tolerance.
    #[must_use]
    pub fn new(tolerance: f64) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// A value, which passes if `|found - expected| <= t + t |expected|`, or if both are the same infinity, or no number.
    pub fn value(&mut self, what: &str, found: f64, expected: f64) {
        self.value_within(what, found, expected, 0.0);
    }

    /// As [`Comparison::value`], but passes also where the two are no farther apart than `absolute`: a file's note may say so.
    pub fn value_within(&mut self, what: &str, found: f64, expected: f64, absolute: f64) {
        self.compared += 1;
        let same = found == expected || (found.is_nan() && expected.is_nan());
        if same {
            return;
        }
        let apart = (found - expected).abs();
        let error = if expected.is_finite() { apart / (1.0 + expected.abs()) } else { f64::INFINITY };
        // An infinity that is found is infinitely far off, and so is what is no number.
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if apart <= absolute {
            return;
        }
        self.error = self.error.max(error);
        if error > self.tolerance {
            self.mismatch(format!("{what}: {found}, expected {expected}"));
        }
    }

    /// Values in order, against every number of a nested list.
    ///
    /// # Errors
    /// If there is something in the list that is no number.
    pub fn list<T: Into<f64>>(
        &mut self,
        what: &str,
        found: impl IntoIterator<Item = T>,
        expected: &Json,
    ) -> Result<(), CaseError> {
        let (found, expected) = (found.into_iter().map(Into::into).collect::<Vec<f64>>(), numbers(expected)?);
        self.equal(&format!("length of {what}"), &found.len(), &expected.len());
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            self.value(&format!("{what}[{at}]"), *found, *expected);
        }
        Ok(())
    }

    /// What must be equal.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.compared += 1;
        if found != expected {
            self.error = f64::INFINITY;
            self.mismatch(format!("{what}: {found:?}, expected {expected:?}"));
        }
    }

    /// A part of what is expected that the program does not compute.
    pub fn unknown(&mut self, what: impl Into<String>) {
        self.unknown.push(what.into());
    }

    fn mismatch(&mut self, text: String) {
        /// The rest is counted.
        const SHOWN: usize = 3;
        self.wrong += 1;
        if self.mismatches.len() < SHOWN {
            self.mismatches.push(text);
        }
    }

    /// How many values were compared.
    #[must_use]
    pub const fn compared(&self) -> usize {
        self.compared
    }

    /// The largest `|found - expected| / (1 + |expected|)`: to be held against the tolerance.
    #[must_use]
    pub const fn error(&self) -> f64 {
        self.error
    }

    /// How many values are wrong.
    #[must_use]
    pub const fn wrong(&self) -> usize {
        self.wrong
    }

    /// The first values that are wrong.
    #[must_use]
    pub fn mismatches(&self) -> &[String] {
        &self.mismatches
    }

    /// The parts that the program does not compute.
    #[must_use]
    pub fn unknown_parts(&self) -> &[String] {
        &self.unknown
    }
}

/// Numbers in a rectangular nested list.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each level, outermost first.
    pub shape: Vec<usize>,
    /// In order.
    pub values: Vec<f32>,
}

impl Array {
    /// Reads an array of that many levels, with a number in it at least.
    ///
    /// # Errors
    /// If it is none.
    #[expect(clippy::cast_possible_truncation, reason = "the references computed in f32")]
    pub fn read(json: &Json, levels: usize) -> Result<Self, CaseError> {
        let shape = shape(json)?;
        let values: Vec<f32> = numbers(json)?.into_iter().map(|number| number as f32).collect();
        if shape.len() != levels || values.is_empty() {
            return Err(CaseError::malformed(format!("a list of the shape {shape:?} instead of {levels} levels")));
        }
        Ok(Self { shape, values })
    }

    /// Reads an array of any number of levels.
    ///
    /// # Errors
    /// If it is none.
    pub fn any(json: &Json) -> Result<Self, CaseError> {
        Self::read(json, shape(json)?.len())
    }

    /// The rows of a matrix.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<f32>> {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        self.values.chunks(width).map(<[f32]>::to_vec).collect()
    }
}

/// What stands under a name in an object.
///
/// # Errors
/// If nothing does.
pub fn field<'a>(json: &'a Json, name: &str) -> Result<&'a Json, CaseError> {
    json.get(name).ok_or_else(|| CaseError::malformed(format!("there is no `{name}`")))
}

/// The text under a name in an object.
///
/// # Errors
/// If there is none.
pub fn text<'a>(json: &'a Json, name: &str) -> Result<&'a str, CaseError> {
    field(json, name)?.as_str().ok_or_else(|| CaseError::malformed(format!("`{name}` is not a text")))
}

/// The list under a name in an object.
///
/// # Errors
/// If there is none.
pub fn items<'a>(json: &'a Json, name: &str) -> Result<&'a [Json], CaseError> {
    let list = field(json, name)?.as_array().map(Vec::as_slice);
    list.ok_or_else(|| CaseError::malformed(format!("`{name}` is not a list")))
}

/// The object under a name in an object.
///
/// # Errors
/// If there is none.
pub fn object<'a>(json: &'a Json, name: &str) -> Result<&'a Map<String, Json>, CaseError> {
    fields(field(json, name)?)
}

/// The fields of an object.
///
/// # Errors
/// If it is none.
pub fn fields(json: &Json) -> Result<&Map<String, Json>, CaseError> {
    json.as_object().ok_or_else(|| CaseError::malformed("something that is not an object"))
}

/// A value of some type under a name in an object: labels, a count.
///
/// # Errors
/// If there is none of that type.
pub fn value<T: serde::de::DeserializeOwned>(json: &Json, name: &str) -> Result<T, CaseError> {
    let found = field(json, name)?;
    T::deserialize(found).map_err(|error| CaseError::malformed(format!("`{name}`: {error}")))
}

/// One number, which may be written as a word.
///
/// # Errors
/// If it is none.
pub fn number(json: &Json) -> Result<f64, CaseError> {
    let found = match json {
        Json::String(word) => word.parse().ok(),
        other => other.as_f64(),
    };
    found.ok_or_else(|| CaseError::malformed(format!("`{json}` is not a number")))
}

/// Every number of a nested list, in order.
///
/// # Errors
/// If there is something else in it.
pub fn numbers(json: &Json) -> Result<Vec<f64>, CaseError> {
    let mut found = Vec::new();
    collect(json, &mut found)?;
    Ok(found)
}

fn collect(json: &Json, into: &mut Vec<f64>) -> Result<(), CaseError> {
    match json {
        Json::Array(items) => items.iter().try_for_each(|item| collect(item, into)),
        other => number(other).map(|number| into.push(number)),
    }
}

/// The shape of a nested list whose parts are all alike.
fn shape(json: &Json) -> Result<Vec<usize>, CaseError> {
    let Json::Array(items) = json else { return Ok(Vec::new()) };
    let Some(first) = items.first() else { return Ok(vec![0]) };
    let inner = shape(first)?;
    for item in &items[1..] {
        if shape(item)? != inner {
            return Err(CaseError::malformed("a list whose rows are of different lengths"));
        }
    }
    Ok([vec![items.len()], inner].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_passes_within_the_tolerance_and_infinities_are_equal_to_themselves() {
        let mut comparison = Comparison::new(0.01);
        for (found, expected) in [(1.0, 1.019), (f64::NAN, f64::NAN), (f64::INFINITY, f64::INFINITY), (-0.01, 0.0)] {
            comparison.value("x", found, expected);
        }
        assert_eq!((comparison.wrong(), comparison.compared()), (0, 4));
        for (found, expected) in
            [(1.0, 1.03), (f64::NAN, 1.0), (1.0, f64::NAN), (1.0, f64::INFINITY), (f64::INFINITY, 1.0)]
        {
            let mut comparison = Comparison::new(0.01);
            comparison.value("x", found, expected);
            assert_eq!(comparison.wrong(), 1, "{found} {expected}");
        }
        comparison.value_within("x", 0.5, 0.0, 1.0);
        assert_eq!(comparison.wrong(), 0);
        comparison.list("y", [1.0, 2.0], &json!([[1.0], [2.0], [3.0]])).unwrap();
        assert_eq!(comparison.mismatches(), ["length of y: 2, expected 3"]);
    }

    #[test]
    fn arrays_are_rectangular_and_words_are_numbers() {
        assert_eq!(numbers(&json!([1, ["-inf", [2.5]]])).unwrap(), [1.0, f64::NEG_INFINITY, 2.5]);
        assert_eq!(Array::read(&json!([[1, 2], [3, 4], [5, 6]]), 2).unwrap().shape, [3, 2]);
        for (bad, levels) in
            [(json!([[1, 2], [3]]), 2), (json!([]), 1), (json!([1]), 2), (json!(["x"]), 1), (json!({}), 0)]
        {
            assert!(Array::read(&bad, levels).is_err(), "{bad}");
        }
    }
}
