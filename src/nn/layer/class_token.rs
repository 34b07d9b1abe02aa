//! `class-token`: learned tokens among those of an image.

use burn::tensor::Tensor;

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Puts learned tokens, the same for every image, before the others: what a network gathers of the whole image (Devlin
    /// et al., 2019, arXiv:1810.04805). Further ones are registers (Darcet et al., 2024, arXiv:2309.16588).
    ///
    /// # Shapes
    ///
    /// `[tokens, width]` to `[tokens + count, width]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 1, body = [{ patch-embed = { patch = 4, width = 64 } }, "class-token", "token-pool"] } }
    /// ```
    pub struct ClassToken {
        /// How many.
        #[aka("num_tokens", "registers", "num_register_tokens")]
        count: usize = 1 => check::between(1, 1_024),
        /// How many tokens stay before them.
        #[aka("offset", "position")]
        after: usize = 0 => check::between(0, 1_024),
    }
}

/// `[count, width]`.
const TOKEN: &str = "token";

impl Layer for ClassToken {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [tokens, width] = input.tokens("class-token")?;
        if self.after > tokens {
            let message = format!("there are {tokens} tokens, fewer than {} to stay before it", self.after);
            return Err(Issue::of("class-token.after", message));
        }
        Ok(FeatureShape::Tokens([tokens + self.count, width]))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        vec![WeightSpec::new(TOKEN, [self.count, input.channels()], Start::Normal { std: 0.02 })]
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_tokens();
        let [n, tokens, width] = x.dims();
        let own: Tensor<3> = cx.weight::<2>(TOKEN).unsqueeze::<3>().repeat_dim(0, n);
        let parts = if self.after == 0 {
            vec![own, x]
        } else if self.after == tokens {
            vec![x, own]
        } else {
            let before = x.clone().slice([0..n, 0..self.after, 0..width]);
            vec![before, own, x.slice([0..n, self.after..tokens, 0..width])]
        };
        Features::Tokens(Tensor::cat(parts, 1))
    }
}
