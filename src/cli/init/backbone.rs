//! `--backbone`: which network a file of weights is of, and how a config names both.

use std::path::{Path, PathBuf};

use super::super::print::shown;
use super::super::toml_text::quoted;
use super::Refusal;
use super::paths::shortest;
use simpipe_artifact::TensorFile;
use simpipe_base::suggest;
use simpipe_nn::interchange::{architectures_of, misfit_of_architecture, nearest_architecture};
use simpipe_nn::layer::BackboneArchitecture;

/// A network that somebody else trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pretrained {
    /// The architecture, as a spec names it.
    pub(super) architecture: String,
    /// The file, as TOML.
    pub(super) weights: String,
}

impl Pretrained {
    /// The network of a file, as a config at `output` names it; `architecture` is the user's word for it.
    pub(super) fn of(file: &Path, architecture: Option<&str>, output: &Path) -> Result<Self, Refusal> {
        let head = TensorFile::read_head(file).map_err(|error| {
            Refusal::new(
                error.to_string(),
                "`--backbone` takes safetensors, or what `torch.save` wrote of a state dict",
            )
        })?;
        let architecture = match architecture {
            Some(wanted) => known(wanted, file, &head)?,
            None => recognised(file, &head)?,
        };
        let config = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let path: PathBuf = shortest(file, config);
        let path = path.to_str().ok_or_else(|| {
            Refusal::new(
                "the path of the weights is not valid UTF-8, and TOML is",
                "rename the file, or go through a link",
            )
        })?;
        Ok(Self { architecture: architecture.to_owned(), weights: quoted(path) })
    }
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
            Err(Refusal::new(message, "leave out `--architecture`, and the tensors tell which network the file is of"))
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
                Some((name, words)) => format!("`{file}` is of no known architecture; of `{name}` it has {words}"),
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
