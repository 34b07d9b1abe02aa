//! `conv2d`: a square convolution with bias and activation.

use burn::tensor::Tensor;

use super::activation::Activation;
use super::init::Filters;
use super::init::{Start, WeightSpec};
use super::initial::Init;
use super::padding::{Padding, Windows};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops::{self, Act, BatchStatistics, ConvGeometry, Epilogue, Numerics, Tail, TrainedNorm};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_kernel::ConvShape;

params! {
    /// A square convolution: `y = activation(conv(x, kernel) + bias)`.
    ///
    /// Kernels start Glorot-uniform unless told otherwise, biases at zero, as Keras' do.
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
        /// What lies beyond the border: nothing, or zeros.
        #[aka("pad", "pad_mode")]
        padding: Padding = Padding::Valid,
        /// Step between the pixels that one output sees.
        #[since = 2]
        #[aka("dilation_rate", "dilations", "atrous_rate", "rate")]
        dilation: usize = 1 => check::between(1, 4_096),
        /// Parts into which channels and filters are cut: each filter sees the channels of its own part. As many as there are
        /// channels make a depthwise convolution.
        #[since = 2]
        #[aka("group", "num_groups", "n_groups", "cardinality")]
        groups: usize = 1 => check::between(1, 65_536),
        /// Whether each filter has a number of its own that is added; a batch normalisation behind it makes it idle.
        #[since = 2]
        #[aka("use_bias", "with_bias")]
        bias: bool = true,
        /// How kernels start.
        #[since = 2]
        #[aka("kernel_initializer", "initializer", "weight_init", "initialization")]
        init: Init = Init::GlorotUniform,
        /// What follows the bias.
        #[aka("act", "nonlinearity", "activation_fn")]
        activation: Activation = Activation::None,
    }
}

impl Conv2d {
    /// Its weight of shape `[kernel, kernel, in, out]`.
    pub(crate) const WEIGHT: &'static str = "weight";
    /// Its weight of shape `[out]`.
    pub(crate) const BIAS: &'static str = "bias";

    /// Pixels from the first to the last that one output sees.
    const fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    const fn windows(&self) -> Windows<'_> {
        Windows { reach: self.reach(), stride: self.stride, padding: &self.padding }
    }

    /// Pixels of border above and below, and left and right, of a map of these sides.
    pub(crate) fn borders(&self, [height, width]: [usize; 2]) -> [(usize, usize); 2] {
        [self.windows().border(height), self.windows().border(width)]
    }

    fn geometry(&self, sides: [usize; 2], numerics: Numerics) -> ConvGeometry {
        let [rows, columns] = self.borders(sides);
        let (stride, dilation, groups) = (self.stride, self.dilation, self.groups);
        ConvGeometry { stride, rows, columns, dilation, groups, numerics }
    }

    /// Whether it has neither groups nor holes, and our own kernels know it.
    pub(crate) const fn is_plain(&self) -> bool {
        self.groups == 1 && self.dilation == 1
    }

    /// Its bias, zeros where it has none.
    fn bias(&self, cx: &Cx<'_>, x: &Tensor<4>) -> Tensor<1> {
        if self.bias { cx.weight(Self::BIAS) } else { Tensor::zeros([self.filters], &x.device()) }
    }

    /// The activation as part of the convolution's own pass; `None` where it is a pass of its own.
    pub(crate) const fn epilogue(&self) -> Option<Epilogue> {
        match self.activation {
            Activation::None => Some(Epilogue::Linear),
            Activation::Relu => Some(Epilogue::Relu),
            _ => None,
        }
    }

    /// The training pass with the batch normalisation behind it and what follows that; only where there is an
    /// [`epilogue`](Self::epilogue).
    pub(crate) fn forward_normalised(
        &self,
        x: Tensor<4>,
        norm: TrainedNorm,
        tail: Tail,
        cx: &Cx<'_>,
    ) -> (Tensor<4>, BatchStatistics) {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let epilogue = self.epilogue().expect("the caller has asked");
        let (weight, bias) = (cx.weight(Self::WEIGHT), self.bias(cx, &x));
        ops::conv2d_norm_train(x, weight, bias, at, epilogue, norm, tail)
    }

    /// The convolution with `epilogue` in its own pass, whatever its activation is.
    pub(crate) fn forward_as(&self, x: Tensor<4>, epilogue: Epilogue, cx: &Cx<'_>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let (weight, bias) = (cx.weight(Self::WEIGHT), self.bias(cx, &x));
        ops::conv2d(x, weight, bias, at, epilogue)
    }

    /// The convolution without its own activation, and `act` of every value.
    pub(crate) fn forward_activated(&self, x: Tensor<4>, act: Act, cx: &Cx<'_>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let (weight, bias) = (cx.weight(Self::WEIGHT), self.bias(cx, &x));
        ops::conv2d_act(x, weight, bias, at, act)
    }

    /// As [`forward_as`](Self::forward_as), with a max-pool of this side and stride behind it.
    pub(crate) fn forward_pooled(&self, x: Tensor<4>, epilogue: Epilogue, size: usize, cx: &Cx<'_>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let at = self.geometry([height, width], cx.numerics());
        let (weight, bias) = (cx.weight(Self::WEIGHT), self.bias(cx, &x));
        ops::conv2d_max_pool(x, weight, bias, at, epilogue, size)
    }

    /// The convolution of one image of this height, width and number of channels, where it [is plain](Self::is_plain).
    pub(crate) fn shape(&self, [height, width, channels]: [usize; 3], numerics: Numerics) -> ConvShape {
        let weight = [self.kernel, self.kernel, channels, self.filters];
        self.geometry([height, width], numerics).shape([1, height, width, channels], weight)
    }

    /// Groups must part channels and filters evenly.
    fn divides(&self, channels: usize) -> Result<(), Issue> {
        for (what, count) in [("channels of its input", channels), ("filters", self.filters)] {
            if count % self.groups != 0 {
                let message = format!("{} groups can't divide the {count} {what} evenly", self.groups);
                let help = "`groups` must divide both; with as many groups as channels it is a depthwise convolution";
                return Err(Issue::of("conv2d.groups", message).help(help));
            }
        }
        Ok(())
    }
}

impl Layer for Conv2d {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [height, width, channels] = input.image("conv2d")?;
        self.divides(channels)?;
        let reach = self.reach();
        let (window, parameter, smaller) = if self.dilation == 1 {
            (format!("a kernel of {reach} x {reach}"), "kernel", "`kernel`")
        } else {
            (format!("a kernel that reaches over {reach} x {reach} pixels"), "dilation", "`dilation` or `kernel`")
        };
        let sides = self.windows().output("conv2d", [height, width], (&window, parameter));
        let [height, width] = sides.map_err(|issue| match issue.help {
            Some(_) => issue,
            None => {
                issue.help(format!("use a smaller {smaller}, less pooling before this layer, or padding = \"same\""))
            }
        })?;
        Ok(FeatureShape::Image([height, width, self.filters]))
    }

    /// The kernel `[k, k, in / groups, out]`, and the bias `[out]`.
    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let (side, groups) = (self.kernel, self.groups);
        let (inputs, outputs) = (input.channels() / groups, self.filters / groups);
        let start = self.init.start(Filters { side, inputs, outputs, groups });
        let kernel = WeightSpec::new(Self::WEIGHT, [side, side, inputs, self.filters], start);
        let bias = self.bias.then(|| WeightSpec::new(Self::BIAS, [self.filters], Start::Zeros));
        std::iter::once(kernel).chain(bias).collect()
    }

    /// `[n, h, w, in]` to `[n, h', w', out]`.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        Features::Image(match (self.epilogue(), &self.activation) {
            (Some(epilogue), _) => self.forward_as(x, epilogue, cx),
            (None, Activation::Gelu) => self.forward_activated(x, Act::Gelu, cx),
            (None, Activation::Silu) => self.forward_activated(x, Act::Silu, cx),
            (None, _) => self.activation.forward(self.forward_as(x, Epilogue::Linear, cx)),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::Network;
    use crate::layer::{Flatten, LayerSpec};
    use simpipe_base::seed::Seed;

    fn conv(kernel: usize, stride: usize, padding: Padding) -> Conv2d {
        Conv2d {
            stride,
            padding,
            ..simpipe_base::param::from_json(&serde_json::json!({ "filters": 1, "kernel": kernel })).unwrap()
        }
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

    /// The bytes of a model of today's layers are those of the first version.
    #[test]
    fn a_model_tells_of_later_parameters_only_where_they_are_set() {
        use simpipe_base::param::{self, Param, View};
        let first = serde_json::json!([
            { "conv2d": { "filters": 4, "kernel": 3, "stride": 1, "padding": "valid", "activation": "relu" } },
            { "batch-norm": { "momentum": 0.99, "epsilon": 1e-3 } },
            { "max-pool": { "size": 2 } },
            { "avg-pool": { "size": 2, "stride": 1 } },
            "flatten",
            { "dense": { "units": 4, "activation": "none" } },
        ]);
        let layers: Vec<LayerSpec> = param::from_json(&first).unwrap();
        assert_eq!(layers.write(View::Stored).to_string(), first.to_string());
        let later = serde_json::json!([{ "conv2d": {
            "filters": 4, "kernel": 3, "stride": 1, "padding": "valid", "dilation": 2, "bias": false,
            "init": "dirac", "activation": "relu",
        } }]);
        let layers: Vec<LayerSpec> = param::from_json(&later).unwrap();
        assert_eq!(layers.write(View::Stored), later);
    }
}
