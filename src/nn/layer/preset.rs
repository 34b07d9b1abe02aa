//! Whole networks by their name: a preset stands for a list of layers, which is written out wherever it must be certain what
//! it stands for.

mod resnet;

use serde_json::Value as Json;

pub use self::resnet::{Resnet9, Resnet18, Resnet34, Resnet50, Stem};
use super::{Cx, FeatureShape, Features, Layer, LayerSpec, Length, List, Walk, lengths};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, View};

/// Parameters of a preset.
pub trait Architecture: Param + Clone + PartialEq + std::fmt::Debug {
    /// Where its layers are written, from the preset on: `resnet18.body`.
    const BODY: &'static str;

    /// The layers that it stands for.
    fn layers(&self) -> Vec<LayerSpec>;

    /// The layers as they are written, if they are.
    fn body(&mut self) -> &mut Option<Vec<LayerSpec>>;

    /// Refuses what its layers alone would not; `outermost` and `first` say where it stands.
    ///
    /// # Errors
    /// What does not suit it.
    fn accepts(&self, _input: &FeatureShape, _outermost: bool, _first: bool) -> Result<(), Issue> {
        Ok(())
    }
}

/// A preset with its layers. In a key it is its name, in a model and in a resolved spec its layers are written beside it,
/// and what is written counts: a model is read back with the layers that it was trained with.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset<A> {
    params: A,
    body: Vec<LayerSpec>,
}

impl<A: Architecture> Param for Preset<A> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let mut params = A::read(node, path, issues)?;
        let body = params.body().take().unwrap_or_else(|| params.layers());
        Some(Self { params, body })
    }

    fn write(&self, view: View) -> Json {
        let mut params = self.params.clone();
        let written = match view {
            View::Full | View::Stored => true,
            View::Key | View::Portable | View::Located => self.body != params.layers(),
        };
        *params.body() = written.then(|| self.body.clone());
        params.write(view)
    }

    fn is_versioned(&self) -> bool {
        self.params.is_versioned()
    }

    fn shape() -> Shape {
        A::shape()
    }
}

impl<A: Architecture> Layer for Preset<A> {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        if self.named().is_some() {
            self.params.accepts(input, walk.is_outermost(), walk.is_first())?;
        }
        walk.list(&Self::LIST, &self.body, input)
    }

    fn length(&self) -> Length {
        lengths(&self.body)
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        cx.list(&Self::LIST, &self.body, x)
    }

    fn only_holds_layers(&self) -> bool {
        true
    }
}

impl<A: Architecture> Preset<A> {
    const LIST: List<'static> = List { path: "body", spec: A::BODY, number: 0 };

    /// The preset of these parameters.
    pub(crate) fn of(params: A) -> Self {
        let body = params.layers();
        Self { params, body }
    }

    /// Its parameters.
    pub fn params(&self) -> &A {
        &self.params
    }

    /// Its parameters, where its layers are those that its name stands for.
    pub(crate) fn named(&self) -> Option<&A> {
        (self.body == self.params.layers()).then_some(&self.params)
    }

    /// Its layers.
    pub(crate) fn body(&self) -> &[LayerSpec] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layer::infer_shapes;
    use simpipe_base::param;

    fn layers(json: Json) -> Vec<LayerSpec> {
        param::from_json(&json).unwrap()
    }

    #[test]
    fn presets_have_the_parameters_that_torchvision_counts() {
        for (preset, trainable, dim) in [
            (json!("resnet18"), 11_176_512, 512),
            (json!("resnet34"), 21_284_672, 512),
            (json!("resnet50"), 23_508_032, 2048),
            // A first kernel of 3 x 3 in place of 7 x 7.
            (json!({ "resnet18": { "stem": "cifar" } }), 11_176_512 - 40 * 3 * 64, 512),
            // As published 6,573,130 with a classifier of 512 x 10 and its 10 biases.
            (json!("resnet9"), 6_573_130 - 5_130, 512),
        ] {
            let summary = infer_shapes([64, 64, 3], &layers(json!([preset]))).unwrap();
            assert_eq!((summary.trainable, summary.dim), (trainable, dim), "{preset}");
        }
    }

    #[test]
    fn maps_have_the_sides_that_torchvision_gives_them() {
        let sides = |preset: Json, image: [usize; 3]| {
            let summary = infer_shapes(image, &layers(json!([preset]))).unwrap();
            let of = |kind: &str| -> Vec<Vec<usize>> {
                let rows = summary.layers.iter().filter(|row| row.name.split('-').next() == Some(kind));
                rows.map(|row| row.output.to_vec()).collect()
            };
            (of("conv2d")[0].clone(), of("residual"))
        };
        let (stem, blocks) = sides(json!("resnet50"), [224, 224, 3]);
        assert_eq!(stem, [112, 112, 64]);
        assert_eq!(
            [0, 3, 7, 13].map(|at| blocks[at].clone()),
            [[56, 56, 256], [28, 28, 512], [14, 14, 1024], [7, 7, 2048]]
        );
        assert_eq!(blocks.len(), 16);
        let (stem, blocks) = sides(json!({ "resnet18": { "stem": "cifar" } }), [32, 32, 3]);
        assert_eq!(stem, [32, 32, 64]);
        assert_eq!([0, 2, 4, 6].map(|at| blocks[at].clone()), [[32, 32, 64], [16, 16, 128], [8, 8, 256], [4, 4, 512]]);
    }

    #[test]
    fn a_key_holds_the_name_and_a_model_the_layers() {
        let short = json!([{ "resnet18": { "stem": "cifar" } }]);
        let read = layers(short.clone());
        assert_eq!(read.write(View::Key), short);
        let full = read.write(View::Full);
        let body = full[0]["resnet18"]["body"].as_array().unwrap();
        assert_eq!(body.len(), 3 + 8 + 1);
        assert_eq!(body[3]["residual"]["activation"], "relu");
        // What is written counts, and is the same as the name where it is the same.
        assert_eq!(layers(full.clone()).write(View::Key), short);
        assert_eq!(layers(read.write(View::Stored)), read);
        let mut other = full;
        other[0]["resnet18"]["body"][2] = json!("tanh");
        let key = layers(other.clone()).write(View::Key);
        assert_eq!(key[0]["resnet18"]["body"][2], "tanh");
        assert_eq!(layers(key).write(View::Full), other);
    }

    #[test]
    fn a_preset_is_its_layers_written_out() {
        let written = |layers: &[LayerSpec]| {
            let summary = infer_shapes([32, 32, 3], layers).unwrap();
            let rows = summary.layers.into_iter().filter(|row| !row.name.starts_with("resnet"));
            rows.map(|row| (row.name, row.input, row.output, row.parameters)).collect::<Vec<_>>()
        };
        let preset = layers(json!(["rescale", "resnet9", { "metric-embedding": { "size": 8 } }]));
        let LayerSpec::Resnet9(inner) = &preset[1] else { unreachable!() };
        let mut flat = vec![preset[0].clone()];
        flat.extend(inner.body.iter().cloned());
        flat.push(preset[2].clone());
        assert_eq!(written(&preset), written(&flat));
    }

    #[test]
    fn problems_stand_at_the_layer_inside() {
        let issue = infer_shapes([8, 8, 3], &layers(json!(["flatten", "resnet9"]))).unwrap_err().remove(0);
        assert_eq!(issue.path, "layers[1].resnet9.body[0]");
    }
}
