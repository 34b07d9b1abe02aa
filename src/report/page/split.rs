//! A page as several files: for viewers that allow neither an inline style sheet nor a script nor an address that is its own
//! picture, such as those of build servers (`sandbox; default-src 'none'; img-src 'self'; style-src 'self'`).

use std::collections::BTreeMap;

use simpipe_base::digest::Digest;

use super::html::escape;
use crate::inline::from_base64;
use crate::web_font::RULE;

/// A page and the files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPage {
    /// The page: no script, no style sheet and no picture stands in it.
    pub page: String,
    /// Its style sheet and its pictures, by path relative to the page.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What the page may do by itself: no more than the strictest viewers allow.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'";
/// The style sheet beside the page.
const STYLE: &str = "report.css";
/// How pictures in a page begin.
const PICTURE: &str = "data:image/png;base64,";

/// Takes one of this program's pages apart; `None` if it is none. All of its words, numbers and pictures stay.
#[must_use]
pub fn split(page: &str) -> Option<SplitPage> {
    let (head, style, rest) = cut(page, "<style>", "</style>")?;
    if rest.contains("<style") {
        return None;
    }
    // Fonts are addresses of themselves too, and nothing else is allowed there.
    let style = style.split(RULE).next().unwrap_or_default();
    let mut files = BTreeMap::from([(STYLE.to_owned(), style.as_bytes().to_vec())]);
    let (before, _, after) = cut(head, "<meta http-equiv=\"Content-Security-Policy\" content=\"", "\">")?;
    let policy = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">", escape(POLICY));
    let mut out = format!("{before}{policy}{after}<link rel=\"stylesheet\" href=\"{STYLE}\">");
    let without = without_scripts(rest)?;
    let mut rest = without.as_str();
    // Text has no quotation marks of its own: whatever stands behind one is an address.
    let mark = format!("=\"{PICTURE}");
    while let Some(at) = rest.find(&mark) {
        let begin = at + mark.len();
        let end = begin + rest[begin..].find('"')?;
        let bytes = from_base64(&rest[begin..end])?;
        let file = format!("images/{}.png", Digest::of(&bytes).short());
        out += &rest[..begin - PICTURE.len()];
        out += &file;
        files.insert(file, bytes);
        rest = &rest[end..];
    }
    out += rest;
    Some(SplitPage { page: out, files })
}

/// What stands before, between and behind two marks, the first time.
fn cut<'a>(text: &'a str, from: &str, to: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(from)?;
    let (between, after) = rest.split_once(to)?;
    Some((before, between, after))
}

/// The same without its script elements: no text of a page holds such a tag.
fn without_scripts(mut rest: &str) -> Option<String> {
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find("<script") {
        out += &rest[..at];
        let end = at + rest[at..].find("</script>")? + "</script>".len();
        rest = rest[end..].trim_start_matches('\n');
    }
    Some(out + rest)
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{Image, ImageShape};

    use super::*;
    use crate::inline::address;
    use crate::page::Section;
    use crate::page::document::framed;

    #[test]
    fn a_page_comes_apart_with_all_that_it_says() {
        let shape = ImageShape { height: 2, width: 2, channels: 1 };
        let image = address(&Image { shape, pixels: vec![1, 2, 3, 4] }).unwrap();
        let text = escape("src=\"data:image/png;base64,AAAA\"");
        let body = format!(
            "<p>{text}</p><img src=\"{image}\" alt=\"a\"><img src=\"{image}\" alt=\"b\"><svg><image href=\"{image}\"/></svg>"
        );
        let section = Section { id: "a", title: "A", body };
        let page = framed("Title", None, &[section], Some("{\"sheet\":\"</script>\"}"));
        let apart = split(&page).unwrap();
        for absent in ["<script", "<style", "=\"data:", "sha256-", " style="] {
            assert!(!apart.page.contains(absent), "{absent}: {}", apart.page);
        }
        assert!(apart.page.contains(&text) && apart.page.contains("href=\"report.css\""), "{}", apart.page);
        let names: Vec<&String> = apart.files.keys().collect();
        assert!(names.len() == 2 && names[0].starts_with("images/") && names[1] == STYLE, "{names:?}");
        assert!(apart.files[names[0]].starts_with(b"\x89PNG"));
        assert_eq!(String::from_utf8_lossy(&apart.files[STYLE]), crate::page::document::STYLE);
        assert_eq!(apart.page.matches(names[0].as_str()).count(), 3);
        assert!(apart.page.ends_with("</main>\n</body>\n</html>\n"), "{}", apart.page);
        assert_eq!(split("<html></html>"), None);
        assert_eq!(split(&page.replace(&image, "data:image/png;base64,?")), None, "what is no picture");
    }
}
