//! A comparison of runs as Markdown and as a picture: what a pull request shows. The page is made beside that of a report.

use std::fmt::Write;
use std::path::Path;

use simpipe_artifact::{ComparedField, ComparisonReport};

use super::ReportError;
use super::cells::sure;
use super::figure::losses_beside;
use super::markdown::escape;
use super::page::comparison::{MOST_COLUMNS, how_much, in_short};

/// Draws the losses of all runs into a PNG file; gives what is seen, or nothing where no run has a loss.
///
/// # Errors
/// If the file can't be written.
pub fn comparison_picture(report: &ComparisonReport, path: &Path) -> Result<Option<String>, ReportError> {
    let Some((figure, canvas)) = losses_beside::draw(report)? else { return Ok(None) };
    canvas.save(path)?;
    Ok(Some(figure.alt))
}

/// The page; `picture` is the file of [`comparison_picture`] with what is seen on it.
#[must_use]
pub fn comparison_markdown(report: &ComparisonReport, picture: Option<(&str, &str)>) -> String {
    let mut page = format!(
        "# Comparison of {} runs\n\nEach run is held against the first. Intervals are of 95 %.\n\n",
        report.runs.len()
    );
    table(&mut page, &["", "Experiment", "Run", "Seeds"].map(str::to_owned));
    for (at, run) in report.runs.iter().enumerate() {
        let seeds: Vec<String> = run.seeds.iter().map(u64::to_string).collect();
        row(&mut page, &[(at + 1).to_string(), run.name.clone(), run.run.clone(), seeds.join(", ")]);
    }
    page += "\n## Differences\n";
    for at in 1..report.runs.len() {
        let _ = write!(page, "\n### {} against {}\n\n", escape(&report.label(at)), escape(&report.label(0)));
        table(&mut page, &["Number", "First run", "This run", "Difference [95 %]", "Verdict"].map(str::to_owned));
        for metric in &report.metrics {
            let Some(found) = metric.differences.get(at).and_then(Option::as_ref) else { continue };
            let value = |run: usize| metric.values.get(run)?.as_ref().map(sure);
            let [first, this] = [0, at].map(|run| value(run).unwrap_or_else(|| "–".to_owned()));
            let verdict = found.verdict.in_words(found.value).to_owned();
            row(&mut page, &[metric.name.clone(), first, this, how_much(found), verdict]);
        }
    }
    fields(&mut page, report, "What was changed", &report.fields);
    fields(&mut page, report, "What they were computed by", &report.versions);
    if let Some((file, alt)) = picture {
        let _ = write!(page, "\n## Training\n\n![{}]({file})\n", escape(alt));
    }
    flips(&mut page, report);
    for note in &report.notes {
        let _ = write!(page, "\nNot there: {}\n", escape(note));
    }
    page
}

fn fields(page: &mut String, report: &ComparisonReport, title: &str, fields: &[ComparedField]) {
    if fields.is_empty() {
        return;
    }
    let _ = write!(page, "\n## {title}\n\n");
    let columns = report.runs.len().min(MOST_COLUMNS);
    if columns < report.runs.len() {
        let _ =
            write!(page, "{columns} of {} runs shown; `{}` has all.\n\n", report.runs.len(), ComparisonReport::FILE);
    }
    let labels = (0..columns).map(|at| report.label(at));
    table(page, &std::iter::once("Field".to_owned()).chain(labels).collect::<Vec<_>>());
    for field in fields {
        let value = |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "–".to_owned(), in_short);
        let values = field.values.iter().take(columns).map(value);
        let cells: Vec<String> = std::iter::once(field.path.clone()).chain(values).collect();
        row(page, &cells);
    }
}

fn flips(page: &mut String, report: &ComparisonReport) {
    if report.flips.is_empty() {
        return;
    }
    *page += "\n## Flipped queries\n\n";
    table(page, &["Run", "Stage", "Queries", "Became right", "Became wrong"].map(str::to_owned));
    for found in &report.flips {
        let counts = match &found.why {
            Some(why) => [why.clone(), "–".to_owned(), "–".to_owned()],
            None => [found.queries, found.fixed, found.broken].map(|count| count.to_string()),
        };
        row(page, &[vec![report.label(found.run), found.stage.clone()], counts.to_vec()].concat());
    }
}

fn table(page: &mut String, header: &[String]) {
    row(page, header);
    *page += &format!("|{}\n", "---|".repeat(header.len()));
}

fn row(page: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
    *page += &format!("| {} |\n", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use simpipe_artifact::{
        ComparedCurve, ComparedDifference, ComparedFlip, ComparedFlips, ComparedMetric, ComparedRun, ComparedValue,
        Image, ImageShape, Verdict,
    };

    use super::super::page::comparison_page;
    use super::*;

    const HOSTILE: &str = "</script><b>|[x](http://a.b)";

    fn compared() -> ComparisonReport {
        let run = |run: &str, group: bool| ComparedRun {
            run: run.to_owned(),
            name: HOSTILE.to_owned(),
            seeds: if group { vec![1, 2, 3] } else { vec![7] },
            group,
            ..ComparedRun::default()
        };
        let value = |value: f64| Some(ComparedValue { value, low: Some(value - 0.1), high: Some(value + 0.1) });
        let difference = ComparedDifference {
            value: Some(0.2),
            low: Some(0.05),
            high: Some(0.35),
            p: Some(0.01),
            verdict: Verdict::Better,
            ..ComparedDifference::default()
        };
        let curve = |run: usize, seed: Option<u64>| ComparedCurve {
            run,
            seed,
            stage: "train".to_owned(),
            loss: (0..50_u32).map(|step| (f64::from(step), 1.0 / f64::from(step + 1))).collect(),
            validation: vec![(49.0, 0.5)],
        };
        let flip = |query_id: u64, fixed: bool| ComparedFlip {
            query_id,
            label: HOSTILE.to_owned(),
            fixed,
            file: Some(format!("test/{HOSTILE}.png")),
            ..ComparedFlip::default()
        };
        ComparisonReport {
            format: 1,
            level: 0.95,
            runs: vec![run("a-1", false), run("b-2", true)],
            fields: vec![ComparedField { path: "train.loss".to_owned(), values: vec![Some(json!(HOSTILE)), None] }],
            metrics: vec![ComparedMetric {
                name: "evaluate.map@r".to_owned(),
                higher_is_better: Some(true),
                values: vec![value(0.5), value(0.7)],
                differences: vec![None, Some(difference)],
            }],
            comparisons: 1,
            curves: vec![curve(0, None), curve(1, Some(1)), curve(1, Some(2))],
            flips: vec![ComparedFlips {
                run: 1,
                stage: "evaluate".to_owned(),
                queries: 10,
                fixed: 1,
                broken: 1,
                images: vec![flip(3, true), flip(4, false)],
                why: None,
            }],
            notes: vec![HOSTILE.to_owned()],
            ..ComparisonReport::default()
        }
    }

    #[test]
    fn both_pages_say_what_differs_and_no_name_becomes_anything_but_text() {
        let report = compared();
        let shape = ImageShape { height: 4, width: 4, channels: 3 };
        let image = Image { shape, pixels: vec![9; shape.bytes()] };
        let images = BTreeMap::from([(("evaluate".to_owned(), 3), image)]);
        let page = comparison_page(&report, &images).unwrap();
        for part in [
            "+0.2000 <span class=\"ends\">[+0.0500, +0.3500]",
            "better",
            "train.loss",
            "1 of 2 flipped queries shown",
            "<bdi>test/&lt;",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("</script><b>") && page.matches("<img ").count() == 1);
        // The group stands before the run that it is held against.
        assert!(page.find("1, 2, 3").unwrap() < page.find("<bdi>a-1</bdi>").unwrap());
        let markdown = comparison_markdown(&report, Some(("figures/x.png", "two lines")));
        assert!(
            markdown.contains("| evaluate.map@r | 0.5000 \\[0.4000, 0.6000\\] | 0.7000 \\[0.6000, 0.8000\\] |"),
            "{markdown}"
        );
        assert!(markdown.contains("![two lines](figures/x.png)") && !markdown.contains("[x](http"), "{markdown}");
        let folder = tempfile::tempdir().unwrap();
        let alt = comparison_picture(&report, &folder.path().join("x.png")).unwrap().unwrap();
        assert!(alt.contains("0.0200"), "{alt}");
    }

    #[test]
    fn a_table_of_many_runs_has_some_columns_and_says_so() {
        let mut report = compared();
        report.runs = (0..40).map(|at| ComparedRun { run: format!("r-{at}"), ..report.runs[0].clone() }).collect();
        report.fields[0].values = vec![Some(json!(1)); 40];
        let markdown = comparison_markdown(&report, None);
        let row = markdown.lines().find(|line| line.starts_with("| train.loss |")).unwrap();
        assert_eq!(row.matches('|').count(), MOST_COLUMNS + 2, "{row}");
        assert!(markdown.contains("12 of 40 runs shown; `comparison.json` has all."), "{markdown}");
    }

    #[test]
    fn a_group_alone_is_held_against_nothing() {
        let mut report = compared();
        report.runs.remove(0);
        report.curves = report.curves.split_off(1).into_iter().map(|curve| ComparedCurve { run: 0, ..curve }).collect();
        report.metrics[0].values.remove(0);
        report.metrics[0].differences.pop();
        let page = comparison_page(&report, &BTreeMap::new()).unwrap();
        assert!(
            page.contains("over 3 seeds") && page.contains("0.7000 <span class=\"ends\">[0.6000, 0.8000]"),
            "{page}"
        );
        assert!(page.contains(">seed 2</text>") && !page.contains("can be judged"), "{page}");
    }

    #[test]
    fn runs_that_left_nothing_have_a_page_that_says_so() {
        let mut report = compared();
        (report.fields, report.metrics, report.curves, report.flips) = Default::default();
        let page = comparison_page(&report, &BTreeMap::new()).unwrap();
        for part in
            ["No difference can be judged", "the same in every field", "No run has a training", "No query is answered"]
        {
            assert!(page.contains(part), "{part}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(comparison_picture(&report, &folder.path().join("x.png")).unwrap(), None);
    }
}
