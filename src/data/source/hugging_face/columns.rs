//! Which columns of a Parquet file hold what, by its schema and by the features that `datasets` notes in its metadata.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use serde_json::Value as Json;

use super::malformed;
use crate::DataError;
use crate::source::table::is_plain;
use simpipe_artifact::About;
use simpipe_base::suggest;

const LABEL: [&str; 3] = ["label", "labels", "class"];

/// What the head of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Of all columns.
    pub(super) names: Vec<String>,
    /// Places of those that hold texts, numbers and the like.
    plain: Vec<usize>,
    pub(super) image: usize,
    pub(super) label: usize,
    /// Of the labels, where they are noted.
    pub(super) class_names: Option<Vec<String>>,
}

impl Head {
    /// Of a file whose columns may be named by the spec.
    pub(super) fn read(path: &Path, file: File, image: Option<&str>, label: Option<&str>) -> Result<Self, DataError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| malformed(path, &error))?;
        let schema = builder.schema();
        let features = features(builder.metadata().file_metadata().key_value_metadata());
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let unknown = |what: &str, wanted: &str| {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            DataError::Malformed {
                path: path.to_path_buf(),
                reason: format!("there is no column of {what} called `{wanted}`"),
                help: Some(format!("name it with `{wanted}`; {}", suggest::help(wanted, &known))),
            }
        };
        let place = |name: &str| names.iter().position(|column| column == name);
        let image = match image {
            Some(name) => place(name).filter(|at| holds_images(schema.field(*at).data_type())),
            None => image_column(schema, &features),
        };
        let image = image.ok_or_else(|| unknown("images", "image"))?;
        let noted = || names.iter().position(|name| features[name]["_type"] == "ClassLabel");
        let label = match label {
            Some(name) => place(name),
            None => LABEL.iter().find_map(|name| place(name)).or_else(noted),
        };
        let label = label.ok_or_else(|| unknown("labels", "label"))?;
        let text = |name: &Json| name.as_str().map(str::to_owned);
        let class_names = features[&names[label]]["names"].as_array().and_then(|all| all.iter().map(text).collect());
        let plain = (0..names.len()).filter(|at| is_plain(schema.field(*at).data_type())).collect();
        Ok(Self { names, plain, image, label, class_names })
    }

    /// The columns that examples are told apart by beside their class.
    pub(super) fn told(&self) -> Vec<String> {
        self.plain.iter().filter(|at| **at != self.label).map(|at| self.names[*at].clone()).collect()
    }

    /// The place of one of them.
    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.plain.iter().copied().find(|at| self.names[*at] == name)
    }

    /// Those that the artifact has.
    pub(super) fn about(&self) -> impl Iterator<Item = (&'static str, usize)> {
        About::COLUMNS.into_iter().filter_map(|name| Some((name, self.place_of(name)?)))
    }
}

/// What `datasets` notes: `{"info": {"features": {..}}}`.
fn features(metadata: Option<&Vec<KeyValue>>) -> Json {
    let noted = metadata.into_iter().flatten().find(|pair| pair.key == "huggingface");
    let json: Option<Json> = noted.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok());
    json.map_or(Json::Null, |json| json["info"]["features"].clone())
}

/// The one column of images, or the first that is noted as such.
fn image_column(schema: &Schema, features: &Json) -> Option<usize> {
    let holds = |at: &usize| holds_images(schema.field(*at).data_type());
    let noted = |at: &usize| features[schema.field(*at).name()]["_type"] == "Image";
    let mut all = (0..schema.fields().len()).filter(holds);
    let called = |at: &usize| matches!(schema.field(*at).name().as_str(), "image" | "img");
    all.clone().find(noted).or_else(|| all.clone().find(called)).or_else(|| all.next())
}

fn is_bytes(of: &DataType) -> bool {
    matches!(of, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

fn holds_images(of: &DataType) -> bool {
    match of {
        DataType::Struct(fields) => fields.iter().any(|field| field.name() == "bytes" && is_bytes(field.data_type())),
        other => is_bytes(other),
    }
}

/// An image file's bytes and its name, as far as they are there.
pub(super) type Image<'a> = (Option<&'a [u8]>, Option<&'a str>);

/// The images of a column.
pub(super) fn images(column: &dyn Array) -> Result<Vec<Image<'_>>, ArrowError> {
    let Some(parts) = column.as_struct_opt() else {
        return Ok(bytes(column)?.into_iter().map(|bytes| (bytes, None)).collect());
    };
    let missing = || ArrowError::SchemaError("there are no bytes in the column of images".to_owned());
    let names: Vec<Option<&str>> = match parts.column_by_name("path").and_then(|path| path.as_string_opt::<i32>()) {
        Some(paths) => paths.iter().collect(),
        None => vec![None; parts.len()],
    };
    Ok(bytes(parts.column_by_name("bytes").ok_or_else(missing)?)?.into_iter().zip(names).collect())
}

fn bytes(column: &dyn Array) -> Result<Vec<Option<&[u8]>>, ArrowError> {
    if let Some(bytes) = column.as_binary_opt::<i32>() {
        Ok(bytes.iter().collect())
    } else if let Some(bytes) = column.as_binary_opt::<i64>() {
        Ok(bytes.iter().collect())
    } else if let Some(bytes) = column.as_binary_view_opt() {
        Ok(bytes.iter().collect())
    } else {
        Err(ArrowError::SchemaError("the images are not bytes".to_owned()))
    }
}

/// Fills one column of what is known about rows.
pub(super) fn tell(name: &str, values: &[Option<String>], rows: &mut [About]) {
    for (row, value) in rows.iter_mut().zip(values) {
        let truth = value.as_deref().map(|value| matches!(value, "true" | "1" | "1.0" | "True"));
        match name {
            "group" => row.group.clone_from(value),
            "source" => row.source.clone_from(value),
            "category" => row.category.clone_from(value),
            "is_query" => row.is_query = truth,
            _ => row.is_gallery = truth,
        }
    }
}
