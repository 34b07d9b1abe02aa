//! Figures of numbers that no measurement has and a file may hold, and of more of them than anybody measures.

use super::super::*;
use super::{COLOUR, draw_one};
use crate::synthetic;

/// Numbers that no measurement has and a file may hold.
const EXTREMES: [&[f64]; 9] = [
    &[f64::NAN],
    &[f64::INFINITY, f64::NEG_INFINITY],
    &[f64::MAX, f64::MIN],
    &[1e308, 1.0, f64::NAN, -1e308, 0.0],
    &[1.0],
    &[5e-324, 0.0, 1e-310],
    &[-0.0],
    &[1e300, 1e300 + 1e285],
    &[0.0, 1e-12, 1e12, f64::INFINITY],
];

#[test]
fn any_history_has_its_curves() {
    for values in EXTREMES {
        for count in [1, 60] {
            let mut data = synthetic::small();
            data.history.0.truncate(count);
            for (at, row) in data.history.0.iter_mut().enumerate() {
                row.loss = values[at % values.len()];
                row.val_loss = row.val_loss.map(|_| values[(at + 1) % values.len()]);
                row.learning_rate = values[at % values.len()];
                for (place, distance) in row.logged.values_mut().enumerate() {
                    *distance = values[(at + place) % values.len()];
                }
            }
            if let Some(last) = data.history.0.last_mut().filter(|_| values.len() > 2) {
                last.step = u64::MAX;
            }
            for figure in [FigureSpec::TrainingCurves, FigureSpec::LearningRate, FigureSpec::PairDistances] {
                draw_one(&figure, &data);
            }
        }
    }
}

#[test]
fn a_history_of_many_epochs_and_steps_is_drawn_in_no_time() {
    let mut data = synthetic::small();
    let row = data.history.0[0].clone();
    let noisy = |at: u32| if at.is_multiple_of(2) { 0.0 } else { 1.0 };
    let rows = (0..200_000).map(|at| simpipe_artifact::HistoryRow {
        epoch: at,
        step: u64::from(at),
        loss: noisy(at),
        val_loss: Some(noisy(at)),
        logged: [("positive-p50".to_owned(), noisy(at)), ("negative-p5".to_owned(), noisy(at))].into(),
        ..row.clone()
    });
    data.history.0 = rows.collect();
    let started = std::time::Instant::now();
    for figure in [FigureSpec::TrainingCurves, FigureSpec::LearningRate, FigureSpec::PairDistances] {
        draw_one(&figure, &data);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn any_thresholds_have_their_curves() {
    for values in EXTREMES {
        let mut data = synthetic::small();
        let wild = |at: usize| values[at % values.len()];
        data.thresholds.distance.iter_mut().enumerate().for_each(|(at, value)| *value = wild(at));
        for column in data.thresholds.metrics.values_mut() {
            column.iter_mut().enumerate().for_each(|(at, value)| *value = wild(at + 1));
        }
        for cutpoint in data.calibration.cutpoints.values_mut() {
            (cutpoint.distance, cutpoint.value) = (wild(0), wild(1));
            cutpoint.metrics.values_mut().for_each(|value| *value = wild(1));
        }
        for row in &mut data.matches.0 {
            row.distance = wild(0) as f32;
            row.neighbours.iter_mut().enumerate().for_each(|(at, one)| one.distance = wild(at) as f32);
        }
        draw_one(&FigureSpec::MetricsOverDistance, &data);
        draw_one(&FigureSpec::PrecisionRecall, &data);
        for figure in [FigureSpec::DistanceHistogram, FigureSpec::Roc, FigureSpec::Det] {
            draw_one(&figure, &data);
            data.thresholds.true_positive = (0..11).map(|at| at * at % 13).collect();
            data.thresholds.false_positive = (0..11).collect();
        }
        if values.len() == 2 {
            draw_one(&FigureSpec::NoMatch(NoMatch { limit: 2 }), &data);
            let strips = serde_json::json!({ "neighbours": { "slice": { "size": 2 } } });
            draw_one(&simpipe_base::param::from_json(&strips).unwrap(), &data);
        }
        let page = crate::summary(&data, &[], None, &crate::Judgement::of(&data, None));
        assert!(page.contains("## Headline"), "{page}");
    }
}

#[test]
fn any_embeddings_have_their_map() {
    let wild: [&[f32]; 8] = [
        &[f32::NAN],
        &[f32::INFINITY, 0.0],
        &[f32::MAX, f32::MIN, 0.0],
        &[1.0],
        &[1e-45, 0.0],
        &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
        &[1.0, 2.0, f32::NAN, 4.0, 5.0],
        &[1e30, 1.0, -1e-30],
    ];
    for method in [Method::Pca, Method::TSne, Method::Umap] {
        for values in wild {
            for (classes, queries) in [(3, 40), (1, 1)] {
                let mut data = synthetic::with(classes, queries, COLOUR);
                let all = &mut data.embeddings.values;
                all.iter_mut().enumerate().for_each(|(at, value)| *value = values[at % values.len()]);
                let map = Projection { method: method.clone(), size: 200, ..simpipe_base::param::defaults() };
                draw_one(&FigureSpec::Projection(map), &data);
            }
        }
    }
}

#[test]
fn a_name_without_end_is_cut_in_no_time() {
    let mut data = synthetic::small();
    data.dataset.classes.iter_mut().for_each(|name| *name = "W".repeat(200_000));
    data.dataset.classes[1] = "\u{1b}[31m\n\u{202e}\u{0}".to_owned();
    let started = std::time::Instant::now();
    draw_one(&FigureSpec::ConfusionMatrix(ConfusionMatrix { normalize: false }), &data);
    draw_one(&FigureSpec::NoMatch(NoMatch { limit: 2 }), &data);
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
