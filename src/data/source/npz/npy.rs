//! One array of NumPy's format: a magic word, a version, and a Python literal that says type, order and shape (NEP 1).

use std::io::Read;

use simpipe_artifact::ImageShape;

const MAGIC: &[u8] = b"\x93NUMPY";
/// No head of an array is longer.
const HEAD: usize = 1 << 16;
/// Labels take less.
const LABELS: u64 = 4 << 30;

/// What is said of the values before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Such as `|u1` or `<i8`.
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// How the bytes of an image lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: ImageShape,
    /// Whether all of one channel comes before the next.
    planes: bool,
}

impl Layout {
    /// The pixels with their channels together.
    pub(super) fn interleaved(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !self.planes {
            return bytes;
        }
        let (plane, channels) = ((self.shape.height * self.shape.width) as usize, self.shape.channels as usize);
        (0..plane)
            .flat_map(|at| (0..channels).map(move |channel| (channel, at)))
            .map(|(channel, at)| bytes[channel * plane + at])
            .collect()
    }
}

impl Head {
    /// Reads it; the values follow.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, String> {
        let cut = |_| "it is cut short".to_owned();
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(cut)?;
        if !start.starts_with(MAGIC) {
            return Err("it is not a NumPy array".to_owned());
        }
        let mut length = [0; 4];
        from.read_exact(&mut length[..if start[6] == 1 { 2 } else { 4 }]).map_err(cut)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > HEAD {
            return Err(format!("its head has {length} bytes"));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(cut)?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| "its head can't be understood".to_owned())
    }

    /// `{'descr': '|u1', 'fortran_order': False, 'shape': (10, 28, 28), }`
    fn parse(text: &str) -> Option<Self> {
        let after = |name: &str| Some(text.split_once(&format!("'{name}':"))?.1.trim_start());
        let descr = after("descr")?.strip_prefix('\'')?.split('\'').next()?;
        let shape = after("shape")?.strip_prefix('(')?.split(')').next()?;
        let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
        Some(Self {
            descr: descr.to_owned(),
            fortran_order: after("fortran_order")?.starts_with("True"),
            shape: sides.map(|side| side.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// Number of values, if it can be one.
    fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))
    }

    /// How images lie in it, and how many there are.
    pub(super) fn images(&self) -> Result<(Layout, usize), String> {
        if !matches!(self.descr.as_str(), "|u1" | "u1" | "<u1") {
            return Err(format!("its values are `{}`, but pixels must be bytes (`uint8`)", self.descr));
        }
        if self.fortran_order {
            return Err("it is in Fortran order: save it with `np.ascontiguousarray`".to_owned());
        }
        let (sides, planes) = match *self.shape.as_slice() {
            [_, height, width] => ([height, width, 1], false),
            [_, height, width, channels @ (1 | 3)] => ([height, width, channels], false),
            [_, channels @ (1 | 3), height, width] => ([height, width, channels], true),
            _ => {
                return Err(format!(
                    "its shape is {:?}, but images must be number, height, width and 1 or 3 channels",
                    self.shape
                ));
            }
        };
        let side = |side: usize| u32::try_from(side).ok().filter(|side| *side > 0 && *side <= 1 << 15);
        let [Some(height), Some(width), Some(channels)] = sides.map(side) else {
            return Err(format!("its shape is {:?}: no image is that large, or without pixels", self.shape));
        };
        Ok((Layout { shape: ImageShape { height, width, channels }, planes }, self.shape[0]))
    }
}

/// The values of an array of labels as texts.
pub(super) fn texts(from: &mut impl Read) -> Result<Vec<String>, String> {
    let head = Head::read(from)?;
    let count = head.count().unwrap_or(usize::MAX);
    if head.shape.iter().skip(1).any(|side| *side != 1) || head.shape.is_empty() {
        return Err(format!("its shape is {:?}, but there must be one label per image", head.shape));
    }
    let (kind, size) = head.descr.trim_start_matches(['<', '|']).split_at_checked(1).ok_or("it has no type")?;
    let size: usize = size.parse().map_err(|_| format!("its values are `{}`", head.descr))?;
    let width = if kind == "U" { size.saturating_mul(4) } else { size };
    let bytes = width.checked_mul(count).filter(|bytes| *bytes as u64 <= LABELS && width > 0);
    let bytes = bytes.ok_or_else(|| format!("{count} values of {width} bytes are not labels"))?;
    let mut values = Vec::new();
    from.take(bytes as u64).read_to_end(&mut values).map_err(|error| error.to_string())?;
    if values.len() != bytes {
        return Err("it is cut short".to_owned());
    }
    values
        .chunks_exact(width)
        .map(|value| text(kind, value).ok_or_else(|| format!("its values are `{}`", head.descr)))
        .collect()
}

/// A little-endian number, or text of four bytes a letter.
fn text(kind: &str, value: &[u8]) -> Option<String> {
    let mut wide = [0; 8];
    if let Some(wide) = wide.get_mut(..value.len()) {
        wide.copy_from_slice(value);
    }
    Some(match (kind, value.len()) {
        ("u", 1 | 2 | 4 | 8) => u64::from_le_bytes(wide).to_string(),
        ("b", 1) => u8::from(value[0] != 0).to_string(),
        ("i", 1) => value[0].cast_signed().to_string(),
        ("i", 2) => i16::from_le_bytes(value.try_into().ok()?).to_string(),
        ("i", 4) => i32::from_le_bytes(value.try_into().ok()?).to_string(),
        ("i", 8) => i64::from_le_bytes(wide).to_string(),
        ("f", 4) => f32::from_le_bytes(value.try_into().ok()?).to_string(),
        ("f", 8) => f64::from_le_bytes(wide).to_string(),
        ("U", _) => {
            let letters =
                value.chunks_exact(4).map(|letter| u32::from_le_bytes([letter[0], letter[1], letter[2], letter[3]]));
            letters.take_while(|letter| *letter != 0).map(char::from_u32).collect::<Option<String>>()?
        }
        ("S", _) => String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
        _ => return None,
    })
}

/// An array as NumPy writes it.
#[cfg(test)]
pub(super) fn array(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(head.len()).unwrap().to_le_bytes();
    [MAGIC, &[1, 0], &length, head.as_bytes(), values].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_how_images_lie() {
        let head = |shape: &str| Head::read(&mut array("|u1", shape, &[]).as_slice()).unwrap().images();
        let shape = |height, width, channels| ImageShape { height, width, channels };
        assert_eq!(head("7, 4, 5").unwrap(), (Layout { shape: shape(4, 5, 1), planes: false }, 7));
        assert_eq!(head("7, 4, 5, 3").unwrap().0.shape, shape(4, 5, 3));
        let (layout, _) = head("7, 3, 1, 2").unwrap();
        assert_eq!(
            (layout.shape, layout.interleaved(vec![1, 2, 3, 4, 5, 6])),
            (shape(1, 2, 3), vec![1, 3, 5, 2, 4, 6])
        );
        assert!(head("7, 0, 5").is_err() && head("7,").is_err() && head("7, 4, 5, 2").is_err());
    }

    #[test]
    fn labels_are_numbers_or_texts() {
        let of = |descr: &str, shape: &str, values: &[u8]| texts(&mut array(descr, shape, values).as_slice());
        assert_eq!(of("|u1", "2,", &[7, 250]).unwrap(), ["7", "250"]);
        assert_eq!(of("<i2", "2, 1", &[1, 0, 255, 255]).unwrap(), ["1", "-1"]);
        assert_eq!(of("<f8", "1,", &2.0_f64.to_le_bytes()).unwrap(), ["2"]);
        assert_eq!(of("<U2", "1,", &[97, 0, 0, 0, 0, 0, 0, 0]).unwrap(), ["a"]);
        assert!(of("|u1", "2, 2", &[0; 4]).unwrap_err().contains("one label per image"));
        assert_eq!(of("|u1", "3,", &[0; 2]).unwrap_err(), "it is cut short");
        assert!(of("|O", "1,", &[0; 8]).is_err() && of("<c8", "1,", &[0; 8]).is_err());
        assert!(of("|u1", "99999999999999999999,", &[]).is_err() && of("|u1", "9999999999999,", &[]).is_err());
    }
}
