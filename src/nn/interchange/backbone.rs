//! The tensors of a backbone, by the names of whoever trained it.

use std::collections::BTreeSet;

use super::layout::Pair;
use super::read::Expected;
use super::torchvision::Torchvision;
use super::tree::Constant;
use super::{Incoming, InterchangeError, Names, TorchModel};
use crate::artifact::TensorFile;
use crate::nn::layer::{Backbone, Preset};

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

/// Every way of naming its tensors.
fn ways(backbone: &Preset<Backbone>, at: usize, input: [usize; 3]) -> Result<Vec<Expected>, InterchangeError> {
    let Some(params) = backbone.named() else {
        let reason = "its layers are written out and are not those of its architecture, so no file is known for them";
        return Err(InterchangeError::Refused { layer: format!("layers.{at}.backbone"), reason: reason.to_owned() });
    };
    let body = backbone.body();
    let model = TorchModel::named(body, input, Torchvision::among(body))?;
    let called = params.called();
    let way = |(scheme, naming): (usize, crate::nn::layer::Naming)| {
        let pair = |pair: &Pair| {
            let ours = pair.ours.strip_prefix("layers.").unwrap_or(&pair.ours);
            let ours = format!("layers.{at}.backbone.body.{ours}");
            let theirs = called.name(&pair.theirs, scheme);
            let (theirs, third) = match theirs.rsplit_once('#') {
                Some((whole, third)) => (whole.to_owned(), third.parse().ok()),
                None => (theirs, None),
            };
            Pair { ours, theirs, third, ..pair.clone() }
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
