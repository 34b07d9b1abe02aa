//! The 4,000 CIFAR-10 images inside the program, so that a first experiment needs no download.
//!
//! `images.parquet` (columns `split`, `label`, `image`: a JPEG file) is described in the README.md beside it and
//! written by the ignored test at the end of this file.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_base::digest::Digest;
use simpipe_picture::{DecodeOptions, decode};

static IMAGES: &[u8] = include_bytes!("images.parquet");

/// The classes of CIFAR-10, in the order of their labels.
pub(crate) const CLASSES: [&str; 10] =
    ["Airplane", "Automobile", "Bird", "Cat", "Deer", "Dog", "Frog", "Horse", "Ship", "Truck"];

/// Images of each class, by split, in the order of the file.
const PER_CLASS: [(&str, usize); 2] = [("train", 300), ("test", 100)];

/// Images decoded at a time.
const PIECE: usize = 500;

simpipe_base::params! {
    /// 4,000 images of CIFAR-10 inside the program.
    pub struct Cifar10Sample {}
}

impl Load for Cifar10Sample {
    fn description(&self) -> &'static str {
        "4,000 images of CIFAR-10 (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009), \
         re-encoded as JPEG; its authors state no licence: cite the report"
    }

    fn facts(&self) -> SourceFacts {
        let counts = |(split, count): (&str, usize)| (split.to_owned(), SplitCounts::of_classes(vec![count; 10]));
        SourceFacts {
            classes: Some(CLASSES.map(str::to_owned).to_vec()),
            image: Some([32, 32, 3]),
            splits: Some(BTreeMap::from(PER_CLASS.map(counts))),
            ..SourceFacts::default()
        }
    }

    fn digests(&self, _: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        Ok(content())
    }

    fn places(&self, _: &std::path::Path) -> Vec<Place> {
        Vec::new()
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        access.has_read(&content());
        let rows = rows().expect("the embedded file is a Parquet file of the three columns");
        for (at, piece) in rows.chunks(PIECE).enumerate() {
            let options = DecodeOptions::default();
            let decoded: Vec<_> = piece.into_par_iter().map(|row| decode(&row.jpeg, &options)).collect();
            for (row, image) in piece.iter().zip(decoded) {
                let image = image.expect("the embedded images are JPEG files").image;
                sink(Example::new(&row.split, row.label, image))?;
            }
            access.images(at * PIECE + piece.len(), rows.len())?;
        }
        Ok(Loaded { classes: CLASSES.map(str::to_owned).to_vec(), ..Loaded::default() })
    }
}

/// Nobody can change it while it is read.
fn content() -> Vec<(String, Digest)> {
    vec![("images".to_owned(), Digest::of(IMAGES))]
}

struct Row {
    split: String,
    label: i32,
    jpeg: Vec<u8>,
}

fn rows() -> Result<Vec<Row>, ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from_static(IMAGES))?.build()?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch?;
        let [split, label, jpeg] = batch.columns() else {
            return Err(ParquetError::General("three columns expected".to_owned()));
        };
        let (split, label, jpeg) =
            (split.as_string::<i32>(), label.as_primitive::<Int32Type>(), jpeg.as_binary::<i64>());
        rows.extend((0..split.len()).map(|row| Row {
            split: split.value(row).to_owned(),
            label: label.value(row),
            jpeg: jpeg.value(row).to_vec(),
        }));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use arrow::array::LargeBinaryArray;

    use super::*;
    use crate::sampler::draw;
    use simpipe_artifact::ImageShape;
    use simpipe_artifact::table::{Column, write_parquet};
    use simpipe_base::seed::Seed;

    #[test]
    fn the_embedded_file_holds_what_the_facts_say() {
        assert!(IMAGES.len() < 5_000_000);
        let mut counts: BTreeMap<(String, i32), usize> = BTreeMap::new();
        let mut digests = std::collections::BTreeSet::new();
        let (mut last, mut reports) = (None, std::cell::Cell::new(0));
        let access = Access {
            downloads: Path::new(""),
            on_progress: &|_| reports.set(reports.get() + 1),
            stop: &|| false,
            on_read: &|_, _| (),
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        let mut sink = |example: Example<'_>| {
            *counts.entry((example.split.to_owned(), example.label)).or_default() += 1;
            assert_eq!(example.image.shape(), ImageShape { height: 32, width: 32, channels: 3 });
            digests.insert(example.image.digest());
            last = Some(example.label);
            Ok(())
        };
        let loaded = Cifar10Sample {}.load(&access, &mut sink).unwrap();
        let facts = Cifar10Sample {}.facts();
        assert_eq!(Some(loaded.classes), facts.classes);
        let splits = facts.splits.unwrap();
        for ((split, label), count) in &counts {
            assert_eq!(splits[split].per_class.as_ref().unwrap()[usize::try_from(*label).unwrap()], *count);
        }
        assert_eq!(counts.len(), 20);
        assert_eq!(digests.len(), 4000, "no image is there twice");
        assert_eq!(*reports.get_mut(), 8);
    }

    /// Writes the embedded file anew: `SIMPIPE_CIFAR10_JPEG=FOLDER cargo test --lib write_the_embedded_file --
    /// --ignored`, where FOLDER holds `train/<class>/*.jpg` and `test/<class>/*.jpg` of all 60,000 images.
    #[test]
    #[ignore = "writes into the sources; needs a folder of all images"]
    fn write_the_embedded_file() {
        let root = PathBuf::from(std::env::var("SIMPIPE_CIFAR10_JPEG").unwrap());
        let seed = Seed::of_stage(2009, "cifar10-sample", None);
        let (mut splits, mut labels, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for (split, count) in PER_CLASS {
            for (label, class) in (0..).zip(CLASSES) {
                let folder = root.join(split).join(class.to_lowercase());
                let mut files: Vec<PathBuf> =
                    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
                files.sort();
                let mut chosen = draw::distinct(&mut seed.rng(split, &[label]), files.len(), count);
                chosen.sort_unstable();
                for file in chosen {
                    splits.push(split);
                    labels.push(i32::try_from(label).unwrap());
                    images.push(std::fs::read(&files[file]).unwrap());
                }
            }
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("source/cifar10_sample/images.parquet");
        let columns = vec![
            Column::text("split", &splits),
            Column::i32("label", &labels),
            Column::new("image", LargeBinaryArray::from_iter_values(&images)),
        ];
        write_parquet(&path, columns).unwrap();
    }
}
