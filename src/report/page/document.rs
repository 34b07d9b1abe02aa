//! The frame of the page: head, contents, sections in order, and the one style sheet and the one script that it has.

use std::fmt::Write;

use super::Section;
use super::fonts::with_fonts;
use super::html::escape;
use super::policy::policy;
use crate::ReportData;
use crate::experiment::named;

pub(super) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(include_str!("script.js"), include_str!("confusion.js"), include_str!("gallery.js"));

/// The page; `numbers` is what the script reads, as JSON.
pub(super) fn document(data: &ReportData, sections: &[Section], numbers: &str) -> String {
    let (title, description) = named(data);
    framed(title, description, sections, Some(numbers))
}

/// A page up to its body, under a policy that names its style sheet and its script, or allows none.
pub(super) fn head(title: &str, script: Option<&str>) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escape(&policy(STYLE, script)),
        escape(title)
    )
}

/// A page under a title; without `numbers` one without a script, whose policy allows none.
pub(super) fn framed(title: &str, description: Option<&str>, sections: &[Section], numbers: Option<&str>) -> String {
    let mut page = head(title, numbers.map(|_| SCRIPT));
    page.push_str("<a class=\"skip\" href=\"#content\">To the content</a>\n");
    let _ = write!(page, "<header class=\"top\"><h1><bdi>{}</bdi></h1>", escape(title));
    if let Some(description) = description {
        let _ = write!(page, "<p>{}</p>", escape(description));
    }
    page.push_str("</header>\n<nav aria-label=\"Contents\"><ul>");
    for section in sections {
        let _ = write!(page, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(section.title));
    }
    page.push_str("</ul></nav>\n<main id=\"content\" tabindex=\"-1\">\n");
    for Section { id, title, body } in sections {
        let title = escape(title);
        let _ = writeln!(
            page,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{title}</h2>{body}</section>"
        );
    }
    page.push_str("</main>\n");
    if let Some(numbers) = numbers {
        let _ = writeln!(page, "<script type=\"application/json\" id=\"numbers\">{}</script>", inert(numbers));
        let _ = writeln!(page, "<script>{SCRIPT}</script>");
    }
    with_fonts(page + "</body>\n</html>\n")
}

/// JSON that can stand in a script element: it can't end it.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_can_stand_between_its_tags() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"), "it would end the element");
        assert!(!STYLE.contains('<'), "it would end the element");
        assert_eq!(inert("\"</script>&'\""), "\"\\u003c/script\\u003e\\u0026\\u0027\"");
        assert!(SCRIPT.len() < 40_000, "{} bytes", SCRIPT.len());
        // A vocabulary's name, which nobody asks for.
        let script = SCRIPT.replace("http://www.w3.org/2000/svg", "");
        for word in ["fetch(", "XMLHttpRequest", "import(", "eval(", "innerHTML", "http:", "https:", "localStorage"] {
            assert!(!script.contains(word) && !STYLE.contains(word), "{word}");
        }
    }
}
