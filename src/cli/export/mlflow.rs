//! `mlflow`: a run's parameters, figures and tags, sent to an MLflow server over its REST API.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::mlflow_messages::{Point, batches, pairs, params, tags};
use super::tensorboard::history;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::error::Error;
use simpipe_base::clock::Moment;
use simpipe_base::issue::{Issue, IssueKind};
use simpipe_runner::{RunRecord, StageRecord};

/// The REST API of MLflow, 2.0.
pub(super) struct Mlflow;

const API: &str = "api/2.0/mlflow";
const CONNECT: Duration = Duration::from_secs(8);
/// For one request; a server that is being started takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The tag by which a run is found again.
const RUN: &str = "simpipe.run";

impl RunFormat for Mlflow {
    fn name(&self) -> &'static str {
        "mlflow"
    }

    fn about(&self) -> &'static str {
        "parameters, figures, histories and tags, sent to an MLflow server"
    }

    fn target(&self) -> &'static str {
        "the address of a server"
    }

    fn default_output(&self, _: &str) -> Option<String> {
        None
    }

    /// One run in the experiment of the same name; a group is a run with one of each seed below it.
    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        let server = Server::at(output)?;
        let record = run.record;
        let experiment = server.experiment(&record.name)?;
        if !force && let Some(there) = server.find(&experiment, &record.run)? {
            let message = format!("the server already has the run {}, as {there}", record.run);
            return Err(Error::usage(message, "delete it there, or send it again with `--force`"));
        }
        let (spec, json) = (&record.spec, serde_json::to_value(record).map_err(|error| Error::Output(error.into()))?);
        let mut upload =
            Upload { server: &server, experiment: &experiment, record, spec, tags: tags(&json), figures: 0 };
        let stages = if record.is_group() { &[][..] } else { &record.stages };
        let parent = upload.send(run, &record.run, stages, &record.metrics, record.ok)?;
        for seed in &record.seeds {
            let mut spec = spec.clone();
            if let Json::Object(fields) = &mut spec {
                fields.remove("seeds");
                fields.insert("seed".to_owned(), seed.seed.into());
            }
            let child = [("mlflow.parentRunId".to_owned(), parent.clone()), (RUN.to_owned(), seed.run.clone())];
            let tags = upload.tags.iter().filter(|(key, _)| key != RUN).cloned().chain(child).collect();
            let mut below = Upload { server: &server, experiment: &experiment, record, spec: &spec, tags, figures: 0 };
            below.send(run, &format!("{}, seed {}", seed.run, seed.seed), &seed.stages, &seed.metrics, seed.ok)?;
            upload.figures += below.figures;
        }
        let at = format!("{}/#/experiments/{experiment}/runs/{parent}", server.url);
        let count = print::thousands(upload.figures);
        Ok(Sent {
            words: format!("sent {} with {count} figures: {}", shown(&record.run), shown(&at)),
            json: json!({
                "url": output, "experiment_id": experiment, "run_id": parent, "runs": 1 + record.seeds.len(),
                "figures": upload.figures,
            }),
        })
    }
}

/// A run on its way.
struct Upload<'a> {
    server: &'a Server,
    experiment: &'a str,
    record: &'a RunRecord,
    spec: &'a Json,
    tags: Vec<(String, String)>,
    /// Sent so far.
    figures: usize,
}

impl Upload<'_> {
    /// Makes a run on the server and fills it; its id there.
    fn send(
        &mut self,
        run: &StoredRun<'_>,
        name: &str,
        stages: &[StageRecord],
        metrics: &std::collections::BTreeMap<String, f64>,
        ok: bool,
    ) -> Result<String, Error> {
        let moment = |text: &str| Moment::from_rfc3339(text).map_or(0, |moment| moment.0);
        let (started, finished) = (moment(&self.record.started), moment(&self.record.finished));
        let mut points = Vec::new();
        for stage in stages {
            points.extend(history_points(stage, &history(run, stage)?));
        }
        let last = points.iter().map(|point| point.step).max().unwrap_or(0);
        points.extend(metrics.iter().map(|(name, value)| Point { name: name.clone(), step: last, value: *value }));
        self.figures += points.len();
        let tags = pairs(self.tags.iter().map(|(key, value)| (key, value)));
        let made = self.server.post(
            "runs/create",
            &json!({ "experiment_id": self.experiment, "run_name": name, "start_time": started, "tags": tags }),
        )?;
        let id = text(&made["run"]["info"]["run_id"])?;
        for batch in batches(&id, &params(self.spec), &points, started) {
            self.server.post("runs/log-batch", &batch)?;
        }
        let status = match (ok, self.record.interrupted) {
            (true, _) => "FINISHED",
            (false, true) => "KILLED",
            (false, false) => "FAILED",
        };
        self.server.post("runs/update", &json!({ "run_id": id, "status": status, "end_time": finished }))?;
        Ok(id)
    }
}

/// The steps of a training. They are named apart from the figures of the run, which are of its end.
fn history_points(stage: &StageRecord, history: &simpipe_artifact::History) -> Vec<Point> {
    let mut points = Vec::new();
    for row in &history.0 {
        let mut point = |name: &str, value: f64| {
            points.push(Point { name: format!("{}.history.{name}", stage.id), step: row.step, value });
        };
        point("loss", row.loss);
        point("learning_rate", row.learning_rate);
        row.val_loss.iter().for_each(|loss| point("val_loss", *loss));
        row.logged.iter().for_each(|(name, value)| point(name, *value));
    }
    points
}

/// A field that the server must have answered.
fn text(json: &Json) -> Result<String, Error> {
    json.as_str().map(str::to_owned).ok_or_else(|| refused("the server's answer is not that of MLflow".to_owned()))
}

/// A server that can't be had, as an object store that can't be.
fn refused(message: String) -> Error {
    Error::Spec(vec![Issue::nowhere(message).kind(IssueKind::Unavailable)])
}

/// An MLflow server.
struct Server {
    url: String,
    agent: ureq::Agent,
}

impl Server {
    fn at(url: &str) -> Result<Self, Error> {
        let url = url.trim_end_matches('/');
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            let message = format!("`{url}` is not the address of a server");
            return Err(Error::usage(
                message,
                "write it as `--mlflow http://127.0.0.1:5000`; MLflow's file layout is no longer supported",
            ));
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(PATIENCE));
        if url.starts_with("http://127.0.0.1") {
            config = config.proxy(None); // a proxy has another loopback than we
        }
        Ok(Self { url: url.to_owned(), agent: config.build().new_agent() })
    }

    /// The id of the experiment of a name, which is made if it is not there.
    fn experiment(&self, name: &str) -> Result<String, Error> {
        let request =
            self.agent.get(format!("{}/{API}/experiments/get-by-name", self.url)).query("experiment_name", name);
        let (status, answer) = self.answer(request.call())?;
        match status {
            200 => text(&answer["experiment"]["experiment_id"]),
            404 if answer["error_code"] == "RESOURCE_DOES_NOT_EXIST" => {
                text(&self.post("experiments/create", &json!({ "name": name }))?["experiment_id"])
            }
            _ => Err(self.error("experiments/get-by-name", status, &answer)),
        }
    }

    /// The run there that is this one of ours.
    fn find(&self, experiment: &str, run: &str) -> Result<Option<String>, Error> {
        let filter = format!("tags.`{RUN}` = '{run}'");
        let body = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let answer = self.post("runs/search", &body)?;
        answer["runs"].get(0).map(|run| text(&run["info"]["run_id"])).transpose()
    }

    fn post(&self, path: &str, body: &Json) -> Result<Json, Error> {
        let request = self.agent.post(format!("{}/{API}/{path}", self.url)).header("content-type", "application/json");
        let (status, answer) = self.answer(request.send(body.to_string()))?;
        if status == 200 { Ok(answer) } else { Err(self.error(path, status, &answer)) }
    }

    fn answer(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, Json), Error> {
        let unreachable =
            |error: ureq::Error| refused(format!("the MLflow server at {} can't be reached: {error}", self.url));
        let mut response = answer.map_err(unreachable)?;
        let text = response.body_mut().read_to_string().map_err(unreachable)?;
        Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Json::Null)))
    }

    fn error(&self, path: &str, status: u16, answer: &Json) -> Error {
        let message = answer["message"].as_str().unwrap_or("it does not say why");
        refused(format!("the MLflow server at {} refused `{path}` with status {status}: {message}", self.url))
    }
}
