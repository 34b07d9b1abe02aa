//! `max-pool`, `avg-pool`, `global-max-pool` and `global-avg-pool`.

use super::{Cx, FeatureShape, Features, Layer, LayerIssue, Walk};
use crate::base::check;
use crate::nn::ops;
use crate::params;

params! {
    /// The largest value of each square window that lies within the map.
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
    }
}

params! {
    /// The mean of each square window that lies within the map.
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
    }
}

fn positive_stride() -> check::Check<Option<usize>> {
    check::between(1, 65_536).optional()
}

fn pooled(
    name: &'static str,
    input: &FeatureShape,
    size: usize,
    stride: Option<usize>,
) -> Result<FeatureShape, LayerIssue> {
    let [height, width, channels] = input.image(name)?;
    if size > height.min(width) {
        let message = format!("a window of {size} x {size} is larger than its input of {height} x {width}");
        return Err(LayerIssue::new(format!("{name}.size"), message).help("use a smaller `size`"));
    }
    let side = |pixels: usize| (pixels - size) / stride.unwrap_or(size) + 1;
    Ok(FeatureShape::Image([side(height), side(width), channels]))
}

impl Layer for MaxPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
        pooled("max-pool", input, self.size, self.stride)
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        Features::Image(ops::max_pool(input.into_image(), self.size, self.stride.unwrap_or(self.size)))
    }
}

impl Layer for AvgPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
        pooled("avg-pool", input, self.size, self.stride)
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        Features::Image(ops::avg_pool(input.into_image(), self.size, self.stride.unwrap_or(self.size)))
    }
}

params! {
    /// The largest value of each channel.
    pub struct GlobalMaxPool {}
}

impl Layer for GlobalMaxPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
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
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
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
    use crate::nn::layer::{LayerSpec, Mode};
    use crate::nn::ops::Numerics;
    use crate::nn::parameters::Parameters;

    fn run(layer: LayerSpec, x: Tensor<4>) -> Features {
        Cx::root(&Parameters::default(), Numerics::Fast, Mode::Eval).layers(&[layer], Features::Image(x))
    }

    #[test]
    fn windows_that_reach_beyond_the_map_are_dropped() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &device).reshape([1, 3, 3, 1]);
        let values = |y: Features| y.into_image().into_data().try_into_vec::<f32>().unwrap();
        let max = |size, stride| run(LayerSpec::MaxPool(MaxPool { size, stride }), x.clone());
        assert_eq!(values(max(2, None)), [5.0]);
        assert_eq!(values(max(2, Some(1))), [5.0, 6.0, 8.0, 9.0]);
        let avg = run(LayerSpec::AvgPool(AvgPool { size: 2, stride: None }), x);
        assert_eq!(values(avg), [3.0]);
        assert_eq!(
            pooled("max-pool", &FeatureShape::Image([11, 11, 8]), 4, None).unwrap(),
            FeatureShape::Image([2, 2, 8])
        );
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
