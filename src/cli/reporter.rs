//! Shows a run's events: bars on a terminal, plain lines otherwise, JSONL for programs. Decides nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar};

use super::event_sink::EventSink;
use super::logging::LogFile;
use super::print::{self, Paint, shown};
use super::progress::style;
use super::{screen, signal, words};
use simpipe_runner::{Event, Outcome, memory};

/// Without bars, a stage that goes on longer than this says how far it is, so that a log shows life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Takes events from every worker.
pub(super) struct Reporter {
    log: LogFile,
    events: Option<EventSink>,
    lines: Option<Lines>,
}

/// For people, on standard error.
struct Lines {
    paint: Paint,
    bars: Option<Bars>,
    stages: Mutex<BTreeMap<String, Shown>>,
}

/// On a terminal: a bar a stage under way, and below them one for the run as a whole.
struct Bars {
    all: MultiProgress,
    run: ProgressBar,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let run = all.add(ProgressBar::new(0));
        run.set_style(style("{elapsed:>20} {pos} of {len} stages done{msg}"));
        Self { all, run }
    }

    /// A stage's bar, above that of the run.
    fn add(&self, stage: &str, why: &str) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_prefix(shown(stage)).with_message(shown(why));
        let bar = self.all.insert_before(&self.run, bar);
        bar.set_style(style("{prefix:>20} {spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Shows how much memory is in use.
    fn show_memory(&self) {
        let memory = memory::now().map(|bytes| format!(", {} of memory", print::bytes(bytes)));
        self.run.set_message(memory.unwrap_or_default());
    }
}

/// What is shown of a stage under way.
struct Shown {
    bar: Option<ProgressBar>,
    /// The last message; its part before the first comma (`epoch 2/3`) tells when a new line is due.
    message: String,
    /// When a line of it was last printed.
    told: Instant,
}

impl Shown {
    fn new(bar: Option<ProgressBar>) -> Self {
        Self { bar, message: String::new(), told: Instant::now() }
    }
}

impl Reporter {
    /// `events`: where JSONL goes. `quiet`: says nothing of what happens.
    pub(super) fn new(log: LogFile, events: Option<EventSink>, quiet: bool) -> Self {
        let bars = screen::shows_bars().then(Bars::new);
        if let Some(all) = bars.as_ref().map(|bars| bars.all.clone()) {
            signal::speak_through(move |line| all.suspend(|| drop(writeln!(screen::messages(), "{line}"))));
        }
        let lines = (!quiet).then(|| Lines { paint: Paint::stderr(), bars, stages: Mutex::default() });
        Self { log, events, lines }
    }

    /// Why some events are not where they should be.
    pub(super) fn lost_events(&self) -> Option<String> {
        self.events.as_ref().and_then(EventSink::lost)
    }

    /// Shows an event.
    pub(super) fn on_event(&self, event: &Event) {
        if let Event::RunStarted { folder, .. } = event {
            self.log.open(folder);
        }
        if let Some(warning) = self.events.as_ref().and_then(|events| events.write(&event.to_line())) {
            // Also where nothing else is said: it will be the exit code's reason.
            match &self.lines {
                Some(lines) => lines.warn(&warning),
                None => drop(writeln!(screen::messages(), "warning: {warning}")),
            }
        }
        // Progress comes ten times a second: the log holds what came of it.
        if !matches!(event, Event::Progress { .. }) {
            tracing::debug!("{}", event.to_line());
        }
        if let Some(lines) = &self.lines {
            self.log.take_failure().iter().for_each(|failure| lines.warn(failure));
            lines.on_event(event);
        }
        if matches!(event, Event::RunFinished { .. }) {
            self.log.close();
        }
    }
}

impl Lines {
    fn on_event(&self, event: &Event) {
        match event {
            Event::RunStarted { dir, stages, seed, .. } => {
                let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
                self.line(&self.paint.dim(&format!("run {}{seed}", shown(dir))));
                if let Some(bars) = &self.bars {
                    bars.run.set_length(stages.len() as u64);
                }
            }
            Event::StageStarted { stage, reasons, .. } => self.started(stage, &words::reasons(reasons)),
            Event::Progress { stage, done, total, unit, message } => {
                self.progress(stage, *done, *total, unit, message);
            }
            // The stage's own progress says the same in words.
            Event::Number { .. } => {}
            Event::Warning { stage, message } => {
                let of = stage.as_ref().map(|stage| format!("{stage}: ")).unwrap_or_default();
                self.warn(&format!("{of}{message}"));
            }
            Event::StageFinished { stage, outcome, seconds, error, .. } => {
                self.finished(stage, *outcome, *seconds, error.as_deref());
            }
            Event::RunFinished { .. } => {
                if let Some(bars) = &self.bars {
                    bars.run.finish_and_clear();
                }
            }
        }
    }

    fn warn(&self, text: &str) {
        self.line(&format!("{} {}", self.paint.yellow("warning:"), shown(text)));
    }

    /// Text from outside is made fit for it before.
    fn line(&self, text: &str) {
        let print = || drop(writeln!(screen::messages(), "{text}"));
        match &self.bars {
            Some(bars) => bars.all.suspend(print),
            None => print(),
        }
    }

    fn started(&self, stage: &str, why: &str) {
        if self.bars.is_none() {
            self.line(&format!("{}: starts, {}", shown(stage), shown(why)));
        }
        let bar = self.bars.as_ref().map(|bars| bars.add(stage, why));
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.insert(stage.to_owned(), Shown::new(bar));
    }

    fn progress(&self, stage: &str, done: u64, total: Option<u64>, unit: &str, message: &str) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = stages.entry(stage.to_owned()).or_insert_with(|| Shown::new(None));
        if let Some(bar) = &seen.bar {
            if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
                bar.set_length(total);
                let unit =
                    if unit == "bytes" { "{bytes}/{total_bytes} {bytes_per_sec}" } else { "{pos}/{len} {per_sec}" };
                bar.set_style(style(&format!("{{prefix:>20}} {{bar:24}} {unit} eta {{eta}} {{msg}}")));
            }
            bar.set_position(done);
            bar.set_message(shown(message));
            self.bars.iter().for_each(Bars::show_memory);
        } else if lead(&seen.message) != lead(message) {
            // What was said last of the old part; the new one speaks when it ends, or goes on for long.
            if !seen.message.is_empty() {
                self.line(&shown(format!("{stage}: {}", seen.message)));
            }
            seen.told = Instant::now();
        } else if seen.told.elapsed() >= SIGN_OF_LIFE {
            let part = total.map_or_else(String::new, |total| format!(" ({done} of {total} {unit})"));
            self.line(&shown(format!("{stage}: {message}{part}")));
            seen.told = Instant::now();
        }
        message.clone_into(&mut seen.message);
    }

    fn finished(&self, stage: &str, outcome: Outcome, seconds: f64, error: Option<&str>) {
        let seen = self.stages.lock().unwrap_or_else(PoisonError::into_inner).remove(stage);
        if let Some(Shown { bar, message, .. }) = seen {
            bar.iter().for_each(ProgressBar::finish_and_clear);
            if !message.is_empty() {
                self.line(&shown(format!("{stage}: {message}")));
            }
        }
        if let Some(bars) = &self.bars {
            bars.run.inc(1);
            bars.show_memory();
        }
        let text = match (outcome, error) {
            (Outcome::Hit, _) => self.paint.dim("hit"),
            (Outcome::Ran, _) => self.paint.green(&format!("ran in {}", print::seconds(seconds))),
            (Outcome::Failed, Some(error)) => self.paint.red(&shown(format!("failed: {error}"))),
            (Outcome::Skipped, Some(error)) => self.paint.yellow(&shown(format!("skipped because {error}"))),
            (Outcome::Failed | Outcome::Skipped, None) => outcome.word().to_owned(),
        };
        self.line(&format!("{}: {text}", shown(stage)));
    }
}

fn lead(message: &str) -> &str {
    message.split(',').next().unwrap_or(message)
}
