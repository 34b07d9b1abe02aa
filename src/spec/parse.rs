//! A file's text to a spanned table: everything that can be wrong before a key is looked at.

use std::path::Path;
use std::sync::Arc;

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Table, table_from_toml};
use simpipe_base::source::{Layer, Place, Source};
use simpipe_base::suggest;

use super::depth::too_deep;
use super::intake::{self, Refusal};
use super::syntax;

/// Reads a TOML file of a layer; `name` is how messages call it.
pub(super) fn read_file(path: &Path, name: &str, layer: Layer, issues: &mut Issues) -> Option<(Arc<Source>, Table)> {
    let unreadable = |reason: String| Issue::nowhere(format!("can't read `{name}`: {reason}"));
    let bytes = match bytes_of(path) {
        Ok(bytes) => bytes,
        Err((reason, help)) => {
            issues.push(unreadable(reason).help(help));
            return None;
        }
    };
    let dir = path.parent().unwrap_or(Path::new(""));
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let source = Source::of_layer(layer, name, String::from_utf8_lossy(error.as_bytes()), dir);
            let place = Place::new(&source, at..at + 1);
            issues.push(Issue::at(&place, "", "the file is not UTF-8").help("save it as UTF-8 in your editor"));
            return None;
        }
    };
    // Editors of Windows write a mark that no column should count.
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let source = Source::of_layer(layer, name, text, dir);
    parse(&source, issues).map(|table| (source, table))
}

/// Reads a TOML file that is no layer of a spec.
pub fn read_toml(path: &Path, issues: &mut Issues) -> Option<(Arc<Source>, Table)> {
    read_file(path, &path.display().to_string(), Layer::Config, issues)
}

/// A file's bytes, or why not and what to do.
fn bytes_of(path: &Path) -> Result<Vec<u8>, (String, String)> {
    intake::read(path).map_err(|refusal| {
        let help = match refusal {
            Refusal::Missing(_) => similar_file(path),
            Refusal::Folder
            | Refusal::Device
            | Refusal::Socket
            | Refusal::TooLong
            | Refusal::Silent
            | Refusal::Io(_) => None,
        };
        let help = help.unwrap_or_else(|| refusal.help().to_owned());
        (refusal.to_string(), help)
    })
}

/// ``did you mean `configs/cifar10.toml`?``: a file beside the one that is not there.
pub(super) fn similar_file(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let name = suggest::closest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{}`?", path.with_file_name(name).display()))
}

/// Syntax errors shown of one text: an unclosed bracket makes an error of every line behind it.
const MOST_SYNTAX_ERRORS: usize = 3;

/// Parses a text; the first syntax errors are reported, one a line.
pub(super) fn parse(source: &Arc<Source>, issues: &mut Issues) -> Option<Table> {
    if let Some((span, message)) = too_deep(&source.text, 0) {
        issues.push(Issue::at(&Place::new(source, span), "", message).help("is it the right file?"));
        return None;
    }
    let (table, errors) = toml::de::DeTable::parse_recoverable(&source.text);
    let mut lines = Vec::new();
    for error in &errors {
        let place = Place::new(source, error.span().unwrap_or(0..0));
        let (line, _) = place.line_column();
        if lines.len() == MOST_SYNTAX_ERRORS {
            break;
        }
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        issues.push(syntax::issue(error.message(), &place));
        if syntax::spoils_the_rest(error.message()) {
            break;
        }
    }
    if !errors.is_empty() {
        return None;
    }
    Some(table_from_toml(source, table.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut issues = Issues::default();
        let _ = parse(&Source::of_layer(Layer::Config, "a.toml", text, Path::new("")), &mut issues);
        issues.0.into_iter().map(|issue| issue.message).collect()
    }

    #[test]
    fn errors_without_end_are_reported_in_no_time() {
        let started = std::time::Instant::now();
        assert_eq!(messages(&"]\n".repeat(200_000)).len(), 3);
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
