//! `concat`: several ways through side by side, their channels one behind the other.

use burn::tensor::Tensor;

use super::{Cx, FeatureShape, Features, Layer, LayerSpec, List, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// The outputs of all branches, channel behind channel in their order (Szegedy et al., 2015, arXiv:1409.4842). An empty
    /// branch is the input itself.
    ///
    /// # Shapes
    ///
    /// Maps must have one height and width, `[h, w, c1]` and `[h, w, c2]` become `[h, w, c1 + c2]`; vectors likewise.
    ///
    /// # Example
    ///
    /// ```toml
    /// { concat = { branches = [["global-max-pool"], ["global-avg-pool"]] } }
    /// ```
    pub struct Concat {
        /// The ways through.
        branches: Vec<Vec<LayerSpec>> => check::not_empty(),
    }
}

impl Concat {
    /// What `go` gives for the list of each branch.
    fn each<'a, T, E>(
        &'a self,
        mut go: impl FnMut(&List<'_>, &'a Vec<LayerSpec>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let one = |(at, layers): (usize, &'a Vec<LayerSpec>)| {
            let (path, spec) = (format!("branches.{at}"), format!("concat.branches[{at}]"));
            go(&List { path: &path, spec: &spec, number: at as u64 }, layers)
        };
        self.branches.iter().enumerate().map(one).collect()
    }
}

impl Layer for Concat {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let shapes = self.each(|list, layers| walk.list(list, layers, input))?;
        let mut whole = shapes[0].clone();
        for (at, shape) in shapes.iter().enumerate().skip(1) {
            match (&mut whole, shape) {
                (FeatureShape::Image([h, w, c]), FeatureShape::Image([height, width, channels]))
                    if (*h, *w) == (*height, *width) =>
                {
                    *c += channels;
                }
                (FeatureShape::Vector(features), FeatureShape::Vector(more)) => *features += more,
                (FeatureShape::Tokens([one, width]), FeatureShape::Tokens([other, more])) if one == other => {
                    *width += more;
                }
                (_, shape) => {
                    let message =
                        format!("branch 0 gives {}, but branch {at} gives {}", shapes[0].words(), shape.words());
                    let issue = Issue::of(format!("concat.branches[{at}]"), message);
                    return Err(issue.help("branches must agree in all but their channels"));
                }
            }
        }
        Ok(whole)
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let Ok(parts) = self.each(|list, layers| Ok::<_, std::convert::Infallible>(cx.list(list, layers, x.clone())));
        if matches!(parts[0], Features::Image(_)) {
            Features::Image(Tensor::cat(parts.into_iter().map(Features::into_image).collect(), 3))
        } else if matches!(parts[0], Features::Tokens(_)) {
            Features::Tokens(Tensor::cat(parts.into_iter().map(Features::into_tokens).collect(), 2))
        } else {
            Features::Vector(Tensor::cat(parts.into_iter().map(Features::into_vector).collect(), 1))
        }
    }
}
