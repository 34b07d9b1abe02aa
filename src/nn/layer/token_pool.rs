//! `token-pool`: tokens as one vector.

use super::{Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

choice! {
    /// What a vector is made of.
    pub enum TokenPooling {
        /// The first token.
        #[aka("class", "cls", "token")]
        "first" => First,
        /// The mean of all tokens but the first `skip`.
        #[aka("avg", "average", "gap")]
        "mean" => Mean,
    }
}

params! {
    /// Makes one vector of all tokens.
    ///
    /// # Shapes
    ///
    /// `[tokens, width]` to `[width]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 1, body = [{ patch-embed = { patch = 4, width = 64 } }, { token-pool = { by = "mean" } }] } }
    /// ```
    pub struct TokenPool {
        /// What the vector is.
        #[aka("pool", "mode", "kind", "global_pool")]
        by: TokenPooling = TokenPooling::First,
        /// Tokens that a mean leaves out, such as a class token.
        #[aka("num_prefix_tokens", "prefix")]
        skip: usize = 0 => check::between(0, 1_024),
    }
}

impl Layer for TokenPool {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [tokens, width] = input.tokens("token-pool")?;
        if self.by == TokenPooling::Mean && self.skip >= tokens {
            let message = format!("nothing is left of {tokens} tokens without the first {}", self.skip);
            return Err(Issue::of("token-pool.skip", message));
        }
        Ok(FeatureShape::Vector(width))
    }

    fn forward(&self, x: Features, _: &mut Cx<'_>) -> Features {
        let x = x.into_tokens();
        let [n, tokens, width] = x.dims();
        let y = match self.by {
            TokenPooling::First => x.slice([0..n, 0..1, 0..width]),
            TokenPooling::Mean => x.slice([0..n, self.skip..tokens, 0..width]).mean_dim(1),
        };
        Features::Vector(y.reshape([n, width]))
    }
}
