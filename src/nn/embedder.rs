//! A network made ready to embed many images: scales and shifts folded into the convolutions beside them, weights brought
//! into the kernels' form once, pools computed with their convolution.
//!
//! Up to rounding the same as the layers one by one, which `numerics = "exact"` and other backends than flex compute.

use burn::tensor::{Device, Tensor, TensorData};

use super::fused::{Pooling, PreparedConv};
use super::kernel::Scratch;
use super::layer::{Affine, Conv2d, FeatureShape, Features, Layer, LayerSummary, Pass, single};
use super::network::{EMBED_BATCH, Network, images};
use super::ops::{Epilogue, Numerics};

/// Embeds images with one network.
#[derive(Debug)]
pub struct Embedder<'a> {
    network: &'a Network,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// The layer of this number, as it is.
    Layer(usize),
    /// A scale and a shift that no convolution could take in.
    Affine(Affine),
    /// A convolution; whether its pool is over the whole map.
    Conv(Box<PreparedConv>, bool),
}

impl<'a> Embedder<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        let layers = network.layers();
        let steps = if network.numerics() == Numerics::Exact {
            (0..layers.len()).map(Step::Layer).collect()
        } else {
            Folding { layers, summary: &network.summary().layers, steps: Vec::new(), pending: None }.run()
        };
        Self { network, steps }
    }

    /// The embeddings of images, row after row, with moving averages.
    ///
    /// Images go through in batches of [`EMBED_BATCH`]; an image's embedding does not depend on its batch.
    ///
    /// # Panics
    /// If `pixels` is not a whole number of images.
    #[must_use]
    pub fn embed(&self, pixels: &[u8]) -> Vec<f32> {
        let image: usize = self.network.input().iter().product();
        assert_eq!(pixels.len() % image, 0, "pixels of whole images");
        pixels.chunks(EMBED_BATCH * image).flat_map(|batch| self.embed_batch(batch, batch.len() / image)).collect()
    }

    fn embed_batch(&self, batch: &[u8], count: usize) -> Vec<f32> {
        let image = batch.len() / count.max(1);
        // Every batch has the same size, for a matrix product of fewer rows may sum in another order.
        let mut padded = Vec::new();
        let batch = if count == EMBED_BATCH {
            batch
        } else {
            padded.extend_from_slice(batch);
            padded.resize(EMBED_BATCH * image, 0);
            &padded
        };
        let device = self.network.device();
        let mut flow = Flow::of(Features::Image(images(batch, self.network.input(), device)));
        for step in &self.steps {
            flow = match step {
                Step::Conv(conv, whole_map) => flow.convolve(conv, *whole_map),
                Step::Affine(affine) => Flow::of(affine.forward(flow.into_features(device))),
                Step::Layer(at) => {
                    let layer = &self.network.layers()[*at];
                    Flow::of(layer.forward(*at, flow.into_features(device), &mut Pass::Eval))
                }
            };
        }
        let embeddings = flow.into_features(device).into_vector();
        let mut values = embeddings.into_data().try_into_vec::<f32>().expect("tensors are f32");
        values.truncate(count * self.network.dim());
        values
    }
}

/// What flows between steps.
enum Flow {
    Features(Box<Features>),
    /// A map between two convolutions, in memory that is reused, and whether it stands for a vector.
    Map(Scratch, [usize; 4], bool),
}

impl Flow {
    fn of(features: Features) -> Self {
        Self::Features(Box::new(features))
    }

    fn convolve(self, conv: &PreparedConv, whole_map: bool) -> Self {
        let (y, shape) = match self {
            Self::Map(values, shape, _) => conv.forward(shape[0], &values),
            Self::Features(features) => {
                let x = features.into_image();
                let n = x.dims()[0];
                conv.forward(n, &x.into_data().try_into_vec::<f32>().expect("tensors are f32"))
            }
        };
        Self::Map(y, shape, whole_map)
    }

    fn into_features(self, device: &Device) -> Features {
        match self {
            Self::Features(features) => *features,
            Self::Map(values, [n, h, w, c], true) => {
                Features::Vector(Tensor::from_data(TensorData::new(values.to_vec(), [n, h * w * c]), device))
            }
            Self::Map(values, shape, false) => {
                Features::Image(Tensor::from_data(TensorData::new(values.to_vec(), shape), device))
            }
        }
    }
}

/// The steps of some layers under work.
struct Folding<'a> {
    layers: &'a [Layer],
    summary: &'a [LayerSummary],
    steps: Vec<Step>,
    /// What is still to be done to the output of the last step.
    pending: Option<Affine>,
}

impl Folding<'_> {
    fn run(mut self) -> Vec<Step> {
        let mut at = 0;
        while let Some(layer) = self.layers.get(at) {
            at = match layer {
                Layer::Conv2d(conv) if conv.is_on_flex() => match conv.epilogue() {
                    Some(epilogue) => self.convolution(at, conv, epilogue),
                    None => self.plain(at),
                },
                _ => self.take_affine(at).unwrap_or_else(|| self.plain(at)),
            };
        }
        self.flush();
        self.steps
    }

    /// The layer as it is; gives the number of the next.
    fn plain(&mut self, at: usize) -> usize {
        self.flush();
        self.steps.push(Step::Layer(at));
        at + 1
    }

    fn flush(&mut self) {
        self.steps.extend(self.pending.take().map(Step::Affine));
    }

    /// Keeps a layer that is a scale and a shift for later.
    fn take_affine(&mut self, at: usize) -> Option<usize> {
        let next = self.layers.get(at)?.affine(self.summary[at].input.channels())?;
        self.pending = Some(self.pending.take().map_or_else(|| next.clone(), |before| before.then(&next)));
        Some(at + 1)
    }

    /// A convolution with what lies around it; gives the number of the layer behind all that.
    fn convolution(&mut self, at: usize, conv: &Conv2d, epilogue: Epilogue) -> usize {
        let FeatureShape::Image(input) = self.summary[at].input else {
            unreachable!("`infer_shapes` gives convolutions an image")
        };
        let shape = conv.shape(input);
        if shape.pad != [0; 4] && self.pending.as_ref().is_some_and(|affine| !affine.keeps_zero()) {
            self.flush();
        }
        let [mut weight, mut bias] = conv.weights();
        if let Some(affine) = self.pending.take() {
            affine.before(&mut weight, &mut bias);
        }
        let mut next = at + 1;
        while let Some(behind) = self.take_affine(next) {
            next = behind;
        }
        if let Some(affine) = self.pending.take_if(|_| epilogue == Epilogue::Linear) {
            affine.after(&mut weight, &mut bias);
        }
        let (size, whole_map) = self.pool(next, shape.out());
        let pool = size.map(|size| {
            let ones = || Affine { scale: vec![1.0; shape.c_out], shift: vec![0.0; shape.c_out] };
            let Affine { scale, shift } = self.pending.take().unwrap_or_else(ones);
            Pooling { size, scale: single(&scale), shift: single(&shift) }
        });
        next += usize::from(pool.is_some());
        let conv = PreparedConv::new(&shape, &single(&weight), &single(&bias), epilogue == Epilogue::Relu, pool);
        self.steps.push(Step::Conv(Box::new(conv), whole_map));
        next
    }

    /// The side of the pool at `at` that a convolution with this map can compute, and whether that is over all of it.
    fn pool(&self, at: usize, [height, width]: [usize; 2]) -> (Option<usize>, bool) {
        let Some(layer) = self.layers.get(at) else { return (None, false) };
        let whole_map = layer.is_global_max() && height == width;
        let size = if whole_map { Some(height) } else { layer.side_by_side() };
        let size = size.filter(|size| (1..=15).contains(size));
        (size, whole_map && size.is_some())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::param;
    use crate::base::seed::Seed;
    use crate::nn::LayerSpec;

    /// A network whose batch normalisations have something to fold.
    fn network(layers: serde_json::Value, input: [usize; 3]) -> Network {
        let specs: Vec<LayerSpec> = param::from_json(&layers).unwrap();
        let mut network = Network::build(&specs, input, Seed::of_stage(4, "train", None), &Device::flex()).unwrap();
        let mut weights = network.to_weights();
        for (name, (_, values)) in &mut weights.0 {
            for (at, value) in values.iter_mut().enumerate() {
                let wave = f32::sin(at as f32 * 1.7 + 0.3);
                match name.rsplit('.').next().unwrap() {
                    // Some scales are negative: the largest value of a window is then the smallest before.
                    "gamma" => *value = wave,
                    "moving_variance" => *value = 0.3 + wave * wave,
                    "beta" | "moving_mean" | "bias" => *value = 0.4 * wave,
                    _ => {}
                }
            }
        }
        network.set_weights(&weights).unwrap();
        network
    }

    #[test]
    fn folded_networks_embed_as_their_layers_do() {
        let conv = |padding: &str, activation: &str| json!({ "conv2d": { "filters": 20, "kernel": 3, "padding": padding, "activation": activation } });
        let pool = |size: usize| json!({ "max-pool": { "size": size } });
        let end = json!({ "metric-embedding": { "size": 6 } });
        let normalize = json!({ "normalize": { "mean": [100, 90, 80], "std": [50, 60, 70] } });
        let networks = [
            // The tutorial's order, and a pool over the whole map.
            json!([
                "rescale",
                conv("valid", "relu"),
                "batch-norm",
                conv("valid", "relu"),
                "batch-norm",
                pool(4),
                conv("valid", "relu"),
                "global-max-pool",
                end
            ]),
            // A shift before padding can't be folded; a normalisation behind no activation can.
            json!([
                normalize,
                conv("same", "none"),
                "batch-norm",
                conv("same", "relu"),
                "batch-norm",
                pool(3),
                "batch-norm",
                conv("same", "relu"),
                "batch-norm",
                "global-avg-pool",
                end
            ]),
            // Nothing to fold into, and activations with a pass of their own.
            json!([
                "rescale",
                "batch-norm",
                pool(2),
                conv("valid", "gelu"),
                "batch-norm",
                "flatten",
                "batch-norm",
                end
            ]),
        ];
        let pixels: Vec<u8> =
            (0..5 * 18 * 18 * 3).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect();
        for (at, layers) in networks.into_iter().enumerate() {
            let fast = network(layers, [18, 18, 3]);
            let exact = fast.clone().with_numerics(Numerics::Exact);
            let (found, expected) = (fast.embed(&pixels), exact.embed(&pixels));
            assert_eq!(found.len(), 5 * 6);
            let off = found.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(off < 1e-5, "network {at}: {off}");
            assert_ne!(found, vec![0.0; 30]);
        }
    }
}
