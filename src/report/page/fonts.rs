//! Puts the fonts of its characters into a page, once its text is known.

use super::policy::digest;
use crate::web_font::{OWN_RULE, RULE, rules};

/// The page with the rules of its fonts at the end of its style sheet, whose digest its policy then has; those of before are
/// replaced, but for a font of the spec, which is not at hand where a run adds to a page. A page whose policy allows no fonts
/// is left as it is.
pub(super) fn with_fonts(page: String) -> String {
    let Some((head, style, rest)) = parts(&page) else { return page };
    if !head.contains("font-src data:") {
        return page;
    }
    let kept: String =
        style.lines().filter(|line| line.starts_with(OWN_RULE)).map(|line| format!("{line}\n")).collect();
    let plain = style.split(RULE).next().unwrap_or_default();
    let fonts = rules(&page);
    let fonts = if fonts.starts_with(OWN_RULE) { fonts } else { kept + &fonts };
    let new = format!("{plain}{fonts}");
    let head = head.replacen(&digest(style), &digest(&new), 1);
    format!("{head}<style>{new}</style>{rest}")
}

/// What stands before the style sheet, the sheet, and what stands behind it.
fn parts(page: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = page.split_once("<style>")?;
    let (style, rest) = rest.split_once("</style>")?;
    Some((head, style, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Section;
    use crate::page::document::{STYLE, framed};
    use crate::text::{Face, OwnFont};

    fn page(body: &str) -> String {
        framed("Title", None, &[Section { id: "a", title: "A", body: body.to_owned() }], None)
    }

    fn allowed(page: &str) -> bool {
        let (head, style, _) = parts(page).unwrap();
        head.contains(&digest(style)) && style.starts_with(STYLE)
    }

    #[test]
    fn fonts_follow_the_text_and_the_policy_follows_the_fonts() {
        let one = page("<p>Cat</p>");
        assert!(allowed(&one) && one.matches(RULE).count() == 2, "{one}");
        let more = with_fonts(one.replace("Cat", "猫"));
        assert!(allowed(&more) && more.matches(RULE).count() == 3, "{more}");
        assert_eq!(with_fonts(more.clone()), more);
        let old = one.replace("font-src data:", "");
        assert_eq!(with_fonts(old.clone()), old);
        assert_eq!(with_fonts("none".to_owned()), "none");
    }

    #[test]
    fn a_font_of_the_spec_stays_where_a_run_adds_to_its_page() {
        let using = OwnFont::in_use(Some(OwnFont::read(Face::Bold.bytes()).unwrap()));
        let one = page("<p>Cat</p>");
        drop(using);
        let more = with_fonts(one.replace("Cat", "猫"));
        assert!(allowed(&more) && more.matches(OWN_RULE).count() == 1 && more.matches(RULE).count() == 4, "{more}");
    }
}
