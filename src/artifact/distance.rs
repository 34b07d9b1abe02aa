//! Names of the distances between embeddings, as specs and artifacts write them. `search` and `nn` compute them.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{self, Alternative, Choice, LazyChoice, Param, Shape, View};
use simpipe_base::suggest::{self, Known};

/// How near two embeddings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// `1 - q.k` of rows of unit length, clipped at 0.
    Cosine,
    /// `q.k`: a similarity, larger is nearer.
    InnerProduct,
    /// The straight line.
    Euclidean,
    /// Its square.
    SquaredEuclidean,
    /// Sum of absolute differences.
    Manhattan,
    /// `var(q - k) / var(q)` (Yuan et al., 2019); not symmetric.
    Snr,
}

impl Distance {
    /// Every distance.
    pub const ALL: [Self; 6] =
        [Self::Cosine, Self::InnerProduct, Self::Euclidean, Self::SquaredEuclidean, Self::Manhattan, Self::Snr];

    /// The name in a spec.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "inner-product",
            Self::Euclidean => "euclidean",
            Self::SquaredEuclidean => "squared-euclidean",
            Self::Manhattan => "manhattan",
            Self::Snr => "snr",
        }
    }

    /// The distance of a name or of one of the other names that TensorFlow Similarity has for it: `ip`, `l2`, `sql2`, `l1`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ip" => Some(Self::InnerProduct),
            "l2" | "pythagorean" => Some(Self::Euclidean),
            "sql2" | "sqeuclidean" => Some(Self::SquaredEuclidean),
            "l1" | "taxicab" => Some(Self::Manhattan),
            "signal-to-noise-ratio" => Some(Self::Snr),
            _ => Self::ALL.into_iter().find(|distance| distance.name() == name),
        }
    }

    /// What other tools call the same.
    const fn aka(self) -> &'static [&'static str] {
        match self {
            Self::Cosine => &["cos", "CosineSimilarity", "cosine_distance", "angular"],
            Self::InnerProduct => &["ip", "dot", "dot_product"],
            Self::Euclidean => &["l2", "LpDistance", "euclid"],
            Self::SquaredEuclidean => &["sql2", "l2_squared"],
            Self::Manhattan => &["l1", "cityblock"],
            Self::Snr => &[],
        }
    }

    /// What it is, with its formula.
    const fn doc(self) -> &'static str {
        match self {
            Self::Cosine => {
                "`1 - q.k` of rows of unit length, clipped at 0. A search scales other rows to it; a loss takes them as they are."
            }
            Self::InnerProduct => "`q.k`: a similarity, larger is nearer. Also written `ip`.",
            Self::Euclidean => "`|q - k|`, the straight line. Also written `l2`.",
            Self::SquaredEuclidean => "`|q - k|^2`. Also written `sql2`.",
            Self::Manhattan => "The sum of the absolute differences. Also written `l1`.",
            Self::Snr => {
                "`var(q - k) / var(q)`: noise against signal, not symmetric (Yuan et al., 2019, arXiv:1904.02616)."
            }
        }
    }

    /// Whether a larger value means nearer.
    #[must_use]
    pub const fn larger_is_nearer(self) -> bool {
        matches!(self, Self::InnerProduct)
    }
}

impl Param for Distance {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Some(name) = node.string() else {
            param::expected(node, path, "the name of a distance", issues);
            return None;
        };
        let distance = Self::from_name(name);
        if distance.is_none() {
            let known = Self::ALL.map(|distance| Known { name: distance.name(), aka: distance.aka() });
            let message = format!("unknown choice `{name}` for `{path}`");
            issues.push(Issue::at(&node.place, path, message).help(suggest::help(name, &known)));
        }
        distance
    }

    fn write(&self, _: View) -> serde_json::Value {
        self.name().into()
    }

    fn shape() -> Shape {
        static CHOICE: LazyLock<Choice> = LazyLock::new(|| Choice {
            name: "Distance",
            doc: "How near two embeddings are.",
            alternatives: Distance::ALL.iter().map(alternative).collect(),
        });
        fn alternative(distance: &Distance) -> Alternative {
            Alternative { name: distance.name(), doc: distance.doc(), version: 1, aka: distance.aka(), params: None }
        }
        Shape::Choice(LazyChoice::new(&CHOICE))
    }
}
