//! A figure of what is not there, because nothing is plugged in or what is plugged in does not tell it: it says so.

use std::collections::BTreeMap;

use super::Figure;
use super::body::Body;
use crate::canvas::{Area, Canvas};
use crate::{chart, theme};

/// Of a figure whose port has nothing plugged in.
pub(super) fn build(name: &str, port: &str) -> Figure {
    because(&name.replace('-', " "), format!("Not there: nothing is plugged into the port {port} of the report."))
}

/// Of a figure whose data do not tell it, with the reason in a sentence.
pub(super) fn because(title: &str, sentence: String) -> Figure {
    Figure {
        title: title.to_owned(),
        subtitle: sentence.clone(),
        alt: sentence.clone(),
        reading: sentence,
        numbers: BTreeMap::new(),
        body: Body::Absent,
    }
}

pub(super) fn paint(figure: &Figure) -> Canvas {
    let width = 900.0;
    let top = Canvas::header_height(width, &figure.title, "");
    let mut canvas = Canvas::new(width as u32, (top + 160.0) as u32);
    canvas.header(&figure.title, "");
    chart::nothing(&mut canvas, Area::new(theme::MARGIN, top, width - 2.0 * theme::MARGIN, 130.0), &figure.subtitle);
    canvas
}
