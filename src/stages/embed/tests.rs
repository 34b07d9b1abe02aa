//! Views and layers of `embed`, from facts to facts.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::embedded;
use simpipe_artifact::Distance;
use simpipe_artifact::{LayerSummary, ModelSummary};
use simpipe_base::param;
use simpipe_stage::{IndexFacts, ModelFacts, SamplesFacts};

fn params(json: Json) -> EmbedParams {
    param::from_json(&json).unwrap()
}

fn summary() -> ModelSummary {
    let row = |name: &str, at: usize, output: &[usize]| LayerSummary {
        name: name.to_owned(),
        path: format!("layers.{at}.{name}"),
        input: Vec::new(),
        output: output.to_vec(),
        parameters: 0,
    };
    let layers = vec![row("conv2d", 0, &[4, 4, 8]), row("global-max-pool", 1, &[8]), row("metric-embedding", 2, &[6])];
    ModelSummary { layers, ..ModelSummary::default() }
}

fn inferred(json: Json, known: bool) -> Result<EmbeddingsFacts, Vec<String>> {
    let model = ModelFacts {
        dim: known.then_some(6),
        distance: Distance::Cosine,
        trained_on: String::new(),
        summary: known.then(summary),
        takes_features: false,
    };
    let facts = BTreeMap::from([
        ("sampler".to_owned(), Facts::Samples(SamplesFacts { count: Some(9), ..SamplesFacts::default() })),
        ("model".to_owned(), Facts::Model(model)),
    ]);
    match Embed::infer(&params(json), &InputFacts(facts)) {
        Ok(Facts::Embeddings(facts)) => Ok(facts),
        Ok(other) => panic!("{other:?}"),
        Err(issues) => Err(issues.into_iter().map(|issue| issue.path).collect()),
    }
}

#[test]
fn what_is_not_asked_for_is_in_no_key_and_no_artifact() {
    for plain in [json!({}), json!({ "views": ["identity"], "layers": [], "normalize": false })] {
        assert_eq!(params(plain.clone()).write(View::Key), json!({}));
        let facts = inferred(plain, true).unwrap();
        assert!(facts.model_use.unwrap().is_plain());
        assert_eq!(facts.dim, Some(6));
    }
    assert!(
        inferred(json!({ "layer": "metric-embedding" }), true).unwrap().model_use.unwrap().is_plain(),
        "the last one"
    );
    let unknown = inferred(json!({}), false).unwrap();
    assert_eq!(unknown.dim, None);
    assert!(unknown.model_use.unwrap().is_plain(), "the last layer is the last, whatever it is");
}

#[test]
fn layers_are_told_apart_whatever_they_are_called() {
    let by_name = inferred(json!({ "layer": "global-max-pool" }), true).unwrap();
    let by_place = inferred(json!({ "layer": "layers.1" }), true).unwrap();
    assert_eq!(by_name, by_place);
    let layers = |facts: EmbeddingsFacts| facts.model_use.unwrap().layers;
    assert_eq!((by_name.dim, layers(by_name)), (Some(8), vec!["layers.1.global-max-pool".to_owned()]));
    let both = inferred(json!({ "layers": ["global-max-pool", "metric-embedding"] }), true).unwrap();
    assert_eq!((both.dim, layers(both).len()), (Some(14), 2));
    // While the layers are not known, two names may be of one.
    for (index, queries) in [("global-max-pool", "layers.1"), ("metric-embedding", "metric-embedding")] {
        let [index, queries] = [index, queries].map(|name| inferred(json!({ "layer": name }), false).unwrap());
        assert_eq!((index.dim, &index.model_use), (None, &None));
        let index = IndexFacts {
            pool: index.pool,
            range: index.range,
            dim: index.dim,
            distance: index.distance,
            model_use: index.model_use,
            class_means: false,
        };
        assert_eq!(embedded::check_uses(Some(&index), Some(&queries)), None);
        let known = inferred(json!({}), true).unwrap();
        assert_eq!(embedded::check_uses(Some(&index), Some(&known)), None);
        let index = IndexFacts { model_use: inferred(json!({ "layer": "1" }), true).unwrap().model_use, ..index };
        assert!(embedded::check_uses(Some(&index), Some(&known)).is_some());
    }
}

#[test]
fn the_order_of_views_is_in_no_key_and_no_artifact() {
    let [one, other] = [["identity", "flip"], ["flip", "identity"]].map(|views| json!({ "views": views }));
    assert_eq!(Embed::key_params(&params(one.clone())), Embed::key_params(&params(other.clone())));
    assert_eq!(Embed::key_params(&params(one.clone())), one, "as it was");
    let views = |json| inferred(json, true).unwrap().model_use.unwrap().views;
    assert_eq!(views(one), ["identity", "flip"]);
    assert_eq!(views(other), ["identity", "flip"]);
}

#[test]
fn problems_stand_at_their_parameter() {
    assert_eq!(inferred(json!({ "layer": "conv2d" }), true).unwrap_err(), ["layer"]);
    assert_eq!(inferred(json!({ "layers": ["conv2d", "dense"] }), true).unwrap_err(), ["layers[0]", "layers[1]"]);
    assert_eq!(inferred(json!({ "layer": "1", "layers": ["2"] }), false).unwrap_err(), ["layers"]);
    for known in [true, false] {
        assert_eq!(
            inferred(json!({ "views": ["flip", "identity", "flip", "flip"] }), known).unwrap_err(),
            ["views[2]", "views[3]"]
        );
    }
    assert_eq!(inferred(json!({ "layers": ["1", "layers.1"] }), true).unwrap_err(), ["layers[1]"]);
    for views in [json!([]), json!(["rotate"])] {
        assert!(param::from_json::<EmbedParams>(&json!({ "views": views })).is_err(), "{views}");
    }
}
