//! Pictures made of half blocks: each character is two pixels, one above the other.

use std::fmt::Write;

use crate::cli::screen;
use crate::cli::tile::colour;
use simpipe_artifact::Image;

/// Characters that a picture is wide: as many pixels.
const SIDE: usize = 12;

/// Whether output is a terminal that can show them.
pub(super) fn shown() -> bool {
    colours().is_some() && screen::shows_pictures()
}

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
}

fn colours() -> Option<Colours> {
    let is = |name: &str, words: &[&str]| {
        std::env::var(name).is_ok_and(|value| words.iter().any(|word| value.contains(word)))
    };
    if is("COLORTERM", &["truecolor", "24bit"]) {
        return Some(Colours::True);
    }
    is("TERM", &["256color"]).then_some(Colours::Indexed)
}

/// Pictures side by side, in the colours that the terminal has.
pub(super) fn row(pictures: &[Image]) -> String {
    drawn(pictures, colours().unwrap_or(Colours::Indexed))
}

fn drawn(pictures: &[Image], colours: Colours) -> String {
    let mut text = String::new();
    for line in 0..SIDE / 2 {
        for (at, picture) in pictures.iter().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            for column in 0..SIDE {
                let [above, below] =
                    [2 * line, 2 * line + 1].map(|row| colour(picture.shape, &picture.pixels, (row, column), SIDE));
                let (front, back) = (code(above, colours), code(below, colours));
                // A string takes all that is written.
                let _ = write!(text, "\x1b[38;{front};48;{back}m\u{2580}");
            }
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
    text
}

fn code([red, green, blue]: [u8; 3], colours: Colours) -> String {
    match colours {
        Colours::True => format!("2;{red};{green};{blue}"),
        Colours::Indexed => {
            // A cube of six steps a side, from 16 on.
            let step = |value: u8| (u16::from(value) * 5 + 127) / 255;
            format!("5;{}", 16 + 36 * step(red) + 6 * step(green) + step(blue))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::ImageShape;

    #[test]
    fn a_picture_is_half_as_many_lines_as_pixels() {
        let shape = ImageShape { height: 24, width: 12, channels: 3 };
        // Red above, blue below.
        let half = |colour: [u8; 3]| colour.repeat(144);
        let picture = Image { shape, pixels: [half([255, 0, 0]), half([0, 0, 255])].concat() };
        let grey = Image { shape: ImageShape { height: 1, width: 1, channels: 1 }, pixels: vec![255] };
        let text = drawn(&[picture.clone(), grey], Colours::True);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), text.matches('\u{2580}').count()), (6, 144));
        assert!(lines[0].starts_with("\x1b[38;2;255;0;0;48;2;255;0;0m\u{2580}"), "{:?}", lines[0]);
        assert!(lines[5].starts_with("\x1b[38;2;0;0;255;48;2;0;0;255m\u{2580}"));
        assert!(lines[5].ends_with("\x1b[38;2;255;255;255;48;2;255;255;255m\u{2580}\x1b[0m"), "grey stays grey");
        let indexed = drawn(&[picture], Colours::Indexed);
        assert!(indexed.starts_with("\x1b[38;5;196;48;5;196m"), "red is 196: {indexed:?}");
    }
}
