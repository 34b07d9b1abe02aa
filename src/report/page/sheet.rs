//! The sheet of small images that maps and confusion matrices of a page share.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use simpipe_artifact::{Image, ImageShape};

use crate::ReportData;
use crate::inline::address;
use crate::mark::thumbnail;

/// What the sheet of images may take, in bytes of raw colours.
const SHEET: usize = 1_600_000;
/// The longest side of a sheet that every browser draws, in pixels.
const LONGEST: usize = 4096;

/// Small images side by side.
pub(super) struct Sheet {
    ids: Vec<u64>,
    side: usize,
    columns: usize,
    image: Option<Image>,
}

impl Sheet {
    /// Of the images that are there, as many as a sheet has room for.
    pub(super) fn of(data: &ReportData, ids: Vec<u64>) -> Self {
        let there: BTreeSet<u64> = ids.into_iter().filter(|id| data.images.contains_key(id)).collect();
        let mut ids: Vec<u64> = there.into_iter().collect();
        let side = ((SHEET / 3 / ids.len().max(1)) as f64).sqrt().clamp(8.0, 32.0) as usize;
        let most = LONGEST / side;
        ids.truncate(most * most);
        let columns = ids.len().min(most).max(1);
        let rows = ids.len().div_ceil(columns);
        let shape = ImageShape { height: (rows * side) as u32, width: (columns * side) as u32, channels: 3 };
        let mut image = Image { shape, pixels: vec![255; shape.bytes()] };
        for (at, id) in ids.iter().enumerate() {
            put(&mut image, &thumbnail(&data.images[id], side), (at % columns * side, at / columns * side));
        }
        Self { image: (!ids.is_empty()).then_some(image), ids, side, columns }
    }

    /// Where the image of an example is; the largest number if it is not there.
    pub(super) fn place(&self, id: u64) -> u64 {
        self.ids.binary_search(&id).map_or(u64::from(u32::MAX), |at| at as u64)
    }

    /// As the script reads it.
    pub(super) fn json(&self) -> Json {
        let Some(address) = self.image.as_ref().and_then(|image| address(image).ok()) else { return Json::Null };
        json!({ "side": self.side, "columns": self.columns, "address": address })
    }
}

/// Copies a small image into a sheet; a grey one becomes one of colours.
fn put(sheet: &mut Image, image: &Image, (left, top): (usize, usize)) {
    let width = sheet.shape.width as usize;
    let (rows, columns, channels) =
        (image.shape.height as usize, image.shape.width as usize, image.shape.channels as usize);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let from = (row * columns + column) * channels + channel.min(channels - 1);
                sheet.pixels[((top + row) * width + left + column) * 3 + channel] = image.pixels[from];
            }
        }
    }
}
