//! `initial-weights`: what a network starts with in place of drawn numbers.

use super::TrainParams;
use simpipe_artifact::{TensorFile, Weights};
use simpipe_base::digest::Digest;
use simpipe_base::fs::read_regular;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, SpecPath, View};
use simpipe_base::{choice, params};
use simpipe_nn::interchange::Incoming;
use simpipe_nn::{Input, Network};
use simpipe_stage::{Ctx, SourceDigest, SourceFinder, StageError};

params! {
    /// The file is an outside source: its content is part of the key, its place is not. It is safetensors, or what `torch.save`
    /// wrote of a state dict: its content tells. No code in it is ever run.
    ///
    /// By which names it holds its tensors is told by what fits most of them: this program's own, as in a run's
    /// `model.safetensors`; torch's for the same layers, as `simpipe export --format torch` writes them; or, for a network with
    /// `resnet18`, `resnet34` or `resnet50` among its outermost layers, torchvision's. Layouts follow the names. With `groups`
    /// that freeze what was loaded this is transfer learning, with `epochs = 0` the network is used as it is loaded.
    ///
    /// # Example
    ///
    /// ```toml
    /// { safetensors = { file = "resnet18.safetensors", strict = false } }
    /// ```
    pub struct SafetensorsFile {
        /// The file; a relative path starts from the folder of the file that writes it.
        #[aka("path", "checkpoint", "weights", "url", "filename", "checkpoint_path")]
        file: SpecPath,
        /// What the names of the file's tensors begin with, such as `module.` or `backbone.`; others are not looked at.
        #[aka("strip", "key_prefix")]
        prefix: String = String::new(),
        /// Whether the file must hold every tensor of the network, in its shape and as `F32`, and nothing else. If not, what
        /// fits by name and shape is taken, the rest starts as if there were no file, and `check` says which.
        strict: bool = true,
    }
}

choice! {
    /// Where a network's first weights come from.
    pub enum InitialWeights {
        /// A file of tensors.
        #[aka("file", "torch", "pytorch", "pth", "pt", "state_dict", "torchvision")]
        "safetensors" => Safetensors(SafetensorsFile),
    }
}

/// The source's name in keys.
const SOURCE: &str = "initial-weights";
/// The file's place in the stage's table.
const FILE: &str = "initial-weights.safetensors.file";

impl SafetensorsFile {
    /// The head of the file beside the network's tensors.
    fn compare(&self, params: &TrainParams, input: Input, head: &TensorFile) -> Result<Incoming, Issue> {
        let incoming = Incoming::of(&params.layers, input, head, &self.prefix)
            .map_err(|error| Issue::of(FILE, error.to_string()))?;
        let refused = if self.strict { incoming.misfits().words() } else { None };
        let written = &self.file.written;
        let message = match refused {
            Some(words) => format!("`{written}` has {}: {words}", incoming.words()),
            None if incoming.taken() == 0 => format!("no tensor of `{written}` fits these layers"),
            None => return Ok(incoming),
        };
        let help = match incoming.suggested_prefix() {
            Some(prefix) => format!("its names begin with `{prefix}`: set `prefix = \"{prefix}\"`"),
            None if incoming.taken() > 0 => {
                "`strict = false` loads what fits and initialises the rest as usual".to_owned()
            }
            None => "names must be this program's own, torch's for these layers, or torchvision's for a preset such as \
                     `resnet18`: `simpipe export --format torch` writes them, and `simpipe show FILE` lists those of a file"
                .to_owned(),
        };
        Err(Issue::of(FILE, message).help(help))
    }

    fn head(&self) -> Result<TensorFile, Issue> {
        if !self.file.resolved.exists() {
            let message = format!("there is nothing at `{}`", self.file.resolved.display());
            let help = "the path is relative to the file that contains it (to the current folder in `--set`)";
            return Err(Issue::of(FILE, message).help(help).unavailable());
        }
        let head = TensorFile::read_head(&self.file.resolved);
        head.map_err(|error| Issue::of(FILE, error.to_string()).unavailable())
    }
}

impl TrainParams {
    const fn weights_file(&self) -> Option<&SafetensorsFile> {
        match &self.initial_weights {
            Some(InitialWeights::Safetensors(file)) => Some(file),
            None => None,
        }
    }

    fn incoming(&self, input: Option<Input>) -> Option<Result<(&SafetensorsFile, Incoming), Issue>> {
        let file = self.weights_file()?;
        let head = match file.head() {
            Ok(head) => head,
            Err(issue) => return Some(Err(issue)),
        };
        Some(file.compare(self, input?, &head).map(|incoming| (file, incoming)))
    }
}

/// What the file's head shows, before anything runs.
pub(super) fn does_not_fit(params: &TrainParams, input: Option<Input>) -> Option<Issue> {
    params.incoming(input)?.err()
}

/// What of the file is left out, and what starts without it.
pub(super) fn fits_in_part(params: &TrainParams, input: Option<Input>) -> Option<Issue> {
    let (file, incoming) = params.incoming(input)?.ok()?;
    let rest = incoming.misfits().words()?;
    Some(Issue::of(FILE, format!("`{}` has {}; not loaded: {rest}", file.file.written, incoming.words())))
}

/// What enters the key.
pub(super) fn source(params: &TrainParams, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
    let Some(file) = params.weights_file() else { return Ok(Vec::new()) };
    let path = &file.file.resolved;
    let digest = finder.digest_file.digest(path);
    let digest = digest.map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
    Ok(vec![SourceDigest { name: SOURCE.to_owned(), digest }])
}

/// What decides which file that is.
pub(super) fn source_params(params: &TrainParams) -> serde_json::Value {
    params.weights_file().map(|file| file.file.write(View::Located)).unwrap_or_default()
}

/// The weights that the file gives; none where there is no file.
pub(super) fn read(params: &TrainParams, ctx: &Ctx<'_>, input: Input) -> Result<Option<Weights>, StageError> {
    let Some(file) = params.weights_file() else { return Ok(None) };
    let path = &file.file.resolved;
    let bytes = read_regular(path)
        .map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
    ctx.has_read(SourceDigest { name: SOURCE.to_owned(), digest: Digest::of(&bytes) });
    ctx.stop_if_cancelled()?;
    let head = TensorFile::of_bytes(path, &bytes)?;
    let incoming = file.compare(params, input, &head)?;
    let weights = incoming.weights(&head, &bytes).map_err(|wrong| {
        let message = format!("`{}` can't be used: {}", file.file.written, wrong.words().unwrap_or_default());
        StageError::from(Issue::of(FILE, message))
    })?;
    Ok(Some(weights))
}

/// Lets a network start with what was read; what that has not stays as it is.
pub(super) fn take(network: &mut Network, read: &Weights) -> Result<(), StageError> {
    let mut weights = network.to_weights();
    weights.0.extend(read.0.iter().map(|(path, tensor)| (path.clone(), tensor.clone())));
    network.set_weights(&weights).map_err(|error| StageError::failed(error.to_string()))
}
