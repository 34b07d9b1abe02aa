//! Answers as a table, and their pictures in the terminal.

use std::io::Write;

use super::Answered;
use super::pictures::{self, Way};
use super::stored::{Files, StoredMatch};
use crate::cli::print::{self, Align, Paint, Table, shown};
use crate::cli::screen;
use crate::error::Error;
use simpipe_stages::ask::Asker;

/// Answers whose pictures are shown.
pub(super) const MOST_PICTURES: usize = 10;
/// Pictures in a row of the terminal: the one that was asked about and its neighbours.
const IN_A_ROW: usize = 6;

/// A table of all answers, and of one alone also what its neighbours are.
pub(super) fn write(answered: &[Answered], asker: &Asker, files: &Files, out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[
        ("Image", Align::Left),
        ("Label", Align::Left),
        ("Distance", Align::Right),
        ("P(match)", Align::Right),
        ("Nearest", Align::Left),
    ]);
    for Answered { name, answer, .. } in answered {
        let distance = answer.verdict.map_or_else(|| "none".to_owned(), |verdict| figure(verdict.distance));
        let probability = asker.probability(answer).map_or_else(|| "-".to_owned(), percent);
        let near =
            answer.neighbours.iter().map(|near| format!("{} {}", asker.class(near.label), figure(near.distance)));
        let near = near.collect::<Vec<_>>().join(", ");
        table.row(vec![name.clone(), asker.label(answer).to_owned(), distance, probability, near]);
    }
    let paint = Paint::stdout();
    let colour = |column: usize, cell: &str| {
        if column == 1 && cell.trim() == asker.unknown() { paint.yellow(cell) } else { cell.to_owned() }
    };
    table.write(out, &colour)?;
    if let [Answered { answer, .. }] = answered {
        writeln!(out)?;
        let mut table = Table::new(&[
            ("Rank", Align::Right),
            ("Example", Align::Right),
            ("Label", Align::Left),
            ("Distance", Align::Right),
            ("File", Align::Left),
        ]);
        for near in &answer.neighbours {
            let file = files.of(near.example_id).unwrap_or("-").to_owned();
            let label = asker.class(near.label).to_owned();
            table.row(vec![near.rank.to_string(), near.example_id.to_string(), label, figure(near.distance), file]);
        }
        table.write(out, &print::plain)?;
    }
    if asker.holds_class_means() {
        writeln!(out, "\nNeighbours are means of classes; the example of each is the one nearest to it.")?;
    }
    Ok(())
}

/// The pictures of each answer beside those of its neighbours.
pub(super) fn show_pictures(answered: &[Answered], stored: &StoredMatch<'_>, way: Way) -> Result<(), Error> {
    for Answered { name, image, answer } in answered {
        let Some(image) = image else { continue };
        let ids: Vec<u64> = answer.neighbours.iter().map(|near| near.example_id).take(IN_A_ROW - 1).collect();
        let mut row = vec![image.clone()];
        row.extend(stored.images(&ids)?);
        screen::draw(&format!("\n{}\n{}", shown(name), pictures::row(&row, way)))?;
    }
    Ok(())
}

pub(super) fn figure(distance: f32) -> String {
    format!("{distance:.4}")
}

pub(super) fn percent(probability: f64) -> String {
    format!("{:.0} %", probability * 100.0)
}
