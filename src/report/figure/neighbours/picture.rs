//! How strips are drawn: a query on the left, its neighbours beside it.

use super::Neighbours;
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::error::go_on;
use crate::figure::Figure;
use crate::figure::body::{Gallery, Strip, Tone};
use crate::{ReportData, ReportError, Stop, chart, text, theme};

const SIDE: f64 = 160.0;
const COLUMN: f64 = SIDE + 34.0;
/// Of a line under an image: what stands beside it begins apart.
const ROOM: f64 = COLUMN - 12.0;
const STRIP: f64 = SIDE + 92.0;
/// Between a query and its neighbours.
const GAP: f64 = 44.0;

impl Neighbours {
    pub(super) fn painted(
        &self,
        figure: &Figure,
        gallery: &Gallery,
        data: &ReportData,
        stop: Stop<'_>,
    ) -> Result<Canvas, ReportError> {
        let strips = &gallery.strips;
        let width = (2.0 * theme::MARGIN + SIDE + GAP + self.k as f64 * COLUMN - (COLUMN - SIDE)).max(900.0);
        let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + 42.0;
        let height = top + strips.len().max(1) as f64 * STRIP + theme::MARGIN / 2.0;
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&figure.title, &figure.subtitle);
        self.column_titles(&mut canvas, top - 24.0);
        for (at, strip) in strips.iter().enumerate() {
            go_on(stop)?;
            paint_strip(&mut canvas, data, strip, top + at as f64 * STRIP)?;
        }
        if strips.is_empty() {
            chart::nothing(&mut canvas, Area::new(0.0, top, width, STRIP), &gallery.empty);
        }
        Ok(canvas)
    }

    fn column_titles(&self, canvas: &mut Canvas, y: f64) {
        let pen = Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre);
        canvas.text("Query", theme::MARGIN + SIDE / 2.0, y, pen);
        let pen = Pen::new(theme::LABEL, theme::MUTED).align(Align::Centre);
        for rank in 0..self.k {
            let name = if rank == 0 { "Nearest".to_owned() } else { ordinal(rank + 1) };
            canvas.text(&name, column(rank) + SIDE / 2.0, y, pen);
        }
    }
}

fn paint_strip(canvas: &mut Canvas, data: &ReportData, strip: &Strip, y: f64) -> Result<(), ReportError> {
    for (at, tile) in strip.tiles.iter().enumerate() {
        let x = if at == 0 { theme::MARGIN } else { column(at - 1) };
        let area = canvas.image(data.image(tile.id)?, x, y, SIDE);
        if let Some(right) = tile.verdict {
            canvas.frame(area, 5.0, theme::tone(Tone::of(right)));
        }
        for ((words, tone), down) in tile.words.iter().zip([24.0, 50.0]) {
            let pen = Pen::new(theme::LABEL, theme::tone(*tone)).bold().align(Align::Centre);
            let small = Pen::new(theme::SMALL, theme::tone(*tone)).align(Align::Centre);
            let pen = match tone {
                Tone::Name | Tone::Right | Tone::Wrong => pen,
                Tone::Plain | Tone::Muted => small,
            };
            // With its mark a name is cut as without: both of its ends tell it from others.
            let words = text::fit_name(words, pen.size, pen.weight, ROOM);
            canvas.text(&words, x + SIDE / 2.0, y + SIDE + down, pen);
        }
    }
    Ok(())
}

fn column(rank: usize) -> f64 {
    theme::MARGIN + SIDE + GAP + rank as f64 * COLUMN
}

/// `2nd`, `3rd`, `4th`, .., `11th`.
fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_spelled_as_people_say_them() {
        let spelled: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 112].map(ordinal).to_vec();
        assert_eq!(spelled, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
    }
}
