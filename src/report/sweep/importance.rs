//! How much each parameter explains.

use std::collections::BTreeMap;

use simpipe_artifact::{SweepImportance, SweepReport};

use super::plane::{Axis, BELOW, Plane, stroke};
use super::scale::Scale;
use super::{count_of, headed, middle, short_name};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::cells::percent;
use crate::{Drawn, ReportError, chart, text, theme};

/// What is no parameter: what only several explain together.
const TOGETHER: &str = "several together";
const WIDTH: u32 = 1600;
/// The height of one bar.
const BAR: f64 = 26.0;
/// Where bars begin.
const START: f64 = 520.0;
/// Out-of-bag R2 below which the shares are said to mean little.
pub(super) const DOUBTFUL: f64 = 0.3;

/// A row of the chart: a name, and for each objective the share.
struct Row {
    name: String,
    shares: Vec<Option<f64>>,
}

pub(super) fn draw(report: &SweepReport) -> Result<(Canvas, Drawn), ReportError> {
    let computed: Vec<&SweepImportance> = report.importance.iter().filter(|one| one.missing.is_none()).collect();
    let rows = rows(report, &computed);
    let title = "Importance of each parameter".to_owned();
    let said: Vec<String> = report.importance.iter().map(sentence).collect();
    let subtitle = said.join(" ");
    let top = Canvas::header_height(f64::from(WIDTH), &title, &subtitle) + 20.0;
    let per_row = computed.len().max(1) as f64 * BAR + 14.0;
    let height = (rows.len() as f64 * per_row).max(260.0);
    let (mut canvas, _) = headed((WIDTH, (top + height + BELOW + 24.0) as u32), &title, &subtitle);
    if computed.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, &format!("Not computed: {}.", why(report)));
    } else {
        let area = Area::new(START, top, f64::from(WIDTH) - START - theme::MARGIN - 90.0, height);
        bars(&mut canvas, &rows, computed.len(), area, height / rows.len().max(1) as f64);
        legend(&mut canvas, &computed);
    }
    let drawn = described(title, &computed, &rows, &why(report));
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

/// Parameters by the share of the first objective, and what is left at the end.
fn rows(report: &SweepReport, computed: &[&SweepImportance]) -> Vec<Row> {
    let parameter = |at: usize| Row {
        name: short_name(report, at).to_owned(),
        shares: computed.iter().map(|one| one.shares.get(at).copied()).collect(),
    };
    let mut rows: Vec<Row> = (0..report.parameters.len()).map(parameter).collect();
    let first = |row: &Row| row.shares.first().copied().flatten().unwrap_or(0.0);
    rows.sort_by(|one, other| first(other).total_cmp(&first(one)));
    rows.push(Row { name: TOGETHER.to_owned(), shares: computed.iter().map(|one| one.interactions).collect() });
    rows
}

/// How far an importance is to be believed.
pub(super) fn sentence(found: &SweepImportance) -> String {
    if let Some(missing) = &found.missing {
        return format!("{}: not computed, for {missing}.", found.metric);
    }
    let epochs = found.epochs.map(|epochs| format!(" after {}", count_of(epochs as usize, "epoch", "epochs")));
    let r2 = found.r2.unwrap_or(0.0);
    let belief = match r2 {
        r2 if r2 < DOUBTFUL => "so these shares mean little",
        r2 if r2 < 0.7 => "so these shares are rough",
        _ => "so these shares can be read",
    };
    let trials = count_of(found.trials, "trial", "trials") + &epochs.unwrap_or_default();
    let r2 = format!("{r2:.2}").replace('-', "−");
    format!("{}: a forest of {trials} predicts those that it has not seen with R² {r2}, {belief}.", found.metric)
}

fn why(report: &SweepReport) -> String {
    let missing = report.importance.iter().find_map(|one| one.missing.clone());
    missing.unwrap_or_else(|| "nothing varies".to_owned())
}

fn bars(canvas: &mut Canvas, rows: &[Row], objectives: usize, area: Area, per_row: f64) {
    let largest = rows.iter().flat_map(|row| row.shares.iter().flatten()).fold(0.0_f64, |most, share| most.max(*share));
    let x = Scale::Linear(0.0, (largest * 100.0 * 1.02).clamp(1.0, 100.0));
    let y = Scale::Linear(0.0, 1.0);
    let none = Axis { scale: &y, title: "", ticks: Vec::new() };
    let plane = Plane { area, x: Axis::new(&x, "Share of the variation over the space (%)", 6), y: none };
    plane.axes(canvas);
    for (at, row) in rows.iter().enumerate() {
        let middle = area.y + (at as f64 + 0.5) * per_row;
        let colour = if row.name == TOGETHER { theme::MUTED } else { theme::INK };
        let pen = Pen::new(theme::LABEL, colour).align(Align::Right);
        let name = text::fit_name(&row.name, pen.size, pen.weight, START - theme::MARGIN - 20.0);
        canvas.text(&name, START - 16.0, middle, pen);
        for (objective, share) in row.shares.iter().enumerate() {
            let Some(share) = share else { continue };
            let y = middle + (objective as f64 - (objectives as f64 - 1.0) / 2.0) * BAR;
            let end = plane.place(share * 100.0, 0.0).0;
            stroke(canvas, (area.x, y), (end, y), BAR - 6.0, theme::class_colour(objective), 1.0);
            canvas.text(&percent(*share), end + 12.0, y, Pen::new(theme::SMALL, theme::INK));
        }
    }
}

fn legend(canvas: &mut Canvas, computed: &[&SweepImportance]) {
    if computed.len() > 1 {
        let names = computed.iter().enumerate();
        let entries: Vec<_> =
            names.map(|(at, one)| (one.metric.as_str(), theme::class_colour(at), BAR - 6.0)).collect();
        chart::legend(canvas, f64::from(WIDTH) - theme::MARGIN, theme::MARGIN + 4.0, &entries);
    }
}

fn described(title: String, computed: &[&SweepImportance], rows: &[Row], why: &str) -> Drawn {
    let mut numbers = BTreeMap::new();
    let mut alt = format!("An empty chart: importances are not computed, for {why}");
    if let Some(first) = computed.first() {
        let shares = rows.iter().filter_map(|row| Some((&row.name, row.shares.first().copied().flatten()?)));
        let shares: Vec<String> = shares.take(8).map(|(name, share)| format!("{name} {}", percent(share))).collect();
        alt = format!("Bars of the share of {} that each parameter explains: {}", first.metric, shares.join(", "));
        numbers.extend(first.r2.map(|r2| ("r2".to_owned(), r2)));
    }
    Drawn {
        title,
        subtitle: String::new(),
        alt,
        reading: "The share of a forest's variance over the whole space that a parameter has alone (functional analysis of \
                  variance, Hutter et al. 2014). It says what mattered between the bounds that were chosen, and is only as \
                  good as the forest: R² is counted on trials that a tree has not seen."
            .to_owned(),
        numbers,
    }
}
