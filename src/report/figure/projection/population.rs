//! Which images the points of a map are.

use std::collections::{BTreeMap, BTreeSet};

use super::Projection;
use crate::figure::body::Scatter;
use crate::{ReportData, chart};

impl Projection {
    /// How many of how many images are on the map, of which split, and where they stand in the pool.
    pub(super) fn population(&self, data: &ReportData, map: &Scatter) -> String {
        let (of, positions) = match data.projections.get(self.method.name()) {
            Some((info, placed)) => (info.of, &placed.position),
            None => (data.embeddings.len(), &data.embeddings.position),
        };
        // What holds no numbers was taken too.
        let taken = map.points.len() + map.left_out;
        let positions = positions.iter().take(taken).copied();
        let ends = positions.clone().min().zip(positions.max());
        format!("{}{}{}", images(taken, of), splits(data, map), ends.map_or_else(String::new, in_pool))
    }
}

fn images(taken: usize, of: usize) -> String {
    let count = |count: usize| chart::number(count as f64, 0);
    match taken {
        0 => "no image".to_owned(),
        1 if of <= 1 => "the only image".to_owned(),
        taken if taken < of => format!("the first {} of {} images", count(taken), count(of)),
        taken => format!("all {} images", count(taken)),
    }
}

/// The splits of the points; nothing where they are of another pool than the embeddings that are here.
fn splits(data: &ReportData, map: &Scatter) -> String {
    let rows = &data.embeddings;
    let known: BTreeMap<u64, &str> =
        rows.example_id.iter().copied().zip(rows.split.iter().map(String::as_str)).collect();
    let found: Option<BTreeSet<&str>> = map.ids.iter().map(|id| known.get(id).copied()).collect();
    let names: Vec<&str> = found.unwrap_or_default().into_iter().filter(|name| !name.is_empty()).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => format!(" of the split {name}"),
        names => format!(" of the splits {}", names.join(", ")),
    }
}

fn in_pool((first, last): (u64, u64)) -> String {
    let place = |position: u64| chart::number(position as f64, 0);
    if first == last {
        return format!(", position {} of the pool", place(first));
    }
    format!(", positions {} to {} of the pool", place(first), place(last))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{Distance, Projection as Placed, ProjectionInfo};

    use super::*;
    use crate::figure::{FigureSpec, Method};
    use crate::synthetic;

    fn subtitle(data: &ReportData, count: usize) -> String {
        let map = Projection { method: Method::Pca, count, ..simpipe_base::param::defaults() };
        FigureSpec::Projection(map).build(data, &|| false).unwrap().subtitle
    }

    #[test]
    fn the_caption_says_which_images_of_how_many_are_on_the_map() {
        let mut data = synthetic::small();
        let said = subtitle(&data, 1000);
        let all = "12 embeddings of 4 dimensions, from all 12 images of the split test, positions 0 to 11 of the pool;";
        assert!(said.starts_with(all), "{said}");
        let said = subtitle(&data, 5);
        assert!(
            said.contains(", from the first 5 of 12 images of the split test, positions 0 to 4 of the pool;"),
            "{said}"
        );
        let said = subtitle(&data, 1);
        assert!(said.contains(", from the first 1 of 12 images of the split test, position 0 of the pool;"), "{said}");
        data.embeddings.values[0] = f32::NAN;
        data.embeddings.split[3] = "validation".to_owned();
        let said = subtitle(&data, 1000);
        assert!(
            said.contains("hold no numbers), from all 12 images of the splits test, validation, positions 0 to"),
            "{said}"
        );
        data.embeddings = simpipe_artifact::Embeddings::default();
        assert!(subtitle(&data, 1000).contains(", from no image; the nearest"));
    }

    #[test]
    fn points_of_a_stage_are_counted_as_the_stage_counts_them() {
        let mut data = synthetic::small();
        let info = ProjectionInfo {
            format: 1,
            method: "pca".to_owned(),
            parameters: serde_json::Value::Null,
            count: 4,
            of: 5000,
            left_out: 0,
            dim: 4,
            distance: Distance::Cosine,
            explained: None,
        };
        let placed = Placed {
            position: (1000..1004).collect(),
            example_id: data.embeddings.example_id[..4].to_vec(),
            label: data.embeddings.label[..4].to_vec(),
            point: vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
        };
        data.projections.insert("pca".to_owned(), (info, placed));
        let said = subtitle(&data, 1000);
        let some = ", from the first 4 of 5,000 images of the split test, positions 1,000 to 1,003 of the pool;";
        assert!(said.contains(some), "{said}");
        // Images of another pool: their split is not known here.
        data.projections.get_mut("pca").unwrap().1.example_id[0] = 7;
        let said = subtitle(&data, 1000);
        assert!(said.contains(", from the first 4 of 5,000 images, positions 1,000 to 1,003 of the pool;"), "{said}");
    }
}
