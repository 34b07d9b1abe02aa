//! Layers of maps in ONNX, where those are `[batch, channels, height, width]`.

use super::Flow;
use super::OnnxError;
use super::graph::{Graph, Lie, Value, whole};
use super::proto::Setting;
use crate::layer::{
    AvgPool, ChannelShuffle, Clamp, Conv2d, FeatureShape, Gem, MaxPool, Negative, PatchEmbed, Resize, SqueezeExcite,
};

/// Windows over a map.
struct Window {
    size: usize,
    stride: usize,
    /// Pixels above and below, left and right.
    borders: [(usize, usize); 2],
}

impl Window {
    fn settings(&self) -> Vec<(&'static str, Setting)> {
        let [(above, below), (left, right)] = self.borders;
        let list = |values: &[usize]| Setting::Ints(values.iter().map(|value| whole(*value)).collect());
        vec![
            ("kernel_shape", list(&[self.size; 2])),
            ("strides", list(&[self.stride; 2])),
            ("pads", list(&[above, left, below, right])),
        ]
    }
}

impl Graph<'_> {
    pub(super) fn convolution(&mut self, conv: &Conv2d, x: &Flow) -> Result<Value, OnnxError> {
        let weight = self.weight(Conv2d::WEIGHT, Lie::Kernel, &x.shape)?;
        let bias = if conv.bias { self.weight(Conv2d::BIAS, Lie::Same, &x.shape)? } else { Value::none() };
        let window = Window { size: conv.kernel, stride: conv.stride, borders: conv.borders(x.sides()) };
        let mut settings = window.settings();
        settings.push(("dilations", Setting::Ints(vec![whole(conv.dilation); 2])));
        settings.push(("group", Setting::Int(whole(conv.groups))));
        let inputs = [&x.value, &weight, &bias];
        let y = self.op_with("Conv", &inputs[..if conv.bias { 3 } else { 2 }], settings);
        Ok(self.activation(&conv.activation, &y))
    }

    pub(super) fn max_pool(&mut self, pool: &MaxPool, x: &Flow) -> Value {
        let stride = pool.stride.unwrap_or(pool.size);
        let window = Window { size: pool.size, stride, borders: pool.borders(x.sides()) };
        // ONNX's border is no maximum either.
        self.op_with("MaxPool", &[&x.value], window.settings())
    }

    pub(super) fn avg_pool(&mut self, pool: &AvgPool, x: &Flow) -> Value {
        let stride = pool.stride.unwrap_or(pool.size);
        let window = Window { size: pool.size, stride, borders: pool.borders(x.sides()) };
        let mut settings = window.settings();
        settings.push(("count_include_pad", Setting::Int(pool.count_padding.into())));
        self.op_with("AveragePool", &[&x.value], settings)
    }

    /// `GlobalMaxPool` or `GlobalAveragePool`, as a vector.
    pub(super) fn global_pool(&mut self, kind: &'static str, x: &Value) -> Value {
        let y = self.op(kind, &[x]);
        self.op_with("Flatten", &[&y], vec![("axis", Setting::Int(1))])
    }

    /// `exp((ln mean exp(p ln x)) / p)`, by logarithms as it is here, so that no power overflows.
    pub(super) fn gem(&mut self, gem: &Gem, x: &Flow) -> Result<Value, OnnxError> {
        let [height, width] = x.sides();
        let flat = self.reshape(&x.value, &[0, x.shape.channels(), height * width]);
        let (positive, offset) = match &gem.negative {
            Negative::Clamp(Clamp { epsilon }) => (self.with("Max", &flat, *epsilon), None),
            Negative::Shift => {
                let least = self.reduce("ReduceMin", &flat, &[2], true);
                let one = self.scalar(1.0);
                let offset = self.op("Sub", &[&one, &least]);
                (self.op("Add", &[&flat, &offset]), Some(offset))
            }
        };
        let logs = self.op("Log", &[&positive]);
        let mean = self.generalised(gem, &logs)?;
        let mean = offset.map_or(mean.clone(), |offset| self.op("Sub", &[&mean, &offset]));
        Ok(self.op_with("Flatten", &[&mean], vec![("axis", Setting::Int(1))]))
    }

    fn generalised(&mut self, gem: &Gem, logs: &Value) -> Result<Value, OnnxError> {
        if gem.p == 0.0 {
            let mean = self.reduce("ReduceMean", logs, &[2], true);
            return Ok(self.op("Exp", &[&mean]));
        }
        let power =
            if gem.trained { self.weight("power", Lie::Same, &FeatureShape::Vector(1))? } else { self.scalar(gem.p) };
        let logs = self.op("Mul", &[logs, &power]);
        let largest = self.reduce("ReduceMax", &logs, &[2], true);
        let below = self.op("Sub", &[&logs, &largest]);
        let below = self.op("Exp", &[&below]);
        let mean = self.reduce("ReduceMean", &below, &[2], true);
        let mean = self.op("Log", &[&mean]);
        let mean = self.op("Add", &[&mean, &largest]);
        let mean = self.op("Div", &[&mean, &power]);
        Ok(self.op("Exp", &[&mean]))
    }

    /// By the shares of each pixel, as it is here: ONNX's own `Resize` has other antialiased values.
    pub(super) fn resize(&mut self, resize: &Resize, x: &Flow) -> Value {
        let [rows, columns] = resize.shares(x.sides());
        let mut y = x.value.clone();
        if let Some((shares, [from, kept])) = columns {
            let shares = self.floats("columns", vec![from, kept], shares);
            y = self.op("MatMul", &[&y, &shares]);
        }
        if resize.overshoots() {
            y = self.clip(&y, 0.0, 255.0);
        }
        if let Some((shares, [from, kept])) = rows {
            let turned = (0..kept).flat_map(|to| (0..from).map(move |pixel| (pixel, to)));
            let turned = turned.map(|(pixel, to)| shares[pixel * kept + to]).collect();
            let shares = self.floats("rows", vec![kept, from], turned);
            y = self.op("MatMul", &[&shares, &y]);
        }
        if resize.overshoots() { self.clip(&y, 0.0, 255.0) } else { y }
    }

    pub(super) fn squeeze_excite(&mut self, squeeze: &SqueezeExcite, x: &Flow) -> Result<Value, OnnxError> {
        let mean = self.global_pool("GlobalAveragePool", &x.value);
        let narrow = self.matrix(&mean, ["squeeze_weight", "squeeze_bias"], true)?;
        let narrow = self.activation(&squeeze.activation, &narrow);
        let wide = self.matrix(&narrow, ["excite_weight", "excite_bias"], true)?;
        let gate = self.activation(&squeeze.gate, &wide);
        let gate = self.reshape(&gate, &[0, x.shape.channels(), 1, 1]);
        Ok(self.op("Mul", &[&x.value, &gate]))
    }

    pub(super) fn channel_shuffle(&mut self, shuffle: &ChannelShuffle, x: &Flow) -> Value {
        let (groups, size) = (shuffle.groups, x.shape.channels() / shuffle.groups);
        let (grouped, order, back): (_, &[i64], _) = match x.shape {
            FeatureShape::Image([height, width, channels]) => {
                (vec![0, groups, size, height, width], &[0, 2, 1, 3, 4], vec![0, channels, height, width])
            }
            FeatureShape::Tokens([tokens, width]) => {
                (vec![0, tokens, groups, size], &[0, 1, 3, 2], vec![0, tokens, width])
            }
            FeatureShape::Vector(features) => (vec![0, groups, size], &[0, 2, 1], vec![0, features]),
        };
        let y = self.reshape(&x.value, &grouped);
        let y = self.transpose(&y, order);
        self.reshape(&y, &back)
    }

    /// A convolution whose windows lie side by side, and then tokens.
    pub(super) fn patch_embed(&mut self, embed: &PatchEmbed, x: &Flow) -> Result<Value, OnnxError> {
        let weight = self.weight("weight", Lie::Kernel, &x.shape)?;
        let bias = if embed.bias { self.weight("bias", Lie::Same, &x.shape)? } else { Value::none() };
        let window = Window { size: embed.patch, stride: embed.patch, borders: [(0, 0); 2] };
        let inputs = [&x.value, &weight, &bias];
        let y = self.op_with("Conv", &inputs[..if embed.bias { 3 } else { 2 }], window.settings());
        let [height, width] = x.sides();
        let tokens = height / embed.patch * (width / embed.patch);
        let y = self.reshape(&y, &[0, embed.width, tokens]);
        Ok(self.transpose(&y, &[0, 2, 1]))
    }
}
