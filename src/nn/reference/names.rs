//! What reference libraries call our losses and their parameters.

use serde_json::{Map, Value as Json, json};

use super::{given, read};
use crate::loss::LossSpec;
use simpipe_base::golden::{Case, CaseError};
use simpipe_base::param;

/// Where a name comes from: two libraries may mean different losses by one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    TensorflowSimilarity,
    PytorchMetricLearning,
}

/// A loss of a library.
#[derive(Debug)]
struct Name {
    library: Library,
    /// Its class.
    theirs: &'static str,
    /// The name in a spec.
    ours: &'static str,
    /// Parameters whose name or unit is another one here; others have the same name, in lower case and
    /// with hyphens.
    renamed: &'static [(&'static str, As)],
    /// What the class always does, and a spec says.
    always: &'static [(&'static str, &'static str)],
}

/// What becomes of a parameter.
#[derive(Debug, Clone, Copy)]
enum As {
    /// The same value by another name.
    Named(&'static str),
    /// An angle: given in degrees, but kept by the object in radians.
    Degrees(&'static str),
    /// A number whose inverse the object keeps.
    Inverse(&'static str),
    /// A width of bins of which as many as we are told of make 2.
    Bins(&'static str),
    /// Whether something is learned, and whether for each class.
    Learned(&'static str),
    /// Only this value is computed here, whatever it is called.
    Only(&'static [&'static str]),
    /// The object keeps it for itself, or an evaluator reads it.
    Ignored,
}

use As::{Bins, Degrees, Ignored, Inverse, Learned, Named, Only};
use Library::{PytorchMetricLearning as Pml, TensorflowSimilarity as Tfs};

/// What belongs to the case, or to every object of a class with learned weights, and to no spec of a loss: sizes follow from
/// the network and the data.
const BESIDE: [&str; 11] = [
    "loss",
    "layers",
    "miner",
    "name",
    "reduction",
    "num_classes",
    "embedding_size",
    "descriptors_dim",
    "collect_stats",
    "embedding_reg_weight",
    "weight_reg_weight",
];

const MINING: &[(&str, As)] =
    &[("positive_mining_strategy", Named("positive-mining")), ("negative_mining_strategy", Named("negative-mining"))];

/// Masks that are multiplied with.
const MASKED: &[(&str, &str)] = &[("incomplete", "row-ends")];

const NAMES: &[Name] = &[
    name(Tfs, "MultiSimilarityLoss", "multi-similarity", &[("lmda", Named("lambda"))]),
    Name { always: MASKED, ..name(Tfs, "TripletLoss", "triplet", MINING) },
    Name { always: MASKED, ..name(Tfs, "PNLoss", "pn", MINING) },
    name(Tfs, "CircleLoss", "circle", &[]),
    name(Tfs, "SoftNearestNeighborLoss", "soft-nearest-neighbor", &[]),
    name(Tfs, "MultiNegativesRankLoss", "multi-negatives-ranking", &[("distance", Only(&["inner-product", "ip"]))]),
    name(Tfs, "SimCLRLoss", "simclr", &[]),
    name(Tfs, "Barlow", "barlow", &[("lambda_", Named("lambda")), ("margin", Ignored)]),
    name(Tfs, "VicReg", "vicreg", &[("lambda_", Named("lambda"))]),
    name(Tfs, "SimSiamLoss", "simsiam", &[]),
    name(Pml, "ContrastiveLoss", "contrastive", &[]),
    name(Pml, "TripletMarginLoss", "triplet-margin", &[]),
    name(Pml, "NTXentLoss", "nt-xent", &[]),
    name(Pml, "SupConLoss", "sup-con", &[]),
    name(Pml, "MultiSimilarityLoss", "multi-similarity-pairs", &[]),
    name(Pml, "CircleLoss", "circle-pairs", &[]),
    name(Pml, "LiftedStructureLoss", "lifted-structure", &[]),
    name(Pml, "GeneralizedLiftedStructureLoss", "generalized-lifted-structure", &[]),
    name(Pml, "NPairsLoss", "n-pairs", &[]),
    name(Pml, "AngularLoss", "angular", &[("alpha", Degrees("alpha"))]),
    name(Pml, "FastAPLoss", "fast-ap", &[]),
    name(Pml, "NCALoss", "nca", &[]),
    name(Pml, "TupletMarginLoss", "tuplet-margin", &[("margin", Degrees("margin"))]),
    name(Pml, "IntraPairVarianceLoss", "intra-pair-variance", &[]),
    name(Pml, "SignalToNoiseRatioContrastiveLoss", "snr-contrastive", &[]),
    name(Pml, "PNPLoss", "pnp", &[]),
    name(Pml, "MarginLoss", "margin", &[("learn_beta", Learned("learn-beta"))]),
    name(Pml, "SmoothAPLoss", "smooth-ap", &[]),
    name(Pml, "HistogramLoss", "histogram", &[("delta", Bins("n-bins"))]),
    name(Pml, "RankedListLoss", "ranked-list", &[]),
    name(Pml, "DynamicSoftMarginLoss", "dynamic-soft-margin", &[("min_val", Only(&["-2"]))]),
    name(Pml, "ThresholdConsistentMarginLoss", "threshold-consistent-margin", &[]),
    name(Pml, "ArcFaceLoss", "arc-face", &[("margin", Degrees("margin"))]),
    name(Pml, "CosFaceLoss", "cos-face", &[]),
    name(Pml, "SubCenterArcFaceLoss", "sub-center-arc-face", &[("margin", Degrees("margin"))]),
    name(Pml, "NormalizedSoftmaxLoss", "normalized-softmax", &[]),
    name(Pml, "ProxyNCALoss", "proxy-nca", &[]),
    name(Pml, "ProxyAnchorLoss", "proxy-anchor", &[]),
    name(Pml, "SoftTripleLoss", "soft-triple", &[("la", Named("lambda")), ("gamma", Inverse("gamma"))]),
    name(Pml, "SphereFaceLoss", "sphere-face", &[("max_n", Ignored)]),
    name(Pml, "LargeMarginSoftmaxLoss", "large-margin-softmax", &[("max_n", Ignored)]),
    name(Pml, "P2SGradLoss", "p2s-grad", &[]),
];

const fn name(
    library: Library,
    theirs: &'static str,
    ours: &'static str,
    renamed: &'static [(&'static str, As)],
) -> Name {
    Name { library, theirs, ours, renamed, always: &[] }
}

/// Our loss for a class of a library, or for the one that the case names, with the case's parameters.
pub(super) fn loss(library: Library, class: &str, case: &Case) -> Result<LossSpec, CaseError> {
    let class = case.params.get("loss").and_then(Json::as_str).unwrap_or(class);
    let known = NAMES.iter().find(|known| known.library == library && known.theirs == class);
    let known = known.ok_or_else(|| CaseError::unknown(format!("the loss `{class}`")))?;
    let empty = Map::new();
    let given = case.params.as_object().unwrap_or(&empty);
    spec(known.ours, known.params(given)?)
}

/// The loss of a spec.
pub(super) fn spec(name: &str, params: Map<String, Json>) -> Result<LossSpec, CaseError> {
    read(&json!({ name: params }))
}

impl Name {
    /// What a spec would say.
    fn params(&self, given: &Map<String, Json>) -> Result<Map<String, Json>, CaseError> {
        // What an object keeps has all its fields; what it was made with has those that were given.
        let kept = given.contains_key("collect_stats");
        let always = self.always.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let mut params: Map<String, Json> = always.collect();
        for (theirs, value) in
            given.iter().filter(|(theirs, value)| !BESIDE.contains(&theirs.as_str()) && !value.is_null())
        {
            let renamed = self.renamed.iter().find(|renamed| renamed.0 == theirs).map(|renamed| renamed.1);
            let number = || value.as_f64().ok_or_else(|| CaseError::malformed(format!("`{theirs}` is not a number")));
            let unknown = || Err(CaseError::unknown(format!("`{theirs}` of {value}")));
            let (name, value) = match renamed {
                None => (param::kebab(&theirs.to_lowercase()), given::value(value)?),
                Some(Ignored) => continue,
                Some(Only(known)) if known.contains(&written(&given::value(value)?).as_str()) => continue,
                Some(Only(_)) => return unknown(),
                Some(Named(ours)) => (ours.to_owned(), given::value(value)?),
                Some(Learned(ours)) => (ours.to_owned(), learned(value, given)?),
                Some(Bins(ours)) => {
                    let bins = 2.0 / number()?;
                    if (bins - bins.round()).abs() > 1e-9 * bins.abs() {
                        return unknown();
                    }
                    (ours.to_owned(), given::value(&bins.round().into())?)
                }
                Some(Degrees(ours) | Inverse(ours)) if !kept => (ours.to_owned(), value.clone()),
                Some(Degrees(ours)) => (ours.to_owned(), number()?.to_degrees().into()),
                Some(Inverse(ours)) => (ours.to_owned(), number()?.recip().into()),
            };
            params.insert(name, value);
        }
        Ok(params)
    }
}

/// What is learned, where the number of classes says for what.
fn learned(value: &Json, given: &Map<String, Json>) -> Result<Json, CaseError> {
    let learned = value.as_bool().ok_or_else(|| CaseError::malformed("what is learned is neither true nor false"))?;
    let classes = given.get("num_classes").and_then(Json::as_u64).unwrap_or_default();
    let word = match (learned, classes) {
        (false, _) => "none",
        (true, 0) => "one",
        (true, _) => "per-class",
    };
    Ok(word.into())
}

/// A word without its quotes.
fn written(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec_of(library: Library, params: Json) -> Json {
        let case = Case { input: Json::Null, params, expected: Json::Null };
        param::Param::write(&loss(library, "MultiSimilarityLoss", &case).unwrap(), param::View::Key)
    }

    #[test]
    fn what_an_object_keeps_and_what_it_was_made_with_are_the_same_loss() {
        let made = json!({ "loss": "ArcFaceLoss", "margin": 30, "num_classes": 4 });
        assert_eq!(spec_of(Pml, made), json!({ "arc-face": { "margin": 30.0 } }));
        let margin = 30.0_f64.to_radians();
        let kept = json!({ "loss": "ArcFaceLoss", "margin": margin, "collect_stats": false });
        let found = spec_of(Pml, kept)["arc-face"]["margin"].as_f64().unwrap();
        assert!((found - 30.0).abs() < 1e-9, "{found}");
        let triple = |gamma: f64, more: &str| {
            let mut params = json!({ "loss": "SoftTripleLoss", "la": 10.0, "gamma": gamma });
            params[more] = false.into();
            spec_of(Pml, params)
        };
        assert_eq!(triple(4.0, "collect_stats"), json!({ "soft-triple": { "lambda": 10.0, "gamma": 0.25 } }));
        assert_eq!(triple(0.25, "num_classes"), triple(4.0, "collect_stats"));
        let histogram = |params: Json| spec_of(Pml, params)["histogram"]["n-bins"].clone();
        assert_eq!(histogram(json!({ "loss": "HistogramLoss", "delta": 0.05 })), json!(40));
        let learned = json!({ "loss": "MarginLoss", "learn_beta": true, "num_classes": 4 });
        assert_eq!(spec_of(Pml, learned), json!({ "margin": { "learn-beta": "per-class" } }));
        let masked = json!({ "triplet": { "incomplete": "row-ends", "margin": 0.5 } });
        assert_eq!(spec_of(Tfs, json!({ "loss": "TripletLoss", "margin": 0.5, "name": "x" })), masked);
        assert_eq!(
            spec_of(Tfs, json!({ "lmda": 0.25 })),
            json!({ "multi-similarity (version 2)": { "lambda": 0.25 } })
        );
    }

    #[test]
    fn what_is_not_known_is_said() {
        for params in [
            json!({ "loss": "NoLoss" }),
            json!({ "loss": "ArcFaceLoss", "nonsense": 1 }),
            json!({ "loss": "HistogramLoss", "delta": 0.3 }),
            json!({ "loss": "DynamicSoftMarginLoss", "min_val": -1 }),
        ] {
            let case = Case { input: Json::Null, params, expected: Json::Null };
            assert!(matches!(loss(Pml, "", &case), Err(CaseError::Unknown(_))));
        }
    }

    #[test]
    fn every_class_has_one_loss() {
        for (at, name) in NAMES.iter().enumerate() {
            assert!(NAMES[..at].iter().all(|other| (other.library, other.theirs) != (name.library, name.theirs)));
            assert!(LossSpec::NAMES.contains(&name.ours), "{}", name.ours);
        }
    }
}
