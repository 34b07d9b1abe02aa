//! What the script reads of confusion matrices: the cells, and which small images are of them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::packed::{QUERIES, counts};
use super::sheet::Sheet;
use crate::figure::Blocks;
use crate::figure::body::{Body, HeatMap};
use crate::text::drawable;
use crate::{ReportData, Shown, svg, theme};

/// Steps of the scale of shades.
const SHADES: u32 = 32;

/// Every confusion matrix of the page.
pub(super) fn data(data: &ReportData, figures: &[Shown], sheet: &Sheet) -> Vec<Json> {
    let matrix = |(at, shown): (usize, &Shown)| match &shown.figure.body {
        Body::HeatMap(map) => Some(one(data, sheet, (at + 1, shown.figure.title.as_str(), map))),
        _ => None,
    };
    figures.iter().enumerate().filter_map(matrix).collect()
}

/// The colours of shares from 0 to 1, and what is read on each.
pub(super) fn shades() -> Json {
    let colour = |step: u32| theme::sequential(f64::from(step) / f64::from(SHADES));
    let steps = || (0..=SHADES).map(colour);
    json!({
        "grounds": steps().map(svg::hex).collect::<Vec<_>>(),
        "inks": steps().map(|ground| svg::hex(theme::contrasting(ground))).collect::<Vec<_>>(),
    })
}

fn one(data: &ReportData, sheet: &Sheet, (figure, title, map): (usize, &str, &HeatMap)) -> Json {
    let grid = &map.grid;
    let columns = grid.columns.len();
    let own = |label: &i32| grid.classes.binary_search(label).map_or(u64::from(u32::MAX), |at| at as u64);
    let seen = |name: &String| drawable(name).into_owned();
    // Queries that have a small image, by cell.
    let mut queries: Vec<(u64, u64, u64)> = Vec::new();
    for row in &data.matches.0 {
        let tile = sheet.place(row.query_id);
        let given = row.predicted.filter(|_| row.matched);
        if tile != u64::from(u32::MAX)
            && let Some((down, across)) = grid.cell(row.label, given)
        {
            queries.push(((down * columns + across) as u64, tile, row.query_id));
        }
    }
    // The cell of each query that the threshold judges, were it accepted: of all of them, or of none.
    let all = data.matches.0.len() <= QUERIES;
    let accepted = data.matches.0.iter().filter(|_| all).map(|row| {
        grid.cell(row.label, row.predicted)
            .map_or(u64::from(u32::MAX), |(down, across)| (down * columns + across) as u64)
    });
    json!({
        "figure": figure,
        "title": drawable(title),
        "normalize": map.normalize,
        "rows": grid.names.iter().map(seen).collect::<Vec<_>>(),
        "columns": grid.columns.iter().map(seen).collect::<Vec<_>>(),
        "own": grid.labels.iter().map(own).collect::<Vec<_>>(),
        "counts": counts(grid.rows.iter().flatten().copied()),
        "cell": counts(queries.iter().map(|query| query.0)),
        "tile": counts(queries.iter().map(|query| query.1)),
        "accepted": counts(accepted),
        "id": queries.iter().map(|query| query.2).collect::<Vec<_>>(),
        "blocks": map.blocks.as_ref().map(|all| blocks(all, data.unknown())),
    })
}

fn blocks(blocks: &Blocks, unknown: &str) -> Json {
    let seen = |name: &str| drawable(name).into_owned();
    let columns = blocks.names.len() as u64 + 1;
    let mut pairs: BTreeMap<u64, Vec<Json>> = BTreeMap::new();
    for pair in &blocks.pairs {
        let cell = pair.at.0 as u64 * columns + pair.at.1 as u64;
        pairs.entry(cell).or_default().push(json!([seen(&pair.names.0), seen(&pair.names.1), pair.count, pair.of]));
    }
    json!({
        "size": blocks.size,
        "rows": blocks.names.iter().map(|name| seen(name)).collect::<Vec<_>>(),
        "columns": blocks.names.iter().map(|name| seen(name)).chain([seen(unknown)]).collect::<Vec<_>>(),
        "counts": counts(blocks.rows.iter().flatten().copied()),
        "right": counts(blocks.right.iter().copied()),
        "pairs": pairs,
        "pairs_kept": blocks.pairs.len(),
        "pairs_of": blocks.pairs_of,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::FigureSpec;
    use crate::synthetic;

    fn confusion(data_of: &ReportData) -> Json {
        let folder = tempfile::tempdir().unwrap();
        let figure: FigureSpec = simpipe_base::param::from_json(&"confusion-matrix".into()).unwrap();
        let shown = figure.show(data_of, (folder.path(), 0), &|| false).unwrap();
        let Body::HeatMap(map) = &shown.figure.body else { panic!("no matrix") };
        let sheet = Sheet::of(data_of, map.images.clone());
        data(data_of, std::slice::from_ref(&shown), &sheet).remove(0)
    }

    #[test]
    fn a_cell_has_images_of_its_queries() {
        let mut data = synthetic::small();
        let (label, id) = (data.matches.0[0].label, data.matches.0[0].query_id);
        (data.matches.0[0].predicted, data.matches.0[0].matched) = (Some((label + 1) % 10), true);
        let found = confusion(&data);
        let names: Vec<&str> = found["rows"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        assert_eq!(found["columns"].as_array().unwrap().len(), names.len() + 1);
        assert!(found["id"].as_array().unwrap().contains(&id.into()), "{found}");
        assert!(found["blocks"].is_null());
    }

    #[test]
    fn many_classes_come_in_blocks_too() {
        let mut data = synthetic::with(150, 150, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
        data.dataset.classes = (0..150).map(|at| format!("Class {at}")).collect();
        data.confusion.0 = (0..150)
            .map(|label| simpipe_artifact::ConfusionCell { label, predicted: Some((label + 1) % 150), count: 1 })
            .collect();
        let blocks = &confusion(&data)["blocks"];
        assert_eq!((&blocks["size"], &blocks["pairs_of"]), (&3.into(), &150.into()));
        assert_eq!((blocks["rows"].as_array().unwrap().len(), blocks["columns"].as_array().unwrap().len()), (50, 51));
    }
}
