//! The batches of an Arrow IPC file that is mapped into memory: what the file says of itself is checked before it is decoded.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::{root_as_footer, root_as_message};

/// The batches of an Arrow IPC file in memory, which stay there.
pub(super) fn mapped_batches(whole: &Buffer, names: Option<&[&str]>) -> Result<Vec<RecordBatch>, ArrowError> {
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
