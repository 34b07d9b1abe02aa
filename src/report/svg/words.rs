//! Words in a drawing: as text with its width, or as outlines where a reader's own fonts may not draw them alike.

use super::{hex, put, short};
use crate::canvas::Align;
use crate::mark::Words;
use crate::page::escape;
use crate::text::{self, CAP_HEIGHT, Weight};

/// A line of text where and as it was drawn; nothing where there is nothing to read.
pub(super) fn write(out: &mut String, words: &Words) {
    if words.text.trim().is_empty() {
        return;
    }
    // As wide as what is written, where something hidden is written by its escape.
    let shown = text::drawable(&words.text);
    if let Some(outlines) = text::outlines(&shown, words.weight) {
        return outlined(out, words, &shown, &outlines);
    }
    let baseline = words.size * CAP_HEIGHT / 2.0;
    let (x, y) = words.at;
    if words.upward {
        put(out, format_args!("<text transform=\"translate({} {}) rotate(-90)\"", short(x + baseline), short(y)));
    } else {
        put(out, format_args!("<text x=\"{}\" y=\"{}\"", short(x), short(y + baseline)));
    }
    let anchor = match words.align {
        Align::Left => "",
        Align::Centre => " text-anchor=\"middle\"",
        Align::Right => " text-anchor=\"end\"",
    };
    let weight = if words.weight == Weight::Bold { " font-weight=\"700\"" } else { "" };
    put(
        out,
        format_args!(
            "{anchor}{weight} font-size=\"{}\" fill=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            short(words.size),
            hex(words.colour),
            short(text::width(&shown, words.size, words.weight)),
            escape(&shown)
        ),
    );
}

/// Words of scripts that a reader may have no font for, or joins otherwise: as they are drawn, and named.
fn outlined(out: &mut String, words: &Words, shown: &str, outlines: &str) {
    let width = text::width(shown, words.size, words.weight);
    let start = match words.align {
        Align::Left => 0.0,
        Align::Centre => -width / 2.0,
        Align::Right => -width,
    };
    let (x, y) = words.at;
    let turn = if words.upward { " rotate(-90)" } else { "" };
    put(
        out,
        format_args!(
            "<path transform=\"translate({} {}){turn} translate({} {}) scale({})\" fill=\"{}\" d=\"{outlines}\"><title>{}</title></path>",
            short(x),
            short(y),
            short(start),
            short(words.size * CAP_HEIGHT / 2.0),
            words.size / 1000.0,
            hex(words.colour),
            escape(shown)
        ),
    );
}
