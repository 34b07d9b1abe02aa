//! An ONNX network among the layers: its file, and what that was found to hold.

use super::TrainParams;
use simpipe_artifact::Weights;
use simpipe_base::digest::Digest;
use simpipe_base::fs::read_regular;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, SpecPath, View};
use simpipe_base::path;
use simpipe_nn::groups::Grouping;
use simpipe_nn::layer::Onnx;
use simpipe_nn::{Group, LayerSpec, onnx_networks};
use simpipe_stage::{Ctx, SourceDigest, SourceFinder, StageError};

/// A network with its file.
struct Named<'a> {
    /// Its number among the outermost layers.
    at: usize,
    layer: &'a Onnx,
    file: &'a SpecPath,
}

impl Named<'_> {
    /// Those of a training.
    fn among(params: &TrainParams) -> impl Iterator<Item = Named<'_>> {
        onnx_networks(&params.layers).filter_map(|(at, layer)| Some(Named { at, layer, file: layer.path.as_ref()? }))
    }

    /// Where its file is written.
    fn path(&self) -> String {
        format!("layers[{}].onnx.path", self.at)
    }

    /// What the source is called in keys.
    fn source(&self) -> String {
        format!("layers.{}.onnx.path", self.at)
    }

    fn read(&self) -> Result<Vec<u8>, Issue> {
        let at = &self.file.resolved;
        if !at.exists() {
            let help = "the path is relative to the file that writes it (to the current folder in `--set`)";
            let issue = Issue::of(self.path(), format!("there is nothing at `{}`", at.display()));
            return Err(issue.help(help).unavailable());
        }
        read_regular(at)
            .map_err(|error| Issue::of(self.path(), format!("can't read {}: {error}", at.display())).unavailable())
    }

    /// The layer with what its file holds.
    fn with(&self, bytes: &[u8], image: [usize; 3]) -> Result<LayerSpec, Issue> {
        let layer = self.layer.with_file(bytes, image).map_err(|issue| placed(self.at, issue))?;
        Ok(LayerSpec::Onnx(layer))
    }
}

/// A problem of the layer as one of the stage.
fn placed(at: usize, issue: Issue) -> Issue {
    let place = path::at("layers", at);
    let place = if issue.path.is_empty() { place } else { path::join(&place, &issue.path) };
    let placed = Issue::of(place, issue.message);
    issue.help.into_iter().fold(placed, Issue::help)
}

/// The parameters with what the files hold, for images of this height, width and channels; while those are not known, or
/// features come in, as they are.
pub(super) fn known(params: TrainParams, image: Option<[usize; 3]>) -> Result<TrainParams, Vec<Issue>> {
    let networks: Vec<(usize, &Onnx)> = onnx_networks(&params.layers).collect();
    if let Some((at, _)) = networks.first() {
        Onnx::is_run().map_err(|issue| vec![placed(*at, issue)])?;
    }
    let unnamed = networks.into_iter().find(|(_, layer)| layer.path.is_none());
    if let Some((at, _)) = unnamed {
        let issue = Issue::of(format!("layers[{at}].onnx"), "it names no file");
        return Err(vec![issue.help("write `{ onnx = { path = \"model.onnx\" } }`")]);
    }
    let Some(image) = image else { return Ok(params) };
    let (mut found, mut issues) = (Vec::new(), Vec::new());
    for one in Named::among(&params) {
        match one.read().and_then(|bytes| one.with(&bytes, image)) {
            Ok(layer) => found.push((one.at, layer)),
            Err(issue) => issues.push(issue),
        }
    }
    if issues.is_empty() { Ok(replaced(params, found)) } else { Err(issues) }
}

/// The same of a run: the files as they are now, and the weights that they are.
pub(super) fn read(
    params: TrainParams,
    ctx: &Ctx<'_>,
    image: Option<[usize; 3]>,
) -> Result<(TrainParams, Weights), StageError> {
    let (mut found, mut weights) = (Vec::new(), Weights::default());
    for one in Named::among(&params) {
        let bytes = one.read()?;
        ctx.has_read(SourceDigest { name: one.source(), digest: Digest::of(&bytes) });
        ctx.stop_if_cancelled()?;
        let Some(image) = image else { continue };
        found.push((one.at, one.with(&bytes, image)?));
        let (path, numbers) = Onnx::weight(one.at, &bytes);
        weights.0.insert(path, (vec![numbers.len()], numbers));
    }
    Ok((replaced(params, found), weights))
}

fn replaced(params: TrainParams, found: Vec<(usize, LayerSpec)>) -> TrainParams {
    let mut params = params;
    found.into_iter().for_each(|(at, layer)| params.layers[at] = layer);
    params
}

/// What enters the key.
pub(super) fn sources(params: &TrainParams, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
    let digest = |one: Named<'_>| -> Result<SourceDigest, StageError> {
        let path = &one.file.resolved;
        let digest = finder.digest_file.digest(path);
        let digest =
            digest.map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
        Ok(SourceDigest { name: one.source(), digest })
    };
    Named::among(params).map(digest).collect()
}

/// What decides which files these are; nothing where there are none.
pub(super) fn source_params(params: &TrainParams) -> Vec<serde_json::Value> {
    Named::among(params).map(|one| one.file.write(View::Located)).collect()
}

/// Files stay as they are, whatever a training does to other weights: a group of those that no group of the spec has.
pub(super) fn groups(params: &TrainParams) -> Vec<Group> {
    let own = Grouping::new(&params.groups).unwrap_or_default();
    let free = onnx_networks(&params.layers).filter(|(at, _)| own.of(&Onnx::weight_path(*at)).is_none());
    free.map(|(at, _)| Group::frozen(format!("layers.{at}.onnx"))).collect()
}
