//! Spec paths: `train.layers[3].conv2d.filters`.

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into a list.
    Index(usize),
}

/// The steps of a path. A bracket that holds no number is read as a key, so that no input is refused here.
#[must_use]
pub fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('[');
        if let Some(key) = pieces.next().filter(|key| !key.is_empty()) {
            steps.push(Step::Key(key));
        }
        for piece in pieces {
            let inner = piece.trim_end_matches(']');
            steps.push(inner.parse().map_or(Step::Key(inner), Step::Index));
        }
    }
    steps
}

/// `parent.key`, or `key` at the root.
#[must_use]
pub fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// `parent[index]`.
#[must_use]
pub fn at(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_into_steps() {
        let expected = [Step::Key("layers"), Step::Index(3), Step::Key("conv2d"), Step::Key("filters")];
        assert_eq!(steps("layers[3].conv2d.filters"), expected);
        assert_eq!(join("", "a"), "a");
        assert_eq!(at("a.b", 2), "a.b[2]");
    }
}
