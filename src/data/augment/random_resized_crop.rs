//! `random-resized-crop`: a part of random size and shape, scaled to the image's size.

use super::canvas::Tap;
use super::{Augment, Canvas, Dice, Turn, range};
use simpipe_base::bounds::Limit;
use simpipe_base::check::Check;
use simpipe_base::params;

/// Parts that are tried before the middle of the image is taken, as torchvision does.
const TRIES: usize = 10;

params! {
    /// Cuts out a part that covers a random share of the image and is of random shape, and scales it to the image's size
    /// (Szegedy et al., 2015, arXiv:1409.4842, section 6), as torchvision draws it: the share evenly, the shape evenly in
    /// its logarithm, the place evenly; after ten parts that do not fit, the largest part in the middle that does. Scaled
    /// bilinearly, pixels being squares.
    ///
    /// # Example
    ///
    /// ```toml
    /// { random-resized-crop = { scale = [0.2, 1.0] } }
    /// ```
    pub struct RandomResizedCrop {
        /// The least and the greatest share of the image's area.
        #[aka("area", "area_range", "crop_scale")]
        scale: Vec<f64> = vec![0.08, 1.0] => range(Limit::beyond(0.0), 1.0),
        /// The least and the greatest width of the part, as a multiple of its height.
        #[aka("aspect_ratio", "aspect", "aspect_ratio_range")]
        ratio: Vec<f64> = vec![0.75, 4.0 / 3.0] => ratio(),
    }
}

fn ratio() -> Check<Vec<f64>> {
    range(Limit::at(0.01), 100.0)
}

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Augment for RandomResizedCrop {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let [height, width, _] = image.shape;
        let part = self.part(height, width, &mut turn.dice());
        if part != (Part { top: 0, left: 0, height, width }) {
            enlarge(image, part);
        }
    }
}

impl RandomResizedCrop {
    fn part(&self, height: usize, width: usize, dice: &mut Dice) -> Part {
        let area = (height * width) as f64;
        let (least, most) = (self.ratio[0], self.ratio[1]);
        for _ in 0..TRIES {
            let covered = area * dice.between(self.scale[0], self.scale[1]);
            let shape = dice.between(least.ln(), most.ln()).exp();
            let (w, h) = (whole((covered * shape).sqrt()), whole((covered / shape).sqrt()));
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let (top, left) = (dice.below(height - h + 1), dice.below(width - w + 1));
                return Part { top, left, height: h, width: w };
            }
        }
        let shape = width as f64 / height as f64;
        let (h, w) = if shape < least {
            (whole(width as f64 / least).clamp(1, height), width)
        } else if shape > most {
            (height, whole(height as f64 * most).clamp(1, width))
        } else {
            (height, width)
        };
        Part { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of images are small numbers")]
fn whole(side: f64) -> usize {
    side.round() as usize
}

/// What each of `length` pixels in a row is made of, where `part` pixels from `begin` on are stretched over them.
fn taps(begin: usize, part: usize, length: usize, taps: &mut Vec<Tap>) {
    taps.clear();
    let step = part as f64 / length as f64;
    taps.extend((0..length).map(|place| {
        let at = ((place as f64 + 0.5) * step - 0.5).clamp(0.0, (part - 1) as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the part's length")]
        let (first, weight) = (at as usize, ((at - at.floor()) * 256.0).round() as u16);
        Tap { first: begin + first, second: begin + (first + 1).min(part - 1), weight }
    }));
}

/// Scales a part up to the whole image: first its rows to the image's width, then the columns.
fn enlarge(image: &mut Canvas<'_>, part: Part) {
    let ([height, width, channels], stride) = (image.shape, image.stride());
    let super::Scratch { wide, taps: list, .. } = &mut *image.scratch;
    taps(part.left, part.width, width, list);
    wide.resize(part.height * stride, 0);
    let rows = image.pixels.chunks_exact(stride).skip(part.top).take(part.height);
    for (row, to) in rows.zip(wide.chunks_exact_mut(stride)) {
        match channels {
            1 => widened::<1>(row, list, to),
            3 => widened::<3>(row, list, to),
            _ => widened_any(row, list, channels, to),
        }
    }
    taps(0, part.height, height, list);
    for (row, tap) in image.pixels.chunks_exact_mut(stride).zip(&*list) {
        let (one, two) = (&wide[tap.first * stride..][..stride], &wide[tap.second * stride..][..stride]);
        mixed(one, two, tap.weight, row);
    }
}

/// A row's pixels of so many channels as 256ths, stretched.
fn widened<const CHANNELS: usize>(row: &[u8], taps: &[Tap], to: &mut [u16]) {
    let (pixels, wide) = (row.as_chunks::<CHANNELS>().0, to.as_chunks_mut::<CHANNELS>().0);
    for (to, tap) in wide.iter_mut().zip(taps) {
        let (one, two) = (&pixels[tap.first], &pixels[tap.second]);
        // At most 255 * 256, which a `u16` holds.
        for ((to, one), two) in to.iter_mut().zip(one).zip(two) {
            *to = u16::from(*one) * (256 - tap.weight) + u16::from(*two) * tap.weight;
        }
    }
}

/// The same of any number of channels.
fn widened_any(row: &[u8], taps: &[Tap], channels: usize, to: &mut [u16]) {
    for (to, tap) in to.chunks_exact_mut(channels).zip(taps) {
        let (one, two) = (&row[tap.first * channels..][..channels], &row[tap.second * channels..][..channels]);
        for ((to, one), two) in to.iter_mut().zip(one).zip(two) {
            *to = u16::from(*one) * (256 - tap.weight) + u16::from(*two) * tap.weight;
        }
    }
}

/// Two rows of 256ths as bytes, rounded. Factors of 16 bits are what every processor multiplies several of at a time.
fn mixed(one: &[u16], two: &[u16], weight: u16, row: &mut [u8]) {
    let rest = 256 - weight;
    for ((value, one), two) in row.iter_mut().zip(one).zip(two) {
        let sum = u32::from(*one) * u32::from(rest) + u32::from(*two) * u32::from(weight) + (1 << 15);
        // At most 255.5 in 65536ths.
        *value = (sum >> 16) as u8;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augment::tests::{applied, instances};
    use crate::augment::{Instance, Scratch};
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    fn enlarged(pixels: &[u8], shape: [usize; 3], part: Part) -> Vec<u8> {
        let (mut pixels, mut scratch) = (pixels.to_vec(), Scratch::default());
        enlarge(&mut Canvas::new(&mut pixels, shape, &mut scratch), part);
        pixels
    }

    #[test]
    fn a_part_is_scaled_bilinearly() {
        // The left half of a row of 4: places -0.25, 0.25, 0.75, 1.25 of two pixels, the outer two clamped.
        let part = Part { top: 0, left: 0, height: 1, width: 2 };
        assert_eq!(enlarged(&[0, 100, 7, 7], [1, 4, 1], part), [0, 25, 75, 100]);
        assert_eq!(enlarged(&[0, 200, 100, 0, 7, 7, 7, 7], [1, 4, 2], part), [0, 200, 25, 150, 75, 50, 100, 0]);
        let part = Part { top: 2, left: 0, height: 2, width: 1 };
        assert_eq!(enlarged(&[9, 9, 0, 100], [4, 1, 1], part), [0, 25, 75, 100]);
        // One pixel fills everything.
        let part = Part { top: 1, left: 1, height: 1, width: 1 };
        assert_eq!(enlarged(&[1, 2, 3, 255], [2, 2, 1], part), [255; 4]);
    }

    #[test]
    fn parts_cover_what_is_asked_for() {
        let crop: RandomResizedCrop = param::from_json(&json!({ "scale": [0.25, 0.5] })).unwrap();
        let seed = Seed::of_stage(1, "train", None);
        let mut shares = 0.0;
        for at in 0..2000 {
            let Part { top, left, height, width } = crop.part(100, 100, &mut Dice::new(seed.rng("test", &[at])));
            assert!(top + height <= 100 && left + width <= 100);
            let (share, shape) = ((height * width) as f64 / 1e4, width as f64 / height as f64);
            assert!((0.24..0.51).contains(&share) && (0.73..1.37).contains(&shape), "{share} {shape}");
            shares += share / 2000.0;
        }
        assert!((0.365..0.385).contains(&shares), "{shares}");
    }

    #[test]
    fn images_that_no_part_fits_give_their_middle() {
        let crop: RandomResizedCrop = param::from_json(&json!({ "scale": [1.0, 1.0], "ratio": [1.0, 1.0] })).unwrap();
        let mut dice = Dice::new(Seed::of_stage(1, "train", None).rng("test", &[]));
        assert_eq!(crop.part(4, 9, &mut dice), Part { top: 0, left: 2, height: 4, width: 4 });
        assert_eq!(crop.part(9, 4, &mut dice), Part { top: 2, left: 0, height: 4, width: 4 });
        let spec = json!("random-resized-crop");
        for one in instances(20) {
            assert_eq!(applied(&spec, [1, 1, 3], &[1, 2, 3], one), [1, 2, 3]);
            assert_eq!(applied(&spec, [3, 3, 1], &[77; 9], one), [77; 9], "one colour stays that colour");
        }
        let whole = json!({ "random-resized-crop": { "scale": [1, 1], "ratio": [1, 1] } });
        assert_eq!(applied(&whole, [2, 2, 1], &[1, 2, 3, 4], Instance::default()), [1, 2, 3, 4]);
    }

    #[test]
    fn a_range_has_its_smaller_number_first() {
        for scale in [json!([0.5, 0.1]), json!([0.0, 1.0]), json!([0.1]), json!([0.1, 1.5]), json!([0.1, 0.2, 0.3])] {
            let issues = param::from_json::<RandomResizedCrop>(&json!({ "scale": scale })).unwrap_err();
            let expected = "two numbers above 0 and at most 1, the smaller first";
            assert!(issues[0].message.contains(expected), "{}", issues[0].message);
        }
    }
}
