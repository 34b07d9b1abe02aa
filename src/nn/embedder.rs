//! A network made ready to embed many images: what [`lower`](super::lower) makes of its layers, batch after batch.

use super::layer::{Mode, Walk};
use super::lower::Folded;
use super::network::{EMBED_BATCH, Network, images};

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

    /// The embeddings of images, row after row, with moving averages.
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
        self.embed_all(pixels, Self::computed)
    }

    fn embed_all(&self, pixels: &[u8], embed: impl Fn(&Self, &[u8], usize) -> Vec<f32>) -> Vec<f32> {
        let image: usize = self.network.input().iter().product();
        assert_eq!(pixels.len() % image, 0, "pixels of whole images");
        pixels.chunks(EMBED_BATCH * image).flat_map(|batch| embed(self, batch, batch.len() / image)).collect()
    }

    /// Every batch has the same size, for a matrix product of fewer rows may sum in another order.
    fn filled(&self, batch: &[u8], count: usize) -> Vec<f32> {
        let image = batch.len() / count.max(1);
        let mut padded = Vec::new();
        let batch = if count == EMBED_BATCH {
            batch
        } else {
            padded.extend_from_slice(batch);
            padded.resize(EMBED_BATCH * image, 0);
            &padded
        };
        self.computed(batch, count)
    }

    /// The embeddings of the first `count` images of a batch.
    fn computed(&self, batch: &[u8], count: usize) -> Vec<f32> {
        let pixels = images(batch, self.network.input(), self.network.device());
        let embeddings = self.network.forward(self.network.parameters(), pixels, Mode::Folded(&self.folded));
        let mut values = embeddings.into_data().try_into_vec::<f32>().expect("tensors are f32");
        values.truncate(count * self.network.dim());
        values
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::base::param;
    use crate::base::seed::Seed;
    use crate::nn::{LayerSpec, Numerics};

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

    /// Lists of layers with something to fold.
    fn lists() -> [serde_json::Value; 4] {
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
}
