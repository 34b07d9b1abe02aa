//! A row of pictures as pixels, for terminals that show them.

use crate::cli::tile::colour;
use simpipe_artifact::Image;

/// Characters that a picture is wide, and lines that it is high.
pub(super) const CELLS: [usize; 2] = [12, 6];
/// Pixels that a picture of sixels is wide and high: of characters of 8 x 16.
const SIDE: usize = 96;
/// Pixels between two pictures: as wide as a character.
const GAP: usize = SIDE / CELLS[0];

/// Pixels of a row of pictures, three numbers each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// Pictures side by side on black.
pub(super) fn canvas(pictures: &[Image]) -> Canvas {
    let width = (pictures.len() * (SIDE + GAP)).saturating_sub(GAP);
    let mut pixels = vec![0; 3 * width * SIDE];
    for (place, picture) in pictures.iter().enumerate() {
        for y in 0..SIDE {
            let begin = 3 * (y * width + place * (SIDE + GAP));
            for (x, pixel) in pixels[begin..begin + 3 * SIDE].chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&colour(picture.shape, &picture.pixels, (y, x), SIDE));
            }
        }
    }
    Canvas { width, height: SIDE, pixels }
}
