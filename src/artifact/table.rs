//! Parquet and Arrow IPC files: columns in, columns out.
//!
//! Every writer here gives the same bytes for the same columns: no statistics of the machine, no dates.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, PrimitiveArray,
    RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int32Type, Schema, SchemaRef, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::{root_as_footer, root_as_message};
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::ArtifactError;
use super::parts::mapped;

/// Rows of a Parquet row group: enough to compress well, few enough to hold a batch of images in memory.
pub const ROW_GROUP: usize = 8192;

/// A named column.
pub struct Column {
    /// snake_case.
    pub name: String,
    /// The values.
    pub values: ArrayRef,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl Column {
    /// A column without missing values.
    pub fn new(name: impl Into<String>, values: impl Array + 'static) -> Self {
        Self { name: name.into(), values: Arc::new(values), nullable: false }
    }

    /// A column in which values may be missing.
    pub fn nullable(name: impl Into<String>, values: impl Array + 'static) -> Self {
        Self { name: name.into(), values: Arc::new(values), nullable: true }
    }

    /// A column of `u64`.
    pub fn u64(name: &str, values: &[u64]) -> Self {
        Self::new(name, UInt64Array::from(values.to_vec()))
    }

    /// A column of `u32`.
    pub fn u32(name: &str, values: &[u32]) -> Self {
        Self::new(name, UInt32Array::from(values.to_vec()))
    }

    /// A column of `i32`.
    pub fn i32(name: &str, values: &[i32]) -> Self {
        Self::new(name, Int32Array::from(values.to_vec()))
    }

    /// A column of `f32`.
    pub fn f32(name: &str, values: &[f32]) -> Self {
        Self::new(name, Float32Array::from(values.to_vec()))
    }

    /// A column of `f64`.
    pub fn f64(name: &str, values: &[f64]) -> Self {
        Self::new(name, Float64Array::from(values.to_vec()))
    }

    /// A column of truth values.
    pub fn bool(name: &str, values: &[bool]) -> Self {
        Self::new(name, BooleanArray::from(values.to_vec()))
    }

    /// A column of text.
    pub fn text<T: AsRef<str>>(name: &str, values: &[T]) -> Self {
        Self::new(name, StringArray::from_iter_values(values.iter().map(AsRef::as_ref)))
    }

    /// A column of vectors: `values` holds them row after row, `dim` numbers each.
    ///
    /// # Panics
    /// If `values` is not a whole number of rows.
    pub fn vectors(name: &str, values: &[f32], dim: usize) -> Self {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let size = i32::try_from(dim).expect("an embedding has fewer than 2^31 numbers");
        let values = Arc::new(Float32Array::from(values.to_vec()));
        Self::new(name, FixedSizeListArray::new(item, size, values, None))
    }

    /// The same of values that are shared, and not copied.
    ///
    /// # Panics
    /// As [`Column::vectors`].
    pub fn shared_vectors(name: &str, values: &ScalarBuffer<f32>, dim: usize) -> Self {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let size = i32::try_from(dim).expect("an embedding has fewer than 2^31 numbers");
        let values = Arc::new(Float32Array::new(values.clone(), None));
        Self::new(name, FixedSizeListArray::new(item, size, values, None))
    }
}

fn batch(path: &Path, columns: Vec<Column>) -> Result<RecordBatch, ArtifactError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.values.data_type().clone(), column.nullable))
        .collect();
    let values = columns.into_iter().map(|column| column.values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).map_err(|error| ArtifactError::malformed(path, error))
}

/// Writes a Parquet file in pieces.
pub struct ParquetWriter {
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl ParquetWriter {
    /// A writer that creates the file with its first piece.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), writer: None }
    }

    /// Appends rows; every piece must have the same columns.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn append(&mut self, columns: Vec<Column>) -> Result<(), ArtifactError> {
        let batch = batch(&self.path, columns)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(open_writer(&self.path, batch.schema())?),
        };
        writer.write(&batch).map_err(|error| ArtifactError::unwritten(&self.path, error))
    }

    /// Ends the row group that the next piece would go on with: its columns are held in memory until then.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn end_row_group(&mut self) -> Result<(), ArtifactError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.flush().map_err(|error| ArtifactError::unwritten(&self.path, error))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(self) -> Result<(), ArtifactError> {
        if let Some(writer) = self.writer {
            writer.close().map_err(|error| ArtifactError::unwritten(&self.path, error))?;
        }
        Ok(())
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("simpipe".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build()
}

fn open_writer(path: &Path, schema: SchemaRef) -> Result<ArrowWriter<File>, ArtifactError> {
    let file = File::create(path).map_err(|error| ArtifactError::io("create", path, error))?;
    ArrowWriter::try_new(file, schema, Some(properties())).map_err(|error| ArtifactError::unwritten(path, error))
}

/// A whole Parquet file, which errors call by `path`.
///
/// # Errors
/// If the columns don't belong together.
pub fn parquet_bytes(path: &Path, columns: Vec<Column>) -> Result<Vec<u8>, ArtifactError> {
    let batch = batch(path, columns)?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties())).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.into_inner().map_err(bad)
}

/// A whole Arrow IPC file, which errors call by `path`.
///
/// # Errors
/// If the columns don't belong together.
pub fn arrow_bytes(path: &Path, columns: Vec<Column>) -> Result<Vec<u8>, ArtifactError> {
    let batch = batch(path, columns)?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.into_inner().map_err(bad)
}

/// Writes a whole Parquet file.
///
/// # Errors
/// If the file can't be written.
pub fn write_parquet(path: &Path, columns: Vec<Column>) -> Result<(), ArtifactError> {
    let mut writer = ParquetWriter::new(path);
    writer.append(columns)?;
    writer.finish()
}

/// Writes a whole Arrow IPC file.
///
/// # Errors
/// If the file can't be written.
pub fn write_arrow(path: &Path, columns: Vec<Column>) -> Result<(), ArtifactError> {
    let batch = batch(path, columns)?;
    let file = File::create(path).map_err(|error| ArtifactError::io("create", path, error))?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &batch.schema()).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.finish().map_err(bad)
}

/// The names of a Parquet file's columns: nothing but its schema is read.
///
/// # Errors
/// If the file can't be read.
pub fn parquet_names(path: &Path) -> Result<Vec<String>, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
    Ok(builder.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// How many rows a Parquet file says that it has.
///
/// # Errors
/// If the file can't be read.
pub fn parquet_rows(path: &Path) -> Result<usize, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
    let rows = builder.metadata().file_metadata().num_rows();
    usize::try_from(rows).map_err(|_| ArtifactError::malformed(path, "it has less than no rows"))
}

/// The batches of an Arrow IPC file in memory, which stay there.
fn mapped_batches(whole: &Buffer, names: Option<&[&str]>) -> Result<Vec<RecordBatch>, ArrowError> {
    let short = || ArrowError::ParseError("it is cut short".to_owned());
    // Behind the footer stand its length and the name of the format.
    let end = whole.len().checked_sub(10).ok_or_else(short)?;
    let footer_length = read_footer_length(whole[end..].try_into().map_err(|_| short())?)?;
    let begin = end.checked_sub(footer_length).ok_or_else(short)?;
    let footer = root_as_footer(&whole[begin..end]).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    let schema = Arc::new(try_fb_to_schema(footer.schema().ok_or_else(short)?)?);
    if let Some(field) = schema.fields().iter().find(|field| !is_plain(field.data_type())) {
        return Err(ArrowError::SchemaError(format!("its column `{}` is of a type that no table has", field.name())));
    }
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    if let Some(names) = names {
        let wanted = schema.fields().iter().enumerate().filter(|(_, field)| names.contains(&field.name().as_str()));
        decoder = decoder.with_projection(wanted.map(|(at, _)| at).collect());
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().iter().flatten() {
        let part = |number: i64| usize::try_from(number).map_err(|_| short());
        let (offset, body) = (part(block.offset())?, part(block.bodyLength())?);
        let head = part(block.metaDataLength().into())?;
        let length = body.checked_add(head).ok_or_else(short)?;
        if offset.checked_add(length).is_none_or(|end| end > begin) {
            return Err(short());
        }
        let data = whole.slice_with_length(offset, length);
        expect_inside(&schema, &data[..head], body)?;
        batches.extend(decoder.read_record_batch(block, &data)?);
    }
    Ok(batches)
}

/// Numbers, truth values, text, or vectors of numbers.
fn is_plain(kind: &DataType) -> bool {
    match kind {
        DataType::FixedSizeList(item, _) => item.data_type().is_primitive(),
        other => other.is_primitive() || matches!(other, DataType::Boolean | DataType::Utf8),
    }
}

/// Whether all that the head of a batch names lies inside of its body, and can be counted: the decoder takes its word for that,
/// and panics where it does not.
fn expect_inside(schema: &Schema, head: &[u8], body: usize) -> Result<(), ArrowError> {
    let bad = |what: &str| ArrowError::ParseError(what.to_owned());
    // The length of the message comes first, behind a mark in all but the oldest files.
    let begin = if head.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message = head.get(begin..).ok_or_else(|| bad("it is cut short"))?;
    let message = root_as_message(message).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    let batch = message.header_as_record_batch().ok_or_else(|| bad("it has a block that is not a batch"))?;
    let whole = |number: i64| usize::try_from(number).ok();
    // Of text the second buffer holds where each begins, in four bytes; vectors have one of their own and two of their numbers.
    let (mut buffers, mut offsets, mut longest) = (0, Vec::new(), 1);
    for field in schema.fields() {
        buffers += match field.data_type() {
            DataType::Utf8 => {
                offsets.push(buffers + 1);
                3
            }
            DataType::FixedSizeList(_, dim) => {
                longest = longest.max(usize::try_from(*dim).unwrap_or(0));
                3
            }
            _ => 2,
        };
    }
    let inside = |(at, offset, length): (usize, i64, i64)| {
        let end = whole(offset)?.checked_add(whole(length)?).filter(|end| *end <= body);
        end.filter(|_| !offsets.contains(&at) || length % 4 == 0)
    };
    let (named, counted) = (batch.buffers(), batch.nodes());
    let mut named = named.iter().flatten().enumerate().map(|(at, buffer)| (at, buffer.offset(), buffer.length()));
    let mut rows = counted.iter().flatten().map(|node| whole(node.length()));
    let counted = rows.all(|rows| rows.is_some_and(|rows| rows.checked_mul(longest).is_some()));
    match counted && named.all(|buffer| inside(buffer).is_some()) {
        true => Ok(()),
        false => Err(bad("it names bytes that it has not")),
    }
}

/// The columns of a file that was read whole.
pub struct Columns {
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

impl Columns {
    /// Reads columns of a Parquet file: those named, or all.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_parquet(path: &Path, names: Option<&[&str]>) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
        let mask = names.map_or_else(ProjectionMask::all, |names| {
            ProjectionMask::columns(builder.parquet_schema(), names.iter().copied())
        });
        let reader = builder
            .with_projection(mask)
            .with_batch_size(ROW_GROUP)
            .build()
            .map_err(|error| ArtifactError::malformed(path, error))?;
        let batches = reader.collect::<Result<_, _>>().map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Hands the columns of a Parquet file to `take` a row group after the other, so that only one is in memory.
    ///
    /// # Errors
    /// If the file can't be read, and those of `take`.
    pub fn each_of_parquet(
        path: &Path,
        mut take: impl FnMut(&Self) -> Result<(), ArtifactError>,
    ) -> Result<(), ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let reader = builder.and_then(|builder| builder.with_batch_size(ROW_GROUP).build());
        for batch in reader.map_err(|error| ArtifactError::malformed(path, error))? {
            let batch = batch.map_err(|error| ArtifactError::malformed(path, error))?;
            take(&Self { path: path.to_path_buf(), batches: vec![batch] })?;
        }
        Ok(())
    }

    /// Reads an Arrow IPC file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_arrow(path: &Path) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::BufReader::new(file), None)
            .map_err(|error| ArtifactError::malformed(path, error))?;
        let batches = reader.collect::<Result<_, _>>().map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Opens an Arrow IPC file by mapping: columns of numbers are read when they are looked at, those of text are checked. Of
    /// columns that are not named nothing is looked at.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn map_arrow(path: &Path, names: Option<&[&str]>) -> Result<Self, ArtifactError> {
        let batches = mapped_batches(&mapped(path)?, names).map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Column names in the file's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.batches
            .first()
            .map_or_else(Vec::new, |batch| batch.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Rows in the file.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The pieces of a column.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn pieces(&self, name: &str) -> Result<Vec<ArrayRef>, ArtifactError> {
        self.batches.iter().map(|batch| batch.column_by_name(name).cloned().ok_or_else(|| self.missing(name))).collect()
    }

    fn missing(&self, name: &str) -> ArtifactError {
        ArtifactError::malformed(&self.path, format!("there is no column `{name}` of the expected type"))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<PrimitiveArray<T>>, ArtifactError> {
        let typed = |piece: &ArrayRef| piece.as_primitive_opt::<T>().cloned().ok_or_else(|| self.missing(name));
        self.pieces(name)?.iter().map(typed).collect()
    }

    fn values<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>, ArtifactError> {
        // One copy of each piece: an index is opened by these.
        let pieces = self.primitive::<T>(name)?;
        Ok(pieces.iter().map(|piece| &piece.values()[..]).collect::<Vec<_>>().concat())
    }

    /// A column of `u64`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn u64(&self, name: &str) -> Result<Vec<u64>, ArtifactError> {
        self.values::<UInt64Type>(name)
    }

    /// A column of `u32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn u32(&self, name: &str) -> Result<Vec<u32>, ArtifactError> {
        self.values::<UInt32Type>(name)
    }

    /// A column of `i32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn i32(&self, name: &str) -> Result<Vec<i32>, ArtifactError> {
        self.values::<Int32Type>(name)
    }

    /// A column of `f32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>, ArtifactError> {
        self.values::<Float32Type>(name)
    }

    /// A column of `f64`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn f64(&self, name: &str) -> Result<Vec<f64>, ArtifactError> {
        self.values::<Float64Type>(name)
    }

    /// A column of `i32` with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_i32(&self, name: &str) -> Result<Vec<Option<i32>>, ArtifactError> {
        Ok(self.primitive::<Int32Type>(name)?.iter().flatten().collect())
    }

    /// A column of `f64` with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_f64(&self, name: &str) -> Result<Vec<Option<f64>>, ArtifactError> {
        Ok(self.primitive::<Float64Type>(name)?.iter().flatten().collect())
    }

    /// A column of truth values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn bool(&self, name: &str) -> Result<Vec<bool>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_boolean_opt().ok_or_else(|| self.missing(name))?;
            values.extend((0..piece.len()).map(|row| piece.value(row)));
        }
        Ok(values)
    }

    /// A column of text.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn text(&self, name: &str) -> Result<Vec<String>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_string_opt::<i32>().ok_or_else(|| self.missing(name))?;
            values.extend((0..piece.len()).map(|row| piece.value(row).to_owned()));
        }
        Ok(values)
    }

    /// A column of text with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_text(&self, name: &str) -> Result<Vec<Option<String>>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_string_opt::<i32>().ok_or_else(|| self.missing(name))?;
            values.extend(piece.iter().map(|text| text.map(str::to_owned)));
        }
        Ok(values)
    }

    /// A column of vectors, as the file has it in memory, and their length (0 if there are no rows).
    ///
    /// # Errors
    /// If there is no such column.
    pub fn shared_vectors(&self, name: &str) -> Result<(ScalarBuffer<f32>, usize), ArtifactError> {
        let pieces = self.pieces(name)?;
        let [piece] = pieces.as_slice() else {
            let (values, dim) = self.vectors(name)?;
            return Ok((values.into(), dim));
        };
        let list = piece.as_fixed_size_list_opt().ok_or_else(|| self.missing(name))?;
        let floats = list.values().as_primitive_opt::<Float32Type>().ok_or_else(|| self.missing(name))?;
        Ok((floats.values().clone(), usize::try_from(list.value_length()).unwrap_or(0)))
    }

    /// A column of vectors, row after row, and their length (0 if there are no rows).
    ///
    /// # Errors
    /// If there is no such column.
    pub fn vectors(&self, name: &str) -> Result<(Vec<f32>, usize), ArtifactError> {
        let (mut values, mut dim) = (Vec::new(), 0);
        for piece in self.pieces(name)? {
            let list = piece.as_fixed_size_list_opt().ok_or_else(|| self.missing(name))?;
            dim = usize::try_from(list.value_length()).unwrap_or(0);
            let floats = list.values().as_primitive_opt::<Float32Type>().ok_or_else(|| self.missing(name))?;
            values.extend_from_slice(floats.values());
        }
        Ok((values, dim))
    }
}
