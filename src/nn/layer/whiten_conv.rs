//! `whiten-conv`: a first convolution whose filters are computed from the training images, not trained.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::activation::Activation;
use super::init::{Start, WeightSpec};
use super::initial::Init;
use super::padding::Padding;
use super::{Conv2d, Cx, FeatureShape, Features, FromImages, Layer, Walk};
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_base::{check, eigen};

params! {
    /// A whitening convolution (Page, 2019, "How to train your ResNet 8"; Jordan, 2024, arXiv:2404.00498): its outputs are
    /// uncorrelated and of about equal size on the training images, which speeds up what is trained behind it.
    ///
    /// Of all patches of `kernel x kernel` pixels of the first training images, as they come out of the layers in front of
    /// it, `C = P'P / n` is the covariance without centring, `u` its unit eigenvectors and `l` its eigenvalues. The filters
    /// are `u / sqrt(l + epsilon)`, largest eigenvalue first, and their negatives: `2 k k channels` of them. They are
    /// computed before the first step and never trained; the bias starts at 0 and is trained. A network of `epochs = 0`
    /// gets them too, so it has seen those images.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[h - k + 1, w - k + 1, 2 k k c]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { whiten-conv = { kernel = 2, images = 5000 } }
    /// ```
    pub struct WhitenConv {
        /// Side of the patches, in pixels.
        #[aka("kernel_size", "ksize", "filter_size", "patch_size")]
        kernel: usize = 2 => check::between(1, 16),
        /// Added to the eigenvalues: how little noise is amplified.
        #[aka("eps")]
        epsilon: f64 = 5e-4 => check::positive(),
        /// Training images that are looked at, a mix of all classes; all of them where there are fewer.
        #[aka("num_images", "examples", "samples", "n_images")]
        images: usize = 5000 => check::count(1),
    }
}

/// Numbers of a patch: the work of its eigenvectors grows with the third power.
const MOST_NUMBERS: usize = 256;

impl WhitenConv {
    /// Numbers of a patch.
    const fn numbers(&self, channels: usize) -> usize {
        self.kernel * self.kernel * channels
    }

    /// The convolution that it is once it has its filters: its weights have the same names.
    pub(crate) const fn convolution(&self, channels: usize) -> Conv2d {
        Conv2d {
            filters: 2 * self.numbers(channels),
            kernel: self.kernel,
            stride: 1,
            padding: Padding::Valid,
            dilation: 1,
            groups: 1,
            bias: true,
            init: Init::Zeros,
            activation: Activation::None,
        }
    }

    /// The filters `[k, k, channels, 2 k k channels]` for a covariance of patches.
    fn filters(&self, covariance: Vec<Vec<f64>>) -> Vec<f32> {
        let (mut vectors, values) = eigen::of_symmetric(covariance);
        for (vector, value) in vectors.iter_mut().zip(values) {
            eigen::fix_sign(vector);
            // No eigenvalue is below 0 but by rounding.
            let scale = (value.max(0.0) + self.epsilon).sqrt().recip();
            vector.iter_mut().for_each(|entry| *entry *= scale);
        }
        let row = |at: usize| {
            let positive = vectors.iter().map(move |vector| vector[at]);
            positive.clone().chain(positive.map(|entry| -entry))
        };
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        (0..vectors.len()).flat_map(row).map(|entry| entry as f32).collect()
    }
}

impl Layer for WhitenConv {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [height, width, channels] = input.image("whiten-conv")?;
        if !walk.is_outermost() {
            let issue = Issue::of("", "`whiten-conv` must be in the outermost list of layers");
            return Err(
                issue.help("its filters are computed from what the layers in front of it give, one after another")
            );
        }
        if self.kernel > height.min(width) {
            let message = format!("a kernel of {0} x {0} is larger than its input of {height} x {width}", self.kernel);
            return Err(Issue::of("whiten-conv.kernel", message).help("use a smaller `kernel`"));
        }
        let numbers = self.numbers(channels);
        if numbers > MOST_NUMBERS {
            let message = format!(
                "patches of {0} x {0} x {channels} have {numbers} numbers, at most {MOST_NUMBERS} are allowed",
                self.kernel
            );
            let help = "use a smaller `kernel`, or put it before the layer that makes so many channels";
            return Err(Issue::of("whiten-conv.kernel", message).help(help));
        }
        Ok(FeatureShape::Image([height - self.kernel + 1, width - self.kernel + 1, 2 * numbers]))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let channels = input.channels();
        let filters = 2 * self.numbers(channels);
        vec![
            WeightSpec::statistic(Conv2d::WEIGHT, [self.kernel, self.kernel, channels, filters], Start::Zeros),
            WeightSpec::new(Conv2d::BIAS, [filters], Start::Zeros),
        ]
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [_, _, _, channels] = x.dims();
        self.convolution(channels).forward(Features::Image(x), cx)
    }

    fn image_start(&self) -> Option<&dyn FromImages> {
        Some(self)
    }
}

impl FromImages for WhitenConv {
    fn images(&self) -> usize {
        self.images
    }

    fn weights(&self, maps: &mut dyn Iterator<Item = Tensor<4>>) -> Vec<(&'static str, Vec<f32>)> {
        let mut sum = Patches::default();
        for map in maps {
            let [_, height, width, channels] = map.dims();
            let values = map.into_data().try_into_vec::<f32>().expect("tensors are f32");
            let images = values.par_chunks(height * width * channels);
            let parts: Vec<Patches> = images.map(|image| Patches::of(image, [width, channels], self.kernel)).collect();
            // In the order of the images, whatever thread was first.
            parts.into_iter().for_each(|part| sum.add(part));
        }
        vec![(Conv2d::WEIGHT, self.filters(sum.covariance()))]
    }
}

/// The sum of `p p'` over patches, of which the upper half counts.
#[derive(Debug, Default)]
struct Patches {
    products: Vec<Vec<f64>>,
    count: usize,
}

impl Patches {
    /// All patches of `side x side` pixels of an image `[height, width, channels]`.
    fn of(image: &[f32], [width, channels]: [usize; 2], side: usize) -> Self {
        let (row, numbers) = (width * channels, side * side * channels);
        let height = image.len() / row;
        let mut patches = Self { products: vec![vec![0.0; numbers]; numbers], count: 0 };
        let mut patch = Vec::with_capacity(numbers);
        for (top, left) in (0..=height - side).flat_map(|top| (0..=width - side).map(move |left| (top, left))) {
            patch.clear();
            for y in top..top + side {
                let start = y * row + left * channels;
                patch.extend(image[start..start + side * channels].iter().map(|value| f64::from(*value)));
            }
            for (at, products) in patches.products.iter_mut().enumerate() {
                let factor = patch[at];
                products[at..].iter_mut().zip(&patch[at..]).for_each(|(sum, value)| *sum += factor * value);
            }
            patches.count += 1;
        }
        patches
    }

    fn add(&mut self, other: Self) {
        if self.count == 0 {
            *self = other;
            return;
        }
        self.count += other.count;
        for (sums, others) in self.products.iter_mut().zip(other.products) {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 patches")]
    fn covariance(mut self) -> Vec<Vec<f64>> {
        for at in 0..self.products.len() {
            for other in at..self.products.len() {
                self.products[at][other] /= self.count as f64;
                self.products[other][at] = self.products[at][other];
            }
        }
        self.products
    }
}
