//! What is told of a run under way.

use simpipe_runner as runner;

/// What happens in a run, as [`Experiment::run`](super::Experiment::run) tells it. More may be told one day.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A run has begun; one of several seeds tells this for each.
    Started {
        /// The run's id.
        run: String,
        /// Ids of its stages, in order.
        stages: Vec<String>,
    },
    /// A stage computes; one whose result is stored does not.
    StageStarted {
        /// The stage's id.
        stage: String,
    },
    /// A stage got further. At most ten a second.
    Progress {
        /// The stage's id.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
        /// What a unit is, in the plural.
        unit: &'static str,
        /// Such as `epoch 2/3, loss 1.1621`.
        message: String,
    },
    /// A figure of a stage under way: `loss`, `val-loss`, `learning-rate`, `recall@1`.
    Number {
        /// The stage's id.
        stage: String,
        /// Steps made.
        step: u64,
        /// What it is of.
        name: String,
        /// How large it is.
        value: f64,
    },
    /// Something to say that stops nothing.
    Warning {
        /// The stage that it concerns; `None` if it is the run as a whole.
        stage: Option<String>,
        /// What.
        message: String,
    },
    /// A stage is done with.
    StageFinished {
        /// The stage's id.
        stage: String,
        /// `ran`, `hit`, `failed` or `skipped`.
        outcome: &'static str,
        /// How long it took in this run.
        seconds: f64,
    },
    /// The run is over.
    Finished {
        /// Whether every stage has its result.
        ok: bool,
        /// How long it took.
        seconds: f64,
    },
}

impl From<&runner::Event> for Event {
    fn from(event: &runner::Event) -> Self {
        match event.clone() {
            runner::Event::RunStarted { run, stages, .. } => Self::Started { run, stages },
            runner::Event::StageStarted { stage, .. } => Self::StageStarted { stage },
            runner::Event::Progress { stage, done, total, unit, message } => {
                Self::Progress { stage, done, total, unit, message }
            }
            runner::Event::Number { stage, step, name, value } => Self::Number { stage, step, name, value },
            runner::Event::Warning { stage, message } => Self::Warning { stage, message },
            runner::Event::StageFinished { stage, outcome, seconds, .. } => {
                Self::StageFinished { stage, outcome: outcome.word(), seconds }
            }
            runner::Event::RunFinished { ok, seconds } => Self::Finished { ok, seconds },
        }
    }
}
