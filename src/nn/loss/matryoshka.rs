//! `matryoshka`: a loss of the first numbers of an embedding, at several lengths.

use burn::tensor::Tensor;

use super::problems::{Known, under};
use super::{Embedded, Inner, Loss, LossSpec, Target, like_its_loss, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issue;
use simpipe_base::param;
use simpipe_base::params;

params! {
    /// Matryoshka representation learning (Kusupati et al., 2022, arXiv:2205.13147): the loss is that of the whole embedding
    /// plus those of its beginnings, so that a search may cut embeddings to any of these lengths:
    ///
    /// `sum_size weight_size loss(first size numbers)`
    ///
    /// With the cosine distance, each prefix is scaled to unit length first. A loss with weights has separate ones per prefix.
    ///
    /// # Example
    ///
    /// ```toml
    /// { matryoshka = { loss = "triplet", sizes = [4, 8], weights = [0.5, 1.0] } }
    /// ```
    pub struct Matryoshka {
        /// The loss at each length.
        #[aka("base_loss", "inner")]
        loss: Box<LossSpec> = Box::new(LossSpec::MultiSimilarity(param::defaults())),
        /// Lengths of beginnings, ascending. The whole embedding counts too, named or not. If they are left out: its half, a
        /// quarter and so on down to 8, as in the paper.
        #[aka("matryoshka_dims", "dims", "nesting_list", "nesting")]
        sizes: Option<Vec<usize>> = None => ascending().optional(),
        /// The weight of each of `sizes`; 1 if they are left out, and for a whole embedding that is not named.
        #[aka("matryoshka_weights", "relative_importance")]
        weights: Option<Vec<f64>> = None => positive_numbers().optional(),
    }
}

fn ascending() -> Check<Vec<usize>> {
    Check::new("a list of ascending whole numbers from 1 on", |sizes: &Vec<usize>| {
        sizes.first().is_some_and(|first| *first > 0) && sizes.windows(2).all(|two| two[0] < two[1])
    })
}

fn positive_numbers() -> Check<Vec<f64>> {
    let each = check::positive();
    Check::new("a list of numbers above 0", move |weights: &Vec<f64>| weights.iter().all(|weight| each.accepts(weight)))
}

/// Shorter beginnings are not made unless they are asked for.
const SHORTEST: usize = 8;

impl Matryoshka {
    /// Each length of an embedding of `dim` numbers with its weight, the whole one last.
    fn lengths(&self, dim: usize) -> Vec<(usize, f64)> {
        let weight = |at: usize| self.weights.as_ref().and_then(|weights| weights.get(at)).copied().unwrap_or(1.0);
        let Some(sizes) = &self.sizes else {
            let halves = std::iter::successors(Some(dim), |size| Some(size / 2).filter(|half| *half >= SHORTEST));
            let mut lengths: Vec<(usize, f64)> = halves.map(|size| (size, 1.0)).collect();
            lengths.reverse();
            return lengths;
        };
        let named = sizes.iter().enumerate().map(|(at, &size)| (size, weight(at)));
        let mut lengths: Vec<(usize, f64)> = named.filter(|(size, _)| *size <= dim).collect();
        if lengths.last().is_none_or(|(size, _)| *size < dim) {
            lengths.push((dim, 1.0));
        }
        lengths
    }
}

impl Loss for Matryoshka {
    like_its_loss!();

    fn inner(&self, target: Target) -> Vec<Inner<'_>> {
        let lengths = self.lengths(target.dim).into_iter();
        lengths
            .map(|(dim, _)| Inner { name: dim.to_string(), loss: &self.loss, target: Target { dim, ..target } })
            .collect()
    }

    fn problems(&self, known: &Known) -> Vec<Issue> {
        if self.loss.holds("matryoshka") {
            let message = format!("`{}` uses prefixes of embeddings itself", self.loss.name());
            return vec![Issue::of("loss", message).help("name all lengths in one `matryoshka`")];
        }
        let sizes = self.sizes.as_deref().unwrap_or_default();
        let mut issues = under("loss", self.loss.inside(known));
        for (at, size) in sizes.iter().enumerate() {
            if let Some(dim) = known.dim.filter(|dim| size > dim) {
                let message = format!("a prefix of {size} dimensions is longer than the embedding, which has {dim}");
                let help = "leave it out, or make the last layer give longer embeddings";
                issues.push(Issue::of(format!("sizes[{at}]"), message).help(help));
            }
        }
        if let Some(weights) = self.weights.as_ref().filter(|weights| weights.len() != sizes.len()) {
            let message = format!("there are {} weights for {} `sizes`", weights.len(), sizes.len());
            issues.push(Issue::of("weights", message).help("give one weight for each of `sizes`"));
        }
        issues
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let [_, dim] = batch.embeddings.dims();
        let unit = self.distance() == Distance::Cosine;
        let mut sum: Option<Tensor<1>> = None;
        for (number, (size, weight)) in (0..).zip(self.lengths(dim)) {
            let mut inner = cx.inner(&size.to_string(), number, self.loss.name());
            let loss = self.loss.as_dyn();
            let value = if size == dim {
                loss.forward(batch, &mut inner)
            } else {
                loss.forward(&batch.beginning(size, unit), &mut inner)
            };
            let value = value.mul_scalar(weight);
            sum = Some(match sum {
                None => value,
                Some(sum) => sum + value,
            });
        }
        sum.unwrap_or_else(|| zero(batch))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::layer::Mode;
    use crate::loss::tfs_tests::values;
    use crate::ops::Numerics;
    use crate::parameters::Parameters;
    use simpipe_base::seed::Seed;

    fn of(json: Json) -> LossSpec {
        param::from_json(&json!({ "matryoshka": json })).unwrap()
    }

    #[test]
    fn lengths_are_those_named_and_the_whole_or_its_halves() {
        let lengths = |json: Json, dim| {
            let loss: Matryoshka = param::from_json(&json).unwrap();
            loss.lengths(dim)
        };
        assert_eq!(lengths(json!({}), 64), [(8, 1.0), (16, 1.0), (32, 1.0), (64, 1.0)]);
        assert_eq!(lengths(json!({}), 20), [(10, 1.0), (20, 1.0)]);
        assert_eq!(lengths(json!({}), 3), [(3, 1.0)]);
        let named = json!({ "sizes": [2, 5], "weights": [0.5, 2.0] });
        assert_eq!(lengths(named.clone(), 8), [(2, 0.5), (5, 2.0), (8, 1.0)]);
        assert_eq!(lengths(named, 5), [(2, 0.5), (5, 2.0)]);
    }

    #[test]
    fn it_is_the_sum_of_the_loss_at_each_length() {
        let device = Device::flex();
        let rows = [[0.6_f32, 0.0, 0.8], [0.0, 0.6, -0.8], [0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]];
        let value = |loss: &LossSpec, rows: Tensor<2>| {
            let target = Target { dim: rows.dims()[1], classes: 2 };
            let parameters = Parameters::of_loss(loss, target, Seed::of_stage(1, "train", None), &device);
            let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Eval, loss.name());
            values(loss.as_dyn().forward(&Embedded::new(rows, &[0, 0, 1, 1], &[0, 1]), &mut cx))[0]
        };
        let whole = Tensor::<2>::from_data(rows, &device);
        for (inner, unit) in [(json!("triplet"), true), (json!({ "triplet": { "distance": "sql2" } }), false)] {
            let first = rows.map(|[x, y, _]| {
                let length = if unit { (x * x + y * y).sqrt() } else { 1.0 };
                [x / length, y / length]
            });
            let inner_spec: LossSpec = param::from_json(&inner).unwrap();
            let expected =
                0.25 * value(&inner_spec, Tensor::from_data(first, &device)) + value(&inner_spec, whole.clone());
            let found = value(&of(json!({ "loss": inner, "sizes": [2], "weights": [0.25] })), whole.clone());
            assert!((found - expected).abs() < 1e-6, "{inner}: {found} {expected}");
        }
    }

    #[test]
    fn what_a_loss_learns_it_learns_for_each_length() {
        let loss = of(json!({ "loss": "proxy-anchor", "sizes": [2, 4] }));
        let target = Target { dim: 6, classes: 3 };
        let weights =
            Parameters::of_loss(&loss, target, Seed::of_stage(1, "train", None), &Device::flex()).to_weights();
        let shape = |size: usize| weights.0[&format!("loss.matryoshka.{size}.proxy-anchor.proxies")].0.clone();
        assert_eq!([2, 4, 6].map(shape), [[3, 2], [3, 4], [3, 6]]);
        assert_eq!(weights.0.len(), 3);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused_at_their_place() {
        let issues = |json: Json, dim: Option<usize>| {
            let found = of(json).problems(&Known { dim, rows: None, views: 1 });
            found.into_iter().map(|issue| issue.path).collect::<Vec<_>>()
        };
        assert_eq!(
            issues(json!({ "sizes": [2, 9, 10] }), Some(8)),
            ["loss.matryoshka.sizes[1]", "loss.matryoshka.sizes[2]"]
        );
        assert_eq!(issues(json!({ "sizes": [2, 9] }), None), Vec::<String>::new());
        assert_eq!(issues(json!({ "sizes": [2, 4], "weights": [1.0] }), Some(8)), ["loss.matryoshka.weights"]);
        assert_eq!(issues(json!({ "weights": [1.0] }), Some(8)), ["loss.matryoshka.weights"]);
        assert_eq!(issues(json!({ "loss": "matryoshka" }), Some(8)), ["loss.matryoshka.loss"]);
        for sizes in [json!([]), json!([0, 2]), json!([4, 2]), json!([4, 4])] {
            assert!(param::from_json::<Matryoshka>(&json!({ "sizes": sizes })).is_err(), "{sizes}");
        }
        assert!(param::from_json::<Matryoshka>(&json!({ "sizes": [2], "weights": [0.0] })).is_err());
    }
}
