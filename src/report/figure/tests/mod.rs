//! Every figure from made-up data, the empty cases included.

mod extremes;

use std::collections::BTreeSet;

use simpipe_artifact::ImageShape;

use super::*;
use crate::synthetic;

/// Nobody wants to stop.
const GO_ON: Stop<'static> = &|| false;
const COLOUR: ImageShape = ImageShape { height: 8, width: 8, channels: 3 };

/// Draws every figure, checks that it is a picture with something on it, and gives the sizes.
fn draw_all(data: &ReportData) -> Vec<(u32, u32)> {
    let folder = tempfile::tempdir().unwrap();
    let draw = |(at, figure): (usize, &FigureSpec)| {
        let path = folder.path().join(figure.file_name(at));
        let drawn = figure.draw(data, &path, GO_ON).unwrap();
        assert!(!drawn.title.is_empty() && !drawn.alt.is_empty() && drawn.reading.ends_with('.'), "{drawn:?}");
        let picture = image::open(&path).unwrap().into_rgb8();
        let ink = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        assert!(ink > 500, "{}: {ink} pixels", figure.name());
        let edge = |x: u32, y: u32| picture.get_pixel(x, y).0 == [255; 3];
        let (width, height) = picture.dimensions();
        // Nothing is cut off: the border of every page is white.
        assert!((0..width).all(|x| edge(x, 0) && edge(x, height - 1)), "{}: cut above or below", figure.name());
        assert!((0..height).all(|y| edge(0, y) && edge(width - 1, y)), "{}: cut at a side", figure.name());
        (width, height)
    };
    FigureSpec::all().iter().enumerate().map(draw).collect()
}

#[test]
fn every_figure_is_drawn_at_its_size() {
    let sizes = draw_all(&synthetic::small());
    // Grid of 5 columns: 2 x 56 + 5 x 192 + 4 x 24; the charts have fixed sizes.
    assert_eq!(sizes[0].0, 1168);
    assert_eq!(sizes[1], (1600, 1000));
    assert_eq!([sizes[2], sizes[3], sizes[5]], [(1600, 1000); 3]);
    assert_eq!(sizes[6], (1060, 1000));
}

#[test]
fn odd_data_is_drawn_too() {
    let mut steps = synthetic::small();
    steps.history.0.clear();
    draw_all(&steps);
    draw_all(&synthetic::with(1, 1, COLOUR));
    draw_all(&synthetic::with(10, 12, ImageShape { height: 28, width: 28, channels: 1 }));
    draw_all(&synthetic::with(3, 12, ImageShape { height: 30, width: 300, channels: 3 }));
    draw_all(&synthetic::with(100, 120, COLOUR));
}

#[test]
fn nothing_at_all_is_drawn_as_such() {
    let mut data = synthetic::small();
    data.matches.0.clear();
    data.confusion.0.clear();
    data.history.0.clear();
    data.samples = simpipe_artifact::Samples::default();
    data.embeddings = simpipe_artifact::Embeddings::default();
    data.thresholds = simpipe_artifact::Thresholds::default();
    data.calibration.cutpoints.clear();
    data.spec = serde_json::Value::Null;
    draw_all(&data);
}

/// Draws a figure, whose picture must be one.
fn draw_one(figure: &FigureSpec, data: &ReportData) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figure.png");
    figure.draw(data, &path, &|| false).unwrap();
    assert!(image::image_dimensions(&path).unwrap().0 > 100);
}

#[test]
fn all_matched_queries_are_said_so() {
    let mut data = synthetic::small();
    data.matches.0.iter_mut().for_each(|row| row.matched = true);
    let folder = tempfile::tempdir().unwrap();
    let drawn = FigureSpec::NoMatch(NoMatch { limit: 25 }).draw(&data, &folder.path().join("none.png"), GO_ON).unwrap();
    assert_eq!(drawn.alt, "All queries have a match below the distance threshold.");
    assert_eq!(drawn.numbers["unmatched"], 0.0);
}

#[test]
fn a_second_drawing_has_the_same_bytes() {
    let data = synthetic::small();
    let folder = tempfile::tempdir().unwrap();
    let on = |threads: usize, name: &str| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let path = folder.path().join(name);
        let draw = |figure: &FigureSpec| {
            figure.draw(&data, &path, GO_ON).unwrap();
            std::fs::read(&path).unwrap()
        };
        pool.install(|| FigureSpec::all().iter().map(draw).collect::<Vec<_>>())
    };
    assert_eq!(on(1, "one.png"), on(2, "two.png"));
}

#[test]
fn file_names_are_unique_and_in_order() {
    let figures = FigureSpec::all();
    let names: BTreeSet<String> = figures.iter().enumerate().map(|(at, figure)| figure.file_name(at)).collect();
    assert_eq!(names.len(), figures.len());
    assert_eq!(names.first().unwrap(), "01-sample-grid.png");
    assert!(names.contains("15-projection-t-sne.png"), "{names:?}");
}

#[test]
fn reliability_says_the_error_of_what_it_shows() {
    let mut data = synthetic::with(10, 60, COLOUR);
    // 0.75 is said of every label, and every second one is right.
    for (at, row) in data.matches.0.iter_mut().enumerate() {
        row.probability = 0.75;
        row.predicted = Some(if at % 2 == 0 { row.label } else { row.label + 1 });
    }
    let folder = tempfile::tempdir().unwrap();
    let drawn = FigureSpec::Reliability.draw(&data, &folder.path().join("r.png"), GO_ON).unwrap();
    assert!((drawn.numbers["ece"] - 0.25).abs() < 1e-12, "{drawn:?}");
    assert!(drawn.alt.contains("in 15 bins; the expected calibration error is 0.2500"), "{}", drawn.alt);
    data.matches.0[0].probability = f64::NAN;
    assert!(
        FigureSpec::Reliability.draw(&data, &folder.path().join("r.png"), GO_ON).unwrap().numbers["ece"].is_finite()
    );
}

/// Not a check: `cargo test --lib -- --ignored reliability_to_look_at`, with `SIMPIPE_OUT` a folder for the picture.
#[test]
#[ignore = "draws for people to look at: set SIMPIPE_OUT"]
fn reliability_to_look_at() {
    let mut data = synthetic::with(10, 3000, COLOUR);
    for (at, row) in data.matches.0.iter_mut().enumerate() {
        let step = at * 7919 % 3000;
        row.probability = (step as f64 / 3000.0).sqrt();
        row.predicted =
            Some(if (at * 104_729) % 1000 < (1000.0 * row.probability.powf(1.4)) as usize { row.label } else { -1 });
    }
    let out = std::env::var("SIMPIPE_OUT").unwrap();
    FigureSpec::Reliability.draw(&data, &Path::new(&out).join("reliability.png"), GO_ON).unwrap();
    FigureSpec::Reliability.draw(&synthetic::small(), &Path::new(&out).join("reliability-small.png"), GO_ON).unwrap();
}

#[test]
fn confusion_counts_what_the_picture_says() {
    let mut data = synthetic::small();
    for row in &mut data.matches.0 {
        (row.predicted, row.matched) = (Some(row.label), row.query_id % 3 != 0);
    }
    data.confusion = synthetic::confusion(&data.matches);
    let folder = tempfile::tempdir().unwrap();
    let drawn = FigureSpec::ConfusionMatrix(ConfusionMatrix { normalize: true })
        .draw(&data, &folder.path().join("m.png"), GO_ON)
        .unwrap();
    // Queries 200..212: 201, 204, 207 and 210 are not accepted.
    assert_eq!((drawn.numbers["queries"], drawn.numbers["right"], drawn.numbers["unknown"]), (12.0, 8.0, 4.0));
}

#[test]
fn of_a_hundred_thousand_classes_a_part_is_drawn_and_said_so() {
    use simpipe_artifact::{Confusion, ConfusionCell};
    let mut data = synthetic::small();
    data.dataset.classes = (0..100_000).map(|label| format!("class {label}")).collect();
    let cell = |label: i32| ConfusionCell { label, predicted: Some(label / 2 * 2), count: 1 };
    data.confusion = Confusion((0..100_000).map(cell).collect());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("matrix.png");
    let drawn = FigureSpec::ConfusionMatrix(ConfusionMatrix { normalize: false }).draw(&data, &path, GO_ON).unwrap();
    assert!(drawn.title.ends_with(": 38 of 100,000 classes"), "{}", drawn.title);
    assert!(drawn.alt.starts_with("Confusion matrix: 50,000 of 100,000 queries"), "{}", drawn.alt);
    let (width, height) = image::image_dimensions(&path).unwrap();
    assert!(width < 2500 && height < 2500, "{width} x {height}");

    data.embeddings.label = (0..).take(data.embeddings.len()).map(|at| at * 7000).collect();
    let map = Projection { size: 200, ..simpipe_base::param::defaults() };
    FigureSpec::Projection(map).draw(&data, &path, GO_ON).unwrap();
}

#[test]
fn a_missing_image_is_an_error() {
    let mut data = synthetic::small();
    data.images.clear();
    let error = FigureSpec::SampleGrid(SampleGrid { count: 1, columns: 1 })
        .draw(&data, Path::new("unused.png"), GO_ON)
        .unwrap_err();
    assert_eq!(error.to_string(), "the image of example 0 is not there");
}

#[test]
fn pictures_of_many_images_end_soon_after_they_are_asked_to() {
    let data = synthetic::small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stopped.png");
    for figure in FigureSpec::all() {
        let long = !figure.images(&data).is_empty();
        let stopped = matches!(figure.draw(&data, &path, &|| true), Err(ReportError::Stopped));
        assert_eq!(stopped, long, "{}", figure.name());
        assert_eq!(path.exists(), !long, "{}", figure.name());
        std::fs::remove_file(&path).ok();
    }
}

/// Not a check: figures of real images, to be looked at. `SIMPIPE_JPEGS` is a folder `<class>/*.jpg`, `SIMPIPE_OUT`
/// where figures and `report.md` go.
#[test]
#[ignore = "draws real images for people to look at: set SIMPIPE_JPEGS and SIMPIPE_OUT"]
fn figures_of_real_images() {
    let (jpegs, out) = (std::env::var("SIMPIPE_JPEGS").unwrap(), std::env::var("SIMPIPE_OUT").unwrap());
    let data = synthetic::real(Path::new(&jpegs));
    let out = Path::new(&out);
    std::fs::create_dir_all(out.join("figures")).unwrap();
    let mut figures = FigureSpec::all();
    figures.push(
        simpipe_base::param::from_json(
            &serde_json::json!({ "neighbours": { "slice": { "size": 6 }, "order": "worst" } }),
        )
        .unwrap(),
    );
    figures.push(FigureSpec::ConfusionMatrix(ConfusionMatrix { normalize: true }));
    let mut drawn = Vec::new();
    for (at, figure) in figures.iter().enumerate() {
        let file = format!("figures/{}", figure.file_name(at));
        drawn.push((file.clone(), figure.draw(&data, &out.join(file), GO_ON).unwrap().drawn()));
    }
    let many = synthetic::with(100, 120, COLOUR);
    let mut none = synthetic::small();
    none.history.0.clear();
    for (name, data, figure) in [("many", &many, 11), ("many", &many, 12), ("many", &many, 13), ("none", &none, 1)] {
        let figure = &figures[figure];
        figure.draw(data, &out.join(format!("figures/{name}-{}.png", figure.name())), GO_ON).unwrap();
    }
    let baselines = crate::Baselines::of(&data, GO_ON).unwrap();
    let judgement = crate::Judgement::of(&data, Some(&baselines));
    let page = crate::summary(&data, &drawn, Some(&baselines), &judgement);
    std::fs::write(out.join("report.md"), page).unwrap();
}
