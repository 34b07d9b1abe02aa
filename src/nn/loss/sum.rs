//! `sum`: several losses at once.

use burn::tensor::Tensor;

use super::problems::{Known, under};
use super::{Embedded, Inner, Loss, LossSpec, Needs, Target};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// The sum of several losses, each times its weight. A batch must hold what any of them needs. The index follows the distance
    /// of the first term that is no regulariser, so put the loss that the search is for first.
    ///
    /// The value of each term, before its weight, is told beside the loss as `loss.sum.terms.0.triplet` and so on.
    ///
    /// # Example
    ///
    /// ```toml
    /// { sum = { terms = [{ loss = "normalized-softmax" }, { weight = 0.5, loss = "multi-similarity" }] } }
    /// ```
    pub struct Sum {
        /// What is added up; at least one of them must be more than a regulariser.
        #[aka("losses", "loss")]
        terms: Vec<Term> => check::not_empty(),
    }
}

params! {
    /// A loss with its weight.
    pub struct Term {
        /// What the loss is multiplied by.
        #[aka("factor", "coefficient", "coeff")]
        weight: f64 = 1.0 => check::positive(),
        /// The loss.
        loss: LossSpec,
    }
}

impl Sum {
    /// The terms that compare or classify: a regulariser looks at no distance.
    fn objectives(&self) -> impl Iterator<Item = &LossSpec> {
        self.terms.iter().map(|term| &term.loss).filter(|loss| loss.as_dyn().is_objective())
    }

    fn inside(&self) -> impl Iterator<Item = (u64, String, &Term)> {
        self.terms.iter().zip(0..).map(|(term, at)| (at, format!("terms.{at}"), term))
    }
}

impl Loss for Sum {
    fn distance(&self) -> Distance {
        let learns = |term: &&Term| term.loss.as_dyn().is_objective();
        let first = self.terms.iter().find(learns).or_else(|| self.terms.first());
        first.map_or(Distance::Cosine, |term| term.loss.distance())
    }

    fn needs(&self) -> Needs {
        self.terms.iter().map(|term| term.loss.needs()).fold(Needs::default(), Needs::and)
    }

    fn is_objective(&self) -> bool {
        self.terms.iter().any(|term| term.loss.as_dyn().is_objective())
    }

    fn stands_alone(&self) -> bool {
        self.terms.iter().any(|term| term.loss.as_dyn().stands_alone())
    }

    fn takes_directions(&self) -> bool {
        self.objectives().all(LossSpec::takes_directions)
    }

    fn learns_lengths(&self) -> bool {
        // Where one of them compares rows as they are, by the cosine, that is what there is to say.
        self.objectives().any(LossSpec::learns_lengths)
            && self.objectives().all(|loss| loss.learns_lengths() || loss.takes_directions())
    }

    fn inner(&self, target: Target) -> Vec<Inner<'_>> {
        self.inside().map(|(_, name, term)| Inner { name, loss: &term.loss, target }).collect()
    }

    fn problems(&self, known: &Known) -> Vec<Issue> {
        if !self.is_objective() {
            let issue = Issue::of("terms", "all terms are regularisers, which alone do not say what to learn");
            return vec![issue.help("add a loss of pairs, classes or views, such as { loss = \"multi-similarity\" }")];
        }
        let inside = |(at, term): (usize, &Term)| under(&format!("terms[{at}].loss"), term.loss.inside(known));
        self.terms.iter().enumerate().flat_map(inside).collect()
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let mut sum: Option<Tensor<1>> = None;
        for (at, name, term) in self.inside() {
            let mut inner = cx.inner(&name, at, term.loss.name());
            let value = term.loss.as_dyn().forward(batch, &mut inner);
            let name = inner.place().path().to_owned();
            inner.log(&name, value.clone());
            let value = value.mul_scalar(term.weight);
            sum = Some(match sum {
                None => value,
                Some(sum) => sum + value,
            });
        }
        sum.unwrap_or_else(|| super::zero(batch))
    }
}
