//! Two models one behind the other as one: a backbone, and the head that takes its features.

use serde_json::{Value as Json, json};

use crate::error::Error;
use simpipe_artifact::{Features, ModelFile, ModelUse, Weights};

/// A network that takes images: the layers that make features, then those that take them.
///
/// # Errors
/// Where the features are more than the output of one layer.
pub(super) fn join(
    features: &Features,
    (base, base_weights): (ModelFile, Weights),
    (head, head_weights): (ModelFile, Weights),
) -> Result<(ModelFile, Weights), Error> {
    let mut layers = up_to(&base.layers, &features.model_use)?;
    let taken = layers.len();
    if features.model_use.normalize {
        layers.push("l2-normalize".into());
    }
    let begin = layers.len();
    layers.extend(head.layers.as_array().into_iter().flatten().cloned());
    let mut weights = Weights::default();
    weights.0.extend(base_weights.0.into_iter().filter(|(path, _)| number(path).is_some_and(|(at, _)| at < taken)));
    weights.0.extend(head_weights.0.into_iter().map(|(path, tensor)| match number(&path) {
        Some((at, rest)) => (format!("layers.{}.{rest}", at + begin), tensor),
        None => (path, tensor),
    }));
    let joined =
        ModelFile { input: base.input, layers: layers.into(), summary: json!({}), features: base.features, ..head };
    Ok((joined, weights))
}

/// The layers whose last one gives the features.
fn up_to(layers: &Json, model_use: &ModelUse) -> Result<Vec<Json>, Error> {
    let refused = |why: &str| {
        let help = "`simpipe query` and `simpipe serve` run the two models as they are; or give the features one view of one layer";
        Error::usage(format!("the two models can't be written as one network: {why}"), help)
    };
    let layers = layers.as_array().cloned().unwrap_or_default();
    if model_use.views != ModelUse::default().views {
        return Err(refused(&format!("the features are the mean of {}", model_use.views.join(" and "))));
    }
    match model_use.layers.as_slice() {
        [] => Ok(layers),
        [path] => match number(path) {
            Some((at, _)) => Ok(layers.into_iter().take(at + 1).collect()),
            None => Err(refused(&format!("the features are those of `{path}`"))),
        },
        several => Err(refused(&format!("the features are those of {} layers", several.len()))),
    }
}

/// The number of an outermost layer, and what follows it: `layers.3.dense.bias` is 3 and `dense.bias`.
fn number(path: &str) -> Option<(usize, &str)> {
    let (at, rest) = path.strip_prefix("layers.")?.split_once('.')?;
    Some((at.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::{Distance, ModelName};
    use simpipe_base::digest::Digest;

    fn model(layers: Json, features: Option<Features>) -> ModelFile {
        ModelFile {
            format: 1,
            input: [4, 4, 3],
            dim: 2,
            distance: Distance::Cosine,
            layers,
            summary: Json::Null,
            steps: 3,
            best_epoch: None,
            trained_on: Vec::new(),
            features,
        }
    }

    fn weights(paths: &[&str]) -> Weights {
        Weights(paths.iter().map(|path| ((*path).to_owned(), (vec![1], vec![path.len() as f32]))).collect())
    }

    fn joined(model_use: ModelUse) -> Result<(ModelFile, Weights), Error> {
        let of = ModelName { model: Digest::of(b"m"), weights: Digest::of(b"w") };
        let features = Features { of, dim: 5, model_use };
        let base = json!(["global-avg-pool", { "dense": { "units": 5 } }, { "dense": { "units": 9 } }]);
        let head = model(json!(["relu", { "dense": { "units": 2 } }]), Some(features.clone()));
        let base_weights = weights(&["layers.1.dense.bias", "layers.2.dense.bias"]);
        join(&features, (model(base, None), base_weights), (head, weights(&["layers.1.dense.weight"])))
    }

    #[test]
    fn a_head_stands_behind_the_layer_whose_output_it_takes() {
        let (model, weights) = joined(ModelUse::default()).unwrap();
        assert_eq!(model.layers.as_array().unwrap().len(), 5);
        assert_eq!((model.features, model.dim, model.steps), (None, 2, 3));
        let paths: Vec<&String> = weights.0.keys().collect();
        assert_eq!(paths, ["layers.1.dense.bias", "layers.2.dense.bias", "layers.4.dense.weight"]);

        let tap = ModelUse { layers: vec!["layers.1.dense".into()], normalize: true, ..ModelUse::default() };
        let (model, weights) = joined(tap).unwrap();
        let expected = json!(["global-avg-pool", { "dense": { "units": 5 } }, "l2-normalize", "relu", { "dense": { "units": 2 } }]);
        assert_eq!(model.layers, expected);
        let paths: Vec<&String> = weights.0.keys().collect();
        assert_eq!(paths, ["layers.1.dense.bias", "layers.4.dense.weight"]);
    }

    #[test]
    fn what_no_list_of_layers_gives_is_refused() {
        let flipped = ModelUse { views: vec!["identity".into(), "flip".into()], ..ModelUse::default() };
        let error = joined(flipped).unwrap_err().to_string();
        assert!(error.contains("the mean of identity and flip"), "{error}");
        let two = ModelUse { layers: vec!["layers.1.dense".into(), "layers.2.dense".into()], ..ModelUse::default() };
        assert!(joined(two).unwrap_err().to_string().contains("those of 2 layers"));
    }
}
