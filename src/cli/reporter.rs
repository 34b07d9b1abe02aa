//! Shows a run's events: bars on a terminal, plain lines otherwise, JSONL for programs. Decides nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar};

use super::logging::LogFile;
use super::print::{self, Paint};
use super::progress::style;
use super::signal;
use super::words;
use crate::runner::{Event, Outcome, memory};

/// Without bars, a stage that goes on longer than this says how far it is, so that a log shows life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Takes events from every worker.
pub(super) struct Reporter {
    log: LogFile,
    jsonl: Option<Mutex<Box<dyn Write + Send>>>,
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
        let bar = ProgressBar::new_spinner().with_prefix(stage.to_owned()).with_message(why.to_owned());
        let bar = self.all.insert_before(&self.run, bar);
        bar.set_style(style("{prefix:>20} {spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Shows how much memory is in use.
    fn show_memory(&self) {
        let memory = memory::now().map(|bytes| format!(", {} in memory", print::bytes(bytes)));
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
    /// `events`: a file for JSONL, `-` for standard output.
    pub(super) fn new(log: LogFile, events: Option<&Path>, quiet: bool) -> io::Result<Self> {
        let jsonl: Option<Box<dyn Write + Send>> = match events {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(io::stdout())),
            Some(path) => Some(Box::new(File::create(path)?)),
        };
        let bars = io::stderr().is_terminal().then(Bars::new);
        if let Some(all) = bars.as_ref().map(|bars| bars.all.clone()) {
            signal::speak_through(move |line| all.suspend(|| drop(writeln!(io::stderr(), "{line}"))));
        }
        let lines = (!quiet).then(|| Lines { paint: Paint::stderr(), bars, stages: Mutex::default() });
        Ok(Self { log, jsonl: jsonl.map(Mutex::new), lines })
    }

    /// Shows an event.
    pub(super) fn on_event(&self, event: &Event) {
        if let Event::RunStarted { folder, .. } = event {
            self.log.open(folder);
        }
        if let Some(jsonl) = &self.jsonl {
            let mut jsonl = jsonl.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever reads the events may go away; the run goes on.
            drop(writeln!(jsonl, "{}", event.to_line()).and_then(|()| jsonl.flush()));
        }
        // Progress comes ten times a second: the log holds what came of it.
        if !matches!(event, Event::Progress { .. }) {
            tracing::debug!("{}", event.to_line());
        }
        if let Some(lines) = &self.lines {
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
            Event::RunStarted { dir, stages, .. } => {
                self.line(&self.paint.dim(&format!("run {dir}")));
                if let Some(bars) = &self.bars {
                    bars.run.set_length(stages.len() as u64);
                }
            }
            Event::StageStarted { stage, reasons, .. } => self.started(stage, &words::reasons(reasons)),
            Event::Progress { stage, done, total, unit, message } => {
                self.progress(stage, *done, *total, unit, message);
            }
            Event::Warning { stage, message } => {
                let of = stage.as_ref().map(|stage| format!("{stage}: ")).unwrap_or_default();
                self.line(&format!("{} {of}{message}", self.paint.yellow("warning:")));
            }
            Event::StageFinished { stage, outcome, seconds, error } => {
                self.finished(stage, *outcome, *seconds, error.as_deref());
            }
            Event::RunFinished { .. } => {
                if let Some(bars) = &self.bars {
                    bars.run.finish_and_clear();
                }
            }
        }
    }

    fn line(&self, text: &str) {
        let print = || drop(writeln!(io::stderr(), "{text}"));
        match &self.bars {
            Some(bars) => bars.all.suspend(print),
            None => print(),
        }
    }

    fn started(&self, stage: &str, why: &str) {
        if self.bars.is_none() {
            self.line(&format!("{stage}: starts, {why}"));
        }
        let bar = self.bars.as_ref().map(|bars| bars.add(stage, why));
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.insert(stage.to_owned(), Shown::new(bar));
    }

    fn progress(&self, stage: &str, done: u64, total: Option<u64>, unit: &str, message: &str) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = stages.entry(stage.to_owned()).or_insert_with(|| Shown::new(None));
        if let Some(bar) = &shown.bar {
            if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
                bar.set_length(total);
                let unit =
                    if unit == "bytes" { "{bytes}/{total_bytes} {bytes_per_sec}" } else { "{pos}/{len} {per_sec}" };
                bar.set_style(style(&format!("{{prefix:>20}} {{bar:24}} {unit} eta {{eta}} {{msg}}")));
            }
            bar.set_position(done);
            bar.set_message(message.to_owned());
            self.bars.iter().for_each(Bars::show_memory);
        } else if lead(&shown.message) != lead(message) {
            // What was said last of the old part; the new one speaks when it ends, or goes on for long.
            if !shown.message.is_empty() {
                self.line(&format!("{stage}: {}", shown.message));
            }
            shown.told = Instant::now();
        } else if shown.told.elapsed() >= SIGN_OF_LIFE {
            let part = total.map_or_else(String::new, |total| format!(" ({done} of {total} {unit})"));
            self.line(&format!("{stage}: {message}{part}"));
            shown.told = Instant::now();
        }
        message.clone_into(&mut shown.message);
    }

    fn finished(&self, stage: &str, outcome: Outcome, seconds: f64, error: Option<&str>) {
        let shown = self.stages.lock().unwrap_or_else(PoisonError::into_inner).remove(stage);
        if let Some(Shown { bar, message, .. }) = shown {
            bar.iter().for_each(ProgressBar::finish_and_clear);
            if !message.is_empty() {
                self.line(&format!("{stage}: {message}"));
            }
        }
        if let Some(bars) = &self.bars {
            bars.run.inc(1);
            bars.show_memory();
        }
        let text = match (outcome, error) {
            (Outcome::Hit, _) => self.paint.dim("hit"),
            (Outcome::Ran, _) => self.paint.green(&format!("ran in {}", print::seconds(seconds))),
            (Outcome::Failed, Some(error)) => self.paint.red(&format!("failed: {error}")),
            (Outcome::Skipped, Some(error)) => self.paint.yellow(&format!("skipped because {error}")),
            (Outcome::Failed | Outcome::Skipped, None) => outcome.word().to_owned(),
        };
        self.line(&format!("{stage}: {text}"));
    }
}

fn lead(message: &str) -> &str {
    message.split(',').next().unwrap_or(message)
}
