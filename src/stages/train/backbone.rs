//! Backbones among the layers: the files of their weights, what of these fits, and what is frozen.

use super::TrainParams;
use simpipe_artifact::{TensorFile, Weights};
use simpipe_base::digest::Digest;
use simpipe_base::fs::read_regular;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, SpecPath, View};
use simpipe_nn::groups::{Declaration, Grouping};
use simpipe_nn::interchange::Incoming;
use simpipe_nn::layer::Preset;
use simpipe_nn::{Backbone, Group, LayerSpec, backbones};
use simpipe_stage::{Ctx, SourceDigest, SourceFinder, StageError};

/// A backbone with a file.
struct Pretrained<'a> {
    /// Its number among the outermost layers.
    at: usize,
    backbone: &'a Preset<Backbone>,
    file: &'a SpecPath,
}

impl Pretrained<'_> {
    /// Those of a network.
    fn among(params: &TrainParams) -> impl Iterator<Item = Pretrained<'_>> {
        backbones(&params.layers).filter_map(|(at, backbone)| {
            let file = backbone.params().weights.as_ref()?;
            Some(Pretrained { at, backbone, file })
        })
    }

    /// Where its file is written.
    fn path(&self) -> String {
        format!("layers[{}].backbone.weights", self.at)
    }

    /// What the source is called in keys.
    fn source(&self) -> String {
        format!("layers.{}.backbone.weights", self.at)
    }

    fn architecture(&self) -> &'static str {
        self.backbone.params().architecture.name()
    }

    fn head(&self) -> Result<TensorFile, Issue> {
        let at = &self.file.resolved;
        if !at.exists() {
            let help = "the path is relative to the file that contains it (to the current folder in `--set`)";
            let issue = Issue::of(self.path(), format!("there is nothing at `{}`", at.display()));
            return Err(issue.help(help).unavailable());
        }
        TensorFile::read_head(at).map_err(|error| Issue::of(self.path(), error.to_string()).unavailable())
    }

    /// The head of the file beside the tensors of the architecture.
    fn compare(&self, image: [usize; 3], head: &TensorFile) -> Result<Incoming, Issue> {
        let incoming = Incoming::of_backbone(self.backbone, self.at, image, head)
            .map_err(|error| Issue::of(self.path(), error.to_string()))?;
        let (written, name) = (&self.file.written, self.architecture());
        if incoming.taken() == 0 {
            let first = head.tensors.iter().take(4).map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(", ");
            let message = format!("`{written}` holds no tensor of `{name}`: its first are {first}");
            let help = "choose the architecture that the file is of; `simpipe show FILE` lists its tensors";
            return Err(Issue::of(self.path(), message).help(help));
        }
        let Some(words) = incoming.misfits().words() else { return Ok(incoming) };
        let message = format!("`{written}` is not of `{name}`, it has {}: {words}", incoming.words());
        Err(Issue::of(self.path(), message).help("`simpipe show FILE` lists its tensors"))
    }
}

/// What the heads of the files show, before anything runs.
///
/// `all` are the parameters of the training, where they are known.
pub(super) fn do_not_fit(params: &TrainParams, image: Option<[usize; 3]>, all: Option<&[Declaration]>) -> Vec<Issue> {
    let problem = |one: Pretrained<'_>| match one.head() {
        Ok(head) => one.compare(image?, &head).err(),
        Err(issue) => Some(issue),
    };
    Pretrained::among(params).filter_map(problem).chain(contradictions(params, all.unwrap_or_default())).collect()
}

/// Backbones that nobody can mean so.
fn contradictions(params: &TrainParams, all: &[Declaration]) -> Vec<Issue> {
    let grouping = Grouping::new(&params.groups).unwrap_or_default();
    let (initial, mut issues) = (params.initial_weights.is_some(), Vec::new());
    for (at, backbone) in backbones(&params.layers).filter(|(_, backbone)| backbone.params().freeze) {
        let path = format!("layers[{at}].backbone.freeze");
        if backbone.params().weights.is_none() && !initial {
            let message = "a frozen backbone needs `weights`: random weights would stay random";
            issues.push(Issue::of(path, message));
            continue;
        }
        let inside = format!("layers.{at}.backbone.");
        let mut its = all.iter().filter(|one| one.path.starts_with(&inside));
        if let Some(group) = its.find_map(|one| grouping.of(&one.path)) {
            let pattern = &params.groups[group].r#match;
            let message = format!("`groups[{group}]` (`{pattern}`) is about a backbone that is completely frozen");
            issues.push(Issue::of(path, message).help("remove one of the two"));
        }
    }
    issues
}

/// Classifiers that are left out.
pub(super) fn left_out(params: &TrainParams, image: Option<[usize; 3]>) -> Vec<Issue> {
    let said = |one: Pretrained<'_>| {
        let incoming = one.compare(image?, &one.head().ok()?).ok()?;
        let words = Some(incoming.left_out().join(", ")).filter(|words| !words.is_empty())?;
        let message = format!("the classifier in `{}` is skipped: {words}", one.file.written);
        Some(Issue::of(one.path(), message))
    };
    Pretrained::among(params).filter_map(said).collect()
}

/// Layers that change what a backbone sees: its preprocessing is of pixels as they come.
pub(super) fn fed_otherwise(params: &TrainParams) -> Vec<Issue> {
    let before = |one: Pretrained<'_>| {
        let changes = |layer: &&LayerSpec| !matches!(layer, LayerSpec::Resize(_));
        let layer = params.layers.get(..one.at)?.iter().find(changes)?.name();
        let message =
            format!("`{layer}` changes images before a backbone, but its weights need them as they are, from 0 to 255");
        let help = format!("remove `{layer}`: a backbone has the preprocessing that its weights were trained with");
        Some(Issue::of(format!("layers[{}].backbone", one.at), message).help(help))
    };
    Pretrained::among(params).filter_map(before).collect()
}

/// What enters the key.
pub(super) fn sources(params: &TrainParams, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
    let digest = |one: Pretrained<'_>| -> Result<SourceDigest, StageError> {
        let path = &one.file.resolved;
        let digest = finder.digest_file.digest(path);
        let digest =
            digest.map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
        Ok(SourceDigest { name: one.source(), digest })
    };
    Pretrained::among(params).map(digest).collect()
}

/// What decides which files these are; nothing where there are none.
pub(super) fn source_params(params: &TrainParams) -> Vec<serde_json::Value> {
    Pretrained::among(params).map(|one| one.file.write(View::Located)).collect()
}

/// The weights that the files give, by our paths.
pub(super) fn read(params: &TrainParams, ctx: &Ctx<'_>, image: [usize; 3]) -> Result<Weights, StageError> {
    let mut all = Weights::default();
    for one in Pretrained::among(params) {
        let path = &one.file.resolved;
        let bytes = read_regular(path)
            .map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
        ctx.has_read(SourceDigest { name: one.source(), digest: Digest::of(&bytes) });
        ctx.stop_if_cancelled()?;
        let head = TensorFile::of_bytes(path, &bytes)?;
        let weights = one.compare(image, &head)?.weights(&head, &bytes).map_err(|wrong| {
            let reason = wrong.words().unwrap_or_default();
            StageError::from(Issue::of(one.path(), format!("`{}` can't be used: {reason}", one.file.written)))
        })?;
        all.0.extend(weights.0);
    }
    Ok(all)
}

/// The groups of a training with those that frozen backbones are short for.
pub(super) fn groups(params: &TrainParams) -> Vec<Group> {
    let frozen = backbones(&params.layers).filter(|(_, backbone)| backbone.params().freeze);
    let own = frozen.map(|(at, _)| Group::frozen(format!("layers.{at}.backbone")));
    params.groups.iter().cloned().chain(own).collect()
}
