//! Images scaled by Pillow's arithmetic (`libImaging/Resample.c` and `Geometry.c` of Pillow 13): weights in double precision
//! rounded to 22 binary places, sums of whole numbers, one side after the other, each rounded to a byte.

use std::f64::consts::PI;

/// Binary places of a weight: sums of eight bits with them fit into 32.
const PLACES: u32 = 22;

/// How a pixel of the result is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    Nearest,
    Box,
    Bilinear,
    Bicubic,
    Lanczos,
}

impl Kernel {
    /// How far it reaches, in pixels of the smaller image.
    const fn reach(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at a distance.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(distance > -0.5 && distance <= 0.5)),
            Self::Bilinear => (1.0 - x).max(0.0),
            // a = -0.5
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Self::Lanczos if (-3.0..3.0).contains(&distance) => sinc(distance) * sinc(distance / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

/// The library's sine and not the machine's: the last bit may tell one byte from the next.
fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(x * PI) / (x * PI) }
}

/// A part of a side in pixels, as precise as Pillow has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) begin: f32,
    pub(super) end: f32,
}

/// The pixels of a side that one of the result is made of, with their weights.
struct Reach {
    first: usize,
    weights: Vec<i32>,
}

/// What each pixel of a side of `output` pixels is made of, of a part of one of `input` pixels.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of images, and weights of at most 2"
)]
fn reaches(input: usize, part: Span, output: usize, kernel: Kernel) -> Vec<Reach> {
    let scale = f64::from(part.end - part.begin) / output as f64;
    if kernel == Kernel::Nearest {
        return nearest(input, part, output, scale);
    }
    let wide = scale.max(1.0);
    let support = kernel.reach() * wide;
    let reach = |at: usize| {
        let centre = f64::from(part.begin) + (at as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(input);
        let weight = |pixel: usize| kernel.weight((pixel as f64 - centre + 0.5) * wide.recip());
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let share = |weight: f64| if sum == 0.0 { weight } else { weight / sum };
        let whole = |weight: f64| {
            let scaled = share(weight) * f64::from(1_u32 << PLACES);
            (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
        };
        Reach { first, weights: weights.into_iter().map(whole).collect() }
    };
    (0..output).map(reach).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of images")]
fn nearest(input: usize, part: Span, output: usize, scale: f64) -> Vec<Reach> {
    // Summed, as Pillow does it.
    let places = std::iter::successors(Some(f64::from(part.begin) + scale * 0.5), |place| Some(place + scale));
    let pixel = |place: f64| Reach { first: (place as usize).min(input - 1), weights: vec![1 << PLACES] };
    places.take(output).map(pixel).collect()
}

/// An image of `CHANNELS` bytes a pixel, row after row.
#[derive(Clone, Copy)]
pub(super) struct Raster<'a, const CHANNELS: usize> {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pixels: &'a [[u8; CHANNELS]],
}

impl<const CHANNELS: usize> Raster<'_, CHANNELS> {
    /// A part of it in another size.
    pub(super) fn resized(
        &self,
        rows: Span,
        columns: Span,
        (height, width): (usize, usize),
        kernel: Kernel,
    ) -> Vec<u8> {
        let across = reaches(self.width, columns, width, kernel);
        let down = reaches(self.height, rows, height, kernel);
        // What is left between the two is rounded, so that the order of the two counts where there are strong edges.
        let fewer_rows = self.height.saturating_sub(height);
        let pixels = if fewer_rows > 0 && fewer_rows as i64 > 2 * (self.width as i64 - width as i64) {
            let low = self.in_height(&down);
            Raster { height, width: self.width, pixels: &low }.in_width(&across)
        } else {
            let narrow = self.in_width(&across);
            Raster { height: self.height, width, pixels: &narrow }.in_height(&down)
        };
        pixels.into_flattened()
    }

    fn in_width(&self, reaches: &[Reach]) -> Vec<[u8; CHANNELS]> {
        let mut pixels = Vec::with_capacity(self.height * reaches.len());
        for row in self.pixels.chunks_exact(self.width).take(self.height) {
            pixels.extend(reaches.iter().map(|reach| mixed(&reach.weights, row[reach.first..].iter())));
        }
        pixels
    }

    fn in_height(&self, reaches: &[Reach]) -> Vec<[u8; CHANNELS]> {
        let mut pixels = Vec::with_capacity(self.width * reaches.len());
        for reach in reaches {
            let top = &self.pixels[reach.first * self.width..];
            pixels
                .extend((0..self.width).map(|column| mixed(&reach.weights, top[column..].iter().step_by(self.width))));
        }
        pixels
    }
}

/// Pixels by their weights.
fn mixed<'a, const CHANNELS: usize>(
    weights: &[i32],
    pixels: impl Iterator<Item = &'a [u8; CHANNELS]>,
) -> [u8; CHANNELS] {
    let mut sums = [1_i32 << (PLACES - 1); CHANNELS];
    for (weight, pixel) in weights.iter().zip(pixels) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += weight * i32::from(*value);
        }
    }
    sums.map(|sum| (sum >> PLACES).clamp(0, 255) as u8)
}
