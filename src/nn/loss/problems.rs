//! What is wrong with a loss, before anything is trained: each problem at the parameter that causes it.

use super::{LossSpec, Needs, Target};
use simpipe_base::issue::Issue;

/// What is known of a training before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Length of an embedding.
    pub dim: Option<usize>,
    /// Rows of a batch, all views of them.
    pub rows: Option<usize>,
    /// Views of every example.
    pub views: usize,
}

impl LossSpec {
    /// Every problem, its path from the parameter `loss` on: `loss.sum.terms[1].loss.matryoshka.sizes[0]`.
    #[must_use]
    pub fn problems(&self, known: &Known) -> Vec<Issue> {
        let inside = under("loss", self.inside(known));
        if !inside.is_empty() {
            return inside;
        }
        self.alone().or_else(|| self.lacks_views(known)).into_iter().collect()
    }

    /// A regulariser trains nothing.
    fn alone(&self) -> Option<Issue> {
        if self.as_dyn().is_objective() {
            return None;
        }
        let message = format!("`{}` is a regulariser, which alone does not say what to learn", self.name());
        let help = format!(
            "add it to a loss: {{ sum = {{ terms = [{{ loss = \"multi-similarity\" }}, {{ weight = 0.1, loss = \"{}\" }}] }} }}",
            self.name()
        );
        Some(Issue::of("loss", message).help(help))
    }

    /// What is worth a warning: a loss that is meant to go beside another, and has none.
    #[must_use]
    pub fn lacks_company(&self) -> Option<Issue> {
        if self.as_dyn().stands_alone() || !self.as_dyn().is_objective() {
            return None;
        }
        let any = Target { dim: 1 << 16, classes: 1 };
        let inner = self.as_dyn().inner(any);
        let helper = inner.iter().map(|inner| inner.loss).find(|loss| loss.as_dyn().is_objective()).unwrap_or(self);
        let message = format!("`{}` complements another loss: alone it hardly says what to learn", helper.name());
        let help = format!(
            "add it to one: {{ sum = {{ terms = [{{ loss = \"multi-similarity\" }}, {{ weight = 0.1, loss = \"{}\" }}] }} }}",
            helper.name()
        );
        Some(Issue::of("loss", message).help(help))
    }

    /// Losses of labels take any number of views: the labels are those of the examples.
    fn lacks_views(&self, known: &Known) -> Option<Issue> {
        if !self.needs().two_views || known.views == 2 {
            return None;
        }
        let message = format!("`{}` compares two views of every example, but `views` is {}", self.name(), known.views);
        Some(Issue::of("loss", message).help("set `views = 2`, with an `augment` that makes them differ"))
    }

    /// The problems of its parameters and of the losses inside it, their paths from its name on: `matryoshka.sizes[0]`.
    pub(super) fn inside(&self, known: &Known) -> Vec<Issue> {
        under(self.name(), self.as_dyn().problems(known))
    }

    /// Whether it or a loss inside it is of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        let any = Target { dim: 1, classes: 1 };
        self.name() == name || self.as_dyn().inner(any).iter().any(|inner| inner.loss.holds(name))
    }
}

impl Needs {
    /// What a batch must hold for both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            positive_pairs: self.positive_pairs || other.positive_pairs,
            negative_pairs: self.negative_pairs || other.negative_pairs,
            known_classes: self.known_classes || other.known_classes,
            two_views: self.two_views || other.two_views,
        }
    }
}

/// The same problems, at paths that begin further out.
pub(super) fn under(outer: &str, issues: Vec<Issue>) -> Vec<Issue> {
    let moved = |issue: Issue| Issue { path: format!("{outer}.{}", issue.path), ..issue };
    issues.into_iter().map(moved).collect()
}
