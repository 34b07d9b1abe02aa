//! The raw-pixel baseline: nearest neighbours with no network at all.

use std::collections::BTreeMap;

use rayon::prelude::*;
use simpipe_artifact::{Image, ImageShape, MatchRow};

use super::chart::number;
use super::error::{Stop, go_on};
use super::held::PIXELS;
use super::{ReportData, ReportError};

/// Multiply-adds (queries x images of the index x bytes of an image) above which the baseline is left out: at most three
/// seconds on two cores, at the slowest 1.4e9 a second that were measured.
pub const RAW_PIXEL_LIMIT: f64 = 4e9;

/// What the raw-pixel baseline gave.
#[derive(Debug, Clone, PartialEq)]
pub enum RawPixels {
    /// The share of queries whose nearest other image has their class.
    Accuracy(f64),
    /// Why there is none, as a sentence.
    Skipped(String),
}

const SEVERAL_SIZES: &str = "Raw pixels can't be compared: the images differ in size.";

/// Queries and index rows compared at a time: both fit the cache.
const QUERIES: usize = 8;
const ROWS: usize = 16;

/// The 1-nearest-neighbour accuracy of `queries` among the images of the index by Euclidean distance of their bytes.
///
/// A query never meets itself or an image of the same bytes; ties go to the first in the index. Distances are whole
/// numbers, so the result is exact and the same for any number of threads. `data` must hold all the images if they are
/// [`worth_reading`].
///
/// # Errors
/// If the user asked to stop.
pub fn raw_pixels(data: &ReportData, queries: &[&MatchRow], stop: Stop<'_>) -> Result<RawPixels, ReportError> {
    match data.dataset.image {
        None => return Ok(RawPixels::Skipped(SEVERAL_SIZES.to_owned())),
        Some(shape) if too_much(data, queries.len(), shape) => return Ok(skipped(data, queries.len(), shape)),
        Some(_) => {}
    }
    let Some(first) = queries.first().and_then(|row| data.images.get(&row.query_id)) else {
        return Ok(RawPixels::Skipped("There are no queries whose images are there.".to_owned()));
    };
    if too_much(data, queries.len(), first.shape) {
        return Ok(skipped(data, queries.len(), first.shape));
    }
    let image = |id: &u64| data.images.get(id).filter(|image| image.shape == first.shape);
    let asked: Option<Vec<&Image>> = queries.iter().map(|row| image(&row.query_id)).collect();
    let indexed: Option<Vec<&Image>> = data.index.example_id.iter().map(image).collect();
    let (Some(asked), Some(indexed)) = (asked, indexed) else {
        return Ok(RawPixels::Skipped(SEVERAL_SIZES.to_owned()));
    };
    let nearest = nearest(data, queries, &asked, &indexed, stop)?;
    let right = nearest.iter().zip(queries).filter(|(label, row)| **label == Some(row.label)).count();
    Ok(RawPixels::Accuracy(right as f64 / queries.len() as f64))
}

/// Whether the images of queries and index are worth reading for the baseline: they are of one size, comparing them is not more
/// work than a report may be, and they take no more memory than it may.
#[must_use]
pub fn worth_reading(data: &ReportData, queries: usize) -> bool {
    data.dataset.image.is_some_and(|shape| !too_much(data, queries, shape))
}

fn too_much(data: &ReportData, queries: usize, shape: ImageShape) -> bool {
    data.index_info.class_means_of.is_some()
        || queries as f64 * data.index.label.len() as f64 * shape.bytes() as f64 > RAW_PIXEL_LIMIT
        || too_large(data, queries, shape)
}

fn too_large(data: &ReportData, queries: usize, shape: ImageShape) -> bool {
    (queries + data.index.label.len()) as f64 * shape.bytes() as f64 > PIXELS as f64
}

fn skipped(data: &ReportData, queries: usize, shape: ImageShape) -> RawPixels {
    let count = |count: usize| number(count as f64, 0);
    if data.index_info.class_means_of.is_some() {
        return RawPixels::Skipped(
            "Raw pixels were not computed: the index holds means of classes, which have none.".to_owned(),
        );
    }
    let (sign, limit) = if too_large(data, queries, shape) {
        ("+", format!("{} bytes that a report holds", number(PIXELS as f64, 0)))
    } else {
        ("x", format!("{} multiply-adds of a report", number(RAW_PIXEL_LIMIT, 0)))
    };
    RawPixels::Skipped(format!(
        "Raw pixels were not computed: {} queries {sign} {} images of {} bytes are more than the {limit}. Plug a stage `baseline` \
         into the report: it looks a sample of the queries up, once.",
        count(queries),
        count(data.index.label.len()),
        count(shape.bytes())
    ))
}

/// The label of the nearest other image of each query.
fn nearest(
    data: &ReportData,
    queries: &[&MatchRow],
    asked: &[&Image],
    indexed: &[&Image],
    stop: Stop<'_>,
) -> Result<Vec<Option<i32>>, ReportError> {
    let digests: BTreeMap<u64, &String> =
        data.embeddings.example_id.iter().copied().zip(&data.embeddings.digest).collect();
    let itself = |query: &MatchRow, row: usize| {
        data.index.example_id[row] == query.query_id
            || digests.get(&query.query_id).is_some_and(|digest| **digest == data.index.digest[row])
    };
    let some = |(queries, asked): (&[&MatchRow], &[&Image])| {
        let mut best = vec![(u64::MAX, None); queries.len()];
        for (tile, rows) in indexed.chunks(ROWS).enumerate() {
            go_on(stop)?;
            for ((query, image), best) in queries.iter().zip(asked).zip(&mut best) {
                for (at, other) in rows.iter().enumerate() {
                    let row = tile * ROWS + at;
                    let distance = squared_distance(&image.pixels, &other.pixels);
                    if distance < best.0 && !itself(query, row) {
                        *best = (distance, Some(data.index.label[row]));
                    }
                }
            }
        }
        Ok(best.into_iter().map(|(_, label)| label).collect())
    };
    let labels: Result<Vec<Vec<Option<i32>>>, ReportError> =
        queries.par_chunks(QUERIES).zip(asked.par_chunks(QUERIES)).map(some).collect();
    Ok(labels?.into_iter().flatten().collect())
}

/// `sum (a - b)^2`. Pieces are short enough for 32 bits (`4096 x 255^2 < 2^32`), which vectorises.
fn squared_distance(one: &[u8], other: &[u8]) -> u64 {
    let piece = |(one, other): (&[u8], &[u8])| -> u64 {
        let sum: u32 = one.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum();
        u64::from(sum)
    };
    one.chunks(4096).zip(other.chunks(4096)).map(piece).sum()
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageShape;

    use super::*;
    use crate::synthetic;

    fn compared(data: &ReportData, queries: &[&MatchRow]) -> RawPixels {
        raw_pixels(data, queries, &|| false).unwrap()
    }

    #[test]
    fn distances_are_exact_past_32_bits() {
        assert_eq!(squared_distance(&[0, 10, 255], &[255, 7, 255]), 255 * 255 + 9);
        assert_eq!(squared_distance(&vec![0; 200_000], &vec![255; 200_000]), 200_000 * 255 * 255);
    }

    /// Four grey pixels as examples 0..4, all indexed; the queries are the first two.
    fn grey(values: [u8; 4], labels: [i32; 4]) -> ReportData {
        let mut data = synthetic::small();
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        data.images = (0..).zip(values).map(|(id, value)| (id, Image { shape, pixels: vec![value] })).collect();
        let digests: Vec<String> = values.iter().map(u8::to_string).collect();
        data.index.example_id = vec![0, 1, 2, 3];
        data.index.label = labels.to_vec();
        data.index.digest = digests.clone();
        data.embeddings.example_id = vec![0, 1];
        data.embeddings.digest = digests[..2].to_vec();
        data.matches.0.truncate(2);
        for (at, row) in data.matches.0.iter_mut().enumerate() {
            (row.query_id, row.label) = (at as u64, labels[at]);
        }
        data
    }

    #[test]
    fn a_query_meets_neither_itself_nor_its_copy() {
        // Nearest other of 10 is 13 (class 1); of 50 it is 13 as well.
        let data = grey([10, 50, 13, 200], [0, 1, 1, 0]);
        let queries: Vec<&MatchRow> = data.matches.0.iter().collect();
        assert_eq!(compared(&data, &queries), RawPixels::Accuracy(0.5));
        // Example 2 has the bytes of example 0: its nearest other is then 50, of class 1; that of 50 is 10, of class 0.
        let data = grey([10, 50, 10, 200], [1, 0, 1, 1]);
        let queries: Vec<&MatchRow> = data.matches.0.iter().collect();
        assert_eq!(compared(&data, &queries), RawPixels::Accuracy(0.0));
        assert!(matches!(raw_pixels(&data, &queries, &|| true), Err(ReportError::Stopped)));
    }

    #[test]
    fn what_a_report_compares_has_a_limit() {
        let mut data = grey([10, 50, 13, 200], [0, 1, 1, 0]);
        // Queries, images of the index, bytes of an image.
        let worth = |data: &mut ReportData, queries: usize, indexed: usize, side: u32| {
            data.index.label = vec![0; indexed];
            data.dataset.image = Some(ImageShape { height: side, width: side, channels: 3 });
            worth_reading(data, queries)
        };
        // The shipped experiments: 800 queries in 200 images of 32 x 32, 1,000 in 200.
        assert!(worth(&mut data, 800, 200, 32) && worth(&mut data, 1000, 200, 32));
        for (queries, indexed, side) in [(98_000, 2000, 8), (100_000, 100_000, 1), (10_000, 25_000, 32)] {
            assert!(!worth(&mut data, queries, indexed, side), "{queries} x {indexed}");
        }
        // Few queries are little work, but their images and those of the index are held at once: 241 MB and 302 MB.
        assert!(worth(&mut data, 10, 2000, 200) && !worth(&mut data, 10, 2000, 224));
        // No image is read then, and the page says why.
        data.images.clear();
        let queries: Vec<&MatchRow> = data.matches.0.iter().collect();
        let RawPixels::Skipped(reason) = compared(&data, &queries) else { panic!("it was computed") };
        assert!(reason.contains("not computed: 2 queries + 2,000 images of 150,528 bytes are more than"), "{reason}");
        assert!(reason.contains("the 256,000,000 bytes that a report holds. Plug a stage `baseline`"), "{reason}");
        let queries: Vec<&MatchRow> = data.matches.0.iter().cycle().take(2000).collect();
        data.index.label = vec![0; 20_000];
        data.dataset.image = Some(ImageShape { height: 6, width: 6, channels: 3 });
        let RawPixels::Skipped(reason) = compared(&data, &queries) else { panic!("it was computed") };
        assert!(reason.contains("not computed: 2,000 queries x 20,000 images of 108 bytes"), "{reason}");
        assert!(reason.contains("4,000,000,000 multiply-adds") && reason.contains("stage `baseline`"), "{reason}");
        data.dataset.image = None;
        assert!(!worth_reading(&data, 1));
        assert_eq!(compared(&data, &queries), RawPixels::Skipped(SEVERAL_SIZES.to_owned()));
    }

    #[test]
    fn images_of_several_sizes_are_not_compared() {
        let mut data = grey([10, 50, 13, 200], [0, 1, 1, 0]);
        let shape = ImageShape { height: 1, width: 2, channels: 1 };
        data.images.insert(3, Image { shape, pixels: vec![1, 2] });
        let queries: Vec<&MatchRow> = data.matches.0.iter().collect();
        assert!(matches!(compared(&data, &queries), RawPixels::Skipped(reason) if reason.contains("size")));
    }
}
