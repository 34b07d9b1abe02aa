//! Answers to pictures as one page: like a report it holds all that it shows, needs no network and runs nothing.

use std::fmt::Write;

use simpipe_artifact::Image;

use super::document::head;
use super::fonts::with_fonts;
use super::html::{escape, name, paragraph};
use crate::ReportError;
use crate::inline;
use crate::mark::thumbnail;

/// Bytes of raw colours that the pictures of a page take at most, about: the more there are, the smaller.
const BYTES: usize = 24_000_000;

/// A picture with what is said below it.
#[derive(Debug, Clone)]
pub struct AnswerTile {
    /// The picture, where it is at hand.
    pub image: Option<Image>,
    /// What it is.
    pub title: String,
    /// What else is known about it.
    pub lines: Vec<String>,
}

/// A picture that was asked about, with its nearest ones.
#[derive(Debug, Clone)]
pub struct AnswerCard {
    /// Whether the label is believed.
    pub accepted: bool,
    /// What was asked.
    pub asked: AnswerTile,
    /// Nearest first.
    pub neighbours: Vec<AnswerTile>,
}

/// The page.
///
/// # Errors
/// If a picture can't be encoded.
pub fn answers(title: &str, lede: &str, cards: &[AnswerCard]) -> Result<String, ReportError> {
    let pictures = cards.iter().map(|card| card.neighbours.len() + 1).sum::<usize>().max(1);
    let side = ((BYTES / pictures / 3) as f64).sqrt() as usize;
    let side = side.clamp(16, 192);
    let mut page = head(title, None);
    // A string takes all that is written.
    let _ = write!(
        page,
        "<header class=\"top\"><h1>{}</h1>{}</header>\n<main id=\"content\">\n<ul class=\"strips\">\n",
        name(title),
        paragraph(lede),
    );
    for card in cards {
        page.push_str("<li>");
        tile(&mut page, &card.asked, if card.accepted { "right" } else { "wrong" }, side)?;
        for near in &card.neighbours {
            tile(&mut page, near, "", side)?;
        }
        page.push_str("</li>\n");
    }
    Ok(with_fonts(page + "</ul>\n</main>\n</body>\n</html>\n"))
}

fn tile(page: &mut String, tile: &AnswerTile, class: &str, side: usize) -> Result<(), ReportError> {
    let _ = write!(page, "<figure class=\"tile {class}\">");
    if let Some(image) = &tile.image {
        let _ =
            write!(page, "<img src=\"{}\" alt=\"{}\">", inline::address(&thumbnail(image, side))?, escape(&tile.title));
    }
    let _ = write!(page, "<figcaption><span class=\"{class}\">{}</span>", name(&tile.title));
    for line in &tile.lines {
        let _ = write!(page, "<span class=\"muted\">{}</span>", name(line));
    }
    page.push_str("</figcaption></figure>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageShape;

    use super::*;

    #[test]
    fn names_from_outside_stay_text_and_nothing_is_loaded() {
        let shape = ImageShape { height: 400, width: 200, channels: 3 };
        let tile = |title: &str, line: &str| AnswerTile {
            image: Some(Image { shape, pixels: vec![120; shape.bytes()] }),
            title: title.to_owned(),
            lines: vec![line.to_owned()],
        };
        let card = AnswerCard {
            accepted: false,
            asked: tile("Unknown", "\"><script>alert(1)</script>.png"),
            neighbours: vec![tile("<b>cat</b>", "1: 0.1000"), AnswerTile { image: None, ..tile("dog", "2: 0.2") }],
        };
        let page = answers("<run>", "it's `match` & more", &[card]).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<run>"), "{page}");
        assert!(page.contains("&lt;b&gt;cat&lt;/b&gt;") && page.contains("<code>match</code>"));
        assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 2);
        assert!(page.contains("default-src &#39;none&#39;") && !page.contains("http:"), "a policy");
        assert!(page.contains("class=\"tile wrong\""), "not believed");
    }
}
