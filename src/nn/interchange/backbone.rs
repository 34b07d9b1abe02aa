//! The tensors of a backbone, by the names of whoever trained it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::json;

use super::layout::Pair;
use super::read::Expected;
use super::torchvision::Torchvision;
use super::tree::Constant;
use super::{Incoming, InterchangeError, Names, TorchModel};
use crate::layer::{Backbone, BackboneArchitecture, LayerSpec, Preset};
use simpipe_artifact::TensorFile;
use simpipe_base::param;

impl Incoming {
    /// What of a file's tensors the backbone takes that is number `at` of the outermost layers, for images of `input`; of what
    /// layers before it make of them it sees three channels, in its own size.
    ///
    /// Whose names they are, and what stands before them, is told by what fits most.
    ///
    /// # Errors
    /// If its layers were changed, or don't fit each other.
    pub fn of_backbone(
        backbone: &Preset<Backbone>,
        at: usize,
        input: [usize; 3],
        file: &TensorFile,
    ) -> Result<Self, InterchangeError> {
        let names: BTreeSet<&str> = file.tensors.iter().map(|one| one.name.as_str()).collect();
        let mut best: Option<(usize, String, Expected)> = None;
        for way in ways(backbone, at, [input[0], input[1], 3])? {
            for prefix in prefixes(&way, &names) {
                let known =
                    way.pairs.iter().filter(|pair| names.contains(&*format!("{prefix}{}", pair.theirs))).count();
                if best.as_ref().is_none_or(|(most, ..)| known > *most) {
                    best = Some((known, prefix, way.clone()));
                }
            }
        }
        let (_, prefix, way) = best.ok_or_else(|| InterchangeError::Layers("there are none".to_owned()))?;
        Ok(Self::compare(way, file, &prefix, None))
    }
}

/// The architectures whose every tensor a file holds, and no tensor of another, by their names in a spec.
#[must_use]
pub fn architectures_of(file: &TensorFile) -> Vec<&'static str> {
    let fits = |name: &&'static str| incoming(name, file).is_some_and(|found| found.misfits().words().is_none());
    BackboneArchitecture::NAMES.iter().copied().filter(fits).collect()
}

/// The architecture that most of a file's tensors are of, with what of it the file has and has not in words; `None` if no
/// tensor is of any.
#[must_use]
pub fn nearest_architecture(file: &TensorFile) -> Option<(&'static str, String)> {
    let found = BackboneArchitecture::NAMES.iter().filter_map(|name| Some((*name, incoming(name, file)?)));
    // Of two that hold as much of it, the one that wants nothing else.
    let near = |found: &Incoming| (found.taken(), Reverse(found.misfits().0.len()));
    let (name, nearest) = found.filter(|(_, found)| found.taken() > 0).max_by_key(|(_, found)| near(found))?;
    Some((name, format!("{}: {}", nearest.words(), nearest.misfits().words().unwrap_or_default())))
}

/// What of an architecture a file has and has not, in words; `None` if it holds all of it and nothing else.
#[must_use]
pub fn misfit_of_architecture(architecture: &str, file: &TensorFile) -> Option<String> {
    let found = incoming(architecture, file)?;
    Some(format!("{}: {}", found.words(), found.misfits().words()?))
}

fn incoming(architecture: &str, file: &TensorFile) -> Option<Incoming> {
    let layer = json!({ "backbone": { "architecture": architecture } });
    let LayerSpec::Backbone(backbone) = param::from_json::<LayerSpec>(&layer).ok()? else { return None };
    Incoming::of_backbone(&backbone, 0, ANY, file).ok()
}

/// Behind the name of position embeddings: they are of patches alone, and that of the class token is part of the token.
const PATCHES: &str = "patches";

/// What comes into a backbone has no part in its tensors.
const ANY: [usize; 3] = [64, 64, 3];

/// Every way of naming its tensors.
fn ways(backbone: &Preset<Backbone>, at: usize, input: [usize; 3]) -> Result<Vec<Expected>, InterchangeError> {
    let Some(params) = backbone.named() else {
        let reason = "its layers are written out and are not those of its architecture, so no file is known for them";
        return Err(InterchangeError::Refused { layer: format!("layers.{at}.backbone"), reason: reason.to_owned() });
    };
    let body = backbone.body();
    let model = TorchModel::named(body, input.into(), Torchvision::among(body))?;
    let called = params.called();
    let way = |(scheme, naming): (usize, crate::layer::Naming)| {
        let pair = |pair: &Pair| {
            let ours = pair.ours.strip_prefix("layers.").unwrap_or(&pair.ours);
            let ours = format!("layers.{at}.backbone.body.{ours}");
            let theirs = called.name(&pair.theirs, scheme);
            let (theirs, third, zeros) = match theirs.rsplit_once('#') {
                Some((whole, PATCHES)) => (whole.to_owned(), None, 1),
                Some((whole, third)) => (whole.to_owned(), third.parse().ok(), 0),
                None => (theirs, None, 0),
            };
            Pair { ours, theirs, third, zeros, ..pair.clone() }
        };
        let constant = |one: &Constant| Constant { name: called.name(&one.name, scheme), fill: one.fill };
        Expected {
            names: Names::Backbone(naming.word),
            pairs: model.pairs.iter().map(pair).collect(),
            constants: model.constants.iter().map(constant).collect(),
            heads: naming.heads,
        }
    };
    Ok(params.namings().into_iter().enumerate().map(way).collect())
}

/// What may stand before the names, as some of the file's names end with one of them: nothing, `module.`, `model.encoder.`.
fn prefixes(way: &Expected, names: &BTreeSet<&str>) -> BTreeSet<String> {
    let firsts = way.pairs.iter().take(3);
    let before = |pair: &Pair| -> Vec<String> {
        let found = names.iter().filter_map(|name| name.strip_suffix(&pair.theirs));
        found.filter(|before| before.ends_with('.')).map(str::to_owned).collect()
    };
    std::iter::once(String::new()).chain(firsts.flat_map(before)).take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use simpipe_artifact::{NewTensor, Numbers, tensor_file};

    fn file(tensors: Vec<(String, Vec<usize>)>) -> TensorFile {
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let numbers = Numbers::Single(vec![0.0; shape.iter().product()]);
            NewTensor { name, shape, numbers }
        };
        let bytes = tensor_file(tensors.into_iter().map(tensor).collect(), &[].into());
        TensorFile::of_bytes("x.safetensors".as_ref(), &bytes).unwrap()
    }

    #[test]
    fn tensors_tell_the_architecture() {
        let golden: Json = serde_json::from_str(include_str!("../../../tests/fixtures/golden/backbones.json")).unwrap();
        let mut seen = BTreeSet::new();
        for case in golden["cases"].as_array().unwrap() {
            let architecture = case["params"]["layers"][0]["backbone"]["architecture"].as_str().unwrap();
            let tensors = case["input"]["tensors"].as_object().unwrap().iter();
            let mut tensors: Vec<(String, Vec<usize>)> =
                tensors.map(|(name, shape)| (name.clone(), serde_json::from_value(shape.clone()).unwrap())).collect();
            let whole = file(tensors.clone());
            assert_eq!(architectures_of(&whole), [architecture]);
            if !seen.insert(architecture.to_owned()) {
                continue;
            }
            assert_eq!(misfit_of_architecture(architecture, &whole), None);
            drop(whole);
            tensors.push(("of.another.network".to_owned(), vec![2]));
            let other = file(tensors);
            assert_eq!(architectures_of(&other), [""; 0]);
            let (nearest, words) = nearest_architecture(&other).unwrap();
            assert!(nearest == architecture && words.contains("of.another.network"), "{nearest}: {words}");
        }
        assert_eq!(seen.len(), BackboneArchitecture::NAMES.len());
        assert_eq!(nearest_architecture(&file(vec![("x".to_owned(), vec![1])])), None);
    }
}
