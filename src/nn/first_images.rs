//! Weights that are computed from training images before the first step.

use super::Batches;
use super::embedder::EMBED_BATCH;
use super::layer::{Cx, LayerSpec, Mode};
use super::network::Network;

/// Whether a network of these layers has seen training images before its first step.
#[must_use]
pub fn starts_from_images(layers: &[LayerSpec]) -> bool {
    images_to_start_from(layers).is_some()
}

/// How many training images a network of these layers looks at before its first step, at most.
#[must_use]
pub fn images_to_start_from(layers: &[LayerSpec]) -> Option<usize> {
    layers.iter().filter_map(|layer| Some(layer.as_dyn().image_start()?.images())).max()
}

impl Network {
    /// Computes the weights of those layers that start from training images, each from what the layers in front of it give
    /// at inference. Nothing changes where there is no such layer. Depends on the network and the images alone, not on the
    /// number of threads; a training that goes on from a checkpoint takes them from there.
    pub fn start_from_images(&mut self, batches: &dyn Batches) {
        for at in 0..self.specs().len() {
            let specs = self.specs();
            let Some(layer) = specs[at].as_dyn().image_start() else { continue };
            let pixels = batches.first_images(layer.images());
            let size = self.input().bytes();
            let mut maps = pixels.chunks(EMBED_BATCH * size).map(|batch| {
                let x = self.input().tensor(batch, self.device());
                Cx::root(self.parameters(), self.numerics(), Mode::Eval).layers(&specs[..at], x).into_image()
            });
            let found = layer.weights(&mut maps);
            let mut weights = self.to_weights();
            for (name, values) in found {
                let path = format!("layers.{at}.{}.{name}", specs[at].name());
                if let Some((_, tensor)) = weights.0.get_mut(&path) {
                    *tensor = values;
                }
            }
            self.set_weights(&weights).expect("only values are others");
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::Batch;
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    /// Images in which neighbours are alike.
    struct Smooth;

    impl Smooth {
        const INPUT: [usize; 3] = [9, 7, 3];
        const IMAGES: usize = 10;
    }

    impl Batches for Smooth {
        fn training(&self, _: u64, step: u64) -> Batch {
            let start = step * 189 * 10;
            let pixel =
                |at: u64| (128.0 + 100.0 * ((at + start) as f64 * 0.11).sin() * ((at % 3) as f64 + 0.4).cos()) as u8;
            let (pixels, labels) = ((0..1890).map(pixel).collect(), (0..10).map(|at| at % 2).collect());
            Batch { pixels, labels, views: 1 }
        }

        fn validation(&self, _: u64) -> Option<Batch> {
            None
        }
    }

    fn network(images: usize) -> Network {
        let layers: Vec<LayerSpec> = param::from_json(&json!([
            { "normalize": { "mean": [120, 110, 100], "std": [60, 50, 70] } },
            { "whiten-conv": { "kernel": 2, "images": images } },
            "gelu",
            "global-max-pool",
            { "metric-embedding": { "size": 4 } },
        ]))
        .unwrap();
        Network::build(&layers, Smooth::INPUT, Seed::of_stage(1, "train", None), &Device::flex()).unwrap()
    }

    const FILTERS: &str = "layers.1.whiten-conv.weight";

    #[test]
    fn whitened_patches_are_uncorrelated_and_of_unit_size() {
        let mut network = network(25);
        assert!(starts_from_images(network.specs()) && !starts_from_images(&network.specs()[2..]));
        network.start_from_images(&Smooth);
        let (shape, filters) = network.to_weights().0[FILTERS].clone();
        assert_eq!(shape, [2, 2, 3, 24]);
        assert!(filters.chunks(24).all(|row| (0..12).all(|at| row[at] == -row[at + 12])));
        // The second moments of the outputs over 25 images, three batches: l / (l + epsilon) for each, 0 for pairs.
        let pixels: Vec<u8> = (0..3).flat_map(|step| Smooth.training(0, step).pixels).take(25 * 189).collect();
        let (mean, std) = ([120.0, 110.0, 100.0], [60.0, 50.0, 70.0]);
        let value = |image: usize, y: usize, x: usize, c: usize| {
            (f64::from(pixels[image * 189 + (y * 7 + x) * 3 + c]) - mean[c]) / std[c]
        };
        let (mut moments, mut count) = (vec![0.0; 144], 0.0);
        for (image, y, x) in (0..25).flat_map(|i| (0..8).flat_map(move |y| (0..6).map(move |x| (i, y, x)))) {
            let patch: Vec<f64> = (0..12).map(|at| value(image, y + at / 6, x + at / 3 % 2, at % 3)).collect();
            let outputs: Vec<f64> =
                (0..12).map(|out| (0..12).map(|at| patch[at] * f64::from(filters[at * 24 + out])).sum()).collect();
            (0..144).for_each(|at| moments[at] += outputs[at / 12] * outputs[at % 12]);
            count += 1.0;
        }
        let diagonal: Vec<f64> = (0..12).map(|at| moments[at * 13] / count).collect();
        assert!(diagonal.iter().all(|moment| *moment < 1.0 + 1e-5), "{diagonal:?}");
        assert!(diagonal[0] > 0.99 && diagonal.windows(2).all(|two| two[0] >= two[1] - 1e-5), "{diagonal:?}");
        for at in (0..144).filter(|at| at / 12 != at % 12) {
            assert!((moments[at] / count).abs() < 1e-4, "{at}: {}", moments[at] / count);
        }
    }

    #[test]
    fn filters_depend_on_the_images_alone() {
        let filters = |threads: usize, images: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut network = network(images);
                network.start_from_images(&Smooth);
                network.to_weights()
            })
        };
        let whole = filters(1, 25);
        assert!(filters(3, 25) == whole);
        assert!(filters(1, 7).0[FILTERS] != whole.0[FILTERS]);
        let untouched = network(25).to_weights();
        let others = |weights: &simpipe_artifact::Weights| {
            weights.0.iter().filter(|(path, _)| *path != FILTERS).map(|(_, w)| w.clone()).collect::<Vec<_>>()
        };
        assert_eq!(others(&whole), others(&untouched));
        assert_eq!(Smooth::IMAGES, Smooth.training(0, 0).labels.len());
    }
}
