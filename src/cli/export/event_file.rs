//! Event files as TensorBoard reads them: `TFRecord` frames around messages of `tensorflow.Event`.
//!
//! A frame is the length (u64, little endian), its masked CRC-32C, the bytes and their masked CRC-32C. The few fields of the
//! protocol buffers (`event.proto`, `summary.proto`, `tensor.proto` of TensorBoard 2.21) are written by hand.

use simpipe_base::protobuf::Message;

/// What every file begins with.
const VERSION: &str = "brain.Event:2";
/// `DataClass.DATA_CLASS_TENSOR` and `DataType.DT_STRING`.
const TENSOR: u64 = 2;
const STRING: u64 = 7;

/// A file being written.
pub(super) struct EventFile {
    bytes: Vec<u8>,
    wall_time: f64,
}

impl EventFile {
    /// A file whose events are all of one moment, in seconds since 1970: a history knows no clock.
    pub(super) fn new(wall_time: f64) -> Self {
        let mut file = Self { bytes: Vec::new(), wall_time };
        file.event(0, |event| event.text(3, VERSION));
        file
    }

    /// Figures of a step.
    pub(super) fn scalars(&mut self, step: u64, values: &[(String, f64)]) {
        if values.is_empty() {
            return;
        }
        self.event(step, |event| {
            event.message(5, |summary| {
                for (tag, value) in values {
                    summary.message(1, |one| {
                        one.text(1, tag);
                        one.single(2, single(*value));
                    });
                }
            });
        });
    }

    /// A text, which TensorBoard reads as Markdown.
    pub(super) fn text(&mut self, tag: &str, text: &str) {
        self.event(0, |event| {
            event.message(5, |summary| {
                summary.message(1, |value| {
                    value.text(1, tag);
                    value.message(8, |tensor| {
                        tensor.integer(1, STRING);
                        tensor.message(2, |_| ()); // a scalar has no dimensions
                        tensor.text(8, text);
                    });
                    value.message(9, |metadata| {
                        metadata.message(1, |plugin| plugin.text(1, "text"));
                        metadata.integer(4, TENSOR);
                    });
                });
            });
        });
    }

    /// The whole file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn event(&mut self, step: u64, fill: impl FnOnce(&mut Message)) {
        let mut event = Message::default();
        event.double(1, self.wall_time);
        if step > 0 {
            event.integer(2, step);
        }
        fill(&mut event);
        frame(&event.into_bytes(), &mut self.bytes);
    }
}

/// TensorBoard keeps figures in single precision.
#[expect(clippy::cast_possible_truncation, reason = "that is what the format has")]
const fn single(value: f64) -> f32 {
    value as f32
}

fn frame(data: &[u8], out: &mut Vec<u8>) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(data);
    out.extend(masked(crc32c(data)).to_le_bytes());
}

/// The mask of `TFRecord`: a checksum of bytes that hold their checksum would be a bad one.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected, as RFC 3720 has it.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

const TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut at = 0;
    while at < 256 {
        let (mut crc, mut bit) = (at as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_frame_is_its_length_the_message_and_two_checksums() {
        let file = EventFile::new(1.0).into_bytes();
        let message = [&[9_u8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 13][..], VERSION.as_bytes()].concat();
        assert_eq!(file[..8], 24_u64.to_le_bytes());
        assert_eq!(file[12..36], message);
        assert_eq!(file.len(), 40);
        let mut more = EventFile::new(1.0);
        more.scalars(300, &[("a".to_owned(), 0.5)]);
        let more = more.into_bytes();
        assert_eq!(more[..40], file, "what is written later changes nothing before");
        let value = [10, 8, 10, 1, b'a', 0x15, 0, 0, 0, 0x3f];
        let event = [&[9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 2, 0x2a, 10][..], &value].concat();
        assert_eq!(more[52..more.len() - 4], event);
    }
}
