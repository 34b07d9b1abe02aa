//! `--backbone`: which network a file of weights is of, and how a config names both.

use std::path::{Path, PathBuf};

use super::super::print::shown;
use super::super::toml_text::quoted;
use super::paths::shortest;
use super::refusal::Refusal;
use serde_json::{Value as Json, json};
use simpipe_artifact::TensorFile;
use simpipe_base::fs::read_regular;
use simpipe_base::{param, suggest};
use simpipe_nn::interchange::{architectures_of, misfit_of_architecture, nearest_architecture};
use simpipe_nn::layer::{BackboneArchitecture, Onnx};

/// A network that somebody else trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pretrained {
    /// The layer that it is, as TOML.
    pub(super) layer: String,
    /// What could be changed of it.
    pub(super) note: &'static str,
}

impl Pretrained {
    /// The network of a file, as a config at `output` names it; `architecture` is the user's word for it.
    pub(super) fn of(file: &Path, architecture: Option<&str>, output: &Path) -> Result<Self, Refusal> {
        let path = written(file, output)?;
        if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
            return Self::of_onnx(file, architecture, &path);
        }
        let head = TensorFile::read_head(file).map_err(|error| {
            Refusal::new(
                error.to_string(),
                "`--backbone` takes safetensors, a state dict written by `torch.save`, or a network in ONNX (`.onnx`)",
            )
        })?;
        let architecture = match architecture {
            Some(wanted) => known(wanted, file, &head)?,
            None => recognised(file, &head)?,
        };
        let layer =
            format!("{{ backbone = {{ architecture = {}, weights = {path}, freeze = true }} }}", quoted(architecture));
        Ok(Self { layer, note: "`size = 128` in the backbone is quicker and sees less detail" })
    }

    /// The network of an ONNX file, which has to say itself what it takes and gives.
    fn of_onnx(file: &Path, architecture: Option<&str>, path: &str) -> Result<Self, Refusal> {
        let refused = |issue: simpipe_base::issue::Issue| Refusal::new(issue.message, issue.help.unwrap_or_default());
        if architecture.is_some() {
            let message = "an ONNX file holds its architecture, and `--architecture` is about files of weights";
            return Err(Refusal::new(message, "leave out `--architecture`"));
        }
        Onnx::is_run().map_err(refused)?;
        let bytes = read_regular(file).map_err(|error| {
            Refusal::new(format!("can't read {}: {error}", shown(file.display())), "name a file that can be read")
        })?;
        let name = Json::from(file.to_string_lossy());
        let of = |json: &Json| param::from_json::<Onnx>(json).ok().map(|layer| layer.with_file(&bytes, SEEN));
        let bare = json!({ "path": name });
        // Those of ImageNet, unless the network takes pixels as they come.
        let usual = json!({ "path": name, "mean": MEAN, "std": STD });
        let (found, more) = match of(&bare) {
            Some(Ok(found)) => (found, String::new()),
            _ => {
                let found = of(&usual).unwrap_or_else(|| unreachable!("the layer is written here")).map_err(refused)?;
                (found, format!(", mean = {MEAN:?}, std = {STD:?}"))
            }
        };
        let side = found.holds.and_then(|file| file.sees.first().copied()).unwrap_or(SEEN[0]);
        let layer = format!("{{ onnx = {{ path = {path}, size = {side}{more} }} }}");
        let note = if more.is_empty() {
            "it takes pixels as they come"
        } else {
            "mean and deviation are ImageNet's: write those that the network was trained with"
        };
        Ok(Self { layer, note })
    }
}

/// What a network in ONNX is tried on, where its file leaves the size open.
const SEEN: [usize; 3] = [224, 224, 3];
/// Mean and deviation of ImageNet, of 0 to 255.
const MEAN: [f64; 3] = [123.675, 116.28, 103.53];
const STD: [f64; 3] = [58.395, 57.12, 57.375];

/// The path of a file as TOML, for a config at `output`.
fn written(file: &Path, output: &Path) -> Result<String, Refusal> {
    let config = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path: PathBuf = shortest(file, config);
    let path = path.to_str().ok_or_else(|| {
        Refusal::new("the path of the weights is not valid UTF-8, as TOML requires", "rename the file, or use a link")
    })?;
    Ok(quoted(path))
}

/// An architecture by the name that the user gives.
fn known(wanted: &str, file: &Path, head: &TensorFile) -> Result<&'static str, Refusal> {
    let names = BackboneArchitecture::NAMES;
    let name = names.iter().copied().find(|name| *name == wanted).ok_or_else(|| {
        Refusal::new(format!("there is no architecture `{}`", shown(wanted)), suggest::help(wanted, names))
    })?;
    match misfit_of_architecture(name, head) {
        None => Ok(name),
        Some(words) => {
            let message = format!("`{}` is not of `{name}`, it has {words}", shown(file.display()));
            Err(Refusal::new(message, "leave out `--architecture` to recognise the network by its tensors"))
        }
    }
}

/// The only architecture whose tensors the file holds.
fn recognised(file: &Path, head: &TensorFile) -> Result<&'static str, Refusal> {
    let found = architectures_of(head);
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let file = shown(file.display());
            let message = match nearest_architecture(head) {
                Some((name, words)) => format!("`{file}` has no known architecture; of `{name}` it has {words}"),
                None => format!("`{file}` holds no tensor of a known architecture"),
            };
            let help = format!(
                "known are {}; `simpipe show FILE` lists its tensors",
                suggest::one_of(BackboneArchitecture::NAMES)
            );
            Err(Refusal::new(message, help))
        }
        several => {
            let message = format!("`{}` may be of {}", shown(file.display()), suggest::one_of(several));
            Err(Refusal::new(message, "say which: `--architecture NAME`"))
        }
    }
}
