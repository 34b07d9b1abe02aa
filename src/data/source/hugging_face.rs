//! Parquet files that hold images: a column of `struct<bytes, path>` and one of labels, as Hugging Face's `datasets` writes
//! them. The names of classes stand in the files' metadata.

mod columns;

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use self::columns::Head;
use super::class_names::{Classes, classes_of, named_by};
use super::listing::named;
use super::pictures::{Encoding, Stream};
use super::reader::Reader;
use super::shards::{self, Shard};
use super::table::{guarded, texts};
use super::{Access, DigestFile, Load, Loaded, OnCorrupt, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_artifact::About;
use simpipe_base::digest::Digest;
use simpipe_base::fs::open_regular;
use simpipe_base::param::SpecPath;
use simpipe_picture::DecodeOptions;

/// Rows that are held encoded at a time.
const ROWS: usize = 64;

picture_source! {
    /// Parquet files that hold images, as Hugging Face's `datasets` writes them: a column of images (`struct<bytes, path>`, or
    /// the bytes alone) and one of labels, whose names stand in the files' metadata.
    ///
    /// A file's split is told by its name (`train-00000-of-00002.parquet`) or its folder (`test/0000.parquet`); what tells
    /// nothing is `train`. Columns `group`, `source`, `category`, `is_query` and `is_gallery` are kept for evaluation and for
    /// `split`; any other of texts or numbers may divide the images too. Files compressed with Snappy, or not at all, are
    /// read.
    ///
    /// # Example
    ///
    /// ```toml
    /// { hugging-face = { path = "data", label = "fine_label", resize = [64, 64] } }
    /// ```
    pub struct HuggingFace {
        /// A `.parquet` file, or the folder that holds them at any depth.
        #[aka("dir", "root", "folder", "data_dir", "data_files", "location", "file", "url")]
        path: SpecPath,
        /// The column of images, where there are several.
        #[aka("image_column", "img", "image_key")]
        image: Option<String> = None,
        /// The column of labels, where it is not called `label` or `labels`.
        #[aka("label_column", "target", "class", "y")]
        label: Option<String> = None,
    }
}

/// A file, its columns, and the label of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Labelled {
    shard: Shard,
    head: Head,
    labels: Vec<Option<String>>,
}

/// All files.
struct Listed {
    files: Vec<Labelled>,
    classes: Classes,
}

fn malformed(path: &Path, error: &dyn std::fmt::Display) -> DataError {
    DataError::malformed(path, error.to_string())
}

/// The rows of some columns, a few at a time.
fn rows(
    path: &Path,
    file: File,
    columns: &[usize],
    at_a_time: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, DataError>> + use<>, DataError> {
    let mut reader = guarded(path, || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| malformed(path, &error))?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(at_a_time).build();
        reader.map_err(|error| malformed(path, &error))
    })?;
    let path = path.to_path_buf();
    let next =
        move || guarded(&path, || reader.next().transpose().map_err(|error| malformed(&path, &error))).transpose();
    Ok(std::iter::from_fn(next))
}

impl HuggingFace {
    /// The labels of a file, by its columns.
    fn labels(shard: &Shard, head: &Head, file: File) -> Result<Vec<Option<String>>, DataError> {
        let mut labels = Vec::new();
        for batch in rows(&shard.path, file, &[head.label], 8192)? {
            labels.extend(texts(batch?.column(0)).map_err(|error| malformed(&shard.path, &error))?);
        }
        Ok(labels)
    }

    fn labelled(&self, shard: Shard) -> Result<Labelled, DataError> {
        let open = || open_regular(&shard.path).map_err(DataError::io("read", &shard.path));
        let file = open()?;
        let head =
            guarded(&shard.path, || Head::read(&shard.path, file, self.image.as_deref(), self.label.as_deref()))?;
        let labels = Self::labels(&shard, &head, open()?)?;
        Ok(Labelled { shard, head, labels })
    }

    fn list(&self) -> Result<Listed, DataError> {
        let files = shards::shards(&self.path.resolved, "parquet")?;
        let files = files.into_iter().map(|shard| self.labelled(shard)).collect::<Result<Vec<_>, _>>()?;
        let labels: Vec<Option<String>> = files.iter().flat_map(|file| file.labels.clone()).collect();
        let classes = match files.iter().find_map(|file| file.head.class_names.as_deref()) {
            Some(names) => named_by(names, &labels),
            None => classes_of(&labels),
        };
        let classes = classes.map_err(|wrong| {
            let wrong: Vec<String> = wrong.into_iter().map(|(row, what)| format!("row {}: {what}", row + 1)).collect();
            DataError::Malformed {
                path: self.path.resolved.clone(),
                reason: named(&wrong, super::listing::NAMED),
                help: Some("give every image a class; rows are counted over all files".to_owned()),
            }
        })?;
        Ok(Listed { files, classes })
    }

    /// Hands out the rows of a file.
    fn stream(
        file: &Labelled,
        labels: &[usize],
        read: File,
        column: Option<&str>,
        stream: &mut Stream<'_, '_>,
    ) -> Result<(), DataError> {
        let Labelled { shard, head, .. } = file;
        let value = column.and_then(|name| head.place_of(name));
        let wanted: Vec<usize> = head.about().map(|(_, at)| at).chain(value).chain([head.image]).collect();
        let uneven = || malformed(&shard.path, &"it is damaged: it has not as many images as labels");
        let mut row = 0;
        for batch in rows(&shard.path, read, &wanted, ROWS)? {
            let batch = batch?;
            let column = |at: usize| {
                let column = batch.column_by_name(&head.names[at]);
                column.ok_or_else(|| malformed(&shard.path, &format!("there is no column `{}`", head.names[at])))
            };
            let text = |at: usize| texts(column(at)?).map_err(|error| malformed(&shard.path, &error));
            let mut about = vec![About::default(); batch.num_rows()];
            for (name, at) in head.about() {
                columns::tell(name, &text(at)?, &mut about);
            }
            let values = value.map(text).transpose()?;
            let images = columns::images(column(head.image)?).map_err(|error| malformed(&shard.path, &error))?;
            for (at, ((bytes, name), about)) in images.into_iter().zip(about).enumerate() {
                let label = labels.get(row).ok_or_else(uneven)?;
                let name = name.map_or_else(|| row.to_string(), str::to_owned);
                stream.push(Encoding {
                    split: shard.split.clone(),
                    label: i32::try_from(*label).expect("fewer classes than rows than 2^31"),
                    name: format!("{}/{name}", shard.name),
                    bytes: bytes.unwrap_or_default().to_vec(),
                    about,
                    value: values.as_ref().and_then(|values| values[at].clone()),
                })?;
                row += 1;
            }
        }
        if row == labels.len() { Ok(()) } else { Err(uneven()) }
    }
}

impl Load for HuggingFace {
    fn description(&self) -> &'static str {
        "images in Parquet files"
    }

    fn facts(&self) -> SourceFacts {
        let (pictures, Ok(listed)) = (self.to_pictures(), self.list()) else { return SourceFacts::default() };
        let mut counts: std::collections::BTreeMap<String, Vec<usize>> = std::collections::BTreeMap::new();
        let mut labels = listed.classes.of_rows.iter();
        for file in &listed.files {
            let per_class = counts.entry(file.shard.split.clone());
            let per_class = per_class.or_insert_with(|| vec![0; listed.classes.names.len()]);
            labels.by_ref().take(file.labels.len()).for_each(|label| per_class[*label] += 1);
        }
        let splits = counts.into_iter().map(|(split, counts)| (split, SplitCounts::of_classes(counts))).collect();
        SourceFacts {
            classes: Some(listed.classes.names),
            image: pictures.shape(),
            splits: (pictures.on_corrupt == OnCorrupt::Fail).then_some(splits),
            columns: listed.files.first().map(|file| file.head.told()).unwrap_or_default(),
        }
    }

    fn decoding(&self) -> Option<DecodeOptions> {
        Some(self.to_pictures().options)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let listed = self.list()?;
        let shards: Vec<Shard> = listed.files.into_iter().map(|file| file.shard).collect();
        shards::digests(&shards, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let Listed { files, classes } = self.list()?;
        let (pictures, reader) = (self.to_pictures(), Reader::of_all(access.stop));
        let mut stream = Stream::new(&pictures, access, classes.of_rows.len(), sink);
        let mut labels = classes.of_rows.as_slice();
        for file in &files {
            let whole = shards::open(&file.shard, &reader, access)?;
            // What was listed before is what is in the file that was hashed.
            if Self::labels(&file.shard, &file.head, whole.file()?)? != file.labels {
                return Err(DataError::Moved { path: file.shard.path.clone() });
            }
            let (here, later) = labels.split_at(file.labels.len());
            Self::stream(file, here, whole.file()?, access.column, &mut stream)?;
            labels = later;
            whole.finish()?;
        }
        let loaded = stream.finish(|| Ok(()))?;
        Ok(Loaded { classes: classes.names, ..loaded })
    }
}

#[cfg(test)]
#[path = "hugging_face/hugging_face_tests.rs"]
mod tests;
