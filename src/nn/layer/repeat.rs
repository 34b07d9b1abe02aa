//! `repeat`: the same layers several times, each time with weights of their own.

use super::{Cx, FeatureShape, Features, Layer, LayerSpec, Length, List, Walk, lengths};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// The layers of `body`, `times` times one behind the other. Only their description is shared: each round has weights
    /// of its own.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 2, body = [{ conv2d = { filters = 8, kernel = 3, padding = "same" } }, "relu"] } }
    /// ```
    pub struct Repeat {
        /// How many times.
        times: usize => check::between(1, 1_000),
        /// What is repeated.
        body: Vec<LayerSpec> => check::not_empty(),
    }
}

impl Repeat {
    /// Calls `go` with the list of each round, while it gives a value.
    fn rounds<T, E>(&self, start: T, mut go: impl FnMut(&List<'_>, T) -> Result<T, E>) -> Result<T, E> {
        (0..self.times).try_fold(start, |value, round| {
            let path = format!("{round}.body");
            go(&List { path: &path, spec: "repeat.body", number: round as u64 }, value)
        })
    }
}

impl Layer for Repeat {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        self.rounds(input.clone(), |list, shape| walk.list(list, &self.body, &shape))
    }

    fn length(&self) -> Length {
        lengths(&self.body)
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let Ok(y) = self.rounds(x, |list, x| Ok::<_, std::convert::Infallible>(cx.list(list, &self.body, x)));
        y
    }

    fn only_holds_layers(&self) -> bool {
        true
    }
}
