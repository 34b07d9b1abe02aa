//! A figure of what was not plugged in: it says so.

use std::collections::BTreeMap;

use super::Figure;
use super::body::Body;
use crate::canvas::{Area, Canvas};
use crate::{chart, theme};

pub(super) fn build(name: &str, port: &str) -> Figure {
    let sentence = format!("Not there: nothing is plugged into the port {port} of the report.");
    Figure {
        title: name.replace('-', " "),
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
