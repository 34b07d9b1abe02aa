//! Standard output and standard error as every command writes to them. Whatever text gets here, no control character
//! but the end of a line, a tab and our own colours gets through.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use simpipe_base::visible;

/// All that [`Paint`](super::print::Paint) and clap begin and end colours with.
const COLOURS: [&str; 7] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[4m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Messages,
}

/// A standard stream.
#[derive(Debug)]
pub(super) struct Screen {
    stream: Stream,
    coloured: bool,
    /// Nobody reads any more.
    left: bool,
}

/// Standard output. A reader who has gone has seen enough: what is written then is dropped, and the command ends as it
/// would have ended.
pub(super) fn output() -> Screen {
    Screen { stream: Stream::Output, coloured: shows_colours(&io::stdout()), left: false }
}

/// Standard error. What can't be written there is lost, for there is no other place to say so; the exit code tells.
pub(super) fn messages() -> Screen {
    Screen { stream: Stream::Messages, coloured: shows_colours(&io::stderr()), left: false }
}

/// Whether a stream is a terminal on which colours are wanted.
pub(super) fn shows_colours(stream: &impl IsTerminal) -> bool {
    // <https://no-color.org>: set and not empty means no colour.
    is_capable(stream) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether bars can be drawn on standard error.
pub(super) fn shows_bars() -> bool {
    is_capable(&io::stderr())
}

/// Whether output is a terminal on which something can be shown anew in its place.
pub(super) fn redraws() -> bool {
    is_capable(&io::stdout())
}

/// Empties the screen for what is shown anew; `false` where output is no terminal that can.
pub(super) fn clear() -> io::Result<bool> {
    let terminal = redraws();
    if terminal {
        io::stdout().write_all(b"\x1b[H\x1b[2J")?;
    }
    Ok(terminal)
}

/// Whether output is a terminal on which coloured characters are wanted.
pub(super) fn shows_pictures() -> bool {
    shows_colours(&io::stdout())
}

/// Draws a picture of coloured characters on standard output: only for a terminal that [shows them](shows_pictures), and
/// never with text from outside that was not made fit to be shown.
pub(super) fn draw(picture: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(picture.as_bytes())?;
    out.flush()
}

/// Whether a stream is a terminal that knows more than lines of text.
fn is_capable(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let clean = cleaned(bytes, self.coloured);
        let written = match self.stream {
            _ if self.left => Ok(()),
            Stream::Output => io::stdout().write_all(&clean),
            Stream::Messages => io::stderr().write_all(&clean),
        };
        self.forgiven(written).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match self.stream {
            _ if self.left => Ok(()),
            Stream::Output => io::stdout().flush(),
            Stream::Messages => io::stderr().flush(),
        };
        self.forgiven(flushed)
    }
}

impl Screen {
    fn forgiven(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if self.stream == Stream::Messages || error.kind() == ErrorKind::BrokenPipe => {
                self.left = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// The bytes with hidden characters by their escapes.
pub(super) fn cleaned(bytes: &[u8], coloured: bool) -> Cow<'_, [u8]> {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(bytes);
    }
    let mut clean = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        push(&mut clean, chunk.valid(), coloured);
        chunk.invalid().iter().for_each(|byte| clean.push_str(&format!("\\x{byte:02x}")));
    }
    Cow::Owned(clean.into_bytes())
}

fn push(clean: &mut String, text: &str, coloured: bool) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(colour) = COLOURS.iter().find(|colour| coloured && rest.starts_with(**colour)) {
            clean.push_str(colour);
            rest = &rest[colour.len()..];
            continue;
        }
        if matches!(c, '\n' | '\t') {
            clean.push(c)
        } else {
            visible::push(clean, c)
        }
        rest = &rest[c.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &[u8], coloured: bool) -> String {
        String::from_utf8(cleaned(text, coloured).into_owned()).unwrap()
    }

    #[test]
    fn nothing_but_lines_and_our_own_colours_gets_through() {
        let text = b"a\tb\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b \xc2\x9b2J \xe2\x80\xae\r";
        let escaped = "\\x1b]0;title\\x07 \\x9b \\u{9b}2J \\u{202e}\\r";
        assert_eq!(clean(text, true), format!("a\tb\n\x1b[31mred\x1b[0m {escaped}"));
        assert_eq!(clean(text, false), format!("a\tb\n\\x1b[31mred\\x1b[0m {escaped}"));
        assert_eq!(clean("Grüße 日本 🦀\n".as_bytes(), false), "Grüße 日本 🦀\n");
    }
}
