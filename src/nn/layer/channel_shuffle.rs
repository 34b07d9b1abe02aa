//! `channel-shuffle`: channels of all groups side by side.

use super::{Cx, FeatureShape, Features, Layer, Length, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Channel `j` of group `i` becomes channel `i` of group `j` (Zhang et al., 2018, arXiv:1707.01083), so that a
    /// convolution of groups behind it sees what all groups in front of it found.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]`, or vectors of `c`, stay as they are; `groups` divides `c`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { channel-shuffle = { groups = 3 } }
    /// ```
    pub struct ChannelShuffle {
        /// How many groups the channels come in.
        #[aka("num_groups", "n_groups", "group")]
        groups: usize = 2 => check::between(1, 65_536),
    }
}

impl Layer for ChannelShuffle {
    fn length(&self) -> Length {
        Length::Kept
    }

    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let channels = input.channels();
        if channels.is_multiple_of(self.groups) {
            return Ok(input.clone());
        }
        let message = format!("{} groups can't divide {channels} channels evenly", self.groups);
        Err(Issue::of("channel-shuffle.groups", message))
    }

    fn forward(&self, x: Features, _: &mut Cx<'_>) -> Features {
        match x {
            Features::Image(x) => {
                let [n, h, w, c] = x.dims();
                let groups = x.reshape([n, h, w, self.groups, c / self.groups]);
                Features::Image(groups.swap_dims(3, 4).reshape([n, h, w, c]))
            }
            Features::Tokens(x) => {
                let [n, t, c] = x.dims();
                let groups = x.reshape([n, t, self.groups, c / self.groups]);
                Features::Tokens(groups.swap_dims(2, 3).reshape([n, t, c]))
            }
            Features::Vector(x) => {
                let [n, c] = x.dims();
                Features::Vector(x.reshape([n, self.groups, c / self.groups]).swap_dims(1, 2).reshape([n, c]))
            }
        }
    }
}
