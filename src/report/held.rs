//! How much of images a report holds in memory while it is made.

use simpipe_artifact::Image;

use super::mark::thumbnail;

/// What images that are compared by their pixels may take, and what those that are shown may, in bytes of pixels.
pub(super) const PIXELS: usize = 256_000_000;

/// The longer side that so many images are held with at most, in pixels: all of them together take what they may. The largest
/// thumbnail is of 400 pixels, drawn twice as large; what a map shows of a point is never larger than the least.
#[must_use]
pub fn held_side(count: usize) -> usize {
    let side = (PIXELS as f64 / 3.0 / count.max(1) as f64).sqrt() as usize;
    side.clamp(32, 800)
}

/// An image with at most this longer side: a larger one is made smaller, others stay as they are.
#[must_use]
pub fn held(image: Image, side: usize) -> Image {
    let longest = image.shape.height.max(image.shape.width) as usize;
    if longest <= side { image } else { thumbnail(&image, side) }
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageShape;

    use super::*;

    #[test]
    fn so_many_images_take_no_more_than_they_may() {
        // Photographs of the usual size stay as they are where a map shows a thousand of them.
        assert_eq!([0, 100, 1000, 10_000, 1_000_000].map(held_side), [800, 800, 292, 92, 32]);
        for count in [140, 1000, 10_000, 80_000] {
            assert!(count * held_side(count).pow(2) * 3 <= PIXELS, "{count}");
        }
    }

    #[test]
    fn a_large_image_is_made_smaller_and_a_small_one_stays() {
        let shape = ImageShape { height: 2, width: 1000, channels: 1 };
        let image = Image { shape, pixels: (0..2000_u32).map(|at| (at % 251) as u8).collect() };
        let small = held(image.clone(), 500);
        assert_eq!((small.shape.height, small.shape.width, small.pixels.len()), (1, 500, 500));
        for side in [1000, usize::MAX] {
            let whole = held(image.clone(), side);
            assert!(whole.shape == image.shape && whole.pixels == image.pixels, "{side}");
        }
    }
}
