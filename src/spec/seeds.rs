//! `seeds = [1, 2, 3]` at the top of a config: one training each.

use std::collections::BTreeMap;

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Table, Value};
use simpipe_base::param::Param;
use simpipe_base::path;

/// Seeds of one config at most: a group's record lists the stages of every one.
pub const MOST: usize = 1000;

/// The seeds of a merged config; none where it has no such key, or where something is wrong with it.
pub(super) fn read(table: &Table, issues: &mut Issues) -> Vec<u64> {
    let Some(entry) = table.get("seeds") else { return Vec::new() };
    if table.contains_key("seed") {
        let message = "`seed` and `seeds` exclude each other";
        let help = "keep `seed` for one run, or `seeds` for one run per seed";
        issues.push(Issue::at(&entry.key, "seeds", message).help(help));
    }
    let Value::Array(items) = &entry.node.value else {
        let found = simpipe_base::param::found(&entry.node);
        let message = format!("`seeds` expects a list of integers, found {found}");
        issues.push(Issue::at(&entry.node.place, "seeds", message).help("write `seeds = [1, 2, 3]`, or `seed = 1`"));
        return Vec::new();
    };
    let wrong = |message: String| Issue::at(&entry.node.place, "seeds", message);
    if items.is_empty() {
        issues.push(wrong("`seeds` is empty, so there is nothing to run".to_owned()).help("write `seeds = [1, 2, 3]`"));
    }
    if items.len() > MOST {
        let message = format!("`seeds` lists {}, at most {MOST} are allowed", items.len());
        issues.push(wrong(message).help("a few are enough: five give a good interval of the mean"));
        return Vec::new();
    }
    let mut places = BTreeMap::new();
    let mut seeds = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let here = path::at("seeds", at);
        let Some(seed) = u64::read(item, &here, issues) else { continue };
        if let Some(first) = places.insert(seed, at) {
            let message = format!("the seed {seed} is repeated: `seeds[{first}]` is the same");
            issues
                .push(Issue::at(&item.place, here, message).help("the same seed trains the same network: remove one"));
        }
        seeds.push(seed);
    }
    seeds
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::parse;
    use simpipe_base::source::{Layer, Source};

    /// The seeds of a text, and what is wrong with it as (column, message).
    fn seeds(text: &str) -> (Vec<u64>, Vec<(usize, String)>) {
        let source = Source::of_layer(Layer::Config, "a.toml".to_owned(), text, Path::new(""));
        let mut issues = Issues::default();
        let table = parse::parse(&source, &mut issues).unwrap();
        let seeds = read(&table, &mut issues);
        let said = |issue: Issue| (issue.place.unwrap().line_column().1, issue.message);
        (seeds, issues.0.into_iter().map(said).collect())
    }

    #[test]
    fn seeds_are_read_and_mistakes_have_their_places() {
        assert_eq!(seeds("seeds = [3, 1, 2]"), (vec![3, 1, 2], vec![]));
        assert_eq!(seeds("seed = 1"), (vec![], vec![]));
        let messages = |text: &str| seeds(text).1;
        assert_eq!(messages("seeds = []"), [(9, "`seeds` is empty, so there is nothing to run".to_owned())]);
        assert_eq!(messages("seeds = [1, 2, 1]"), [(16, "the seed 1 is repeated: `seeds[0]` is the same".to_owned())]);
        assert_eq!(messages("seeds = 3"), [(9, "`seeds` expects a list of integers, found the integer 3".to_owned())]);
        assert_eq!(messages("seeds = [1, -2]")[0], (13, "`seeds[1]` must be at least 0, found -2".to_owned()));
        assert!(messages("seeds = [[1]]")[0].1.starts_with("`seeds[0]` expects an integer"));
        let both = messages("seed = 1\nseeds = [1, 2]");
        assert_eq!(both, [(1, "`seed` and `seeds` exclude each other".to_owned())]);
        let many = format!("seeds = {:?}", (0..=1000).collect::<Vec<u32>>());
        assert_eq!(messages(&many), [(9, "`seeds` lists 1001, at most 1000 are allowed".to_owned())]);
    }
}
