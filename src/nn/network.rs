//! A network: a tree of layers with weights, on one device.
//!
//! Built from a spec and a seed, or from an artifact. Gives embeddings and weights by path; [`fit`](super::fit)
//! trains it. Owns no file.

use burn::tensor::{Device, Tensor};

use super::input::Input;
use super::layer::{Cx, Features, LayerSpec, Mode, Walk};
use super::load_error::LoadError;
use super::ops::Numerics;
use super::parameters::Parameters;
use simpipe_artifact::{ModelFile, ModelSummary, Weights};
use simpipe_base::issue::Issue;
use simpipe_base::param;
use simpipe_base::seed::Seed;

/// Layers, their specs and the device that they live on.
#[derive(Debug, Clone)]
pub struct Network {
    specs: Vec<LayerSpec>,
    input: Input,
    summary: ModelSummary,
    device: Device,
    numerics: Numerics,
    parameters: Parameters,
}

impl Network {
    /// A network with fresh weights for `input`: images of a height, width and channels, or features of another network.
    ///
    /// Weights depend on `seed` alone, not on the device.
    ///
    /// # Errors
    /// What is wrong with the layers.
    pub fn build(
        specs: &[LayerSpec],
        input: impl Into<Input>,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, Vec<Issue>> {
        let input = input.into();
        let walked = Walk::through(input, specs)?;
        let parameters = Parameters::init(&walked.weights, seed, device);
        let (specs, summary) = (specs.to_vec(), walked.summary);
        Ok(Self { specs, input, summary, device: device.clone(), numerics: Numerics::Fast, parameters })
    }

    /// The network of an artifact.
    ///
    /// # Errors
    /// If layers and weights don't fit each other.
    pub fn load(model: &ModelFile, weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let specs: Vec<LayerSpec> = param::from_json(&model.layers).map_err(|issues| {
            LoadError::Layers(issues.first().map_or_else(String::new, |issue| issue.message.clone()))
        })?;
        // The seed is of no account: every weight is replaced.
        let input = match &model.features {
            Some(features) => Input::Vector(features.dim),
            None => Input::Image(model.input),
        };
        let fresh = Self::build(&specs, input, Seed::of_stage(0, "load", None), device);
        let mut network = fresh.map_err(|issues| LoadError::Layers(issues[0].message.clone()))?;
        network.set_weights(weights)?;
        Ok(network)
    }

    /// The same network, computed by these methods.
    #[must_use]
    pub const fn with_numerics(mut self, numerics: Numerics) -> Self {
        self.numerics = numerics;
        self
    }

    /// The layer table.
    #[must_use]
    pub const fn summary(&self) -> &ModelSummary {
        &self.summary
    }

    /// What it takes.
    #[must_use]
    pub const fn input(&self) -> Input {
        self.input
    }

    /// Length of an embedding.
    #[must_use]
    pub const fn dim(&self) -> usize {
        self.summary.dim
    }

    /// Every weight by its path, `layers.1.conv2d.weight`, in Keras' layouts: kernels `[height, width, in, out]`, matrices
    /// `[in, out]`.
    #[must_use]
    pub fn to_weights(&self) -> Weights {
        self.parameters.to_weights()
    }

    /// Replaces every weight.
    ///
    /// # Errors
    /// If one is missing or has another shape; the network then keeps its weights.
    pub fn set_weights(&mut self, weights: &Weights) -> Result<(), LoadError> {
        self.parameters.set(weights)
    }

    /// The network of the first layers of the outermost list, which ends there, with the weights of this one.
    ///
    /// # Errors
    /// If what these layers give is no vector.
    pub fn up_to(&self, layers: usize) -> Result<Self, Vec<Issue>> {
        let specs = self.specs[..layers.min(self.specs.len())].to_vec();
        let summary = Walk::through(self.input, &specs)?.summary;
        Ok(Self { specs, summary, ..self.clone() })
    }

    /// Whether its embeddings are of unit length.
    #[must_use]
    pub fn gives_unit_rows(&self) -> bool {
        super::layer::gives_unit_rows(&self.specs)
    }

    /// Raw pixels `[n, h, w, c]`, or features `[n, f]`, to embeddings `[n, dim]`, computed with these parameters of the
    /// network's layers.
    pub(super) fn forward(&self, parameters: &Parameters, examples: impl Into<Features>, mode: Mode<'_>) -> Tensor<2> {
        let mut cx = Cx::root(parameters, self.numerics, mode);
        cx.layers(&self.specs, examples.into()).into_vector()
    }

    pub(super) const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(super) const fn numerics(&self) -> Numerics {
        self.numerics
    }

    pub(super) fn specs(&self) -> &[LayerSpec] {
        &self.specs
    }

    pub(super) const fn device(&self) -> &Device {
        &self.device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(seed: u64) -> Network {
        let specs: Vec<LayerSpec> = param::from_json(&serde_json::json!([
            "rescale",
            { "conv2d": { "filters": 20, "kernel": 3, "activation": "relu" } },
            "batch-norm",
            "global-max-pool",
            { "metric-embedding": { "size": 6 } },
        ]))
        .unwrap();
        Network::build(&specs, [9, 9, 3], Seed::of_stage(seed, "train", None), &Device::flex()).unwrap()
    }

    fn pixels(images: usize) -> Vec<u8> {
        (0..images * 243).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect()
    }

    #[test]
    fn weights_are_named_and_laid_out_as_keras_has_them() {
        let weights = network(1).to_weights();
        let shapes: Vec<(&str, &[usize])> =
            weights.0.iter().map(|(name, (shape, _))| (name.as_str(), &shape[..])).collect();
        assert_eq!(
            shapes,
            [
                ("layers.1.conv2d.bias", &[20][..]),
                ("layers.1.conv2d.weight", &[3, 3, 3, 20]),
                ("layers.2.batch-norm.beta", &[20]),
                ("layers.2.batch-norm.gamma", &[20]),
                ("layers.2.batch-norm.moving_mean", &[20]),
                ("layers.2.batch-norm.moving_variance", &[20]),
                ("layers.4.metric-embedding.bias", &[6]),
                ("layers.4.metric-embedding.weight", &[20, 6]),
            ]
        );
        assert_ne!(weights, network(2).to_weights());
    }

    #[test]
    fn a_saved_network_embeds_as_before() {
        let network = network(1);
        let model = ModelFile {
            format: 1,
            input: network.input().sides(),
            dim: network.dim(),
            distance: simpipe_artifact::Distance::Cosine,
            layers: param::Param::write(&network.specs, param::View::Full),
            summary: serde_json::Value::Null,
            steps: 0,
            best_epoch: None,
            trained_on: Vec::new(),
            features: None,
        };
        let mut weights = network.to_weights();
        let back = Network::load(&model, &weights, &Device::flex()).unwrap();
        assert_eq!(back.embed(&pixels(3)), network.embed(&pixels(3)));
        weights.0.remove("layers.1.conv2d.bias");
        let error = Network::load(&model, &weights, &Device::flex()).unwrap_err();
        assert_eq!(error.to_string(), "the weights have no tensor `layers.1.conv2d.bias`");
    }

    #[test]
    fn an_embedding_does_not_depend_on_its_batch() {
        let network = network(1);
        let all = network.embed(&pixels(300));
        assert_eq!(all.len(), 300 * 6);
        let norm: f32 = all[..6].iter().map(|value| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-5, "{norm}");
        for batch in [1, 7, 100] {
            let parts: Vec<f32> = pixels(300).chunks(batch * 243).flat_map(|part| network.embed(part)).collect();
            assert!(parts.iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits()), "batches of {batch}");
        }
    }
}
