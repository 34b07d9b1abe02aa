//! Pictures in the terminal: as pixels where it shows them, else as half blocks.

use super::canvas::{CELLS, canvas};
use super::{blocks, kitty, sixel};
use crate::cli::screen;
use simpipe_artifact::Image;

/// How a terminal shows pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The graphics protocol of kitty, which Ghostty, Konsole and `WezTerm` have too.
    Kitty,
    /// Sixels, as foot, mlterm, iTerm2 and xterm have them.
    Sixel,
    /// Two pixels a character.
    Blocks,
}

/// The way that output has, if it is a terminal that has one; the one that is wanted, on a terminal of whatever name.
pub(super) fn way(wanted: Option<Way>) -> Option<Way> {
    if let Some(wanted) = wanted {
        return screen::redraws().then_some(wanted);
    }
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    screen::shows_pictures().then(|| named(&told)).flatten().or_else(|| blocks::shown().then_some(Way::Blocks))
}

/// The way of a terminal by what it says of itself. What runs inside tmux or screen is not asked: they let no pixels through.
fn named(told: &dyn Fn(&str) -> String) -> Option<Way> {
    let (term, program) = (told("TERM"), told("TERM_PROGRAM"));
    if ["tmux", "screen"].iter().any(|name| term.starts_with(name)) || !told("TMUX").is_empty() {
        return None;
    }
    let kitty = ["xterm-kitty", "xterm-ghostty"].contains(&term.as_str())
        || ["WezTerm", "ghostty"].contains(&program.as_str())
        || ["KITTY_WINDOW_ID", "KONSOLE_VERSION"].iter().any(|name| !told(name).is_empty());
    if kitty {
        return Some(Way::Kitty);
    }
    let sixel = ["foot", "mlterm", "yaft"].iter().any(|name| term.starts_with(name))
        || term.contains("sixel")
        || program == "iTerm.app";
    sixel.then_some(Way::Sixel)
}

/// Pictures side by side, as the terminal shows them, with the end of the line.
pub(super) fn row(pictures: &[Image], way: Way) -> String {
    match way {
        Way::Blocks => blocks::row(pictures),
        Way::Kitty => kitty::row(&canvas(pictures), pictures.len() * (CELLS[0] + 1) - 1),
        Way::Sixel => sixel::row(&canvas(pictures)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::ImageShape;

    #[test]
    fn a_terminal_is_told_by_its_name() {
        let of = |pairs: &[(&str, &str)]| {
            named(&|name: &str| {
                pairs.iter().find(|pair| pair.0 == name).map_or_else(String::new, |pair| pair.1.to_owned())
            })
        };
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Some(Way::Kitty));
        assert_eq!(of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]), Some(Way::Kitty));
        assert_eq!(of(&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "230401")]), Some(Way::Kitty));
        assert_eq!(of(&[("TERM", "foot-extra")]), Some(Way::Sixel));
        assert_eq!(of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]), Some(Way::Sixel));
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")]), None);
        assert_eq!(of(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux-0/default")]), None);
    }

    #[test]
    fn pictures_stand_side_by_side() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let grey = |value| Image { shape, pixels: vec![value] };
        let canvas = canvas(&[grey(255), grey(7)]);
        assert_eq!((canvas.width, canvas.height, canvas.pixels.len()), (200, 96, 3 * 200 * 96));
        let at = |x: usize, y: usize| canvas.pixels[3 * (y * 200 + x)];
        assert_eq!([at(0, 0), at(95, 95), at(96, 0), at(103, 95), at(104, 0), at(199, 95)], [255, 255, 0, 0, 7, 7]);
    }
}
