//! `reliability`: whether the probabilities of labels hold what they say.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::style::RGBColor;

use super::{Drawn, count_of};
use crate::metric::reliability::{BINS, Bin, Judgement, calibration_error, equal_mass};
use crate::report::canvas::{Area, Canvas};
use crate::report::chart::{self, Axes};
use crate::report::findings::wilson;
use crate::report::theme::{self, Shape};
use crate::report::{ReportData, ReportError};

const POINTS: RGBColor = RGBColor(0, 114, 178);

/// What was said of every query, and whether it came true.
fn judgements(data: &ReportData) -> Vec<Judgement> {
    let of = |row: &crate::artifact::MatchRow| Judgement {
        probability: row.probability,
        right: row.predicted == Some(row.label),
    };
    data.matches.0.iter().map(of).filter(|judgement| judgement.probability.is_finite()).collect()
}

pub(super) fn draw(data: &ReportData, path: &Path) -> Result<Drawn, ReportError> {
    let judgements = judgements(data);
    let bins = equal_mass(&judgements, BINS);
    let error = calibration_error(&judgements);
    let title = "Reliability of the probabilities".to_owned();
    let said = error.map_or_else(String::new, |error| format!("; expected calibration error {error:.4}"));
    let subtitle = format!(
        "{} in {} of as many each{said}; on the grey line as often right as said; bars are Wilson's 95 % intervals",
        count_of(judgements.len(), "query", "queries"),
        count_of(bins.len(), "bin", "bins")
    );
    let (_, height) = theme::CHART;
    let mut canvas = Canvas::new(height + 60, height);
    let top = canvas.header(&title, &subtitle) + 12.0;
    let area = Area::new(theme::MARGIN, top, canvas.width() - 2.0 * theme::MARGIN - 20.0, canvas.height() - top - 20.0);
    let axes = Axes {
        x: -0.03..1.03,
        y: -0.03..1.03,
        x_title: "Probability that the label is right, as calibrated",
        y_title: "Share of labels that are right",
        x_digits: 1,
        y_digits: 1,
        numbers: true,
    };
    let marks = chart::plot(&mut canvas, area, &axes, |plane| {
        chart::line(plane, &[(0.0, 0.0), (1.0, 1.0)], 2.0, theme::FRAME, 1.0)?;
        for bin in &bins {
            let (low, high) = wilson(bin.right, bin.count);
            chart::line(plane, &[(bin.probability, low), (bin.probability, high)], 2.0, POINTS, 0.45)?;
        }
        let mark = |bin: &Bin| chart::place(plane, bin.probability, bin.right);
        Ok(bins.iter().map(mark).collect::<Vec<(f64, f64)>>())
    })?;
    for (x, y) in marks {
        canvas.marker(Shape::Disc, x, y, 9.0, POINTS);
    }
    if bins.is_empty() {
        chart::nothing(&mut canvas, area, "There are no queries, so no probability came true or did not.");
    }
    canvas.save(path)?;
    Ok(described(title, error, &bins))
}

fn described(title: String, error: Option<f64>, bins: &[Bin]) -> Drawn {
    let mut alt = "The share of right labels against the probability that was said".to_owned();
    let largest = bins.iter().max_by(|one, other| gap(one).total_cmp(&gap(other)));
    if let (Some(error), Some(bin)) = (error, largest) {
        alt += &format!(
            ", in {}; the expected calibration error is {error:.4}, and the largest gap is where {:.2} was said and {:.2} \
             came true",
            count_of(bins.len(), "bin", "bins"),
            bin.probability,
            bin.right
        );
    }
    Drawn {
        title,
        alt,
        reading:
            "Points on the grey line are probabilities that come true as often as they say; below it they promise \
                  too much. The probabilities were fitted to the calibration's queries: if those were trained on, new \
                  images lie below the line."
                .to_owned(),
        numbers: error.map(|error| ("ece".to_owned(), error)).into_iter().collect::<BTreeMap<_, _>>(),
    }
}

fn gap(bin: &Bin) -> f64 {
    (bin.probability - bin.right).abs()
}
