//! `resize`: images of another size, antialiased.

use burn::tensor::{Tensor, TensorData};

use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

choice! {
    /// What a pixel between pixels is made of. Where an image shrinks, a filter reaches as much further, so that every pixel
    /// counts.
    pub enum ResizeFilter {
        /// The two nearest along each side, by their nearness.
        #[aka("linear", "triangle")]
        "bilinear" => Bilinear,
        /// The four nearest along each side, by the cubic of Keys (1981) with a slope of -1/2: sharper.
        #[aka("cubic", "catmullrom")]
        "bicubic" => Bicubic,
    }
}

params! {
    /// Brings images to `size` x `size`, antialiased as Pillow's `resize` does it (torch's with `antialias=True`).
    ///
    /// As part of the network it is the same in training, in embedding and for an image that is looked up.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[size, size, c]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { resize = { size = 224, shorter = 256, filter = "bicubic" } }
    /// ```
    pub struct Resize {
        /// Both sides of what comes out, in pixels.
        #[aka("height", "width", "side", "image_size", "crop_size", "target_size")]
        size: usize => check::between(1, 4_096),
        /// Pixels that the shorter side is brought to first, the longer one in proportion; the middle is then cut out. If it is
        /// left out the whole image is stretched to `size`.
        #[aka("resize_size", "shorter_side", "crop")]
        shorter: Option<usize> = None => check::between(1, 4_096).optional(),
        /// The filter.
        #[aka("interpolation", "resample", "mode", "method")]
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// Whether what a bicubic filter makes below 0 or above 255 is cut off, as for pixels.
        #[aka("clamp", "clip")]
        pixels: bool = true,
    }
}

/// What comes out along one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    /// Pixels that come in.
    from: usize,
    /// Pixels that these are brought to.
    to: usize,
    /// The first of those that are kept.
    first: usize,
    /// How many are kept.
    kept: usize,
}

impl Side {
    const fn stays(self) -> bool {
        self.from == self.to && self.kept == self.to
    }
}

/// Shares of `[from, kept]` pixels along one side, with these lengths.
pub(crate) type Shares = (Vec<f32>, [usize; 2]);

impl Layer for Resize {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [_, _, channels] = input.image("resize")?;
        if let Some(shorter) = self.shorter.filter(|shorter| *shorter < self.size) {
            let message = format!("no {0} x {0} pixels can be cut out where the shorter side has {shorter}", self.size);
            return Err(Issue::of("resize.shorter", message).help(format!("use at least {}", self.size)));
        }
        Ok(FeatureShape::Image([self.size, self.size, channels]))
    }

    /// `[n, h, w, c]` to `[n, size, size, c]`.
    fn forward(&self, x: Features, _: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [_, height, width, _] = x.dims();
        let [rows, columns] = self.sides([height, width]);
        let cut = |y: Tensor<4>| if self.overshoots() { y.clamp(0.0, 255.0) } else { y };
        // Columns first, and what overshoots is cut off in between: Pillow has pixels there too.
        let y = cut(self.along(x.permute([0, 1, 3, 2]), columns)).permute([0, 3, 2, 1]);
        Features::Image(cut(self.along(y, rows).permute([0, 3, 1, 2])))
    }
}

impl Resize {
    /// Whether what is below 0 and above 255 is cut off.
    pub(crate) fn overshoots(&self) -> bool {
        self.pixels && self.filter == ResizeFilter::Bicubic
    }

    /// How much of each row and of each column of an image of these sides is in each that comes out; `None` where they stay.
    pub(crate) fn shares(&self, sides: [usize; 2]) -> [Option<Shares>; 2] {
        self.sides(sides).map(|side| {
            let Side { from, to, first, kept } = side;
            (!side.stays()).then(|| (antialiased(&self.filter, from, to, first, kept), [from, kept]))
        })
    }

    /// Rows and columns of an image of these sides.
    fn sides(&self, sides: [usize; 2]) -> [Side; 2] {
        let shortest = sides[0].min(sides[1]).max(1);
        sides.map(|from| {
            // Torchvision's rounding, of the longer side and of the part that is cut out.
            let to = self.shorter.map_or(self.size, |shorter| shorter * from / shortest);
            let spare = to.saturating_sub(self.size);
            let first = if spare % 4 == 3 { spare.div_ceil(2) } else { spare / 2 };
            Side { from, to, first, kept: self.size }
        })
    }

    /// `[a, b, c, from]` to `[a, b, c, kept]`.
    fn along(&self, x: Tensor<4>, side: Side) -> Tensor<4> {
        let Side { from, to, first, kept } = side;
        if side.stays() {
            return x;
        }
        let [a, b, c, _] = x.dims();
        let matrix = Tensor::from_data(
            TensorData::new(antialiased(&self.filter, from, to, first, kept), [from, kept]),
            &x.device(),
        );
        debug_assert!(first + kept <= to);
        ops::product(x.reshape([a * b * c, from]), matrix).reshape([a, b, c, kept])
    }
}

/// How much of each of `from` pixels is in each that is kept when they are brought to `to`: `kept` of those, from number
/// `first` on. `[from, kept]`, each column with the sum 1.
pub(super) fn antialiased(filter: &ResizeFilter, from: usize, to: usize, first: usize, kept: usize) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "sides have far fewer than 2^52 pixels")]
    let (scale, limit) = (from as f64 / to as f64, from as f64);
    let stretch = scale.max(1.0);
    let reach = filter.reach() * stretch;
    let mut matrix = vec![0.0; from * kept];
    for at in 0..kept {
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let centre = ((first + at) as f64 + 0.5) * scale;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of the image")]
        let [begin, end] = [centre - reach, centre + reach].map(|edge| (edge + 0.5).clamp(0.0, limit) as usize);
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let weights: Vec<f64> = (begin..end).map(|pixel| filter.at((pixel as f64 + 0.5 - centre) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        for (pixel, weight) in (begin..end).zip(weights) {
            #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
            let share = (weight / sum) as f32;
            matrix[pixel * kept + at] = share;
        }
    }
    matrix
}

impl ResizeFilter {
    /// Pixels to each side.
    const fn reach(&self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The weight of a pixel at this distance.
    fn at(&self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Bicubic => 0.0,
        }
    }
}

/// An image of bytes on a device, resized: what tests hold against Pillow.
#[cfg(test)]
fn resized(resize: &Resize, pixels: &[u8], shape: [usize; 3]) -> Vec<f32> {
    use super::Mode;
    use crate::ops::Numerics;
    use crate::parameters::Parameters;
    let x = crate::input::images(pixels, shape, &burn::tensor::Device::flex());
    let layers = [super::LayerSpec::Resize(resize.clone())];
    let y = Cx::root(&Parameters::default(), Numerics::Fast, Mode::Eval).layers(&layers, Features::Image(x));
    y.into_image().into_data().try_into_vec().unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use simpipe_base::param;

    #[test]
    fn images_are_resized_as_pillow_does() {
        let cases: Vec<Json> =
            serde_json::from_str(include_str!("../../../tests/fixtures/weights/pillow.json")).unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let bytes = |name: &str| -> Vec<u8> { serde_json::from_value(case[name].clone()).unwrap() };
            let shape: [usize; 3] = serde_json::from_value(case["shape"].clone()).unwrap();
            let resize: Resize = param::from_json(&case["resize"]).unwrap();
            let (found, expected) = (resized(&resize, &bytes("pixels"), shape), bytes("expected"));
            assert_eq!(found.len(), expected.len());
            let off = found.iter().zip(&expected).map(|(a, b)| (a - f32::from(*b)).abs()).fold(0.0, f32::max);
            assert!(off < 1.6, "{}: off by {off}", case["resize"]);
        }
    }

    #[test]
    fn what_can_not_be_cut_out_is_refused_and_a_plain_image_stays() {
        let layers: Vec<super::super::LayerSpec> =
            param::from_json(&json!([{ "resize": { "size": 9, "shorter": 8 } }, "flatten"])).unwrap();
        let issue = super::super::infer_shapes([20, 20, 3], &layers).unwrap_err().remove(0);
        assert_eq!(issue.path, "layers[0].resize.shorter");
        let resize: Resize = param::from_json(&json!({ "size": 4 })).unwrap();
        let pixels: Vec<u8> = (0..48).collect();
        assert!(resized(&resize, &pixels, [4, 4, 3]).iter().zip(&pixels).all(|(a, b)| *a == f32::from(*b)));
    }
}
