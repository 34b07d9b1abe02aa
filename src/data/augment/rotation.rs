//! `rotation`: turns an image around its centre.

use super::{Augment, Border, Canvas, Turn};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Turns an image around its centre by an angle drawn evenly from `-degrees` to `degrees`, and keeps its size. Values
    /// between pixels are interpolated bilinearly.
    ///
    /// # Example
    ///
    /// ```toml
    /// { rotation = { degrees = 15, border = "reflect" } }
    /// ```
    pub struct Rotation {
        /// The greatest angle, in both directions.
        #[aka("angle", "limit", "max_angle", "factor", "rotate")]
        degrees: f64 = 15.0 => check::between(0.0, 180.0),
        /// What is shown outside the image.
        #[aka("padding_mode", "fill_mode", "fill", "mode")]
        border: Border = Border::Zero,
    }
}

impl Augment for Rotation {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        turn_by(image, &self.border, turn.dice().between(-self.degrees, self.degrees));
    }
}

/// Turns counterclockwise. Places are counted in 256ths of 256ths of a pixel.
fn turn_by(image: &mut Canvas<'_>, border: &Border, degrees: f64) {
    const ONE: f64 = 65536.0;
    let shape = image.shape;
    let [height, width, channels] = shape;
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (middle_y, middle_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
    #[expect(clippy::cast_possible_truncation, reason = "sides of images are small numbers")]
    let fixed = |place: f64| (place * ONE).round() as i64;
    let (step_x, step_y) = (fixed(cosine), fixed(sine));
    let (from, to) = image.copied();
    for (y, row) in to.chunks_exact_mut(width * channels).enumerate() {
        let (down, left) = (y as f64 - middle_y, -middle_x);
        let mut from_x = fixed(left * cosine - down * sine + middle_x);
        let mut from_y = fixed(left * sine + down * cosine + middle_y);
        for pixel in row.chunks_exact_mut(channels) {
            between(from, shape, border, (from_y, from_x), pixel);
            (from_x, from_y) = (from_x + step_x, from_y + step_y);
        }
    }
}

/// The pixel at a place between four others.
fn between(from: &[u8], [height, width, channels]: [usize; 3], border: &Border, place: (i64, i64), to: &mut [u8]) {
    let split = |place: i64| {
        let weight = u32::try_from((place >> 8) & 255).unwrap_or(0);
        (isize::try_from(place >> 16).unwrap_or(0), weight)
    };
    let ((y, below), (x, right)) = (split(place.0), split(place.1));
    let start = |y: isize, x: isize| {
        let (y, x) = (border.source(y, height)?, border.source(x, width)?);
        Some((y * width + x) * channels)
    };
    let corners = [start(y, x), start(y, x + 1), start(y + 1, x), start(y + 1, x + 1)];
    let weights = [(256 - below) * (256 - right), (256 - below) * right, below * (256 - right), below * right];
    for (channel, value) in to.iter_mut().enumerate() {
        let sum: u32 = corners
            .iter()
            .zip(weights)
            .map(|(corner, weight)| corner.map_or(0, |corner| u32::from(from[corner + channel]) * weight))
            .sum();
        *value = u8::try_from((sum + (1 << 15)) >> 16).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augment::Scratch;
    use crate::augment::tests::{applied, instances};

    fn turned(shape: [usize; 3], pixels: &[u8], border: &Border, degrees: f64) -> Vec<u8> {
        let (mut pixels, mut scratch) = (pixels.to_vec(), Scratch::default());
        turn_by(&mut Canvas::new(&mut pixels, shape, &mut scratch), border, degrees);
        pixels
    }

    #[test]
    fn quarters_and_halves_move_whole_pixels() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let turned = |degrees| turned([3, 3, 1], &image, &Border::Zero, degrees);
        assert_eq!(turned(0.0), image);
        assert_eq!(turned(90.0), [3, 6, 9, 2, 5, 8, 1, 4, 7], "counterclockwise");
        assert_eq!(turned(-90.0), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
        assert_eq!(turned(180.0), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn what_lies_beyond_is_the_border() {
        // A quarter turn of a row: only its middle stays in the image.
        assert_eq!(turned([1, 3, 1], &[10, 20, 30], &Border::Zero, 90.0), [0, 20, 0]);
        assert_eq!(turned([1, 3, 1], &[10, 20, 30], &Border::Edge, 90.0), [20, 20, 20]);
        let half = turned([2, 2, 1], &[100; 4], &Border::Zero, 45.0);
        // The corners of the square lie 0.207 pixels outside of the outermost pixels' middles.
        assert!(half.iter().all(|value| (78..=81).contains(value)), "{half:?}");
        for border in ["zero", "reflect", "edge"] {
            let spec = json!({ "rotation": { "degrees": 180, "border": border } });
            instances(20).for_each(|one| assert_eq!(applied(&spec, [1, 1, 3], &[1, 2, 3], one), [1, 2, 3]));
        }
    }

    #[test]
    fn one_colour_stays_behind_a_border_that_goes_on() {
        let spec = json!({ "rotation": { "degrees": 180, "border": "reflect" } });
        instances(20).for_each(|one| assert_eq!(applied(&spec, [4, 5, 1], &[255; 20], one), [255; 20]));
    }
}
