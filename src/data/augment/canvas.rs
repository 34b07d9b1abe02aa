//! The image that augmenters change, with room to work in.

/// Room to work in, kept from image to image so that nothing is allocated for each.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A copy of the image.
    pub(super) copy: Vec<u8>,
    /// Values with a fraction.
    pub(super) wide: Vec<u16>,
    /// The sums of a row.
    pub(super) sums: Vec<u32>,
    /// What each column or row is made of.
    pub(super) taps: Vec<Tap>,
}

/// Two neighbours and how much of the second is taken, in 256ths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tap {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) weight: u16,
}

/// One image.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// Channels innermost.
    pub pixels: &'a mut [u8],
    /// Height, width, channels.
    pub shape: [usize; 3],
    pub(super) scratch: &'a mut Scratch,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(pixels: &'a mut [u8], shape: [usize; 3], scratch: &'a mut Scratch) -> Self {
        assert_eq!(pixels.len(), shape.iter().product::<usize>(), "one image");
        Self { pixels, shape, scratch }
    }

    /// Bytes of a row.
    pub(super) const fn stride(&self) -> usize {
        self.shape[1] * self.shape[2]
    }

    /// Replaces every value by the one that a table has for it.
    pub(super) fn look_up(&mut self, table: &[u8; 256]) {
        for value in self.pixels.iter_mut() {
            *value = table[usize::from(*value)];
        }
    }

    /// The pixels as they are, which may then be written over.
    pub(super) fn copied(&mut self) -> (&[u8], &mut [u8]) {
        self.scratch.copy.clear();
        self.scratch.copy.extend_from_slice(self.pixels);
        (&self.scratch.copy, self.pixels)
    }
}

/// Mirrors images of this height, width and number of channels left and right, in place.
pub fn mirror(pixels: &mut [u8], [_, width, channels]: [usize; 3]) {
    for row in pixels.chunks_exact_mut((width * channels).max(1)) {
        // Backwards, and then each pixel's channels again.
        row.reverse();
        if channels > 1 {
            row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
        }
    }
}

/// How bright a pixel is, by the weights of ITU-R BT.601 in 65536ths, as Pillow counts it.
pub(super) const fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 19_595 * red as u32 + 38_470 * green as u32 + 7_471 * blue as u32 + 32_768;
    (sum >> 16) as u8
}

/// The nearest value of a byte.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the limits")]
pub(super) fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}
