//! What can be wrong with a source and the rule that divides it.

use std::collections::BTreeMap;

use super::Params;
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_data::source::{Source, SourceFacts, SplitRule};
use simpipe_data::split::{HELD_OUT, Split, shares_problem};
use simpipe_stage::StageError;

impl Params {
    /// A folder that is divided twice.
    pub(super) fn divided_twice(&self) -> Option<Issue> {
        let Source::ImageFolder(folder) = &self.source else { return None };
        let twice = self.split != Split::Source && !folder.by_folders();
        twice.then(|| {
            let message = "the image folder has its own `split`: only one of the two can divide the images";
            let help = match &folder.split {
                SplitRule::Images(shares) => format!(
                    "leave out the one in `source.image-folder`, and write `split = {{ images = {{ validation = {}, test = {} }} }}` \
                     here",
                    if shares.validation > 0.0 { shares.validation } else { HELD_OUT },
                    shares.test
                ),
                SplitRule::Folders | SplitRule::Classes(_) => {
                    "leave out this one or the one in `source.image-folder`".to_owned()
                }
            };
            Issue::of("split", message).help(help)
        })
    }

    /// A folder whose own rule leaves nothing to train on.
    pub(super) fn overfull(&self) -> Option<Issue> {
        let Source::ImageFolder(folder) = &self.source else { return None };
        let SplitRule::Images(shares) = &folder.split else { return None };
        let issue = shares_problem(shares.validation, shares.test)?;
        Some(Issue { path: "source.image-folder.split.images".to_owned(), ..issue })
    }
}

/// A problem of `split` at its place.
pub(super) fn issue(problem: Issue, rule: &Split) -> Issue {
    Issue { path: format!("split.{}.{}", rule.name(), problem.path), ..problem }
}

/// A `path` of the source where there is nothing, or a folder of images that is not as it should be.
pub(super) fn missing(source: &Source, facts: &SourceFacts) -> Option<Issue> {
    let path = source.loader().path()?;
    let at = format!("source.{}.path", source.name());
    if !path.exists() {
        let message = format!("there is nothing at `{}`", path.display());
        let help = "the path is relative to the file that contains it (to the current folder in `--set`)";
        return Some(Issue::of(at, message).help(help).unavailable());
    }
    if facts.classes.is_some() {
        return None;
    }
    // What is there could not be listed: listing it for its digests says why, and no image is read.
    let error = source.loader().digests(&|_: &std::path::Path| Ok(Digest::of(b""))).err()?;
    let issue = Issue::of(at, error.to_string()).unavailable();
    Some(match error.help() {
        Some(help) => issue.help(help),
        None => issue,
    })
}

/// A rule that looks at images may leave a split empty, which is known when they are read.
pub(super) fn expect_splits(params: &Params, counts: &BTreeMap<String, usize>) -> Result<(), StageError> {
    let missing = params.split.wanted().into_iter().find(|name| !counts.contains_key(*name));
    missing.map_or(Ok(()), |name| {
        let message = format!("the split `{name}` gets none of the {} images", counts.values().sum::<usize>());
        let help = match &params.split {
            Split::Images(_) => "choose larger shares, or add images",
            Split::Group(_) => "choose larger shares or another `stream`, or add groups",
            _ => "name its members, or leave it out",
        };
        Err(Issue::of("split", message).help(help).into())
    })
}
