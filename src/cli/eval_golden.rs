//! `simpipe eval-golden`: holds the program against what reference libraries computed.

mod backbone;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::print::{self, Align, Table, shown};
use crate::error::{Error, Exit};
use simpipe_base::golden::{CaseError, Comparison, Evaluator, GoldenFile};
use simpipe_metric as metric;
use simpipe_nn as nn;
use simpipe_search as search;

/// Compute the cases of golden files and compare the results with theirs.
#[derive(Debug, Args)]
#[command(
    after_help = "A golden file is {name, source, tolerance, note, cases: [{input, params, expected}]}, under the \
                        reference's own names (MultiSimilarityLoss, match_nearest, lmda). A value a passes against b if \
                        |a - b| <= t + t |b| with the file's tolerance t, unless its note says otherwise. A case fails \
                        if a value does; it is unknown if the program does not compute all that it asks for. Exit code \
                        0 if all pass, 1 if one fails or is unknown, 2 if a file can't be read.

Examples:
  simpipe eval-golden tests/fixtures/golden/distances.json
  simpipe eval-golden tests/fixtures/golden/*.json --json"
)]
pub(super) struct EvalGoldenArgs {
    /// Golden files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Weights for golden files of backbones [default: a file of that name next to the golden file].
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// How a case ended, if it did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Failed,
    Unknown,
}

/// A case that did not pass.
#[derive(Debug, Serialize)]
struct Problem {
    /// From 0.
    case: usize,
    outcome: Outcome,
    text: String,
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    name: String,
    cases: usize,
    passed: usize,
    failed: usize,
    unknown: usize,
    /// Values that were compared.
    values: usize,
    /// The largest `|a - b| / (1 + |b|)` of them; none where it is infinite.
    error: Option<f64>,
    tolerance: f64,
    problems: Vec<Problem>,
}

pub(super) fn exec(args: &EvalGoldenArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let files: Vec<(&PathBuf, GoldenFile)> =
        args.files.iter().map(|path| Ok((path, read(path)?))).collect::<Result<_, Error>>()?;
    let reports: Vec<Report> = files.iter().map(|(path, file)| evaluate(path, file, args.weights.as_deref())).collect();
    let total = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let (cases, passed) = (total(|report| report.cases), total(|report| report.passed));
    let (failed, unknown) = (total(|report| report.failed), total(|report| report.unknown));
    if args.json {
        let counts =
            json!({ "files": reports, "cases": cases, "passed": passed, "failed": failed, "unknown": unknown });
        print::json(&counts, out)?;
    } else {
        write(&reports, out)?;
        writeln!(out, "{cases} cases: {passed} passed, {failed} failed, {unknown} unknown")?;
    }
    Ok(if failed + unknown > 0 { Exit::Failed } else { Exit::Done })
}

fn read(path: &Path) -> Result<GoldenFile, Error> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::usage(
            format!("can't read `{}`: {error}", path.display()),
            "name golden files: `simpipe eval-golden FILE...`",
        )
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::usage(
            format!("`{}` is not a golden file: {error}", path.display()),
            "expected {name, source, tolerance, note, cases: [{input, params, expected}]}",
        )
    })
}

/// All that compute something of files with that name.
fn evaluators(name: &str) -> Vec<Evaluator> {
    let all = [nn::reference::EVALUATORS, search::reference::EVALUATORS, metric::reference::EVALUATORS];
    all.into_iter().flatten().filter(|known| known.0 == name).map(|known| known.1).collect()
}

fn evaluate(path: &Path, file: &GoldenFile, weights: Option<&Path>) -> Report {
    let evaluators = evaluators(&file.name);
    let mut report = Report {
        file: path.display().to_string(),
        name: file.name.clone(),
        cases: file.cases.len(),
        passed: 0,
        failed: 0,
        unknown: 0,
        values: 0,
        error: Some(0.0),
        tolerance: file.tolerance,
        problems: Vec::new(),
    };
    for (at, case) in file.cases.iter().enumerate() {
        let mut comparison = Comparison::new(file.tolerance);
        let problem = if file.name.starts_with("backbone_") {
            // The only cases that name files: an image beside the golden file, and weights.
            let found = backbone::evaluate(path, weights, case, &mut comparison);
            told(&file.name, vec![found], &mut comparison)
        } else {
            let found = evaluators.iter().map(|evaluator| evaluator(case, &mut comparison)).collect();
            told(&file.name, found, &mut comparison)
        };
        report.values += comparison.compared();
        report.error = report.error.map(|error| error.max(comparison.error())).filter(|error| error.is_finite());
        match &problem {
            None => report.passed += 1,
            Some((Outcome::Failed, _)) => report.failed += 1,
            Some((Outcome::Unknown, _)) => report.unknown += 1,
        }
        report.problems.extend(problem.map(|(outcome, text)| Problem { case: at, outcome, text }));
    }
    report
}

/// What is wrong with a case, if anything is, from what its evaluators said.
fn told(name: &str, found: Vec<Result<(), CaseError>>, to: &mut Comparison) -> Option<(Outcome, String)> {
    let mut refused = Vec::new();
    for one in found {
        match one {
            Ok(()) => {}
            Err(CaseError::Malformed(what)) => return Some((Outcome::Failed, format!("malformed: {what}"))),
            Err(CaseError::Unknown(what)) => refused.push(what),
        }
    }
    if to.wrong() > 0 {
        let more = to.wrong() - to.mismatches().len();
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        return Some((Outcome::Failed, format!("{}{rest}", to.mismatches().join("; "))));
    }
    refused.extend(to.unknown_parts().iter().cloned());
    if to.compared() == 0 && refused.is_empty() {
        refused.push(format!("files named `{name}`"));
    }
    (!refused.is_empty()).then(|| (Outcome::Unknown, format!("not supported: {}", refused.join(", "))))
}

fn write(reports: &[Report], out: &mut dyn Write) -> Result<(), Error> {
    for report in reports {
        for Problem { case, outcome, text } in &report.problems {
            let word = if *outcome == Outcome::Failed { "failed" } else { "unknown" };
            writeln!(out, "{}: case {case} {word}: {}", shown(&report.file), shown(text))?;
        }
    }
    let columns = [
        ("File", Align::Left),
        ("Cases", Align::Right),
        ("Passed", Align::Right),
        ("Failed", Align::Right),
        ("Unknown", Align::Right),
        ("Values", Align::Right),
        ("Largest error", Align::Right),
        ("Tolerance", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for report in reports {
        let counts = [report.cases, report.passed, report.failed, report.unknown, report.values];
        let error = report.error.map_or_else(|| "inf".to_owned(), |error| format!("{error:.1e}"));
        let mut row = vec![report.file.clone()];
        row.extend(counts.iter().map(ToString::to_string));
        row.extend([error, format!("{:.1e}", report.tolerance)]);
        table.row(row);
    }
    Ok(table.write(out, &print::plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, json: bool) -> (Result<Exit, Error>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.json");
        std::fs::write(&path, text).unwrap();
        let mut out = Vec::new();
        let exit = exec(&EvalGoldenArgs { files: vec![path], weights: None, json }, &mut out);
        (exit, String::from_utf8(out).unwrap())
    }

    fn distances(distance: &str, found: f64) -> String {
        let case = json!({
            "input": { "query": [[1.0, 0.0]], "key": [[0.0, 1.0], [1.0, 0.0]] },
            "params": { "distance": distance },
            "expected": { "distances": [[found, 1.0]] },
        });
        json!({ "name": "distances", "tolerance": 1e-5, "cases": [case] }).to_string()
    }

    #[test]
    fn what_passes_fails_and_is_not_known_is_counted() {
        let (exit, out) = run(&distances("inner_product", 0.0), false);
        assert!(exit.unwrap() == Exit::Done && out.ends_with("1 cases: 1 passed, 0 failed, 0 unknown\n"), "{out}");
        let (exit, out) = run(&distances("inner_product", 0.5), false);
        assert!(exit.unwrap() == Exit::Failed && out.contains("case 0 failed: distances[0]: 0, expected 0.5"), "{out}");
        assert!(out.ends_with("1 cases: 0 passed, 1 failed, 0 unknown\n"), "{out}");
        let (exit, out) = run(&distances("hamming", 0.0), true);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((exit.unwrap(), &json["unknown"]), (Exit::Failed, &json!(1)));
        assert_eq!(json["files"][0]["problems"][0]["outcome"], "unknown");
        let (exit, out) = run(r#"{"name": "nothing", "tolerance": 0, "cases": [{"expected": 1}]}"#, false);
        assert!(exit.unwrap() == Exit::Failed && out.contains("not supported: files named `nothing`"), "{out}");
    }

    #[test]
    fn a_file_of_another_form_is_a_usage_error() {
        for text in ["", "[]", "{}", r#"{"name": "distances", "cases": []}"#] {
            assert_eq!(run(text, false).0.unwrap_err().exit(), Exit::Usage, "{text}");
        }
        let (exit, out) = run(r#"{"name": "distances", "tolerance": 1, "cases": []}"#, false);
        assert!(exit.unwrap() == Exit::Done && out.ends_with("0 cases: 0 passed, 0 failed, 0 unknown\n"), "{out}");
    }
}
