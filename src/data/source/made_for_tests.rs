//! Small sources that are written here and read back, for the tests of all of them.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;

use super::{Access, Loaded, Source};
use crate::DataError;
use simpipe_artifact::{About, Image};
use simpipe_base::digest::Digest;

/// A PNG file of one grey, 4 pixels wide and 2 high.
pub(super) fn png(value: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::GrayImage::from_pixel(4, 2, image::Luma([value])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Writes a file and the folders above it.
pub(super) fn write(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A shard of WebDataset with these files.
pub(super) fn shard(path: &Path, files: &[(&str, Vec<u8>)]) {
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.finish().unwrap();
}

/// A file as `datasets` writes it; the names of classes are noted only where there are some.
pub(super) fn parquet_file(path: &Path, images: &[(&str, &[u8])], labels: ArrayRef, names: &[&str]) {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(images.iter().map(|(_, bytes)| bytes)));
    let paths: ArrayRef =
        Arc::new(images.iter().map(|(name, _)| (!name.is_empty()).then_some(*name)).collect::<StringArray>());
    let image: ArrayRef = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
        (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
    ]));
    let group: ArrayRef = Arc::new(StringArray::from(vec!["g"; images.len()]));
    let field = |name: &str, of: &ArrayRef| Field::new(name, of.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field("image", &image), field("kind", &labels), field("group", &group)]));
    let batch = RecordBatch::try_new(schema.clone(), vec![image, labels, group]).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    if !names.is_empty() {
        let noted = serde_json::json!({ "info": { "features": {
            "image": { "_type": "Image" }, "kind": { "names": names, "_type": "ClassLabel" },
        } } });
        writer.append_key_value_metadata(KeyValue::new("huggingface".to_owned(), noted.to_string()));
    }
    writer.close().unwrap();
}

/// A source of this kind at a path.
pub(super) fn source(kind: &str, path: &Path) -> Source {
    with(kind, path, &serde_json::json!({}))
}

/// The same with more parameters.
pub(super) fn with(kind: &str, path: &Path, more: &serde_json::Value) -> Source {
    let mut params = more.clone();
    params["path"] = path.to_str().unwrap().into();
    simpipe_base::param::from_json(&serde_json::json!({ kind: params })).unwrap()
}

/// An example as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) split: String,
    pub(super) class: String,
    pub(super) name: String,
    pub(super) image: Image,
    pub(super) about: About,
    pub(super) value: Option<String>,
}

impl Seen {
    /// `split class name first-byte`.
    pub(super) fn short(&self) -> String {
        format!("{} {} {} {}", self.split, self.class, self.name, self.image.pixels[0])
    }
}

/// Loads all; what was said to be read must be what the key is made of.
pub(super) fn load(source: &Source, column: Option<&str>) -> Result<(Vec<Seen>, Loaded), DataError> {
    let read = std::cell::RefCell::new(Vec::new());
    let on_read = |name: &str, digest: Digest| read.borrow_mut().push((name.to_owned(), digest));
    let access = Access {
        downloads: Path::new(""),
        on_progress: &|_| (),
        stop: &|| false,
        on_read: &on_read,
        column,
        earlier: None,
        storage: &crate::Storage::Raw,
    };
    let mut seen = Vec::new();
    let loaded = source.loader().load(&access, &mut |example| {
        seen.push((
            example.label,
            Seen {
                split: example.split.to_owned(),
                class: String::new(),
                name: example.name.to_owned(),
                image: example.image.into_pixels().unwrap(),
                about: example.about,
                value: example.value.map(str::to_owned),
            },
        ));
        Ok(())
    })?;
    let known = source.loader().look(&access)?;
    assert_eq!(known.classes.as_ref(), Some(&loaded.classes), "a look tells the classes");
    assert_eq!(read.into_inner(), source.loader().digests(&Digest::of_file).unwrap(), "the key is of what was read");
    let class = |label: i32| loaded.classes[usize::try_from(label).unwrap()].clone();
    Ok((seen.into_iter().map(|(label, seen)| Seen { class: class(label), ..seen }).collect(), loaded))
}

/// The examples in short.
pub(super) fn short(source: &Source) -> Vec<String> {
    load(source, None).unwrap().0.iter().map(Seen::short).collect()
}

/// Why it can't be loaded, without the folder's name.
pub(super) fn refused(source: &Source, root: &Path) -> String {
    let error = load(source, None).map(|_| ()).unwrap_err();
    error.to_string().replace(root.to_str().unwrap(), "ROOT")
}

/// Damages a file in many places, one at a time; whatever is made of it, nothing may panic.
pub(super) fn damaged(file: &Path, mut read: impl FnMut()) {
    let whole = std::fs::read(file).unwrap();
    let step = whole.len().div_ceil(100).max(1);
    let cut = (0..whole.len()).step_by(step).map(|length| whole[..length].to_vec());
    let flipped = (0..whole.len()).step_by(step).flat_map(|at| {
        [0xff, 0x01].map(|mask| {
            let mut damaged = whole.clone();
            damaged[at] ^= mask;
            damaged
        })
    });
    for damaged in cut.chain(flipped) {
        std::fs::write(file, damaged).unwrap();
        read();
    }
    std::fs::write(file, whole).unwrap();
}

/// The same of a file of a source.
pub(super) fn survives(source: &Source, file: &Path) {
    damaged(file, || {
        let on_read = |_: &str, _| ();
        let access = Access {
            downloads: Path::new(""),
            on_progress: &|_| (),
            stop: &|| false,
            on_read: &on_read,
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        drop(source.loader().facts());
        drop(source.loader().digests(&Digest::of_file));
        drop(source.loader().load(&access, &mut |_| Ok(())));
    });
}
