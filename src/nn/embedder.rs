//! A network made ready to embed many images: what [`lower`](super::lower) makes of its layers, batch after batch.

use super::layer::{Mode, Walk};
use super::lower::Folded;
use super::network::Network;

/// Images that are embedded at once. Fixed, so that memory does not grow with the number of images.
pub const EMBED_BATCH: usize = 64;

/// Embeds images with one network.
#[derive(Debug)]
pub struct Embedder<'a> {
    network: &'a Network,
    folded: Folded,
}

impl<'a> Embedder<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        let walked = Walk::through(network.input(), network.specs()).expect("the network was built from these layers");
        let folded = Folded::new(&walked, network.parameters(), network.numerics(), network.device());
        Self { network, folded }
    }

    /// The embeddings of images, or of features as [`to_bytes`](super::to_bytes) writes them, row after row, with moving
    /// averages.
    ///
    /// Images go through in batches of [`EMBED_BATCH`]; an image's embedding does not depend on its batch.
    ///
    /// # Panics
    /// If `pixels` is not a whole number of images.
    #[must_use]
    pub fn embed(&self, pixels: &[u8]) -> Vec<f32> {
        self.embed_all(pixels, Self::filled)
    }

    /// The same, as fast for one image as for a whole batch: the last batch is as large as it is, and the last bits of its
    /// embeddings may so differ from those of [`Embedder::embed`].
    ///
    /// # Panics
    /// If `pixels` is not a whole number of images.
    #[must_use]
    pub fn embed_few(&self, pixels: &[u8]) -> Vec<f32> {
        self.embed_all(pixels, |own, batch, count| own.computed(batch, count, 0))
    }

    fn embed_all(&self, pixels: &[u8], embed: impl Fn(&Self, &[u8], usize) -> Vec<f32>) -> Vec<f32> {
        let image = self.network.input().bytes();
        assert_eq!(pixels.len() % image, 0, "bytes of whole examples");
        pixels.chunks(EMBED_BATCH * image).flat_map(|batch| embed(self, batch, batch.len() / image)).collect()
    }

    /// Each layer that no kernel of ours computes gets batches of one size, for a matrix product of fewer rows may sum in another
    /// order. Where there are no such kernels, the images themselves are filled up.
    fn filled(&self, batch: &[u8], count: usize) -> Vec<f32> {
        if self.folded.fills_layers() {
            return self.computed(batch, count, self.folded.images_at_once(EMBED_BATCH));
        }
        let image = batch.len() / count.max(1);
        let mut padded = Vec::new();
        let batch = if count == EMBED_BATCH {
            batch
        } else {
            padded.extend_from_slice(batch);
            padded.resize(EMBED_BATCH * image, 0);
            &padded
        };
        self.computed(batch, count, 0)
    }

    /// The embeddings of the first `count` images of a batch, in parts whose maps stay in caches; `fewest`: how many examples a
    /// layer without a kernel gets at least.
    fn computed(&self, batch: &[u8], count: usize, fewest: usize) -> Vec<f32> {
        let image = self.network.input().bytes();
        let part = self.folded.images_at_once(EMBED_BATCH) * image;
        // A part of which no image counts is left out.
        let wanted = (count * image).div_ceil(part.max(1)) * part;
        let parts = batch[..batch.len().min(wanted)].chunks(part.max(1));
        let mut values: Vec<f32> = parts.flat_map(|part| self.part(part, fewest)).collect();
        values.truncate(count * self.network.dim());
        values
    }

    fn part(&self, pixels: &[u8], fewest: usize) -> Vec<f32> {
        let pixels = self.network.input().tensor(pixels, self.network.device());
        let embeddings = self.network.forward(self.network.parameters(), pixels, Mode::Folded(&self.folded, fewest));
        embeddings.into_data().try_into_vec::<f32>().expect("tensors are f32")
    }
}

impl Network {
    /// The network made ready for many images; it must be made again when weights change.
    #[must_use]
    pub fn embedder(&self) -> Embedder<'_> {
        Embedder::new(self)
    }

    /// The embeddings of images, as [`Embedder::embed`] gives them.
    ///
    /// # Panics
    /// If `pixels` is not a whole number of examples.
    #[must_use]
    pub fn embed(&self, pixels: &[u8]) -> Vec<f32> {
        self.embedder().embed(pixels)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::{LayerSpec, Numerics};
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

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
                    "beta" | "moving_mean" | "bias" | "token" | "embedding" => *value = 0.4 * wave,
                    "query_bias" | "key_bias" | "value_bias" | "output_bias" => *value = 0.3 * wave,
                    _ => {}
                }
            }
        }
        network.set_weights(&weights).unwrap();
        network
    }

    /// As in residual networks: a pool that overlaps and reaches over the border, ways of their own and sums.
    fn residual_network() -> serde_json::Value {
        let conv = |padding: &str, activation: &str| json!({ "conv2d": { "filters": 20, "kernel": 3, "padding": padding, "activation": activation } });
        let normalize = json!({ "normalize": { "mean": [100, 90, 80], "std": [50, 60, 70] } });
        json!([
            normalize,
            { "conv2d": { "filters": 10, "kernel": 7, "stride": 2, "padding": { "symmetric": { "pixels": 3 } }, "bias": false } },
            "batch-norm",
            "relu",
            { "max-pool": { "size": 3, "stride": 2, "padding": { "symmetric": { "pixels": 1 } } } },
            { "residual": {
                "body": [conv("same", "none"), "batch-norm", "relu", conv("same", "none"), "batch-norm"],
                "shortcut": [{ "conv2d": { "filters": 20, "kernel": 1 } }, "batch-norm"],
                "activation": "relu",
            } },
            { "residual": { "body": ["batch-norm", conv("same", "gelu"), "layer-scale"], "activation": "silu" } },
            // No kernel has this one behind a sum.
            { "residual": { "body": [conv("same", "none")], "activation": "tanh" } },
            "global-avg-pool",
            { "dense": { "units": 9, "activation": "relu6" } },
            { "metric-embedding": { "size": 6 } }
        ])
    }

    /// As in mobile networks: channels by themselves, at both strides, and a relu that ends at 6.
    fn mobile_network() -> serde_json::Value {
        json!([
            "rescale",
            { "conv2d": { "filters": 12, "kernel": 3, "stride": 2, "padding": "same", "bias": false } },
            "batch-norm",
            "relu6",
            { "residual": { "body": [
                { "conv2d": { "filters": 24, "kernel": 1, "bias": false } },
                "batch-norm",
                "relu6",
                { "conv2d": { "filters": 24, "kernel": 3, "groups": 24, "padding": "same", "bias": false } },
                "batch-norm",
                "relu6",
                { "conv2d": { "filters": 12, "kernel": 1, "bias": false } },
                "batch-norm",
            ] } },
            "batch-norm",
            { "conv2d": { "filters": 12, "kernel": 5, "stride": 2, "groups": 12, "padding": "same", "activation": "silu" } },
            // Two channels a group: no kernel has them.
            { "conv2d": { "filters": 12, "kernel": 3, "groups": 6, "padding": "same" } },
            { "squeeze-excite": { "reduction": 3 } },
            "global-avg-pool",
            "batch-norm",
            { "dense": { "units": 20 } },
            "batch-norm",
            "gelu",
            { "metric-embedding": { "size": 6 } }
        ])
    }

    /// A transformer, whose sums follow an attention, a matrix, and a factor for each channel.
    fn transformer() -> serde_json::Value {
        let normalize = json!({ "normalize": { "mean": [100, 90, 80], "std": [50, 60, 70] } });
        json!([
            normalize,
            { "patch-embed": { "patch": 6, "width": 24 } },
            "class-token",
            { "position-embedding": { "grid": 3, "first": 1 } },
            { "repeat": { "times": 2, "body": [
                { "residual": { "body": ["layer-norm", { "attention": { "heads": 3 } }] } },
                { "residual": { "body": [
                    { "layer-norm": { "epsilon": 1e-6 } },
                    { "dense": { "units": 40, "activation": "gelu" } },
                    { "dense": { "units": 24 } },
                    { "layer-scale": { "start": 0.5 } },
                ] } },
            ] } },
            "layer-norm",
            "token-pool",
            { "metric-embedding": { "size": 6 } }
        ])
    }

    /// Lists of layers with something to fold.
    fn lists() -> [serde_json::Value; 7] {
        let conv = |padding: &str, activation: &str| json!({ "conv2d": { "filters": 20, "kernel": 3, "padding": padding, "activation": activation } });
        let pool = |size: usize| json!({ "max-pool": { "size": size } });
        let end = json!({ "metric-embedding": { "size": 6 } });
        let normalize = json!({ "normalize": { "mean": [100, 90, 80], "std": [50, 60, 70] } });
        [
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
            // The usual order: the relu behind the normalisation belongs to the convolution, and what follows to the pool.
            json!([
                "rescale",
                conv("same", "none"),
                "batch-norm",
                "relu",
                "batch-norm",
                pool(2),
                conv("same", "none"),
                "relu",
                "global-max-pool",
                end
            ]),
            residual_network(),
            mobile_network(),
            transformer(),
        ]
    }

    #[test]
    fn folded_networks_embed_as_their_layers_do() {
        let pixels: Vec<u8> =
            (0..5 * 18 * 18 * 3).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect();
        for (at, layers) in lists().into_iter().enumerate() {
            let fast = network(layers, [18, 18, 3]);
            let exact = fast.clone().with_numerics(Numerics::Exact);
            let (found, expected) = (fast.embed(&pixels), exact.embed(&pixels));
            assert_eq!(found.len(), 5 * 6);
            let off = found.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(off < 1e-5, "network {at}: {off}");
            assert_ne!(found, vec![0.0; 30]);
            // Batches that are not filled up differ in the last bits, if at all.
            for count in [1, 2, 5] {
                let few: Vec<f32> =
                    pixels.chunks(count * 18 * 18 * 3).flat_map(|few| fast.embedder().embed_few(few)).collect();
                let off = few.iter().zip(&found).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
                assert!(few.len() == found.len() && off < 2e-6, "network {at} by {count}: {off}");
            }
        }
    }

    /// A whole batch is not filled up, so it shows which bits an image has.
    #[test]
    fn an_image_has_the_same_bits_in_any_batch() {
        let image = 18 * 18 * 3;
        let pixels: Vec<u8> =
            (0..EMBED_BATCH * image).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect();
        let [first, .., last] = lists();
        let others = [(first, Numerics::Exact), (last, Numerics::Bf16)];
        let all = lists().into_iter().map(|layers| (layers, Numerics::Fast)).chain(others);
        for (at, (layers, numerics)) in all.enumerate() {
            let network = network(layers, [18, 18, 3]).with_numerics(numerics);
            let embedder = network.embedder();
            let bits = |pixels: &[u8]| embedder.embed(pixels).into_iter().map(f32::to_bits).collect::<Vec<u32>>();
            let whole = bits(&pixels);
            for count in [1, 8, 37] {
                for begin in [0, EMBED_BATCH - count] {
                    let found = bits(&pixels[begin * image..(begin + count) * image]);
                    assert_eq!(found, whole[begin * 6..(begin + count) * 6], "network {at}: {count} from {begin}");
                }
            }
        }
    }
}
