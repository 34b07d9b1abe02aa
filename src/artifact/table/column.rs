//! A column that is to be written.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, StringArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field};

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
