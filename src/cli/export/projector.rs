//! `projector`: embeddings as the Embedding Projector of TensorBoard reads them: vectors and labels as TSV, pictures as one
//! sprite, and the file that ties them together.

use std::fmt::Write;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde_json::json;

use super::embeddings::{self, StoredEmbeddings};
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::cli::tile::colour;
use crate::error::Error;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_base::visible::visible;

/// A folder for the Embedding Projector.
pub(super) struct Projector;

/// Pixels that a sprite has a side, at most: what the projector reads.
const SPRITE: usize = 8192;
/// Pixels that a picture of it has a side, at most.
const TILE: usize = 48;
/// Below that nothing can be told on a picture.
const SMALLEST: usize = 8;

impl RunFormat for Projector {
    fn name(&self) -> &'static str {
        "projector"
    }

    fn about(&self) -> &'static str {
        "a folder for TensorBoard's Embedding Projector: vectors, labels and pictures of every stage `embed`"
    }

    fn takes_stage(&self) -> bool {
        true
    }

    fn target(&self) -> &'static str {
        "a folder"
    }

    fn default_output(&self, _: &str) -> Option<String> {
        Some("projector".to_owned())
    }

    /// `DIR/projector_config.pbtxt`, and `vectors.tsv`, `metadata.tsv` and `sprite.png` in a folder for each stage `embed`. The
    /// same run gives the same bytes.
    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        let folder = Path::new(output);
        let config = folder.join("projector_config.pbtxt");
        if folder.is_file() {
            return Err(Error::usage(format!("`{output}` is a file"), "name a folder: `--projector DIR`"));
        }
        if config.is_file() && !force {
            let help = "choose another folder, or overwrite it with `--force`";
            return Err(Error::usage(format!("`{}` already exists", config.display()), help));
        }
        let all = embeddings::of(run)?;
        let (mut text, mut files, mut vectors) = (String::new(), Vec::new(), 0);
        for one in &all {
            let name = &one.name;
            vectors += one.rows.len();
            files.push((folder.join(name).join("vectors.tsv"), vectors_of(one).into_bytes()));
            files.push((folder.join(name).join("metadata.tsv"), metadata(one).into_bytes()));
            let sprite = sprite(one)?;
            // A string takes all that is written. Stages are called by words.
            let _ = write!(
                text,
                "embeddings {{\n  tensor_name: \"{name}\"\n  tensor_path: \"{name}/vectors.tsv\"\n  metadata_path: \
                 \"{name}/metadata.tsv\"\n"
            );
            if let Some((side, bytes)) = sprite {
                let _ = write!(
                    text,
                    "  sprite {{\n    image_path: \"{name}/sprite.png\"\n    single_image_dim: {side}\n    \
                     single_image_dim: {side}\n  }}\n"
                );
                files.push((folder.join(name).join("sprite.png"), bytes));
            }
            text.push_str("}\n");
        }
        files.push((config, text.into_bytes()));
        let _writing = LeftToEnd::begin();
        for (path, bytes) in &files {
            let help = "choose a writable folder: `--projector DIR`";
            sink::write(path, bytes).map_err(|error| sink::unwritable(path, &error, help))?;
        }
        let paths: Vec<_> = files.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
        let (count, said) = (print::thousands(vectors), shown(folder.display()));
        Ok(Sent {
            json: json!({ "folder": output, "files": paths, "vectors": vectors }),
            words: format!(
                "wrote {count} vectors below {said}; `tensorboard --logdir {said}` shows them as a projector"
            ),
        })
    }
}

/// A line a row, its numbers between tabs.
fn vectors_of(one: &StoredEmbeddings) -> String {
    let mut text = String::with_capacity(one.rows.values.len() * 12);
    for row in 0..one.rows.len() {
        for (at, value) in one.rows.row(row).iter().enumerate() {
            let _ = write!(text, "{}{value}", if at == 0 { "" } else { "\t" });
        }
        text.push('\n');
    }
    text
}

/// A head and a line a row: what is no vector.
fn metadata(one: &StoredEmbeddings) -> String {
    let mut text = String::from("label\tsplit\texample_id\n");
    for row in 0..one.rows.len() {
        // A class may be called anything: its tabs and ends of lines are shown by their escapes.
        let (class, split) = (visible(one.class(row)), visible(&one.rows.split[row]));
        let _ = writeln!(text, "{class}\t{split}\t{}", one.rows.example_id[row]);
    }
    text
}

/// The pictures row by row in a square, and how many pixels one has a side; none where they would be too small to be seen.
fn sprite(one: &StoredEmbeddings) -> Result<Option<(usize, Vec<u8>)>, Error> {
    let count = one.rows.len();
    let across = (1..).find(|across: &usize| across * across >= count).unwrap_or(1).max(1);
    let side = TILE.min(SPRITE / across);
    if side < SMALLEST || count == 0 {
        return Ok(None);
    }
    let width = across * side;
    let mut pixels = vec![255_u8; 3 * width * width];
    for (place, id) in one.rows.example_id.iter().enumerate() {
        let found = one.images.find(*id)?;
        let image = one.images.pixels(&found)?;
        let (top, left) = (place / across * side, place % across * side);
        for y in 0..side {
            let row = 3 * ((top + y) * width + left);
            for (x, pixel) in pixels[row..row + 3 * side].chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&colour(found.shape, &image, (y, x), side));
            }
        }
    }
    let mut bytes = Vec::new();
    let length = u32::try_from(width).unwrap_or(u32::MAX);
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, length, length, ExtendedColorType::Rgb8)
        .map_err(|error| Error::Output(std::io::Error::other(error.to_string())))?;
    Ok(Some((side, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::{Embeddings, ExamplesWriter, Image, ImageShape, Images};

    fn stored(folder: &Path) -> StoredEmbeddings {
        let examples = folder.join("examples.parquet");
        let shape = ImageShape { height: 2, width: 2, channels: 1 };
        let mut writer = ExamplesWriter::new(&examples);
        (0..5).for_each(|at| writer.push("test", at % 2, Image { shape, pixels: vec![50 * at as u8; 4] }).unwrap());
        writer.finish().unwrap();
        let images = Images::beside(&examples).unwrap();
        let rows = Embeddings {
            example_id: vec![4, 0, 2],
            label: vec![0, 1, 0],
            split: vec!["test".to_owned(); 3],
            values: vec![0.5, -1.0, 1e-9, 0.0, 3.0, 0.25],
            dim: 2,
            ..Embeddings::default()
        };
        StoredEmbeddings { name: "embed".to_owned(), rows, classes: vec!["a\tb".to_owned(), "c".to_owned()], images }
    }

    #[test]
    fn rows_labels_and_pictures_stand_in_one_order() {
        let folder = tempfile::tempdir().unwrap();
        let one = stored(folder.path());
        assert_eq!(vectors_of(&one), "0.5\t-1\n0.000000001\t0\n3\t0.25\n");
        assert_eq!(metadata(&one), "label\tsplit\texample_id\na\\tb\ttest\t4\nc\ttest\t0\na\\tb\ttest\t2\n");
        let (side, bytes) = sprite(&one).unwrap().unwrap();
        let sprite = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!((side, sprite.dimensions()), (48, (96, 96)));
        let at = |x: u32, y: u32| sprite.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(48, 0), at(0, 48), at(48, 48)], [200, 0, 100, 255], "the fourth place is empty");
    }
}
