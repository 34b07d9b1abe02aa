//! `conv2d`: a square convolution with bias and activation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use super::activation::Activation;
use super::{Describe, FeatureShape, LayerIssue, ParameterCount, init};
use crate::base::check;
use crate::nn::fused;
use crate::nn::kernel::ConvShape;
use crate::nn::ops::{self, BatchStatistics, ConvGeometry, Epilogue, Numerics, TrainedNorm};
use crate::{choice, params};

choice! {
    /// What a convolution sees beyond the border.
    pub enum Padding {
        /// Nothing: the map shrinks by `kernel - 1`.
        "valid" => Valid,
        /// Zeros, so that the map keeps its size at stride 1 (Keras' rule: the odd zero goes below and right).
        #[aka("zeros", "zero")]
        "same" => Same,
    }
}

params! {
    /// A square convolution: `y = activation(conv(x, kernel) + bias)`.
    ///
    /// Kernels start Glorot-uniform (Glorot and Bengio, 2010; limit `sqrt(6 / (k k (in + out)))`), biases at zero, as
    /// Keras' do.
    ///
    /// # Example
    ///
    /// ```toml
    /// { conv2d = { filters = 64, kernel = 3, activation = "relu" } }
    /// ```
    pub struct Conv2dSpec {
        /// Output channels.
        #[aka("out_channels", "channels_out", "num_filters", "n_filters")]
        filters: usize => check::between(1, 65_536),
        /// Side of the kernel, in pixels.
        #[aka("kernel_size", "ksize", "filter_size")]
        kernel: usize => check::between(1, 4_096),
        /// Step between outputs, in pixels.
        #[aka("strides", "subsample")]
        stride: usize = 1 => check::between(1, 4_096),
        /// What lies beyond the border.
        padding: Padding = Padding::Valid,
        /// What follows the bias.
        #[aka("act", "nonlinearity", "activation_fn")]
        activation: Activation = Activation::None,
    }
}

/// The weights of a [`Conv2dSpec`].
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[kernel, kernel, in, out]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    spec: Conv2dSpec,
    #[module(skip)]
    numerics: Numerics,
}

impl Conv2dSpec {
    /// Zeros before and after a side of `size` pixels.
    fn zeros(&self, size: usize) -> (usize, usize) {
        match self.padding {
            Padding::Valid => (0, 0),
            Padding::Same => {
                let reach = (size.div_ceil(self.stride) - 1) * self.stride + self.kernel;
                let total = reach.saturating_sub(size);
                (total / 2, total - total / 2)
            }
        }
    }

    fn side(&self, size: usize) -> usize {
        let (before, after) = self.zeros(size);
        (size + before + after - self.kernel) / self.stride + 1
    }

    /// Fresh weights for an input of `channels` channels.
    pub(super) fn init(&self, channels: usize, rng: &mut ChaCha8Rng, device: &Device) -> Conv2d {
        let area = self.kernel * self.kernel;
        let shape = [self.kernel, self.kernel, channels, self.filters];
        let weight = init::glorot_uniform(shape, area * channels, area * self.filters, rng, device);
        Conv2d {
            weight: Param::from_tensor(weight),
            bias: Param::from_tensor(Tensor::zeros([self.filters], device)),
            spec: self.clone(),
            numerics: Numerics::Fast,
        }
    }
}

impl Describe for Conv2dSpec {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        let [height, width, _] = input.image("conv2d")?;
        if self.padding == Padding::Valid && self.kernel > height.min(width) {
            let message = format!("a kernel of {0} x {0} is larger than its input of {height} x {width}", self.kernel);
            let help = "use a smaller `kernel`, less pooling before this layer, or padding = \"same\"";
            return Err(LayerIssue::new("conv2d.kernel", message).help(help));
        }
        Ok(FeatureShape::Image([self.side(height), self.side(width), self.filters]))
    }

    fn parameters(&self, input: &FeatureShape) -> ParameterCount {
        ParameterCount::trainable((self.kernel * self.kernel * input.channels() + 1) * self.filters)
    }
}

impl Conv2d {
    /// `[n, h, w, in]` to `[n, h', w', out]`.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width]);
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match self.spec.activation {
            Activation::Relu => ops::conv2d(x, weight, bias, at, Epilogue::Relu),
            ref other => other.forward(ops::conv2d(x, weight, bias, at, Epilogue::Linear)),
        }
    }

    fn geometry(&self, [height, width]: [usize; 2]) -> ConvGeometry {
        let Self { spec, numerics, .. } = self;
        let (rows, columns) = (spec.zeros(height), spec.zeros(width));
        ConvGeometry { stride: spec.stride, rows, columns, numerics: *numerics }
    }

    /// The activation as part of the convolution's own pass; `None` where it is a pass of its own.
    pub(in crate::nn) const fn epilogue(&self) -> Option<Epilogue> {
        match self.spec.activation {
            Activation::None => Some(Epilogue::Linear),
            Activation::Relu => Some(Epilogue::Relu),
            _ => None,
        }
    }

    /// The training pass with the batch normalisation behind it, and perhaps a max-pool of this side and stride; only
    /// where there is an [`epilogue`](Self::epilogue).
    pub(in crate::nn) fn forward_normalised(
        &self,
        x: Tensor<4>,
        norm: TrainedNorm,
        pool: Option<usize>,
    ) -> (Tensor<4>, BatchStatistics) {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width]);
        let epilogue = self.epilogue().expect("the caller has asked");
        ops::conv2d_norm_train(x, self.weight.val(), self.bias.val(), at, epilogue, norm, pool)
    }

    /// Weight (`[kernel, kernel, in, out]`) and bias as numbers.
    pub(in crate::nn) fn weights(&self) -> [Vec<f64>; 2] {
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        let weight = self.weight.val().into_data().try_into_vec::<f32>().expect("weights are f32");
        let bias = self.bias.val().into_data().try_into_vec::<f32>().expect("weights are f32");
        [wide(weight), wide(bias)]
    }

    /// The convolution of one image of this height, width and number of channels.
    pub(in crate::nn) fn shape(&self, [height, width, channels]: [usize; 3]) -> ConvShape {
        self.geometry([height, width]).shape([1, height, width, channels], self.weight.dims())
    }

    /// Whether our own kernels can compute it outside the autodiff graph.
    pub(in crate::nn) fn is_on_flex(&self) -> bool {
        fused::is_on_flex(&self.bias.val())
    }

    /// Which methods may compute it.
    pub(in crate::nn) const fn set_numerics(&mut self, numerics: Numerics) {
        self.numerics = numerics;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kernel: usize, stride: usize, padding: Padding) -> Conv2dSpec {
        Conv2dSpec { filters: 1, kernel, stride, padding, activation: Activation::None }
    }

    #[test]
    fn same_padding_puts_the_odd_zero_after_as_keras_does() {
        // 4 pixels, kernel 3, stride 2: outputs at -0 and 2, which reach pixel 4: one zero, after.
        assert_eq!(spec(3, 2, Padding::Same).zeros(4), (0, 1));
        assert_eq!(spec(3, 1, Padding::Same).zeros(4), (1, 1));
        let shape = spec(3, 2, Padding::Same).output(&FeatureShape::Image([4, 5, 1])).unwrap();
        assert_eq!(shape, FeatureShape::Image([2, 3, 1]));
    }

    #[test]
    fn a_kernel_of_ones_sums_its_window() {
        let device = Device::flex();
        let ones = |padding, stride| Conv2d {
            weight: Param::from_tensor(Tensor::ones([2, 2, 1, 1], &device)),
            bias: Param::from_tensor(Tensor::full([1], 0.5, &device)),
            spec: spec(2, stride, padding),
            numerics: Numerics::Fast,
        };
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &device);
        let x = x.reshape([1, 3, 3, 1]);
        let values = |y: Tensor<4>| y.into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(values(ones(Padding::Valid, 1).forward(x.clone())), [12.5, 16.5, 24.5, 28.5]);
        // The zeros stand right and below.
        assert_eq!(values(ones(Padding::Same, 2).forward(x)), [12.5, 9.5, 15.5, 9.5]);
    }
}
