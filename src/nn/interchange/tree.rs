//! A tree of layers as a tree of torch's modules: which tensor has which name there, and the code that builds it.

use std::collections::BTreeMap;

use super::InterchangeError;
use super::item::{Code, Item};
use super::layout::{Layout, Order, Pair, joined};
use crate::input::Input;
use crate::layer::{FeatureShape, LayerSpec, Walk};

/// A tensor that torch's module has and ours has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) fill: Fill,
}

/// What is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// So many ones: a factor that our layer leaves out.
    Ones(usize),
    /// So many zeros: a summand that our layer leaves out.
    Zeros(usize),
    /// How many batches a batch normalisation has seen; nothing is computed with it.
    Batches,
}

/// What a walk through the layers has found.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) pairs: Vec<Pair>,
    pub(super) constants: Vec<Constant>,
    /// The modules of the outermost list.
    pub(super) items: Vec<Item>,
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walker {
    pub(super) tree: Tree,
    /// What goes into a layer and comes out of it, by its path.
    shapes: BTreeMap<String, [FeatureShape; 2]>,
    /// The tensors that are not named yet, with their sides.
    open: BTreeMap<String, Vec<usize>>,
}

/// A layer, and where it stands.
#[derive(Debug)]
pub(super) struct Here {
    /// What our names begin with: `layers.3.residual.body.0.conv2d`.
    pub(super) path: String,
    /// What torch's names begin with: `3.body.0`.
    pub(super) name: String,
    /// Its number in its list.
    pub(super) at: usize,
    /// What goes in.
    pub(super) input: FeatureShape,
    /// The order in which that is in torch.
    pub(super) order: Order,
}

impl Here {
    /// The sides of the map that goes in.
    pub(super) const fn sides(&self) -> [usize; 2] {
        match self.input {
            FeatureShape::Image([height, width, _]) => [height, width],
            FeatureShape::Tokens(_) | FeatureShape::Vector(_) => [1, 1],
        }
    }

    pub(super) const fn is_map(&self) -> bool {
        matches!(self.input, FeatureShape::Image(_))
    }

    /// The module with the layer's own name.
    pub(super) fn item(&self, code: impl Into<String>) -> Item {
        Item { name: self.at.to_string(), code: Code::Line(code.into()) }
    }

    /// A module of its own beside it, which has no tensors.
    pub(super) fn beside(&self, what: &str, code: impl Into<String>) -> Item {
        Item { name: format!("{}_{what}", self.at), code: Code::Line(code.into()) }
    }

    pub(super) fn refuse(&self, reason: &str) -> InterchangeError {
        InterchangeError::Refused { layer: self.path.clone(), reason: reason.to_owned() }
    }
}

impl Walker {
    /// The tree of these layers for images of `input`.
    pub(super) fn walk(layers: &[LayerSpec], input: Input) -> Result<Tree, InterchangeError> {
        let walked =
            Walk::through(input, layers).map_err(|issues| InterchangeError::Layers(issues[0].message.clone()))?;
        let rows = walked.summary.layers.into_iter();
        let mut walker = Self {
            tree: Tree::default(),
            shapes: rows
                .map(|row| (row.path, [&row.input, &row.output].map(|sides| FeatureShape::of_row(sides))))
                .collect(),
            open: walked.weights.into_iter().map(|declared| (declared.path, declared.spec.shape)).collect(),
        };
        let (items, order) = walker.list(layers, "layers", "", None)?;
        if order.is_some() {
            let layer = format!("layers.{}", layers.len().saturating_sub(1));
            let reason = "the embedding is a flattened map, whose numbers torch has in another order; let a `dense` or a \
                          `metric-embedding` be the last layer";
            return Err(InterchangeError::Refused { layer, reason: reason.to_owned() });
        }
        walker.tree.items = items;
        // Whatever a new layer declares is either named here or refused, never left out.
        if let Some(path) = walker.open.into_keys().next() {
            return Err(InterchangeError::Unknown(path));
        }
        Ok(walker.tree)
    }

    /// The modules of a list of layers, and the order in which its output is in torch.
    fn list(
        &mut self,
        layers: &[LayerSpec],
        path: &str,
        name: &str,
        mut order: Order,
    ) -> Result<(Vec<Item>, Order), InterchangeError> {
        let mut items = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            let path = format!("{path}.{at}.{}", layer.name());
            let Some([input, _]) = self.shapes.get(&path).cloned() else { return Err(InterchangeError::Unknown(path)) };
            let here = Here { path, name: joint(name, &at.to_string()), at, input, order };
            let (more, after) = self.layer(layer, here)?;
            items.extend(more);
            order = after;
        }
        Ok((items, order))
    }

    fn layer(&mut self, layer: &LayerSpec, here: Here) -> Result<(Vec<Item>, Order), InterchangeError> {
        match layer {
            LayerSpec::Residual(residual) => self.residual(residual, here),
            LayerSpec::Repeat(repeat) => self.repeat(repeat, here),
            LayerSpec::Concat(concat) => self.concat(concat, here),
            LayerSpec::Resnet9(preset) => self.preset(preset.body(), here),
            LayerSpec::Resnet18(preset) => self.preset(preset.body(), here),
            LayerSpec::Resnet34(preset) => self.preset(preset.body(), here),
            LayerSpec::Resnet50(preset) => self.preset(preset.body(), here),
            LayerSpec::Backbone(preset) => self.preset(preset.body(), here),
            leaf => self.leaf(leaf, here),
        }
    }

    fn preset(&mut self, body: &[LayerSpec], here: Here) -> Result<(Vec<Item>, Order), InterchangeError> {
        let (items, order) = self.list(body, &format!("{}.body", here.path), &here.name, here.order)?;
        Ok((vec![Item { name: here.at.to_string(), code: Code::List(items) }], order))
    }

    fn repeat(&mut self, repeat: &crate::layer::Repeat, here: Here) -> Result<(Vec<Item>, Order), InterchangeError> {
        let (mut rounds, mut order) = (Vec::new(), here.order);
        for round in 0..repeat.times {
            let (path, name) = (format!("{}.{round}.body", here.path), format!("{}.{round}", here.name));
            let (items, after) = self.list(&repeat.body, &path, &name, order)?;
            rounds.push(Item { name: round.to_string(), code: Code::List(items) });
            order = after;
        }
        Ok((vec![Item { name: here.at.to_string(), code: Code::List(rounds) }], order))
    }

    fn residual(
        &mut self,
        residual: &crate::layer::Residual,
        here: Here,
    ) -> Result<(Vec<Item>, Order), InterchangeError> {
        let mut way = |layers: &[LayerSpec], which: &str| {
            let (path, name) = (format!("{}.{which}", here.path), format!("{}.{which}", here.name));
            self.list(layers, &path, &name, here.order.clone())
        };
        let (body, order) = way(&residual.body, "body")?;
        let (shortcut, other) = way(&residual.shortcut, "shortcut")?;
        if order != other {
            return Err(here.refuse("one way through is a flattened map, whose numbers torch has in another order"));
        }
        let activation =
            super::activation::activation(&residual.activation).unwrap_or_else(|| "nn.Identity()".to_owned());
        let code = Code::Residual { body, shortcut, activation };
        Ok((vec![Item { name: here.at.to_string(), code }], order))
    }

    fn concat(&mut self, concat: &crate::layer::Concat, here: Here) -> Result<(Vec<Item>, Order), InterchangeError> {
        let (mut branches, mut parts) = (Vec::new(), Vec::new());
        for (at, layers) in concat.branches.iter().enumerate() {
            let (path, name) = (format!("{}.branches.{at}", here.path), format!("{}.branches.{at}", here.name));
            let (items, order) = self.list(layers, &path, &name, here.order.clone())?;
            let last = layers.iter().enumerate().next_back();
            let last = last.and_then(|(at, layer)| self.shapes.get(&format!("{path}.{at}.{}", layer.name())));
            parts.push((last.map_or(&here.input, |[_, output]| output).channels(), order));
            branches.push(items);
        }
        Ok((vec![Item { name: here.at.to_string(), code: Code::Concat(branches) }], joined(&parts)))
    }

    /// Names a tensor of a layer.
    pub(super) fn pair(
        &mut self,
        here: &Here,
        [ours, theirs]: [&str; 2],
        layout: Layout,
        order: &Order,
    ) -> Result<(), InterchangeError> {
        let (ours, theirs) = (format!("{}.{ours}", here.path), joint(&here.name, theirs));
        let Some(shape) = self.open.remove(&ours) else { return Err(InterchangeError::Unknown(ours)) };
        self.tree.pairs.push(Pair { ours, theirs, shape, layout, order: order.clone(), third: None, zeros: 0 });
        Ok(())
    }

    /// Names a tensor that only torch has.
    pub(super) fn constant(&mut self, here: &Here, name: &str, fill: Fill) {
        self.tree.constants.push(Constant { name: joint(&here.name, name), fill });
    }
}

fn joint(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
