//! `max-pool`, `avg-pool`, `global-max-pool` and `global-avg-pool`.

use super::padding::{Padding, Windows};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops::{self, PoolGeometry};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// The largest value of each square window. What lies beyond the border counts for nothing.
    ///
    /// # Example
    ///
    /// ```toml
    /// { max-pool = { size = 2 } }
    /// ```
    pub struct MaxPool {
        /// Side of the window, in pixels.
        #[aka("pool_size", "window", "kernel_size", "kernel")]
        size: usize => check::between(1, 65_536),
        /// Step between windows, in pixels; the window's size if it is left out.
        #[aka("strides", "subsample")]
        stride: Option<usize> = None => positive_stride(),
        /// How far windows reach beyond the border; without it those that reach beyond are dropped.
        #[since = 2]
        #[aka("pad")]
        padding: Padding = Padding::Valid,
    }
}

params! {
    /// The mean of each square window.
    ///
    /// # Example
    ///
    /// ```toml
    /// { avg-pool = { size = 2 } }
    /// ```
    pub struct AvgPool {
        /// Side of the window, in pixels.
        #[aka("pool_size", "window", "kernel_size", "kernel")]
        size: usize => check::between(1, 65_536),
        /// Step between windows, in pixels; the window's size if it is left out.
        #[aka("strides", "subsample")]
        stride: Option<usize> = None => positive_stride(),
        /// How far windows reach beyond the border; without it those that reach beyond are dropped.
        #[since = 2]
        #[aka("pad")]
        padding: Padding = Padding::Valid,
        /// Whether pixels beyond the border are zeros that count, as in torch, or are left out of the mean, as in Keras.
        #[since = 2]
        #[aka("count_include_pad")]
        count_padding: bool = false,
    }
}

fn positive_stride() -> check::Check<Option<usize>> {
    check::between(1, 65_536).optional()
}

impl MaxPool {
    fn windows(&self) -> Windows<'_> {
        Windows { reach: self.size, stride: self.stride.unwrap_or(self.size), padding: &self.padding }
    }

    /// Pixels of border above and below, and left and right, of a map of these sides.
    pub(crate) fn borders(&self, [height, width]: [usize; 2]) -> [(usize, usize); 2] {
        [self.windows().border(height), self.windows().border(width)]
    }

    /// Its side, if its windows lie side by side within the map.
    pub(crate) fn side_by_side(&self) -> Option<usize> {
        let plain = self.padding == Padding::Valid && self.stride.is_none_or(|stride| stride == self.size);
        plain.then_some(self.size)
    }
}

impl AvgPool {
    fn windows(&self) -> Windows<'_> {
        Windows { reach: self.size, stride: self.stride.unwrap_or(self.size), padding: &self.padding }
    }

    /// Pixels of border above and below, and left and right, of a map of these sides.
    pub(crate) fn borders(&self, [height, width]: [usize; 2]) -> [(usize, usize); 2] {
        [self.windows().border(height), self.windows().border(width)]
    }
}

impl Windows<'_> {
    fn pooled(&self, name: &'static str, input: &FeatureShape) -> Result<FeatureShape, Issue> {
        let [height, width, channels] = input.image(name)?;
        let window = format!("a window of {0} x {0}", self.reach);
        let sides = self.output(name, [height, width], (&window, "size"));
        let [height, width] = sides.map_err(|issue| match issue.help {
            Some(_) => issue,
            None => issue.help("use a smaller `size`"),
        })?;
        Ok(FeatureShape::Image([height, width, channels]))
    }

    fn geometry(&self, [height, width]: [usize; 2]) -> PoolGeometry {
        let (rows, columns) = (self.border(height), self.border(width));
        PoolGeometry { size: self.reach, stride: self.stride, rows, columns }
    }
}

impl Layer for MaxPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        self.windows().pooled("max-pool", input)
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        let x = input.into_image();
        let [_, height, width, _] = x.dims();
        Features::Image(ops::max_pool_with_border(x, self.windows().geometry([height, width])))
    }
}

impl Layer for AvgPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        self.windows().pooled("avg-pool", input)
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        let x = input.into_image();
        let [_, height, width, _] = x.dims();
        Features::Image(ops::avg_pool(x, self.windows().geometry([height, width]), self.count_padding))
    }
}

params! {
    /// The largest value of each channel.
    pub struct GlobalMaxPool {}
}

impl Layer for GlobalMaxPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        input.image("global-max-pool").map(|[_, _, channels]| FeatureShape::Vector(channels))
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        Features::Vector(ops::global_max_pool(input.into_image()))
    }
}

params! {
    /// The mean of each channel.
    pub struct GlobalAvgPool {}
}

impl Layer for GlobalAvgPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        input.image("global-avg-pool").map(|[_, _, channels]| FeatureShape::Vector(channels))
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        Features::Vector(ops::global_avg_pool(input.into_image()))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::layer::padding::Symmetric;
    use crate::layer::{LayerSpec, Mode};
    use crate::ops::Numerics;
    use crate::parameters::Parameters;

    fn run(layer: LayerSpec, x: Tensor<4>) -> Features {
        Cx::root(&Parameters::default(), Numerics::Fast, Mode::Eval).layers(&[layer], Features::Image(x))
    }

    #[test]
    fn windows_that_reach_beyond_the_map_are_dropped() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &device).reshape([1, 3, 3, 1]);
        let values = |y: Features| y.into_image().into_data().try_into_vec::<f32>().unwrap();
        let max = |size, stride| run(LayerSpec::MaxPool(MaxPool { size, stride, padding: Padding::Valid }), x.clone());
        assert_eq!(values(max(2, None)), [5.0]);
        assert_eq!(values(max(2, Some(1))), [5.0, 6.0, 8.0, 9.0]);
        let avg = |padding, count_padding| {
            let layer = LayerSpec::AvgPool(AvgPool { size: 2, stride: None, padding, count_padding });
            values(run(layer, x.clone()))
        };
        assert_eq!(avg(Padding::Valid, false), [3.0]);
        let four = Windows { reach: 4, stride: 4, padding: &Padding::Valid };
        assert_eq!(four.pooled("max-pool", &FeatureShape::Image([11, 11, 8])).unwrap(), FeatureShape::Image([2, 2, 8]));
        // The border right and below is left out of a mean, or counts as zeros.
        assert_eq!(avg(Padding::Same, false), [3.0, 4.5, 7.5, 9.0]);
        assert_eq!(avg(Padding::Same, true), [3.0, 2.25, 3.75, 2.25]);
    }

    #[test]
    fn a_border_is_no_maximum_even_of_negative_values() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0], &device);
        let padding = Padding::Symmetric(Symmetric { pixels: 1 });
        let layer = LayerSpec::MaxPool(MaxPool { size: 3, stride: Some(2), padding });
        let y = run(layer, x.reshape([1, 3, 3, 1])).into_image();
        assert_eq!(y.into_data().try_into_vec::<f32>().unwrap(), [-1.0, -2.0, -4.0, -5.0]);
    }

    #[test]
    fn a_global_pool_keeps_channels_apart() {
        let device = Device::flex();
        // Two pixels of two channels: (1, 8), (3, 2).
        let x = Tensor::<1>::from_floats([1.0, 8.0, 3.0, 2.0], &device).reshape([1, 1, 2, 2]);
        let values = |y: Features| y.into_vector().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(values(run(LayerSpec::GlobalMaxPool(GlobalMaxPool {}), x.clone())), [3.0, 8.0]);
        assert_eq!(values(run(LayerSpec::GlobalAvgPool(GlobalAvgPool {}), x)), [2.0, 5.0]);
    }
}
