//! Pictures that a program asks about: files and bytes, each decoded as those of the run's dataset.

use std::path::{Path, PathBuf};

use super::Error;
use crate::error;
use simpipe_artifact::Image;
use simpipe_base::issue::{Issue, IssueKind};
use simpipe_data::asked::Decoding;

/// Pictures with what they are called.
pub(super) struct Pictures {
    pub(super) images: Vec<Image>,
    pub(super) names: Vec<String>,
}

/// Those in files.
pub(super) fn of_files<P: AsRef<Path>>(decoding: &Decoding, files: &[P]) -> Result<Pictures, Error> {
    let paths: Vec<PathBuf> = files.iter().map(|path| path.as_ref().to_path_buf()).collect();
    let names = paths.iter().map(|path| path.display().to_string()).collect();
    all(decoding.files(&paths, &|| false), names)
}

/// Those in bytes of image files.
pub(super) fn of_bytes<B: AsRef<[u8]>>(decoding: &Decoding, files: &[B]) -> Result<Pictures, Error> {
    let names = (0..files.len()).map(|at| format!("image {at}")).collect();
    all(files.iter().map(|bytes| decoding.bytes(bytes.as_ref())).collect(), names)
}

/// All or what is wrong with those that can't be had.
fn all(decoded: Vec<Result<Image, String>>, names: Vec<String>) -> Result<Pictures, Error> {
    let (mut images, mut issues) = (Vec::with_capacity(decoded.len()), Vec::new());
    for (image, name) in decoded.into_iter().zip(&names) {
        match image {
            Ok(image) => images.push(image),
            Err(reason) => {
                let issue = Issue::nowhere(format!("`{name}` can't be read: {reason}"));
                issues.push(issue.kind(IssueKind::Unavailable));
            }
        }
    }
    if issues.is_empty() { Ok(Pictures { images, names }) } else { Err(error::Error::Spec(issues).into()) }
}
