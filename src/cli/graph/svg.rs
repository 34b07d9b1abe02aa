//! A [`Diagram`] as an SVG picture. Boxes list their ports; a status has a colour, a line style and a word.

use std::fmt::Write;

use super::layout::{Lane, Layout, Point, Size, layout};
use super::text::{caption, entities};
use super::{Diagram, Stage, word};
use simpipe_runner::Outcome;
use simpipe_runner::status::Freshness;

/// Around the drawing.
const MARGIN: f64 = 28.0;
/// Height of a box without its ports.
const HEAD: f64 = 48.0;
/// Height of a port's line.
const LINE: f64 = 20.0;
/// Room above the drawing for the title, and below it for the legend.
const BAND: f64 = 40.0;

/// Light, and dark where the reader's system is; colours after M. Okabe and K. Ito, told apart by the colour-blind.
const STYLE: &str = "
  svg { font-family: Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; }
  .page { fill: #ffffff; }
  .box { fill: #f4f5f7; stroke: #5b6472; stroke-width: 1.5; }
  .fresh { fill: #e6f1f8; stroke: #0072b2; stroke-width: 2; }
  .stale { fill: #fcebdf; stroke: #d55e00; stroke-width: 3; stroke-dasharray: 8 4; }
  .maybe { fill: #fbf4dc; stroke: #8c6d00; stroke-width: 2; stroke-dasharray: 2 4; }
  .wire { fill: none; stroke: #7a8494; stroke-width: 1.5; }
  .dot { fill: #5b6472; }
  .title { font-size: 17px; font-weight: bold; fill: #1b1f26; }
  .id { font-size: 14px; font-weight: bold; fill: #1b1f26; }
  .note, .port { font-size: 12px; fill: #454d5a; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #16191f; }
    .box { fill: #232833; stroke: #97a1b2; }
    .fresh { fill: #10293a; stroke: #56b4e9; }
    .stale { fill: #3a2114; stroke: #ff8b3d; }
    .maybe { fill: #332c10; stroke: #f0c808; }
    .wire { stroke: #8791a3; }
    .dot { fill: #b4bdcb; }
    .title, .id { fill: #f2f4f7; }
    .note, .port { fill: #c4cbd6; }
  }
";

/// What [`STYLE`] says of light pages, as attributes: for a page whose policy allows no style sheet inside a picture.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("box", "fill='#f4f5f7' stroke='#5b6472' stroke-width='1.5'"),
    ("fresh", "fill='#e6f1f8' stroke='#0072b2' stroke-width='2'"),
    ("stale", "fill='#fcebdf' stroke='#d55e00' stroke-width='3' stroke-dasharray='8 4'"),
    ("maybe", "fill='#fbf4dc' stroke='#8c6d00' stroke-width='2' stroke-dasharray='2 4'"),
    ("wire", "fill='none' stroke='#7a8494' stroke-width='1.5'"),
    ("dot", "fill='#5b6472'"),
    ("id", "font-size='14' font-weight='bold' fill='#1b1f26'"),
    ("note", "font-size='12' fill='#454d5a'"),
    ("port", "font-size='12' fill='#454d5a'"),
];

/// The picture as a file of its own.
pub(super) fn draw(diagram: &Diagram) -> String {
    let marked = diagram.stages.iter().any(|stage| stage.status.is_some());
    let (page, plan) = drawn(diagram, BAND, marked);
    let title = entities(&diagram.title);
    let width = (plan.size.width + 2.0 * MARGIN).max(if marked { 420.0 } else { 0.0 }).max(text_width(&title, 17.0));
    let height = plan.size.height + 2.0 * MARGIN + BAND + if marked { BAND } else { 0.0 };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"{:.0}\">{title}</text>\n{}</svg>\n",
        entities(&described(diagram)),
        MARGIN + 14.0,
        page.text,
    )
}

/// The picture as a part of a page: no style sheet, no style attribute, no name that something else may have; in the page's font.
pub(super) fn draw_inside(diagram: &Diagram) -> String {
    let (page, plan) = drawn(diagram, 0.0, false);
    let (width, height) = (plan.size.width + 2.0 * MARGIN, plan.size.height + 2.0 * MARGIN);
    // No text from outside holds a quotation mark here: `entities` has written it otherwise.
    let plain = ATTRIBUTES.iter().fold(page.text, |text, (class, attributes)| {
        text.replace(&format!("class=\"{class}\""), &attributes.replace('\'', "\""))
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{}\">\n{plain}</svg>\n",
        entities(&described(diagram)),
    )
}

/// Boxes and wires, `band` below the upper end, and how they are laid out.
fn drawn(diagram: &Diagram, band: f64, marked: bool) -> (Page, Layout) {
    let sizes: Vec<Size> = (0..diagram.stages.len()).map(|at| size(diagram, at)).collect();
    let edges: Vec<(usize, usize)> = diagram.wires.iter().map(|wire| (wire.from, wire.to)).collect();
    let plan = layout(&sizes, &edges);
    let mut page = Page { text: String::new(), origin: Point { x: MARGIN, y: MARGIN + band } };
    let rows = port_rows(diagram, &plan, &sizes);
    for (at, wire) in diagram.wires.iter().enumerate() {
        let (from, to) = (plan.corners[wire.from], plan.corners[wire.to]);
        let start = Point { x: from.x + sizes[wire.from].width, y: from.y + HEAD / 2.0 };
        page.wire(start, plan.exits[wire.from], &plan.lanes[at], Point { x: to.x, y: to.y + rows[at] });
    }
    for (at, stage) in diagram.stages.iter().enumerate() {
        page.stage(stage, plan.corners[at], sizes[at]);
    }
    for (at, wire) in diagram.wires.iter().enumerate() {
        let corner = plan.corners[wire.to];
        page.port(&wire.port, Point { x: corner.x, y: corner.y + rows[at] });
    }
    if marked {
        page.legend(plan.size.height + 30.0);
    }
    (page, plan)
}

/// The graph in words, for readers of screens.
fn described(diagram: &Diagram) -> String {
    let reads = |at: usize| {
        let from = diagram.wires.iter().filter(move |wire| wire.to == at);
        let from: Vec<&str> = from.map(|wire| diagram.stages[wire.from].id.as_str()).collect();
        let stage = &diagram.stages[at];
        let words = stage.status.map(word).or_else(|| Some(stage.did.as_ref()?.words.as_str()));
        let status = words.map_or_else(String::new, |words| format!(" ({words})"));
        let reads = if from.is_empty() { String::new() } else { format!(" reads {}", from.join(", ")) };
        format!("{}{status}{reads}", diagram.stages[at].id)
    };
    (0..diagram.stages.len()).map(reads).collect::<Vec<_>>().join("; ")
}

/// A generous guess: the reader's font is not known here.
#[expect(clippy::cast_precision_loss, reason = "a name is short")]
fn text_width(text: &str, pixels: f64) -> f64 {
    0.62 * pixels * text.chars().count() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a stage has few ports")]
fn size(diagram: &Diagram, at: usize) -> Size {
    let stage = &diagram.stages[at];
    let ports: Vec<&str> = diagram.wires.iter().filter(|wire| wire.to == at).map(|wire| wire.port.as_str()).collect();
    let texts = ports.iter().map(|port| text_width(port, 12.0));
    let widest = texts.chain([text_width(&stage.id, 14.0), text_width(&caption(stage), 12.0)]).fold(90.0, f64::max);
    let lines = if ports.is_empty() { 0.0 } else { LINE * ports.len() as f64 + 6.0 };
    Size { width: widest + 28.0, height: HEAD + lines }
}

/// How far below its box's top each wire ends: ports stand in the order in which their wires come in.
#[expect(clippy::cast_precision_loss, reason = "a stage has few ports")]
fn port_rows(diagram: &Diagram, plan: &Layout, sizes: &[Size]) -> Vec<f64> {
    let mut rows = vec![0.0; diagram.wires.len()];
    for to in 0..diagram.stages.len() {
        let mut wires: Vec<usize> = (0..rows.len()).filter(|at| diagram.wires[*at].to == to).collect();
        let height = |at: usize| {
            let from = diagram.wires[at].from;
            plan.lanes[at].last().map_or(plan.corners[from].y + sizes[from].height / 2.0, |lane| lane.y)
        };
        wires.sort_by(|one, other| height(*one).total_cmp(&height(*other)));
        for (place, at) in wires.into_iter().enumerate() {
            rows[at] = HEAD + LINE * (place as f64 + 0.5);
        }
    }
    rows
}

/// The elements so far, all shifted by the origin.
struct Page {
    text: String,
    origin: Point,
}

impl Page {
    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("a string takes all that is written");
    }

    fn shifted(&self, point: Point) -> (f64, f64) {
        (point.x + self.origin.x, point.y + self.origin.y)
    }

    /// A straight line out of the layer at `exit`, a curve to the next, a straight line through each that is passed.
    fn wire(&mut self, start: Point, exit: f64, lanes: &[Lane], end: Point) {
        let (x, y) = self.shifted(start);
        let mut from = (exit + self.origin.x, y);
        let mut path = format!("M{x:.1} {y:.1} H{:.1}", from.0);
        let stops = lanes.iter().map(|lane| (Point { x: lane.left, y: lane.y }, lane.right));
        for (stop, right) in stops.chain([(end, end.x)]) {
            let (x, y) = self.shifted(stop);
            let bend = (x - from.0) / 2.0;
            path += &format!(" C{:.1} {:.1} {:.1} {y:.1} {x:.1} {y:.1}", from.0 + bend, from.1, x - bend);
            from = (right + self.origin.x, y);
            if right > stop.x {
                path += &format!(" H{:.1}", from.0);
            }
        }
        self.push(format_args!("<path class=\"wire\" d=\"{path}\"/>"));
    }

    fn rect(&mut self, class: &str, corner: Point, size: Size) {
        let (x, y) = self.shifted(corner);
        let Size { width, height } = size;
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"7\"/>"
        ));
    }

    fn words(&mut self, class: &str, at: Point, text: &str) {
        let (x, y) = self.shifted(at);
        let text = entities(text);
        self.push(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
    }

    fn stage(&mut self, stage: &Stage, corner: Point, size: Size) {
        let look = stage.status.map(class).or_else(|| Some(look(stage.did.as_ref()?.outcome)));
        self.rect(look.unwrap_or("box"), corner, size);
        let x = corner.x + 14.0;
        self.words("id", Point { x, y: corner.y + 21.0 }, &stage.id);
        self.words("note", Point { x, y: corner.y + 39.0 }, &caption(stage));
    }

    fn port(&mut self, name: &str, at: Point) {
        let (x, y) = self.shifted(at);
        self.push(format_args!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"));
        self.words("port", Point { x: at.x + 14.0, y: at.y + 4.0 }, name);
    }

    fn legend(&mut self, y: f64) {
        let mut x = 0.0;
        for status in [Freshness::Fresh, Freshness::Stale, Freshness::MaybeStale] {
            self.rect(class(status), Point { x, y }, Size { width: 34.0, height: 20.0 });
            self.words("note", Point { x: x + 42.0, y: y + 14.0 }, word(status));
            x += 42.0 + text_width(word(status), 12.0) + 24.0;
        }
    }
}

const fn class(status: Freshness) -> &'static str {
    match status {
        Freshness::Fresh => "fresh",
        Freshness::Stale => "stale",
        Freshness::MaybeStale => "maybe",
    }
}

/// A hit looks like what would be one, what went wrong like what is no longer right.
const fn look(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "fresh",
        Outcome::Ran => "box",
        Outcome::Failed => "stale",
        Outcome::Skipped => "maybe",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn a_picture_escapes_its_texts_and_names_every_stage_and_port() {
        let picture = draw(&sample(None));
        assert!(picture.contains("<title id=\"title\">a &quot;b&quot; &lt;c&gt;</title>"), "{picture}");
        assert_eq!(picture.matches("<rect class=\"box\"").count(), 3);
        assert_eq!(picture.matches("<path class=\"wire\"").count(), 3);
        assert_eq!(picture.matches("class=\"port\"").count(), 3);
        assert!(!picture.contains("maybe stale"), "no legend without a status");
        assert!(picture.contains("end reads data, draw"));
    }

    #[test]
    fn a_status_has_a_class_a_word_and_a_legend() {
        let picture = draw(&sample(Some(Freshness::Stale)));
        assert_eq!(picture.matches("<rect class=\"stale\"").count(), 4);
        assert_eq!(picture.matches(" · stale</text>").count(), 3);
    }

    #[test]
    fn a_picture_inside_a_page_has_no_style_and_no_name() {
        let mut diagram = sample(None);
        diagram.stages[1].id = "class=\"box\"".to_owned();
        diagram.stages[2].did = Some(super::super::Did { outcome: Outcome::Hit, words: "hit, saved 1 s".to_owned() });
        let picture = draw_inside(&diagram);
        for absent in ["class=\"", "style", " id=\"", "@media"] {
            assert!(!picture.contains(absent), "{absent}: {picture}");
        }
        assert!(picture.contains("class=&quot;box&quot;") && picture.contains("train · hit, saved 1 s"), "{picture}");
        assert!(picture.contains("end (hit, saved 1 s) reads data"), "{picture}");
    }

    #[test]
    fn ports_stand_in_the_order_of_their_wires() {
        let diagram = sample(None);
        let sizes: Vec<Size> = (0..3).map(|at| size(&diagram, at)).collect();
        let plan = layout(&sizes, &[(0, 1), (0, 2), (1, 2)]);
        let rows = port_rows(&diagram, &plan, &sizes);
        let lane_is_above = plan.lanes[1][0].y < plan.corners[1].y + sizes[1].height / 2.0;
        assert_eq!(rows[1] < rows[2], lane_is_above);
        assert_eq!(rows[0], HEAD + LINE / 2.0);
    }
}
