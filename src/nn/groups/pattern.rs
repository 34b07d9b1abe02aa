//! Patterns of paths: `layers.*.batch-norm`, `layers.0.**`.

use std::fmt::{Display, Formatter};

/// A pattern of dot-separated paths; it matches a path from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// This one.
    Named(String),
    /// `*`: any one.
    One,
    /// `**`: any number of any.
    Any,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let segment = |segment: &str| match segment {
            "" if text.is_empty() => Err("the pattern is empty".to_owned()),
            "" => Err(format!("`{text}` has nothing between two dots, or at an end")),
            "*" => Ok(Segment::One),
            "**" => Ok(Segment::Any),
            name if name.contains('*') => Err(format!("`*` matches a whole segment, not a part of `{name}`")),
            name => Ok(Segment::Named(name.to_owned())),
        };
        text.split('.').map(segment).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a path begins with segments that fit: a pattern that ends early takes all below it.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('.').collect();
        // Where in the path the segments so far may end: no pattern takes longer than its length times the path's.
        let mut ends = vec![false; path.len() + 1];
        ends[0] = true;
        for segment in &self.0 {
            ends = match segment {
                Segment::Any => {
                    let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
                    (0..ends.len()).map(|at| at >= first).collect()
                }
                Segment::One => step(&ends, |_| true),
                Segment::Named(name) => step(&ends, |at| path[at] == name),
            };
        }
        ends.contains(&true)
    }
}

/// The ends after one more segment, of which `takes` says whether it fits there.
fn step(ends: &[bool], takes: impl Fn(usize) -> bool) -> Vec<bool> {
    std::iter::once(false).chain((1..ends.len()).map(|at| ends[at - 1] && takes(at - 1))).collect()
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            let dot = if at > 0 { "." } else { "" };
            match segment {
                Segment::Named(name) => write!(f, "{dot}{name}")?,
                Segment::One => write!(f, "{dot}*")?,
                Segment::Any => write!(f, "{dot}**")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_segments_are_matched() {
        for (pattern, path, expected) in [
            ("layers.1", "layers.1.conv2d.weight", true),
            ("layers.1", "layers.10.conv2d.weight", false),
            ("layers.1", "layers", false),
            ("layers.*.conv2d", "layers.10.conv2d.bias", true),
            ("layers.*.conv2d", "layers.1.residual.body.0.conv2d.bias", false),
            ("layers.**.conv2d", "layers.1.residual.body.0.conv2d.bias", true),
            ("layers.**.conv2d", "layers.conv2d.bias", true),
            ("**.bias", "layers.1.conv2d.bias", true),
            ("**.bias", "layers.1.conv2d.weight", false),
            ("**", "layers.1.conv2d.weight", true),
            ("layers.0.**", "layers.0.conv2d.weight", true),
            ("*.*.conv2d.*.*", "layers.1.conv2d.bias", false),
            ("**.body.**.gamma", "layers.1.residual.body.1.batch-norm.gamma", true),
            ("**.body.*.gamma", "layers.1.residual.body.1.batch-norm.gamma", false),
        ] {
            assert_eq!(Pattern::read(pattern).unwrap().matches(path), expected, "{pattern} {path}");
            assert_eq!(Pattern::read(pattern).unwrap().to_string(), pattern);
        }
    }

    #[test]
    fn a_long_pattern_is_matched_at_once() {
        let pattern = Pattern::read(&["**", "*"].repeat(500).join(".")).unwrap();
        assert!(!pattern.matches(&["a"; 400].join(".")));
        assert!(pattern.matches(&["a"; 500].join(".")));
    }
}
