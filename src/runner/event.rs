//! Events: the only contract between a run and whoever shows it. Emits and draws nothing itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::{Outcome, clock};
use simpipe_base::visible::visible_json;
use simpipe_plan::{Key, Reason};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run's folder is there.
    RunStarted {
        /// The run's id.
        run: String,
        /// Its folder, relative to the root.
        dir: String,
        /// The same folder as a path that can be opened from here.
        #[serde(skip)]
        folder: PathBuf,
        /// Stage ids in the order of the plan.
        stages: Vec<String>,
        /// The seed, of a run of a group.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// A stage computes; hits don't start.
    StageStarted {
        /// The stage's id.
        stage: String,
        /// What it will be stored under.
        key: Key,
        /// Why it runs, the most telling first.
        reasons: Vec<Reason>,
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
    /// A figure of a stage under way.
    Number {
        /// The stage's id.
        stage: String,
        /// Steps made.
        step: u64,
        /// What it is of: `loss`, `val-loss`, `learning-rate`, `recall@1`.
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
    /// A stage is done with, one way or another.
    StageFinished {
        /// The stage's id.
        stage: String,
        /// How it ended.
        outcome: Outcome,
        /// How long it took in this run.
        seconds: f64,
        /// How long parts of the work took, in this run or when it was done, in seconds, where the stage tells them.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        timings: BTreeMap<String, f64>,
        /// Why it failed or was skipped.
        error: Option<String>,
    },
    /// The run is over and `run.json` is written.
    RunFinished {
        /// Whether every stage has its result.
        ok: bool,
        /// How long it took.
        seconds: f64,
    },
}

impl Event {
    /// The event as one line of JSON that begins with the time.
    #[must_use]
    pub fn to_line(&self) -> String {
        let event = serde_json::to_string(self).expect("an event serializes to JSON");
        format!("{{\"time\":\"{}\",{}", clock::now().rfc3339(), &visible_json(event)[1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_line_of_its_own() {
        let event = Event::Number { stage: "train".into(), step: 500, name: "recall@1".into(), value: 0.25 };
        let line = event.to_line();
        assert!(
            line.ends_with(r#""event":"number","stage":"train","step":500,"name":"recall@1","value":0.25}"#),
            "{line}"
        );
    }

    #[test]
    fn a_line_is_json_with_time_event_and_stage() {
        let event = Event::Warning { stage: Some("train".to_owned()), message: "a \"quote\"".to_owned() };
        let json: serde_json::Value = serde_json::from_str(&event.to_line()).unwrap();
        assert_eq!((&json["event"], &json["stage"]), (&"warning".into(), &"train".into()));
        assert_eq!(json["message"], "a \"quote\"");
        assert!(json["time"].as_str().unwrap().ends_with('Z'));
    }
}
