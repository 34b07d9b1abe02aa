//! `random-crop`: shifts an image by some pixels.

use super::{Augment, Border, Canvas, Misfit, Turn};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Puts a border around an image and takes a window of the image's own size at a random place: the image is shifted by
    /// up to `padding` pixels in both directions, each shift as likely as any other.
    ///
    /// # Example
    ///
    /// ```toml
    /// { random-crop = { padding = 2, border = "reflect" } }
    /// ```
    pub struct RandomCrop {
        /// Pixels of the border on each side.
        #[aka("pad", "pixels", "translation", "max_shift")]
        padding: usize = 4 => check::between(0, 4096),
        /// What the border shows.
        #[aka("padding_mode", "pad_mode", "mode", "fill_mode", "fill")]
        border: Border = Border::Zero,
    }
}

impl Augment for RandomCrop {
    fn misfit(&self, [height, width, _]: [usize; 3]) -> Option<Misfit> {
        let shorter = height.min(width);
        (self.padding >= shorter && self.padding > 0).then(|| Misfit {
            parameter: "padding",
            message: format!(
                "a border of {} pixels is too wide for images of {height} x {width}: a window could miss the image",
                self.padding
            ),
            help: format!("set `padding` to at most {}", shorter.saturating_sub(1)),
        })
    }

    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let mut dice = turn.dice();
        let mut shift = || dice.below(2 * self.padding + 1).cast_signed() - self.padding.cast_signed();
        let (down, right) = (shift(), shift());
        if (down, right) != (0, 0) {
            window(image, &self.border, down, right);
        }
    }
}

/// The window that begins this far below and to the right of the image's corner.
fn window(image: &mut Canvas<'_>, border: &Border, down: isize, right: isize) {
    let ([height, width, channels], stride) = (image.shape, image.stride());
    let (from, to) = image.copied();
    // Columns of the window that lie in the image, from where they are copied in one piece.
    let last = width.cast_signed();
    let (begin, end) = ((-right).clamp(0, last).cast_unsigned(), (last - right).clamp(0, last).cast_unsigned());
    for (y, row) in to.chunks_exact_mut(stride).enumerate() {
        let Some(source) = border.source(y.cast_signed() + down, height) else {
            row.fill(0);
            continue;
        };
        let source = &from[source * stride..][..stride];
        if begin < end {
            let first = begin.strict_add_signed(right);
            row[begin * channels..end * channels]
                .copy_from_slice(&source[first * channels..][..(end - begin) * channels]);
        }
        for x in (0..begin).chain(end..width) {
            let pixel = &mut row[x * channels..][..channels];
            match border.source(x.cast_signed() + right, width) {
                Some(place) => pixel.copy_from_slice(&source[place * channels..][..channels]),
                None => pixel.fill(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::augment::tests::{applied, instances};
    use crate::augment::{Instance, Scratch};

    fn shifted(border: &Border, down: isize, right: isize) -> [u8; 9] {
        let (mut pixels, mut scratch) = ([1, 2, 3, 4, 5, 6, 7, 8, 9], Scratch::default());
        window(&mut Canvas::new(&mut pixels, [3, 3, 1], &mut scratch), border, down, right);
        pixels
    }

    #[test]
    fn a_window_shows_image_and_border() {
        assert_eq!(shifted(&Border::Zero, 1, -1), [0, 4, 5, 0, 7, 8, 0, 0, 0]);
        assert_eq!(shifted(&Border::Edge, 1, -1), [4, 4, 5, 7, 7, 8, 7, 7, 8]);
        assert_eq!(shifted(&Border::Reflect, 1, -1), [5, 4, 5, 8, 7, 8, 5, 4, 5]);
        assert_eq!(shifted(&Border::Zero, -2, 2), [0, 0, 0, 0, 0, 0, 3, 0, 0]);
        assert_eq!(shifted(&Border::Reflect, -2, 2), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(shifted(&Border::Zero, 0, 5), [0; 9], "beyond the image");
        assert_eq!(shifted(&Border::Zero, 0, -5), [0; 9], "beyond the image");
    }

    /// Chi-square over the 25 shifts; 51.2 is the 99.9 % point at 24 degrees of freedom.
    #[test]
    fn every_shift_is_as_likely() {
        let spec = json!({ "random-crop": { "padding": 2 } });
        let image: Vec<u8> = (1..=75).collect();
        let mut seen = BTreeMap::<Vec<u8>, f64>::new();
        instances(5000).for_each(|one| *seen.entry(applied(&spec, [5, 5, 3], &image, one)).or_default() += 1.0);
        assert_eq!(seen.len(), 25);
        let chi_square: f64 = seen.values().map(|count| (count - 200.0).powi(2) / 200.0).sum();
        assert!(chi_square < 51.2, "{chi_square}");
    }

    #[test]
    fn a_border_must_be_narrower_than_the_image() {
        let crop = |padding| RandomCrop { padding, border: Border::Zero };
        assert_eq!(crop(3).misfit([4, 9, 1]), None);
        let misfit = crop(4).misfit([4, 9, 1]).unwrap();
        assert_eq!((misfit.parameter, misfit.help.as_str()), ("padding", "set `padding` to at most 3"));
        assert_eq!((crop(0).misfit([1, 1, 1]), crop(1).misfit([1, 1, 1]).is_some()), (None, true));
        let one = applied(&json!({ "random-crop": { "padding": 0 } }), [1, 1, 3], &[1, 2, 3], Instance::default());
        assert_eq!(one, [1, 2, 3]);
    }
}
