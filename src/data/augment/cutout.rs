//! `cutout`: covers a square.

use super::{Augment, Canvas, Misfit, Turn, share};
use simpipe_base::bounds::Length;
use simpipe_base::check::{Check, count};
use simpipe_base::params;

params! {
    /// Covers a square with one colour. Its centre is any pixel of the image, each as likely as any other, so a part of the
    /// square may lie outside (DeVries and Taylor, 2017, arXiv:1708.04552).
    ///
    /// # Example
    ///
    /// ```toml
    /// { cutout = { size = 8, fill = [125, 123, 114] } }
    /// ```
    pub struct Cutout {
        /// Side of the square, in pixels.
        #[aka("length", "mask_size", "side", "patch_size")]
        size: usize = 8 => count(1),
        /// The colour: one number for all channels, or one per channel.
        #[aka("value", "color", "fill_value", "mean")]
        fill: Vec<u8> = vec![0] => fill(),
        /// The share of images that are changed.
        #[aka("p", "prob")]
        probability: f64 = 1.0 => share(),
    }
}

fn fill() -> Check<Vec<u8>> {
    let test = |fill: &Vec<u8>| (1..=3).contains(&fill.len());
    Check::new("a list of 1 to 3 numbers from 0 to 255", test).with_length(Length { min: Some(1), max: Some(3) })
}

impl Augment for Cutout {
    fn misfit(&self, [height, width, channels]: [usize; 3]) -> Option<Misfit> {
        let shorter = height.min(width);
        if self.size > shorter {
            let message = format!("a square of {0} x {0} is larger than images of {height} x {width}", self.size);
            return Some(Misfit { parameter: "size", message, help: format!("set `size` to at most {shorter}") });
        }
        (self.fill.len() != 1 && self.fill.len() != channels).then(|| Misfit {
            parameter: "fill",
            message: format!("`fill` has {} numbers, but images have {channels} channels", self.fill.len()),
            help: "write one number per channel, or one for all".to_owned(),
        })
    }

    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let mut dice = turn.dice();
        if !dice.chance(self.probability) {
            return;
        }
        let ([height, width, channels], stride) = (image.shape, image.stride());
        let mut sides = |length: usize| {
            let begin = dice.below(length).cast_signed() - (self.size / 2).cast_signed();
            let end = begin + self.size.cast_signed();
            begin.max(0).cast_unsigned()..end.clamp(0, length.cast_signed()).cast_unsigned()
        };
        let (rows, columns) = (sides(height), sides(width));
        for row in image.pixels.chunks_exact_mut(stride).take(rows.end).skip(rows.start) {
            for pixel in row[columns.start * channels..columns.end * channels].chunks_exact_mut(channels) {
                pixel.iter_mut().zip(self.fill.iter().cycle()).for_each(|(value, fill)| *value = *fill);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::augment::Instance;
    use crate::augment::tests::{applied, instances};
    use simpipe_base::param;

    /// Chi-square over the 16 centres; 37.7 is the 99.9 % point at 15 degrees of freedom.
    #[test]
    fn every_pixel_is_the_centre_as_often() {
        let one = json!({ "cutout": { "size": 1, "fill": [9] } });
        let mut seen = BTreeMap::<Vec<u8>, f64>::new();
        instances(3200).for_each(|at| *seen.entry(applied(&one, [4, 4, 1], &[0; 16], at)).or_default() += 1.0);
        assert_eq!(seen.len(), 16);
        assert!(seen.keys().all(|image| image.iter().filter(|&&value| value == 9).count() == 1));
        let chi_square: f64 = seen.values().map(|count| (count - 200.0).powi(2) / 200.0).sum();
        assert!(chi_square < 37.7, "{chi_square}");
    }

    #[test]
    fn a_square_is_cut_at_the_borders_and_has_its_colour() {
        let spec = json!({ "cutout": { "size": 2, "fill": [1, 2, 3] } });
        let sizes: BTreeMap<usize, usize> = instances(500).fold(BTreeMap::new(), |mut sizes, at| {
            let image = applied(&spec, [2, 3, 3], &[0; 18], at);
            assert!(image.chunks(3).all(|pixel| pixel == [0; 3] || pixel == [1, 2, 3]));
            *sizes.entry(image.chunks(3).filter(|pixel| pixel[0] == 1).count()).or_default() += 1;
            sizes
        });
        // Centre in the first row or column: half of the square lies outside.
        assert_eq!(sizes.keys().copied().collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(applied(&json!({ "cutout": { "size": 1 } }), [1, 1, 1], &[5], Instance::default()), [0]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let misfit = |json| param::from_json::<Cutout>(&json).unwrap().misfit([6, 4, 3]).map(|misfit| misfit.parameter);
        assert_eq!(misfit(json!({ "size": 4 })), None);
        assert_eq!(misfit(json!({ "size": 5 })), Some("size"));
        assert_eq!(misfit(json!({ "size": 4, "fill": [1, 2] })), Some("fill"));
        assert!(param::from_json::<Cutout>(&json!({ "fill": [] })).is_err());
        assert!(param::from_json::<Cutout>(&json!({ "fill": [256] })).is_err());
    }
}
