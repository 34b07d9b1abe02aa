//! `font`: the file of a font that draws what it has, in figures and on the page.

use std::path::Path;

use super::ReportParams;
use simpipe_base::digest::Digest;
use simpipe_base::fs::{open_regular, read_at_most};
use simpipe_base::param::{Param, View};
use simpipe_report::{LARGEST_FONT, OwnFont, can_be_embedded, forbids_embedding};
use simpipe_stage::{Ctx, ParamIssue, SourceDigest, SourceFinder, StageError};

/// The source's name in keys, and the parameter's place.
const FONT: &str = "font";

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    read_at_most(&open_regular(path)?, LARGEST_FONT)
}

/// The font of a file's bytes; what is wrong with it follows its name.
fn font(bytes: &[u8]) -> Result<OwnFont, String> {
    let font = OwnFont::read(bytes)?;
    if can_be_embedded(bytes) {
        Ok(font)
    } else {
        Err("can't be taken apart for a page: a table of it is damaged".to_owned())
    }
}

/// Why the file that is named can't draw, before anything runs.
pub(super) fn issue(params: &ReportParams) -> Option<ParamIssue> {
    let file = params.font.as_ref()?;
    let path = &file.resolved;
    if !path.exists() {
        let message = format!("there is nothing at `{}`", path.display());
        let help = "the path is relative to the file that writes it (to the current folder in `--set`)";
        return Some(ParamIssue::new(FONT, message).help(help).unavailable());
    }
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Some(ParamIssue::new(FONT, format!("can't read `{}`: {error}", path.display())).unavailable());
        }
    };
    let wrong = font(&bytes).err()?;
    let help = "name a TrueType or OpenType font (`.ttf`, `.otf`, `.ttc`) with Latin letters; what it lacks the bundled fonts draw";
    Some(ParamIssue::new(FONT, format!("`{}` {wrong}", file.written)).help(help))
}

/// What its maker does not want.
pub(super) fn warning(params: &ReportParams) -> Option<ParamIssue> {
    let file = params.font.as_ref()?;
    forbids_embedding(&bytes(&file.resolved).ok()?).then(|| {
        let message =
            format!("`{}` forbids to be put into files that are passed on, which the report does", file.written);
        ParamIssue::new(FONT, message).help("ask for a licence, or take another font")
    })
}

/// What enters the key.
pub(super) fn source(params: &ReportParams, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
    let Some(file) = &params.font else { return Ok(Vec::new()) };
    let path = &file.resolved;
    let digest = finder.digest_file.digest(path);
    let digest = digest.map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
    Ok(vec![SourceDigest { name: FONT.to_owned(), digest }])
}

/// What decides which file that is.
pub(super) fn source_params(params: &ReportParams) -> serde_json::Value {
    params.font.as_ref().map(|file| file.write(View::Located)).unwrap_or_default()
}

/// The font that the report is drawn with beside the bundled ones.
pub(super) fn read(params: &ReportParams, ctx: &Ctx<'_>) -> Result<Option<OwnFont>, StageError> {
    let Some(file) = &params.font else { return Ok(None) };
    let path = &file.resolved;
    let bytes =
        bytes(path).map_err(|error| StageError::unavailable(format!("can't read {}: {error}", path.display())))?;
    ctx.has_read(SourceDigest { name: FONT.to_owned(), digest: Digest::of(&bytes) });
    let font = font(&bytes);
    font.map(Some).map_err(|wrong| StageError::from(ParamIssue::new(FONT, format!("`{}` {wrong}", file.written))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::{self, SpecPath};

    fn params(path: &Path) -> ReportParams {
        let file = SpecPath { written: "own.ttf".to_owned(), resolved: path.to_path_buf() };
        ReportParams { font: Some(file), ..param::defaults() }
    }

    #[test]
    fn a_file_that_can_not_draw_is_refused_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.ttf");
        let found = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            issue(&params(&path)).map(|issue| (issue.path, issue.message))
        };
        let font = include_bytes!("../../report/font/DejaVuSans.ttf");
        assert_eq!(found(font), None);
        assert!(warning(&params(&path)).is_none());
        let restricted = {
            // `fsType` is the fifth number of 16 bits of `OS/2`.
            let mut bytes = font.to_vec();
            let entry = bytes.windows(4).position(|tag| tag == b"OS/2").unwrap();
            let at = u32::from_be_bytes(bytes[entry + 8..entry + 12].try_into().unwrap()) as usize;
            bytes[at + 9] = 2;
            bytes
        };
        assert_eq!(found(&restricted), None);
        assert!(warning(&params(&path)).unwrap().message.contains("forbids"), "a warning");
        for (bytes, words) in [
            (&b"<html>"[..], "`own.ttf` is no font"),
            (b"wOF2", "WOFF2"),
            (&font[..9000], "`own.ttf` is no font"),
            (include_bytes!("../../report/font/NotoSansThai-Subset.ttf"), "lacks letters"),
        ] {
            let (path, message) = found(bytes).unwrap();
            assert!(path == "font" && message.contains(words), "{message}");
        }
        let missing = issue(&params(&folder.path().join("none.ttf"))).unwrap();
        assert!(missing.message.contains("there is nothing at"), "{missing:?}");
        assert!(issue(&params(folder.path())).unwrap().message.contains("can't read"), "a folder");
        assert!(issue(&param::defaults()).is_none());
    }
}
