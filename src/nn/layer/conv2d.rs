//! `conv2d`: a square convolution with bias and activation.

use burn::tensor::Tensor;

use super::activation::Activation;
use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, LayerIssue, Walk};
use crate::base::check;
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
    pub struct Conv2d {
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

impl Conv2d {
    /// Its weight of shape `[kernel, kernel, in, out]`.
    pub(in crate::nn) const WEIGHT: &'static str = "weight";
    /// Its weight of shape `[out]`.
    pub(in crate::nn) const BIAS: &'static str = "bias";

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

    fn geometry(&self, [height, width]: [usize; 2], numerics: Numerics) -> ConvGeometry {
        let (rows, columns) = (self.zeros(height), self.zeros(width));
        ConvGeometry { stride: self.stride, rows, columns, numerics }
    }

    /// The activation as part of the convolution's own pass; `None` where it is a pass of its own.
    pub(in crate::nn) const fn epilogue(&self) -> Option<Epilogue> {
        match self.activation {
            Activation::None => Some(Epilogue::Linear),
            Activation::Relu => Some(Epilogue::Relu),
            Activation::LeakyRelu(_) | Activation::Gelu | Activation::Silu | Activation::Tanh | Activation::Sigmoid => {
                None
            }
        }
    }

    /// The training pass with the batch normalisation behind it, and perhaps a max-pool of this side and stride; only
    /// where there is an [`epilogue`](Self::epilogue).
    pub(in crate::nn) fn forward_normalised(
        &self,
        x: Tensor<4>,
        norm: TrainedNorm,
        pool: Option<usize>,
        cx: &Cx<'_>,
    ) -> (Tensor<4>, BatchStatistics) {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let epilogue = self.epilogue().expect("the caller has asked");
        ops::conv2d_norm_train(x, cx.weight(Self::WEIGHT), cx.weight(Self::BIAS), at, epilogue, norm, pool)
    }

    /// The convolution of one image of this height, width and number of channels.
    pub(in crate::nn) fn shape(&self, [height, width, channels]: [usize; 3], numerics: Numerics) -> ConvShape {
        let weight = [self.kernel, self.kernel, channels, self.filters];
        self.geometry([height, width], numerics).shape([1, height, width, channels], weight)
    }
}

impl Layer for Conv2d {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
        let [height, width, _] = input.image("conv2d")?;
        if self.padding == Padding::Valid && self.kernel > height.min(width) {
            let message = format!("a kernel of {0} x {0} is larger than its input of {height} x {width}", self.kernel);
            let help = "use a smaller `kernel`, less pooling before this layer, or padding = \"same\"";
            return Err(LayerIssue::new("conv2d.kernel", message).help(help));
        }
        Ok(FeatureShape::Image([self.side(height), self.side(width), self.filters]))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let (area, channels) = (self.kernel * self.kernel, input.channels());
        let shape = [self.kernel, self.kernel, channels, self.filters];
        let start = Start::GlorotUniform { fan_in: area * channels, fan_out: area * self.filters };
        vec![WeightSpec::new(Self::WEIGHT, shape, start), WeightSpec::new(Self::BIAS, [self.filters], Start::Zeros)]
    }

    /// `[n, h, w, in]` to `[n, h', w', out]`.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let (weight, bias) = (cx.weight(Self::WEIGHT), cx.weight(Self::BIAS));
        Features::Image(match self.epilogue() {
            Some(epilogue) => ops::conv2d(x, weight, bias, at, epilogue),
            None => self.activation.forward(ops::conv2d(x, weight, bias, at, Epilogue::Linear)),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::base::seed::Seed;
    use crate::nn::Network;
    use crate::nn::layer::{Flatten, LayerSpec};

    fn conv(kernel: usize, stride: usize, padding: Padding) -> Conv2d {
        Conv2d { filters: 1, kernel, stride, padding, activation: Activation::None }
    }

    #[test]
    fn same_padding_puts_the_odd_zero_after_as_keras_does() {
        // 4 pixels, kernel 3, stride 2: outputs at -0 and 2, which reach pixel 4: one zero, after.
        assert_eq!(conv(3, 2, Padding::Same).zeros(4), (0, 1));
        assert_eq!(conv(3, 1, Padding::Same).zeros(4), (1, 1));
        assert_eq!([4, 5].map(|side| conv(3, 2, Padding::Same).side(side)), [2, 3]);
    }

    #[test]
    fn a_kernel_of_ones_sums_its_window() {
        let run = |padding, stride| {
            let layers = [LayerSpec::Conv2d(conv(2, stride, padding)), LayerSpec::Flatten(Flatten {})];
            let seed = Seed::of_stage(1, "train", None);
            let mut network = Network::build(&layers, [3, 3, 1], seed, &Device::flex()).unwrap();
            let mut weights = network.to_weights();
            weights.0.insert("layers.0.conv2d.weight".into(), (vec![2, 2, 1, 1], vec![1.0; 4]));
            weights.0.insert("layers.0.conv2d.bias".into(), (vec![1], vec![0.5]));
            network.set_weights(&weights).unwrap();
            network.embed(&[1, 2, 3, 4, 5, 6, 7, 8, 9])
        };
        assert_eq!(run(Padding::Valid, 1), [12.5, 16.5, 24.5, 28.5]);
        // The zeros stand right and below.
        assert_eq!(run(Padding::Same, 2), [12.5, 9.5, 15.5, 9.5]);
    }
}
