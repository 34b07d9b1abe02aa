//! Golden files of backbones: `{image}` beside the file, `{architecture, preprocessing}`, and the features that real weights
//! give. The weights are too large to lie beside the cases: `--weights` names them.

use std::path::{Path, PathBuf};

use simpipe_base::fs::read_regular;
use simpipe_base::golden::{Case, CaseError, Comparison, field, numbers, text};
use simpipe_nn::reference::backbone;
use simpipe_picture::{DecodeOptions, decode};

/// Computes a case and holds it against what is expected.
pub(super) fn evaluate(
    golden: &Path,
    weights: Option<&Path>,
    case: &Case,
    to: &mut Comparison,
) -> Result<(), CaseError> {
    let architecture = text(&case.params, "architecture")?;
    let folder = golden.parent().unwrap_or_else(|| Path::new(""));
    let image = folder.join(text(&case.input, "image")?);
    let bytes = read(&image).map_err(CaseError::malformed)?;
    let decoded = decode(&bytes, &DecodeOptions::default())
        .map_err(|error| CaseError::malformed(format!("{}: {error}", image.display())))?;
    let image = decoded.image;
    let file = weights.map(Path::to_path_buf).or_else(|| beside(folder, architecture)).ok_or_else(|| {
        CaseError::unknown(format!("`{architecture}` without its weights (`--weights FILE` names them)"))
    })?;
    let shape = [image.shape.height, image.shape.width, image.shape.channels].map(|side| side as usize);
    let weights = read(&file).map_err(CaseError::malformed)?;
    let found = backbone::features(architecture, &file, &weights, &image.pixels, shape)?;
    let expected = numbers(field(&case.expected, "features")?)?;
    if found.features.len() != expected.len() {
        let (found, expected) = (found.features.len(), expected.len());
        return Err(CaseError::malformed(format!("{found} features, expected {expected}")));
    }
    for (at, (found, expected)) in found.features.iter().zip(expected).enumerate() {
        to.value(&format!("features[{at}]"), f64::from(*found), expected);
    }
    let Some((class, probability)) = found.class else { return Ok(()) };
    for (name, value) in [("class", class as f64), ("probability", probability)] {
        if let Some(expected) = case.expected.get(name).and_then(serde_json::Value::as_f64) {
            to.value(name, value, expected);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_regular(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

/// A file of weights in the golden file's folder that is called like the architecture.
fn beside(folder: &Path, architecture: &str) -> Option<PathBuf> {
    let called = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
        let kind = path.extension().unwrap_or_default();
        stem.starts_with(architecture) && ["pth", "pt", "safetensors"].iter().any(|known| kind == *known)
    };
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.sort();
    found.into_iter().find(called)
}
