//! What a figure shows as a table: the file beside its picture, for whoever draws it anew.

use arrow::array::{BooleanArray, StringArray};
use simpipe_artifact::table::Column;

use super::Figure;
use super::body::{Body, Gallery, HeatMap, Lines, Scatter};
use crate::ReportData;

impl Figure {
    /// The columns of its table; `None` where what it is about is not there.
    ///
    /// - curves: `series`, `rule`, `x`, `y`, a row for each point; a dashed line over the whole height is a `rule` without `y`;
    /// - bars: the same, `x` being the middle of each;
    /// - maps: `example_id`, `label`, `class`, `x`, `y`;
    /// - confusion: `true`, `predicted`, `right`, `count`, each a cell that is not 0;
    /// - images: `strip`, `place`, `example_id`, `right`, `words`.
    #[must_use]
    pub fn table(&self, data: &ReportData) -> Option<Vec<Column>> {
        match &self.body {
            Body::Lines(lines) => Some(curves(lines)),
            Body::Bars(bars) => Some(curves(&bars.told())),
            Body::Scatter(map) => Some(points(map, data)),
            Body::HeatMap(map) => Some(cells(map)),
            Body::Gallery(gallery) => Some(tiles(gallery)),
            Body::Absent => None,
        }
    }
}

fn curves(lines: &Lines) -> Vec<Column> {
    let (mut series, mut rule, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in lines.series.iter().filter(|series| series.kept) {
        for (at, value) in &one.points {
            series.push(one.name.clone());
            rule.push(false);
            x.push(*at);
            y.push(Some(*value));
        }
    }
    for one in &lines.rules {
        series.push(one.name.clone());
        rule.push(true);
        x.push(one.at);
        y.push(None);
    }
    let y: arrow::array::Float64Array = y.into_iter().collect();
    vec![Column::text("series", &series), Column::bool("rule", &rule), Column::f64("x", &x), Column::nullable("y", y)]
}

fn points(map: &Scatter, data: &ReportData) -> Vec<Column> {
    let classes: Vec<&str> = map.labels.iter().map(|label| data.class(*label)).collect();
    let along = |axis: usize| map.points.iter().map(|point| point[axis]).collect::<Vec<f64>>();
    vec![
        Column::u64("example_id", &map.ids),
        Column::i32("label", &map.labels),
        Column::text("class", &classes),
        Column::f64("x", &along(0)),
        Column::f64("y", &along(1)),
    ]
}

fn cells(map: &HeatMap) -> Vec<Column> {
    let grid = &map.grid;
    let (mut names, mut predicted, mut right, mut count) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, counts) in grid.rows.iter().enumerate() {
        for (column, cell) in counts.iter().enumerate().filter(|(_, cell)| **cell > 0) {
            names.push(grid.names[row].as_str());
            predicted.push(grid.columns[column].as_str());
            right.push(grid.classes.get(column) == Some(&grid.labels[row]));
            count.push(*cell);
        }
    }
    vec![
        Column::text("true", &names),
        Column::text("predicted", &predicted),
        Column::bool("right", &right),
        Column::u64("count", &count),
    ]
}

fn tiles(gallery: &Gallery) -> Vec<Column> {
    let (mut strip, mut place, mut ids, mut right, mut words) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, one) in gallery.strips.iter().enumerate() {
        for (position, tile) in one.tiles.iter().enumerate() {
            strip.push(at as u64);
            place.push(position as u64);
            ids.push(tile.id);
            right.push(tile.verdict);
            words.push(tile.words.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>().join("; "));
        }
    }
    vec![
        Column::u64("strip", &strip),
        Column::u64("place", &place),
        Column::u64("example_id", &ids),
        Column::nullable("right", BooleanArray::from(right)),
        Column::new("words", StringArray::from(words)),
    ]
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::table::{Columns, write_parquet};
    use simpipe_base::param;

    use super::super::{FigureSpec, Method, Projection};
    use crate::synthetic;

    fn written(spec: &FigureSpec) -> Columns {
        let data = synthetic::small();
        let figure = spec.build(&data, &|| false).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write_parquet(&path, figure.table(&data).unwrap()).unwrap();
        Columns::read_parquet(&path, None).unwrap()
    }

    #[test]
    fn every_figure_has_a_table_of_what_it_shows() {
        let data = synthetic::small();
        for spec in FigureSpec::all() {
            assert!(!written(&spec).names().is_empty(), "{spec:?}");
        }
        let named = |name: &str| -> FigureSpec { param::from_json(&name.into()).unwrap() };
        let curves = written(&named("training-curves"));
        let series = curves.text("series").unwrap();
        let validations = data.history.0.iter().filter(|row| row.val_loss.is_some()).count();
        assert_eq!(series.iter().filter(|name| *name == "validation loss").count(), validations);
        let map = written(&FigureSpec::Projection(Projection { method: Method::Pca, ..param::defaults() }));
        assert_eq!(map.u64("example_id").unwrap().len(), map.f64("x").unwrap().len());
        // Rates, not the deviates that the picture is drawn by; a bar once, not its outline too.
        let det = written(&named("det"));
        assert!(det.f64("x").unwrap().iter().chain(&det.f64("y").unwrap()).all(|rate| (0.0..=1.0).contains(rate)));
        let bars = written(&named("distance-histogram"));
        let of = |name: &str| bars.text("series").unwrap().iter().filter(|series| *series == name).count();
        assert_eq!((of("right label"), of("wrong label")), (40, 40));
        let confusion = written(&named("confusion-matrix"));
        let total: u64 = confusion.u64("count").unwrap().iter().sum();
        assert_eq!(total, data.confusion.0.iter().map(|cell| cell.count).sum::<u64>());
    }

    #[test]
    fn what_is_not_plugged_in_has_none() {
        let mut data = synthetic::small();
        data.absent = ["training"].into();
        let spec: FigureSpec = param::from_json(&"training-curves".into()).unwrap();
        assert!(spec.build(&data, &|| false).unwrap().table(&data).is_none());
    }
}
