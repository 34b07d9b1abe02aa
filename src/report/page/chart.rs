//! A figure on a page: a chart with the table behind it, or images with their words.

use std::fmt::Write;

use super::Pictures;
use super::html::{STRIPS_ON_PAPER, details, escape, name, on_paper, paragraph, shown};
use super::numbers;
use crate::figure::body::{Body, Gallery, Strip, Tile, Tone};
use crate::{ReportData, ReportError, Shown};

/// Images that are printed of those that stand by themselves: the style sheet hides further ones.
const TILES_ON_PAPER: usize = 24;
/// Figures that are printed: of further ones their titles are.
const FIGURES_ON_PAPER: usize = 18;

/// The figure with its heading.
///
/// # Errors
/// If an image was not loaded.
pub(super) fn figure(
    data: &ReportData,
    pictures: &Pictures,
    (at, shown): (usize, &Shown),
) -> Result<String, ReportError> {
    let figure = &shown.figure;
    let beyond = at >= FIGURES_ON_PAPER;
    let mut out = format!(
        "<article class=\"figure{}\" id=\"figure-{}\" aria-labelledby=\"title-{}\"><h3 id=\"title-{}\">{}</h3>",
        if beyond { " beyond" } else { "" },
        at + 1,
        at + 1,
        at + 1,
        escape(&figure.title)
    );
    if beyond {
        let _ = write!(out, "<p class=\"paper\">Not on paper: it shows the first {FIGURES_ON_PAPER} figures.</p>");
    }
    if let Body::Absent = figure.body {
        return Ok(out + &paragraph(&figure.subtitle) + "</article>");
    }
    let _ = write!(out, "<p class=\"muted\">{}</p>", escape(&figure.subtitle));
    match (&figure.body, &shown.svg) {
        (Body::Gallery(gallery), _) => out += &images(data, pictures, gallery)?,
        (_, Some(svg)) => {
            let _ = write!(
                out,
                "<div class=\"plot\" role=\"group\" tabindex=\"0\" aria-label=\"{}\">{svg}</div>",
                escape(&figure.title)
            );
        }
        _ => {}
    }
    let _ = write!(out, "<p>{}</p>", escape(&figure.reading));
    for table in numbers::tables(data, &figure.body) {
        out += &details(&format!("Numbers: {}", table.name), &table.html());
    }
    Ok(out + "</article>")
}

/// Every strip with its images and words, and how many of how many these are.
fn images(data: &ReportData, pictures: &Pictures, gallery: &Gallery) -> Result<String, ReportError> {
    if gallery.strips.is_empty() {
        return Ok(paragraph(&gallery.empty));
    }
    let many = gallery.strips.iter().any(|strip| strip.tiles.len() > 1);
    let mut out = paragraph(&format!("{}.", shown(gallery.strips.len(), gallery.of, gallery.unit.1)));
    let _ = write!(out, "<ul class=\"{}\">", if many { "strips" } else { "tiles" });
    for strip in &gallery.strips {
        out.push_str("<li>");
        write_strip(&mut out, data, pictures, strip)?;
        out.push_str("</li>");
    }
    out.push_str("</ul>");
    let most = if many { STRIPS_ON_PAPER } else { TILES_ON_PAPER };
    Ok(out + &on_paper(most, gallery.strips.len(), gallery.unit.1))
}

fn write_strip(out: &mut String, data: &ReportData, pictures: &Pictures, strip: &Strip) -> Result<(), ReportError> {
    for tile in &strip.tiles {
        let file = data.provenance.files.get(&tile.id);
        write_tile(out, &pictures.address(data.image(tile.id)?)?, tile, file.map(String::as_str));
    }
    if let Some(note) = &strip.note {
        let _ = write!(out, "<p class=\"note\">{}</p>", escape(note));
    }
    Ok(())
}

pub(super) fn write_tile(out: &mut String, address: &str, tile: &Tile, file: Option<&str>) {
    let class = match tile.verdict {
        None => "tile",
        Some(true) => "tile right",
        Some(false) => "tile wrong",
    };
    let words = tile.words.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>().join(", ");
    let alt = format!("Image: {words}");
    let _ = write!(
        out,
        "<figure class=\"{class}\"><img src=\"{address}\" alt=\"{}\" width=\"96\" height=\"96\"><figcaption>",
        escape(&alt)
    );
    for (words, tone) in &tile.words {
        let (tag, class) = match tone {
            Tone::Name => ("b", "name"),
            Tone::Plain => ("span", "plain"),
            Tone::Muted => ("span", "muted"),
            Tone::Right => ("span", "right"),
            Tone::Wrong => ("span", "wrong"),
        };
        let _ = write!(out, "<{tag} class=\"{class}\">{}</{tag}>", name(words));
    }
    if let Some(file) = file {
        let _ = write!(out, "<span class=\"file muted\">{}</span>", name(file));
    }
    out.push_str("</figcaption></figure>");
}
