//! Messages of protocol buffers, written by hand: the few formats that need them (TensorBoard's events, ONNX) have a handful of
//! messages, which generated code and its runtime would make no clearer.

/// A message that is being written. Fields come in the order of the calls.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// What has been written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint((field << 3) | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A field of one of the types `uint64`, `bool` and `enum`.
    pub fn integer(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    /// A field of the type `int64`.
    pub fn signed(&mut self, field: u64, value: i64) {
        self.integer(field, value.cast_unsigned());
    }

    /// A field of the type `double`.
    pub fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    /// A field of the type `float`.
    pub fn single(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    /// A field of the type `string`.
    pub fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A field of the type `bytes`.
    pub fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// A field that is a message.
    pub fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's description: 150 in field 1, "testing" in field 2, and the first inside field 3.
    #[test]
    fn messages_are_encoded_as_the_format_describes() {
        let written = |fill: &dyn Fn(&mut Message)| {
            let mut message = Message::default();
            fill(&mut message);
            message.into_bytes()
        };
        assert_eq!(written(&|message| message.integer(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(written(&|message| message.text(2, "testing")), b"\x12\x07testing");
        assert_eq!(written(&|message| message.message(3, |inner| inner.integer(1, 150))), [0x1a, 3, 0x08, 0x96, 0x01]);
        // Numbers below 0 take ten bytes: two's complement of 64 bits, seven at a time.
        let minus_2 = written(&|message| message.signed(1, -2));
        assert_eq!(minus_2, [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(written(&|message| message.single(2, 0.5)), [0x15, 0, 0, 0, 0x3f]);
        assert_eq!(written(&|message| message.double(1, 1.0)), [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}
