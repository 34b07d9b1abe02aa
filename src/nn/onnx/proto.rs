//! The messages of an ONNX file (`onnx.proto` of ONNX 1.12, format version 8), as far as a network needs them.

use simpipe_base::protobuf::Message;

/// `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    Float = 1,
    Uint8 = 2,
    Int64 = 7,
}

/// `AttributeProto`: a setting of an operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Float(f64),
    Int(i64),
    Ints(Vec<i64>),
}

/// `NodeProto`: an operation with one output, which is called as it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// One that is left out is empty.
    pub(super) inputs: Vec<String>,
    pub(super) settings: Vec<(&'static str, Setting)>,
}

/// Numbers of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

/// `TensorProto`: a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
}

/// `ValueInfoProto`: an input or an output, whose first side may be anything.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Port {
    pub(super) name: &'static str,
    pub(super) kind: DataType,
    /// The sides after the first.
    pub(super) sides: Vec<usize>,
}

/// What the free side is called.
const BATCH: &str = "batch";

impl Node {
    pub(super) fn write(&self, node: &mut Message) {
        self.inputs.iter().for_each(|input| node.text(1, input));
        node.text(2, &self.name);
        node.text(3, &self.name);
        node.text(4, self.kind);
        for (name, setting) in &self.settings {
            node.message(5, |attribute| {
                attribute.text(1, name);
                match setting {
                    Setting::Float(value) => {
                        attribute.single(2, single(*value));
                        attribute.integer(20, 1);
                    }
                    Setting::Int(value) => {
                        attribute.signed(3, *value);
                        attribute.integer(20, 2);
                    }
                    Setting::Ints(values) => {
                        values.iter().for_each(|value| attribute.signed(8, *value));
                        attribute.integer(20, 7);
                    }
                }
            });
        }
    }
}

impl Constant {
    pub(super) fn write(&self, tensor: &mut Message) {
        self.shape.iter().for_each(|side| tensor.integer(1, *side as u64));
        let (kind, bytes): (_, Vec<u8>) = match &self.values {
            Values::Floats(values) => (DataType::Float, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::Ints(values) => (DataType::Int64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        tensor.integer(2, kind as u64);
        tensor.text(8, &self.name);
        tensor.bytes(9, &bytes);
    }

    /// Bytes of its numbers.
    pub(super) const fn size(&self) -> usize {
        match &self.values {
            Values::Floats(values) => values.len() * 4,
            Values::Ints(values) => values.len() * 8,
        }
    }
}

impl Port {
    pub(super) fn write(&self, port: &mut Message) {
        port.text(1, self.name);
        port.message(2, |value| {
            value.message(1, |tensor| {
                tensor.integer(1, self.kind as u64);
                tensor.message(2, |shape| {
                    shape.message(1, |side| side.text(2, BATCH));
                    self.sides.iter().for_each(|length| shape.message(1, |side| side.integer(1, *length as u64)));
                });
            });
        });
    }
}

/// What ONNX keeps of a number.
#[expect(clippy::cast_possible_truncation, reason = "that is what the format has")]
pub(super) const fn single(value: f64) -> f32 {
    value as f32
}
