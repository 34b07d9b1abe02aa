//! Weights from a file: by which names it holds them, what does not fit, and the numbers in our layouts.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::Pair;
use super::torchvision::Torchvision;
use super::tree::{Constant, Fill};
use super::{InterchangeError, Names, TorchModel};
use crate::input::Input;
use crate::layer::{LayerSpec, Walk};
use simpipe_artifact::{TensorEntry, TensorFile, Weights};

/// Problems that are said; the rest is counted.
const MOST_SAID: usize = 10;

/// What is wrong with a file, each in words of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfits(pub Vec<String>);

impl Misfits {
    /// The first ones, and how many more there are; `None` if there are none.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let more = self.0.len().saturating_sub(MOST_SAID);
        let said = self.0.iter().take(MOST_SAID).cloned().collect::<Vec<_>>().join("; ");
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!said.is_empty()).then_some(said + &rest)
    }
}

/// A file's tensors beside those of a network.
#[derive(Debug)]
pub struct Incoming {
    names: Names,
    /// Our tensors with what the file has for them, where that fits.
    taken: Vec<(Pair, TensorEntry)>,
    /// Tensors of torch's with a value that is known before, as the file has them.
    constants: Vec<(Constant, TensorEntry)>,
    /// How many tensors the network has.
    all: usize,
    misfits: Misfits,
    /// Tensors of a classifier, which nobody asks for.
    left_out: Vec<String>,
    /// What the file's names begin with, where that is what keeps them from being known.
    suggested: Option<String>,
}

/// The tensors that are expected by one way of naming.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) names: Names,
    pub(super) pairs: Vec<Pair>,
    pub(super) constants: Vec<Constant>,
    /// What the names of a classifier begin with, which is left out.
    pub(super) heads: &'static [&'static str],
}

impl Incoming {
    /// What of a file's tensors, whose names begin with `prefix`, a network of these layers takes.
    ///
    /// Which names they have is told by what fits most of them.
    ///
    /// # Errors
    /// If the layers don't fit each other.
    pub fn of(
        layers: &[LayerSpec],
        input: impl Into<Input>,
        file: &TensorFile,
        prefix: &str,
    ) -> Result<Self, InterchangeError> {
        let ways = ways(layers, input.into())?;
        let names: BTreeSet<&str> = file.tensors.iter().filter_map(|one| one.name.strip_prefix(prefix)).collect();
        let known = |way: &Expected, names: &BTreeSet<&str>| {
            way.pairs.iter().filter(|pair| names.contains(pair.theirs.as_str())).count()
        };
        // Of equal ones the first.
        let best = (0..ways.len()).rev().max_by_key(|at| known(&ways[*at], &names)).unwrap_or_default();
        let suggested = ways.iter().all(|way| known(way, &names) == 0).then(|| beginning(&names, &ways)).flatten();
        let way = ways.into_iter().nth(best).ok_or_else(|| InterchangeError::Layers("there are none".to_owned()))?;
        Ok(Self::compare(way, file, prefix, suggested.map(|found| format!("{prefix}{found}"))))
    }

    pub(super) fn compare(way: Expected, file: &TensorFile, prefix: &str, suggested: Option<String>) -> Self {
        let Expected { names, pairs, constants, heads } = way;
        let all = pairs.len();
        let (misfits, left_out) = (Misfits::default(), Vec::new());
        let mut incoming = Self { names, taken: Vec::new(), constants: Vec::new(), all, misfits, left_out, suggested };
        let (mut found, mut twice): (BTreeMap<&str, &TensorEntry>, _) = (BTreeMap::new(), Vec::new());
        for entry in &file.tensors {
            let Some(name) = entry.name.strip_prefix(prefix) else {
                // Behind `model.backbone.` lies the network, and beside it the classifier.
                incoming.left_out.extend(is_of(heads, &entry.name).then(|| sides(entry)));
                continue;
            };
            if found.insert(name, entry).is_some() {
                twice.push(format!("`{}` comes twice", entry.name));
            }
        }
        let mut said = twice;
        let mut shared = BTreeSet::new();
        for pair in pairs {
            let entry = if pair.third.is_some() {
                shared.insert(pair.theirs.clone());
                found.get(pair.theirs.as_str()).copied()
            } else {
                found.remove(pair.theirs.as_str())
            };
            let misfit = match entry {
                None => Some(format!("`{prefix}{}` is missing, expected F32 of {:?}", pair.theirs, pair.their_shape())),
                Some(entry) if entry.is_float() && pair.takes(&entry.shape) => {
                    incoming.taken.push((pair, entry.clone()));
                    None
                }
                Some(entry) => Some(format!(
                    "`{}` is {} of {:?}, expected F32 of {:?}",
                    entry.name,
                    entry.dtype,
                    entry.shape,
                    pair.their_shape()
                )),
            };
            // Once of a tensor that holds three.
            said.extend(misfit.filter(|misfit| !said.contains(misfit)));
        }
        found.retain(|name, _| !shared.contains(*name));
        for constant in constants {
            // Torch itself does without the number of batches; a factor of one may be left out as well.
            let Some(entry) = found.remove(constant.name.as_str()) else { continue };
            match constant.fill {
                Fill::Batches => {}
                Fill::Ones(count) | Fill::Zeros(count) if is(entry, &[count]) => {
                    incoming.constants.push((constant, entry.clone()));
                }
                Fill::Ones(count) | Fill::Zeros(count) => said.push(format!(
                    "`{}` is {} of {:?}, expected F32 of [{count}]",
                    entry.name, entry.dtype, entry.shape
                )),
            }
        }
        let (left_out, unknown): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| is_of(heads, name));
        incoming.left_out.extend(left_out.into_iter().map(|(_, entry)| sides(entry)));
        said.extend(unknown.into_iter().map(|(_, entry)| format!("`{}` is not a tensor of these layers", entry.name)));
        incoming.misfits.0 = said;
        incoming
    }

    /// What does not fit: missing, too much, of another shape or type, or there twice.
    #[must_use]
    pub const fn misfits(&self) -> &Misfits {
        &self.misfits
    }

    /// How many tensors fit, of how many of the network, and by which names: `120 of 122 tensors by torchvision's names`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} of {} tensors by {}", self.taken.len(), self.all, self.names.words())
    }

    /// How many tensors fit.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.taken.len()
    }

    /// Tensors of a classifier, with their sides: they are not asked for, and not taken.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// How its tensors are named.
    #[must_use]
    pub const fn names(&self) -> Names {
        self.names
    }

    /// A `prefix` with which more would fit, where nothing does.
    #[must_use]
    pub fn suggested_prefix(&self) -> Option<&str> {
        self.suggested.as_deref()
    }

    /// The numbers of all that fits, by our names and in our layouts; `bytes` is the whole file whose head was looked at.
    ///
    /// # Errors
    /// What is wrong with the numbers.
    pub fn weights(&self, file: &TensorFile, bytes: &[u8]) -> Result<Weights, Misfits> {
        let (mut weights, mut wrong) = (Weights::default(), Vec::new());
        let mut read = |entry: &TensorEntry| {
            let values = file.values(entry, bytes);
            let reason = match &values {
                None => Some("has not as many bytes as its shape says"),
                Some(values) if values.iter().any(|value| !value.is_finite()) => {
                    Some("contains a number that is not finite")
                }
                Some(_) => None,
            };
            wrong.extend(reason.map(|reason| format!("`{}` {reason}", entry.name)));
            values.filter(|_| reason.is_none())
        };
        for (pair, entry) in &self.taken {
            if let Some(values) = read(entry) {
                weights.0.insert(pair.ours.clone(), (pair.shape.clone(), pair.to_ours(pair.own_part(&values))));
            }
        }
        let constants: Vec<(&Constant, &TensorEntry, Option<Vec<f32>>)> =
            self.constants.iter().map(|(constant, entry)| (constant, entry, read(entry))).collect();
        for (constant, entry, values) in constants {
            let expected = if matches!(constant.fill, Fill::Ones(_)) { 1.0 } else { 0.0 };
            if values.is_some_and(|values| values.iter().any(|value| *value != expected)) {
                wrong.push(format!(
                    "`{}` must be {expected} throughout: the layer has no such parameter of its own",
                    entry.name
                ));
            }
        }
        if wrong.is_empty() { Ok(weights) } else { Err(Misfits(wrong)) }
    }
}

/// Every way of naming the tensors of these layers, the likeliest first.
fn ways(layers: &[LayerSpec], input: Input) -> Result<Vec<Expected>, InterchangeError> {
    let walked = Walk::through(input, layers).map_err(|issues| InterchangeError::Layers(issues[0].message.clone()))?;
    let own = walked.weights.iter().map(|declared| Pair::own(&declared.path, &declared.spec.shape)).collect();
    let mut ways = vec![Expected { names: Names::Own, pairs: own, constants: Vec::new(), heads: &[] }];
    let torchvision = Torchvision::among(layers).map(Some);
    for named in torchvision.into_iter().chain([None]) {
        // What torch can't compute may still be read by our own names.
        if let Ok(model) = TorchModel::named(layers, input, named) {
            let names = model.names();
            let (pairs, constants) = (model.pairs, model.constants);
            ways.insert(ways.len() - 1, Expected { names, pairs, constants, heads: &[] });
        }
    }
    Ok(ways)
}

/// Whether a name begins as one of these.
fn is_of(heads: &[&str], name: &str) -> bool {
    heads.iter().any(|head| name.starts_with(head))
}

/// A tensor's name and sides.
fn sides(entry: &TensorEntry) -> String {
    format!("`{}` of {:?}", entry.name, entry.shape)
}

fn is(entry: &TensorEntry, shape: &[usize]) -> bool {
    entry.is_float() && entry.shape == shape
}

/// What names begin with that are known without it: `module.`, `backbone.model.`.
fn beginning(names: &BTreeSet<&str>, ways: &[Expected]) -> Option<String> {
    let known: BTreeSet<&str> = ways.iter().flat_map(|way| &way.pairs).map(|pair| pair.theirs.as_str()).collect();
    let cuts = |name: &str| -> Vec<String> { name.match_indices('.').map(|(at, _)| name[..=at].to_owned()).collect() };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        for cut in cuts(name) {
            if known.contains(&name[cut.len()..]) {
                *counts.entry(cut).or_default() += 1;
            }
        }
    }
    let most = *counts.values().max()?;
    // A single tensor, such as a `0.weight` within something larger, is no sign.
    counts.into_iter().find(|(_, count)| *count == most && most > 1).map(|(cut, _)| cut)
}
