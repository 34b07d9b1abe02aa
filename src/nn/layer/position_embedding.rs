//! `position-embedding`: where in the image a token is from.

use burn::tensor::{Tensor, TensorData};

use super::init::{Start, WeightSpec};
use super::resize::{ResizeFilter, antialiased};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

choice! {
    /// How positions are found for another grid than that of the training.
    pub enum Interpolation {
        /// By a cubic with a slope of -1/2 that reaches further where the grid shrinks: timm's.
        "antialiased" => Antialiased,
        /// By a cubic with a slope of -3/4 that never does: torch's, as DINOv2 of Hugging Face has it.
        "plain" => Plain,
    }
}

params! {
    /// Adds a learned vector to each token, by its place (Dosovitskiy et al., 2021, arXiv:2010.11929). Tokens before those of
    /// the image, such as a class token, have vectors of their own. For an image of another size than in training the grid of
    /// vectors is interpolated.
    ///
    /// # Shapes
    ///
    /// `[tokens, width]` and the same out; behind `first` tokens they must be those of a square image.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 1, body = [{ patch-embed = { patch = 4, width = 64 } }, { position-embedding = { grid = 8 } }, "token-pool"] } }
    /// ```
    pub struct PositionEmbedding {
        /// Patches along each side of the image in training.
        #[aka("grid_size", "side", "size")]
        grid: usize => check::between(1, 1_024),
        /// Tokens before those of the image.
        #[aka("num_prefix_tokens", "class_tokens", "prefix")]
        first: usize = 0 => check::between(0, 1_024),
        /// What is done for another grid.
        #[aka("mode", "antialias")]
        interpolation: Interpolation = Interpolation::Antialiased,
    }
}

/// `[first + grid * grid, width]`.
const EMBEDDING: &str = "embedding";

impl PositionEmbedding {
    /// Patches along a side of the image that these tokens are of.
    fn side(&self, tokens: usize) -> Option<usize> {
        let patches = tokens.checked_sub(self.first)?;
        let side = patches.isqrt();
        (side > 0 && side * side == patches).then_some(side)
    }

    /// How much of each place of the training is in each place now, along one side: `[grid, side]`.
    fn matrix(&self, side: usize) -> Vec<f32> {
        match self.interpolation {
            Interpolation::Antialiased => antialiased(&ResizeFilter::Bicubic, self.grid, side, 0, side),
            Interpolation::Plain => plain(self.grid, side),
        }
    }
}

impl PositionEmbedding {
    /// What is added to each of these tokens, row by row, of the weight `embedding`: interpolated where the grid is another.
    pub(crate) fn places(&self, embedding: &[f32], tokens: usize, width: usize) -> Vec<f32> {
        let grid = self.grid;
        let Some(side) = self.side(tokens).filter(|side| *side != grid) else { return embedding.to_vec() };
        let (first, map) = embedding.split_at(self.first * width);
        let shares = self.matrix(side);
        let share = |from: usize, to: usize| f64::from(shares[from * side + to]);
        // Rows, then columns: [side, grid, width] of [grid, grid, width].
        let mut rows = vec![0.0; side * grid * width];
        for (to, line) in rows.chunks_exact_mut(grid * width).enumerate() {
            for (from, old) in map.chunks_exact(grid * width).enumerate() {
                line.iter_mut().zip(old).for_each(|(sum, value)| *sum += share(from, to) * f64::from(*value));
            }
        }
        let mut places = first.to_vec();
        for line in rows.chunks_exact(grid * width) {
            for to in 0..side {
                let at =
                    |number: usize| (0..grid).map(|from| share(from, to) * line[from * width + number]).sum::<f64>();
                #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
                places.extend((0..width).map(|number| at(number) as f32));
            }
        }
        places
    }
}

/// Torch's bicubic interpolation (Keys, 1981, with a slope of -3/4); places beyond the edge are the edge's.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "grids have far fewer than 2^24 places"
)]
fn plain(from: usize, to: usize) -> Vec<f32> {
    const SLOPE: f64 = -0.75;
    let near = |x: f64| ((SLOPE + 2.0) * x - (SLOPE + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((SLOPE * x - 5.0 * SLOPE) * x + 8.0 * SLOPE) * x - 4.0 * SLOPE;
    let mut matrix = vec![0.0; from * to];
    for at in 0..to {
        let place = (at as f64 + 0.5) * (from as f64 / to as f64) - 0.5;
        let (left, t) = (place.floor(), place - place.floor());
        for (step, weight) in [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)].into_iter().enumerate() {
            let pixel = (left + step as f64 - 1.0).clamp(0.0, (from - 1) as f64);
            #[expect(clippy::cast_sign_loss, reason = "clamped to 0")]
            let pixel = pixel as usize;
            matrix[pixel * to + at] += weight as f32;
        }
    }
    matrix
}

impl Layer for PositionEmbedding {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [tokens, _] = input.tokens("position-embedding")?;
        if self.side(tokens).is_none() {
            let message = format!("{tokens} tokens are not {} and those of a square image", self.first);
            return Err(Issue::of("position-embedding", message).help("resize images to a square before"));
        }
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let count = self.first + self.grid * self.grid;
        vec![WeightSpec::new(EMBEDDING, [count, input.channels()], Start::Normal { std: 0.02 })]
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_tokens();
        let [_, tokens, width] = x.dims();
        let embedding = cx.weight::<2>(EMBEDDING);
        let (first, grid) = (self.first, self.grid);
        let side = self.side(tokens).unwrap_or(grid);
        let embedding = if side == grid {
            embedding
        } else {
            let matrix = Tensor::<2>::from_data(TensorData::new(self.matrix(side), [grid, side]), &x.device());
            let map = embedding.clone().slice([first..first + grid * grid, 0..width]).reshape([grid, grid, width]);
            // Columns, then rows.
            let map = ops::product(map.permute([0, 2, 1]).reshape([grid * width, grid]), matrix.clone());
            let map = map.reshape([grid, width, side]).permute([2, 1, 0]).reshape([side * width, grid]);
            let map = ops::product(map, matrix).reshape([side, width, side]).permute([2, 0, 1]);
            let map = map.reshape([side * side, width]);
            if first == 0 { map } else { Tensor::cat(vec![embedding.slice([0..first, 0..width]), map], 0) }
        };
        Features::Tokens(x + embedding.unsqueeze::<3>())
    }
}
