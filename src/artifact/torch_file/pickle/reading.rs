//! Numbers, texts and names out of the bytes of a pickle, each within its bounds.

use std::io::Read;

use super::{Machine, Object, Read1, Value, short};

/// Bytes of a text, or of other bytes.
const LONGEST: usize = 1 << 20;

impl<R: Read> Machine<R> {
    pub(super) fn number(&mut self, code: u8) -> Read1<()> {
        let value = match code {
            b'J' => Value::Int(i32::from_le_bytes(self.bytes()?).into()),
            b'K' => Value::Int(self.bytes::<1>()?[0].into()),
            b'M' => Value::Int(u16::from_le_bytes(self.bytes()?).into()),
            b'G' => {
                self.bytes::<8>()?;
                Value::Other
            }
            _ => {
                let length = if code == 0x8a { self.bytes::<1>()?[0].into() } else { self.length()? };
                let bytes = self.take(length)?;
                let sign = if bytes.last().is_some_and(|last| *last > 127) { 255 } else { 0 };
                let mut whole = [sign; 8];
                match whole.get_mut(..bytes.len()) {
                    Some(part) => {
                        part.copy_from_slice(&bytes);
                        Value::Int(i64::from_le_bytes(whole))
                    }
                    None => Value::Other,
                }
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// Texts and bytes, which have their length in one, four or eight bytes in front.
    pub(super) fn characters(&mut self, code: u8) -> Read1<()> {
        let length = match code {
            0x8c | b'U' | b'C' => self.bytes::<1>()?[0].into(),
            0x8d | 0x8e => usize::try_from(u64::from_le_bytes(self.bytes()?)).map_err(|_| short())?,
            _ => self.length()?,
        };
        let bytes = self.take(length)?;
        if matches!(code, b'B' | b'C' | 0x8e) {
            self.stack.push(Value::Other);
        } else {
            self.push(Object::Text(String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(())
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Read1<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|_| short())?;
        Ok(bytes)
    }

    fn length(&mut self) -> Read1<usize> {
        usize::try_from(u32::from_le_bytes(self.bytes()?)).map_err(|_| short())
    }

    fn take(&mut self, length: usize) -> Read1<Vec<u8>> {
        if length > LONGEST {
            return Err(format!("it holds a text of {length} bytes, more than any file of weights needs"));
        }
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(|_| short())?;
        Ok(bytes)
    }

    pub(super) fn line(&mut self) -> Read1<String> {
        let mut line = Vec::new();
        loop {
            match self.bytes()? {
                [b'\n'] => return Ok(String::from_utf8_lossy(&line).into_owned()),
                [byte] => line.push(byte),
            }
            if line.len() > 1_000 {
                return Err("it holds a name of more than 1000 bytes".to_owned());
            }
        }
    }
}
