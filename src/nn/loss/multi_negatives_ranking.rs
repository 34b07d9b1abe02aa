//! The multiple negatives ranking loss of two views.

use burn::tensor::Tensor;

use super::log_sum::log_sum_exp_of_rows;
use super::two_views::{self, diagonal};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Multiple negatives ranking (Henderson et al., 2017, arXiv:1705.00652) as TensorFlow Similarity has it: the rows of the
    /// first view are queries, those of the second view their keys, and a query is to find its own key among all of them. With
    /// the similarity `s = scale q.k` the loss of example `i` is
    ///
    /// `log(1 + sum_j exp(s(q_i, k_j))) - s(q_i, k_i)`
    ///
    /// and the batch's loss is the mean over its examples. The 1 is that library's: it stands for one more wrong key of
    /// similarity 0. (It also gives a matrix, each query's logarithm less *every* example's similarity; its mean, which is what
    /// is trained on, is this one.) No label is looked at, so two examples of a class are each other's negatives: `single-shot`
    /// batches suit it; `views = 2` says which rows belong together.
    ///
    /// # Shapes
    ///
    /// `[2 examples, dim]` embeddings, view after view, become `[examples]` losses, 0 or more.
    ///
    /// # Example
    ///
    /// ```toml
    /// { multi-negatives-ranking = { scale = 10.0 } }
    /// views = 2
    /// ```
    pub struct MultiNegativesRanking {
        /// What inner products are multiplied by: the higher, the more the nearest wrong key counts.
        #[aka("gamma", "logit_scale")]
        scale: f64 = 20.0 => check::positive(),
    }
}

impl Loss for MultiNegativesRanking {
    fn distance(&self) -> Distance {
        Distance::InnerProduct
    }

    fn needs(&self) -> Needs {
        Needs { two_views: true, ..Needs::default() }
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let Some([query, key]) = two_views::of(batch, 1) else { return zero(batch) };
        let (all, own) = self.parts(query, key);
        ops::mean(all - own)
    }
}

impl MultiNegativesRanking {
    /// The logarithm of each query and the similarity of each example's pair, `[examples, 1]` both.
    fn parts(&self, query: Tensor<2>, key: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let similarity = ops::product(query, key.transpose()).mul_scalar(self.scale); // [examples, examples]
        let own = diagonal(&similarity);
        // The 1 is exp(0): one more column.
        (log_sum_exp_of_rows(Tensor::cat(vec![similarity, own.zeros_like()], 1)), own)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{self, Golden, assert_close};
    use crate::loss::tfs_tests::{params, values};

    #[test]
    fn the_librarys_matrix_is_every_logarithm_less_every_similarity() {
        let golden = Golden::read(golden::file!("loss_multi_negatives_ranking"));
        for case in &golden.cases {
            let rows = |name| golden::matrix(&case.input[name], &Device::flex());
            let loss: MultiNegativesRanking = params(&case.params);
            let (all, own) = loss.parts(rows("query"), rows("key"));
            let matrix = values(all.clone() - own.clone().transpose());
            assert_close(&matrix, &case.expected["per_example"], golden.tolerance, &case.params.to_string());
            // What is trained on is the mean of either.
            let expected = golden::numbers(&case.expected["per_example"]).iter().sum::<f64>() / 256.0;
            let batch = Embedded::new(Tensor::cat(vec![rows("query"), rows("key")], 0), &[0; 32], &[]).of_views(2);
            let parameters = crate::parameters::Parameters::default();
            let mut cx = Cx::of_loss(&parameters, ops::Numerics::Fast, crate::layer::Mode::Eval, "test");
            let found = values(loss.forward(&batch, &mut cx));
            assert_close(&found, &serde_json::json!([expected]), golden.tolerance, "mean");
        }
        assert_eq!(golden.cases.len(), 2);
    }
}
