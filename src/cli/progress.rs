//! Progress bars on standard error, and what they look like.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};

use super::{screen, signal};

/// A style of a template that is written in this program.
pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}

/// The one bar of a command that does one thing, if standard error can show one.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Counts things, `results` for example.
    pub(super) fn of(things: &'static str) -> Self {
        Self::new("{bar:32} {pos}/{len} {msg} eta {eta}", things)
    }

    /// Counts bytes.
    pub(super) fn of_bytes() -> Self {
        Self::new("{bar:32} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}", "")
    }

    fn new(template: &str, message: &'static str) -> Self {
        let bar = || ProgressBar::new(0).with_message(message).with_style(style(template));
        let bar = screen::shows_bars().then(bar);
        if let Some(bar) = bar.clone() {
            signal::speak_through(move |line| bar.suspend(|| drop(writeln!(screen::messages(), "{line}"))));
        }
        Self(bar)
    }

    pub(super) fn show(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
