//! `font`: the file of a font that draws what it has, in figures and on the page.

use std::path::Path;

use super::ReportParams;
use simpipe_base::digest::Digest;
use simpipe_base::fs::{open_regular, read_at_most};
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_report::{LARGEST_FONT, OwnFont, can_be_embedded, forbids_embedding, lost_on_a_page};
use simpipe_stage::{Ctx, SourceDigest, SourceFinder, StageError};

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
pub(super) fn issue(params: &ReportParams) -> Option<Issue> {
    let file = params.font.as_ref()?;
    let path = &file.resolved;
    if !path.exists() {
        let message = format!("there is nothing at `{}`", path.display());
        let help = "the path is relative to the file that contains it (to the current folder in `--set`)";
        return Some(Issue::of(FONT, message).help(help).unavailable());
    }
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Some(Issue::of(FONT, format!("can't read `{}`: {error}", path.display())).unavailable());
        }
    };
    let wrong = font(&bytes).err()?;
    let help = "name a TrueType or OpenType font (`.ttf`, `.otf`, `.ttc`) with Latin letters; what it lacks the bundled fonts draw";
    Some(Issue::of(FONT, format!("`{}` {wrong}", file.written)).help(help))
}

/// What its maker does not want, and what of it a page can't hold.
pub(super) fn warnings(params: &ReportParams) -> Vec<Issue> {
    let Some(file) = &params.font else { return Vec::new() };
    let Ok(bytes) = bytes(&file.resolved) else { return Vec::new() };
    let forbidden = forbids_embedding(&bytes).then(|| {
        let message =
            format!("`{}` forbids to be put into files that are passed on, which the report does", file.written);
        Issue::of(FONT, message).help("ask for a licence, or take another font")
    });
    let lost: Vec<String> = lost_on_a_page(&bytes).into_iter().map(|letter| format!("`{letter}`")).collect();
    let bundled = (!lost.is_empty()).then(|| {
        let message = format!(
            "`{}` joins letters such as {} by rules that only Apple's systems read (`morx`): on the page the bundled fonts write \
             them, in pictures this one does",
            file.written,
            lost.join(", ")
        );
        Issue::of(FONT, message).help("take a version of the font with rules of OpenType (`GSUB`)")
    });
    forbidden.into_iter().chain(bundled).collect()
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
    font.map(Some).map_err(|wrong| StageError::from(Issue::of(FONT, format!("`{}` {wrong}", file.written))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::{self, SpecPath};

    fn params(path: &Path) -> ReportParams {
        let file = SpecPath { written: "own.ttf".to_owned(), resolved: path.to_path_buf() };
        ReportParams { font: Some(file), ..param::defaults() }
    }

    /// The font whose letters join, by rules under Apple's name for them; tables are listed in the order of names.
    fn of_apples() -> Vec<u8> {
        let mut font = include_bytes!("../../../tests/fixtures/fonts/Joined.otf").to_vec();
        let count = usize::from(u16::from_be_bytes([font[4], font[5]]));
        let mut records: Vec<Vec<u8>> = font[12..12 + 16 * count].chunks(16).map(<[u8]>::to_vec).collect();
        records.iter_mut().find(|record| &record[..4] == b"GSUB").unwrap()[..4].copy_from_slice(b"morx");
        records.sort();
        font[12..12 + 16 * count].copy_from_slice(&records.concat());
        font
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
        assert_eq!(warnings(&params(&path)), []);
        let restricted = {
            // `fsType` is the fifth number of 16 bits of `OS/2`.
            let mut bytes = font.to_vec();
            let entry = bytes.windows(4).position(|tag| tag == b"OS/2").unwrap();
            let at = u32::from_be_bytes(bytes[entry + 8..entry + 12].try_into().unwrap()) as usize;
            bytes[at + 9] = 2;
            bytes
        };
        assert_eq!(found(&restricted), None);
        let said = warnings(&params(&path));
        assert!(said.len() == 1 && said[0].message.contains("forbids"), "{said:?}");
        // Outlines of PostScript whose letters join: nothing to be said.
        assert_eq!(found(include_bytes!("../../../tests/fixtures/fonts/Joined.otf")), None);
        assert_eq!(warnings(&params(&path)), []);
        assert_eq!(found(&of_apples()), None);
        let said = warnings(&params(&path));
        assert!(
            said.len() == 1 && said[0].message.contains("such as `ا`") && said[0].message.contains("bundled"),
            "{said:?}"
        );
        for (bytes, words) in [
            (&b"<html>"[..], "`own.ttf` is not a font"),
            (b"wOF2", "WOFF2"),
            (&font[..9000], "`own.ttf` is not a font"),
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
