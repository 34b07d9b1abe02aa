//! The gradients of a batch: of all its images at once, or in pieces where memory is short.

use burn::tensor::{Gradients, Tensor};

use super::{Batch, FitError, FitSettings};
use crate::layer::{Average, Cx, Mode, TrainPass};
use crate::loss::{self, Embedded};
use crate::miner::{Chosen, Mining};
use crate::network::Network;
use crate::ops;
use crate::optim::square_norm;
use crate::parameters::{ByPath, Parameters};
use crate::profile;

/// A network and a loss with parameters: what a batch goes through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a> {
    pub(super) network: &'a Network,
    pub(super) settings: &'a FitSettings<'a>,
    pub(super) parameters: &'a Parameters,
}

/// What a batch gives in training.
#[derive(Debug)]
pub(super) struct Passed {
    /// The mean loss; `NaN` or an infinity if the training has diverged, and then there are no gradients.
    pub(super) loss: f32,
    pub(super) gradients: ByPath,
    pub(super) averages: Vec<Average>,
    /// Memories that hold something else from the next step on, by path.
    pub(super) replaced: Vec<(String, Tensor<1>)>,
    /// What the loss wants to be seen.
    pub(super) logged: Vec<(String, f32)>,
    /// How much the miner has chosen of the batch, where there is one that the loss has asked.
    pub(super) chosen: Option<Chosen>,
    /// Whether all embeddings of the batch are as good as one.
    pub(super) collapsed: bool,
}

/// The loss of a batch.
struct Judged {
    loss: Tensor<1>,
    /// `NaN` where an embedding is no number.
    value: f32,
    chosen: Option<Chosen>,
    collapsed: bool,
}

/// What the time of the loss is noted under, beside the paths of layers.
const LOSS: &str = "loss";

/// Embeddings that are no farther from the first than this share of its length are one: a distance of unit rows below
/// 1e-3 tells no images apart.
const COLLAPSED: f32 = 1e-3;

impl Model<'_> {
    /// Forward, loss and backward, for the step of this number, from 0.
    pub(super) fn train(&self, batch: &Batch, step: u64) -> Result<Passed, FitError> {
        let mut pass = TrainPass::new(self.settings.seed, step);
        let (judged, gradients) = match self.settings.micro_batch {
            Some(size) if size < batch.labels.len() => self.in_pieces(batch, size, &mut pass)?,
            _ => self.at_once(batch, &mut pass),
        };
        let number = |(name, value): (String, Tensor<1>)| (name, value.into_scalar::<f32>());
        let logged = pass.logged.into_iter().map(number).collect();
        let Judged { value: loss, chosen, collapsed, .. } = judged;
        Ok(Passed { loss, gradients, averages: pass.averages, replaced: pass.replaced, logged, chosen, collapsed })
    }

    /// The mean loss of a validation batch of this number, without gradients and by moving averages.
    pub(super) fn validate(&self, batch: &Batch, number: u64) -> f32 {
        let pixels = self.network.input().tensor(&batch.pixels, self.network.device());
        let embeddings = self.network.forward(self.parameters, pixels, Mode::Eval);
        profile::within(|| LOSS.to_owned(), || self.loss(embeddings, batch, number, None).value)
    }

    fn at_once(&self, batch: &Batch, pass: &mut TrainPass) -> (Judged, ByPath) {
        let embeddings = self.embed(&batch.pixels, Mode::Train(pass));
        let number = pass.number();
        let judged = profile::within(|| LOSS.to_owned(), || self.loss(embeddings, batch, number, Some(pass)));
        let gradients = judged.backward().map(|mut gradients| self.parameters.gradients(&mut gradients));
        (judged, gradients.unwrap_or_default())
    }

    /// The same loss and gradients up to rounding, in three passes: the embeddings of all pieces without gradients; the
    /// loss of the whole batch, with gradients of the embeddings; each piece once more, which takes its embeddings'
    /// gradients on to the weights (Gao et al., 2021, arXiv:2101.06983).
    fn in_pieces(&self, batch: &Batch, size: usize, pass: &mut TrainPass) -> Result<(Judged, ByPath), FitError> {
        let image = self.network.input().bytes();
        let pieces: Vec<&[u8]> = batch.pixels.chunks(size * image).collect();
        let (plain, step) = (self.parameters.valid(), pass.number());
        let embedded = pieces.iter().map(|piece| {
            let mut alone = TrainPass::new(self.settings.seed, step);
            let pixels = self.network.input().tensor(piece, self.network.device());
            let embeddings = self.network.forward(&plain, pixels, Mode::Train(&mut alone));
            if alone.is_by_example() { Ok(embeddings) } else { Err(FitError::MicroBatch) }
        });
        let embedded = embedded.collect::<Result<Vec<_>, _>>()?;
        let embeddings = Tensor::from_inner(Tensor::cat(embedded, 0)).require_grad();
        let judged = profile::within(|| LOSS.to_owned(), || self.loss(embeddings.clone(), batch, step, Some(pass)));
        let Some(mut gradients) = judged.backward() else { return Ok((judged, ByPath::new())) };
        let mut sums = self.parameters.gradients(&mut gradients);
        if let Some(slopes) = embeddings.grad_remove(&mut gradients) {
            for (at, piece) in pieces.iter().enumerate() {
                let rows = piece.len() / image;
                self.take_on(piece, step, slopes.clone().narrow(0, at * size, rows), &mut sums);
            }
        }
        Ok((judged, sums))
    }

    /// Adds the gradients of a piece's weights, from those of its embeddings.
    fn take_on(&self, piece: &[u8], step: u64, slopes: Tensor<2>, sums: &mut ByPath) {
        let mut pass = TrainPass::new(self.settings.seed, step);
        let embeddings = self.embed(piece, Mode::Train(&mut pass));
        if !embeddings.is_tracked() {
            return; // all layers are frozen
        }
        let sum = ops::sum(embeddings * Tensor::from_inner(slopes));
        let mut gradients = profile::way_back(|| sum.backward());
        for (path, gradient) in self.parameters.gradients(&mut gradients) {
            let sum = match sums.remove(&path) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            sums.insert(path, sum);
        }
    }

    /// Embeddings inside the autodiff graph.
    fn embed(&self, pixels: &[u8], mode: Mode<'_>) -> Tensor<2> {
        let device = self.network.device().clone().autodiff();
        self.network.forward(self.parameters, self.network.input().tensor(pixels, &device), mode)
    }

    /// The mean loss of embeddings, with its value, which is `NaN` where an embedding is no number: comparisons with `NaN`
    /// are false, so mining keeps no pair of such a batch and the loss alone would be an innocent 0.
    ///
    /// `number` is that of the training step, or of the validation batch where there is no pass.
    fn loss(&self, embeddings: Tensor<2>, batch: &Batch, number: u64, mut pass: Option<&mut TrainPass>) -> Judged {
        let Self { network, settings, parameters } = self;
        let sum = ops::sum(embeddings.clone().without_autodiff()).into_scalar::<f32>();
        // A step has one number, a validation batch two.
        let position = if pass.is_some() { vec![number] } else { vec![u64::MAX, number] };
        let mining = settings.miner.map(|miner| Mining::new(miner, settings.seed, position));
        let collapsed = pass.is_some() && is_one(embeddings.clone().without_autodiff());
        let embedded = Embedded::new(embeddings, &batch.labels, settings.classes).of_views(batch.views);
        let embedded = embedded.mined_by(mining.as_ref());
        let mode = Mode::of(pass.as_deref_mut());
        let mut cx = Cx::of_loss(parameters, network.numerics(), mode, settings.loss.name());
        let loss = settings.loss.as_dyn().forward(&embedded, &mut cx);
        let chosen = mining.as_ref().and_then(Mining::chosen);
        chosen.into_iter().flat_map(|chosen| chosen.numbers()).for_each(|(name, count)| {
            let count = Tensor::from_data([count], &loss.clone().without_autodiff().device());
            cx.log(name, count);
        });
        if let Some(pass) = pass {
            let ends_epoch = (number + 1).is_multiple_of(settings.steps_per_epoch);
            loss::tell(settings.metrics, ends_epoch, &embedded, settings.loss.distance(), pass);
        }
        let value = if sum.is_finite() { loss.clone().into_scalar::<f32>() } else { f32::NAN };
        Judged { loss, value, chosen, collapsed }
    }
}

impl Judged {
    /// The gradients, where there are any.
    fn backward(&self) -> Option<Gradients> {
        (self.value.is_finite() && self.loss.is_tracked()).then(|| profile::way_back(|| self.loss.backward()))
    }
}

/// Whether several embeddings, `[n, dim]`, are as good as one.
fn is_one(embeddings: Tensor<2>) -> bool {
    let [rows, _] = embeddings.dims();
    if rows < 2 {
        return false;
    }
    let first = embeddings.clone().narrow(0, 0, 1);
    let length = ops::sum(first.clone() * first.clone()).into_scalar::<f32>();
    let away = embeddings - first;
    let farthest = (away.clone() * away).sum_dim(1).max().into_scalar::<f32>();
    farthest <= COLLAPSED * COLLAPSED * length
}

/// Scales all gradients so that the norm of all together is at most `most` (Pascanu et al., 2013, arXiv:1211.5063); gives
/// the norm that they had.
pub(super) fn clip(gradients: &mut ByPath, most: f64) -> f64 {
    let norm = gradients.values().map(square_norm).sum::<f64>().sqrt();
    if norm > most {
        for gradient in gradients.values_mut() {
            *gradient = gradient.clone().mul_scalar(most / norm);
        }
    }
    norm
}
