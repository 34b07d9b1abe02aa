//! How experiments of several seeds are shown: each seed's run, and what of a figure is spread over seeds and what over
//! queries.

use std::io::Write;
use std::path::Path;

use super::page::{PAGE, Page};
use super::print::{self, Align, Table, shown};
use super::run_page;
use crate::error::Error;
use simpipe_artifact::{SeedsMetric, SeedsReport, SeedsValue, write_json};
use simpipe_plan::Plan;
use simpipe_report::seeds as report;
use simpipe_runner::status::Forecast;
use simpipe_runner::{Outcome, RunError, RunRecord};
use simpipe_stages::registry;
use simpipe_store::Store;

/// The plan of each seed; the plan itself where the experiment is a single run.
pub(super) fn members(plan: &Plan) -> Vec<Plan> {
    match plan.experiment.seeds.as_slice() {
        [] => vec![plan.clone()],
        seeds => seeds.iter().map(|seed| plan.at_seed(*seed)).collect(),
    }
}

/// What a run would do for each of them.
pub(super) fn forecasts<'a>(members: &'a [Plan], store: &Store, root: &Path) -> Result<Vec<Forecast<'a>>, RunError> {
    members.iter().map(|member| Forecast::of(member, registry::builtin(), store, root)).collect()
}

/// The runs of a group and its figures.
pub(super) fn summary(record: &RunRecord, out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[
        ("Seed", Align::Right),
        ("Run", Align::Left),
        ("Outcome", Align::Left),
        ("Ran", Align::Right),
        ("Hits", Align::Right),
        ("Seconds", Align::Right),
    ]);
    for run in &record.seeds {
        let count = |outcome| run.stages.iter().filter(|stage| stage.outcome == outcome).count().to_string();
        let failed = run.stages.iter().find(|stage| stage.failure.is_some());
        let outcome = match failed {
            Some(stage) => format!("`{}` failed", stage.id),
            None if run.ok => "done".to_owned(),
            None => "interrupted".to_owned(),
        };
        // Not `sum`: that of nothing is -0.
        let seconds = run.stages.iter().fold(0.0, |sum, stage| sum + stage.seconds);
        let (ran, hits) = (count(Outcome::Ran), count(Outcome::Hit));
        table.row(vec![run.seed.to_string(), run.run.clone(), outcome, ran, hits, format!("{seconds:.3}")]);
    }
    table.write(out, &print::plain)?;
    if !record.metrics.is_empty() {
        writeln!(out)?;
        metrics(record, out)?;
    }
    Ok(())
}

/// Seeds whose own intervals are shown.
const SHOWN: usize = 4;

/// The page of a group, in the folder of its record.
const FOLDER: &str = "report";

/// Writes the page of a group's figures, where there are some.
pub(super) fn page(record: &RunRecord, root: &Path) -> Result<(), Error> {
    if record.metrics.is_empty() {
        return Ok(());
    }
    let (over_seeds, folder) = (record.over_seeds(), root.join(&record.dir).join(FOLDER));
    let mut page = Page::create(&folder, "give the folder of runs room, and run the same command again: all are hits")?;
    write_json(&folder.join(SeedsReport::FILE), &over_seeds)?;
    page.figure(report::FIGURE, |path| report::draw(&over_seeds, path))?;
    page.finish(|figures| report::page(&over_seeds, figures))?;
    Ok(())
}

/// Mean, deviation and interval over seeds, beside each seed's own interval over its queries.
fn metrics(record: &RunRecord, out: &mut dyn Write) -> Result<(), Error> {
    let report = record.over_seeds();
    let sampled = |metric: &SeedsMetric| {
        let of_run = |value: &Option<SeedsValue>| Some(interval(value.as_ref()?.low?, value.as_ref()?.high?));
        let mut all: Vec<String> = metric.values.iter().filter_map(of_run).take(SHOWN).collect();
        if !all.is_empty() && report.done() > SHOWN {
            all.push("..".to_owned());
        }
        all.join(" ")
    };
    let any_sampled = report.metrics.iter().any(SeedsMetric::is_sampled);
    let mut columns = vec![("Metric", Align::Left), ("Mean ± std", Align::Right), ("[t_low, t_high]", Align::Left)];
    if any_sampled {
        columns.push(("Sampling interval of each seed", Align::Left));
    }
    let mut table = Table::new(&columns);
    for metric in &report.metrics {
        let std = metric.std.map_or_else(String::new, |std| format!(" ± {std:.4}"));
        let spread = metric.t_low.zip(metric.t_high);
        let spread = spread.map_or_else(|| "-".to_owned(), |(low, high)| interval(low, high));
        let mut row = vec![metric.name.clone(), format!("{}{std}", print::number(metric.mean)), spread];
        row.extend(any_sampled.then(|| sampled(metric)));
        table.row(row);
    }
    table.write(out, &print::plain)?;
    let count = report.done();
    let trainings = if count == 1 { "1 training".to_owned() } else { format!("{count} trainings") };
    writeln!(
        out,
        "\nover seeds: mean ± standard deviation of {trainings} that differ in their seed alone, and the 95 % t-interval of \
         the mean"
    )?;
    if any_sampled {
        writeln!(
            out,
            "sampling: each training's own 95 % bootstrap interval over its queries, seeds in the order above; it knows \
             nothing of other seeds"
        )?;
    }
    Ok(())
}

fn interval(low: f64, high: f64) -> String {
    format!("[{low:.4}, {high:.4}]")
}

/// Where everything is: the reports of the runs, or their folders.
pub(super) fn places(record: &RunRecord, reports: &[&str], root: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let folder = root.join(&record.dir);
    writeln!(out, "group: {}", shown(folder.display()))?;
    let page = folder.join(FOLDER).join(PAGE);
    if page.is_file() {
        writeln!(out, "page over seeds: {}", shown(page.display()))?;
    }
    for run in &record.seeds {
        let folder = root.join(&run.dir);
        let there: Vec<_> = reports.iter().filter_map(|id| run_page::there(&folder, id)).collect();
        if there.is_empty() {
            writeln!(out, "seed {}: {}", run.seed, shown(folder.display()))?;
        }
        there.iter().try_for_each(|report| writeln!(out, "seed {}, report: {}", run.seed, shown(report.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_two_spreads_stand_beside_each_other_and_are_named() {
        let run = |seed: u64, found: f64| {
            json!({
                "seed": seed, "run": format!("r{seed}"), "dir": format!("artifacts/runs/x/r{seed}"), "ok": true, "stages": [],
                "metrics": {
                    "match.achieved": found, "match.achieved.low": found - 0.1, "match.achieved.high": found + 0.1,
                    "train.loss": 2.5,
                },
            })
        };
        let record: RunRecord = serde_json::from_value(json!({
            "format": 1, "run": "g", "name": "x", "dir": "artifacts/runs/x/g", "ok": true, "interrupted": false,
            "started": "", "finished": "", "seconds": 1.0, "saved_seconds": 0.0, "config": "x.toml", "command": [],
            "versions": {}, "stages": [], "spec": {},
            "metrics": {
                "match.achieved": 0.5, "match.achieved.std": 0.1, "match.achieved.t_low": -0.25, "match.achieved.t_high": 1.25,
                "match.achieved.low": 0.4, "match.achieved.low.std": 0.1, "match.achieved.high": 0.6,
                "train.loss": 2.5, "train.loss.std": 0.0, "train.loss.t_low": 2.5, "train.loss.t_high": 2.5,
            },
            "seeds": [run(1, 0.4), run(2, 0.6)],
        }))
        .unwrap();
        let mut out = Vec::new();
        summary(&record, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        // The interval of a share ends where shares do.
        let expected = "\
Seed  Run  Outcome  Ran  Hits  Seconds
   1  r1   done       0     0    0.000
   2  r2   done       0     0    0.000

Metric               Mean ± std  [t_low, t_high]   Sampling interval of each seed
match.achieved  0.5000 ± 0.1000  [0.0000, 1.0000]  [0.3000, 0.5000] [0.5000, 0.7000]
train.loss      2.5000 ± 0.0000  [2.5000, 2.5000]

over seeds: mean ± standard deviation of 2 trainings that differ in their seed alone, and the 95 % t-interval of the mean
sampling: each training's own 95 % bootstrap interval over its queries, seeds in the order above; it knows nothing of other seeds
";
        assert_eq!(text, expected);
    }
}
