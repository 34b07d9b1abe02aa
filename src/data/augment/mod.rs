//! Augmenters: what is changed at random in the images of a batch, one file an augmenter.
//!
//! They work on bytes, `[height, width, channels]` with channels innermost, in place and without memory of their own. Every
//! draw is a pure function of the stage's seed and of which image it is for ([`Instance`]): nothing depends on the
//! thread that makes a batch, or on the batches made before.

mod alternating_flip;
mod blur;
mod border;
mod canvas;
mod color_jitter;
mod cutout;
mod dice;
mod grayscale;
mod horizontal_flip;
mod random_crop;
mod random_resized_crop;
mod rotation;
mod solarize;

pub use alternating_flip::AlternatingFlip;
pub use blur::Blur;
pub use border::Border;
pub use canvas::{Canvas, Scratch, mirror};
pub use color_jitter::ColorJitter;
pub use cutout::Cutout;
pub use dice::Dice;
pub use grayscale::Grayscale;
pub use horizontal_flip::HorizontalFlip;
pub use random_crop::RandomCrop;
pub use random_resized_crop::RandomResizedCrop;
pub use rotation::Rotation;
pub use solarize::Solarize;

use simpipe_base::bounds::{Bounds, Length, Limit};
use simpipe_base::check::{self, Check};
use simpipe_base::seed::Seed;

simpipe_base::choice! {
    /// One change of training images at random; a list of them is made one after the other.
    pub enum AugmentSpec: dyn Augment {
        /// Mirrors left and right.
        #[aka("RandomHorizontalFlip", "hflip", "fliplr", "flip", "RandomFlip", "flip_left_right", "mirror")]
        "horizontal-flip" => HorizontalFlip(HorizontalFlip),
        /// Mirrors left and right in every second epoch (Jordan, 2024, arXiv:2404.00498, section 3.6).
        #[aka("altflip", "alternate_flip")]
        "alternating-flip" => AlternatingFlip(AlternatingFlip),
        /// Shifts the image by some pixels: a window of the image's size in the image with a border around it.
        #[aka("pad_and_crop", "translate", "RandomTranslation", "shift", "random_shift")]
        "random-crop" => RandomCrop(RandomCrop),
        /// Cuts out a part of random size and shape and scales it to the image's size (Szegedy et al., 2015,
        /// arXiv:1409.4842).
        #[aka("RandomSizedCrop", "inception_crop", "rrc")]
        "random-resized-crop" => RandomResizedCrop(RandomResizedCrop),
        /// Changes brightness, contrast, saturation and hue, in random order.
        #[aka("colour_jitter", "jitter", "color_distortion", "HueSaturationValue")]
        "color-jitter" => ColorJitter(ColorJitter),
        /// Removes the colours.
        #[aka("RandomGrayscale", "greyscale", "ToGray", "color_drop", "gray", "grey")]
        "grayscale" => Grayscale(Grayscale),
        /// Blurs with a Gaussian.
        #[aka("GaussianBlur", "gaussian", "RandomGaussianBlur")]
        "blur" => Blur(Blur),
        /// Inverts bright values (Grill et al., 2020, arXiv:2006.07733).
        #[aka("RandomSolarize", "solarise", "solarization")]
        "solarize" => Solarize(Solarize),
        /// Covers a square (DeVries and Taylor, 2017, arXiv:1708.04552).
        #[aka("RandomErasing", "CoarseDropout", "erase", "random_erase", "RandomCutout")]
        "cutout" => Cutout(Cutout),
        /// Turns the image around its centre.
        #[aka("RandomRotation", "rotate", "RandomAffine")]
        "rotation" => Rotation(Rotation),
    }
}

/// One kind of augmenter. A new one is a file and a line in [`AugmentSpec`].
pub trait Augment: std::fmt::Debug + Send + Sync {
    /// What keeps it from working on images of this height, width and number of channels, as far as that is known before
    /// anything runs.
    fn misfit(&self, _shape: [usize; 3]) -> Option<Misfit> {
        None
    }

    /// Changes one image.
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>);
}

/// Why an augmenter can't work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The parameter that causes it; empty for the augmenter as a whole.
    pub parameter: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Which image of a training is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Instance {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch of the epoch, from 0.
    pub step: u64,
    /// The place in the batch, from 0.
    pub position: u64,
    /// Which of the example's versions in the batch, from 0.
    pub view: u64,
    /// The example, whatever batch it is in.
    pub example: u64,
}

/// Where an augmenter's random numbers come from.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    augmentation: &'a Augmentation,
    /// Place of the augmenter in the list.
    place: u64,
    /// The image.
    pub instance: Instance,
}

impl Turn<'_> {
    /// Random numbers of this augmenter for this image of this batch.
    #[must_use]
    pub fn dice(&self) -> Dice {
        let Instance { epoch, step, position, view, .. } = self.instance;
        let Augmentation { seed, purpose, .. } = self.augmentation;
        Dice::new(seed.rng(purpose, &[self.place, view, epoch, step, position]))
    }

    /// Random numbers of this augmenter for this view of the example, the same in every batch and epoch.
    #[must_use]
    pub fn dice_of_example(&self) -> Dice {
        let Instance { view, example, .. } = self.instance;
        Dice::new(self.augmentation.seed.rng("augment-example", &[self.place, view, example]))
    }
}

/// A list of augmenters with the seed that they draw by.
#[derive(Debug, Clone)]
pub struct Augmentation {
    specs: Vec<AugmentSpec>,
    seed: Seed,
    purpose: &'static str,
}

impl Augmentation {
    /// The augmenters of a list. Two uses of one seed draw differently if their purposes differ.
    #[must_use]
    pub fn new(specs: &[AugmentSpec], seed: Seed, purpose: &'static str) -> Self {
        Self { specs: specs.to_vec(), seed, purpose }
    }

    /// Changes one image of this height, width and number of channels by all of them, in order.
    ///
    /// # Panics
    /// If `pixels` is not one image of this shape.
    pub fn apply(&self, pixels: &mut [u8], shape: [usize; 3], instance: Instance, scratch: &mut Scratch) {
        let mut image = Canvas::new(pixels, shape, scratch);
        for (place, spec) in (0..).zip(&self.specs) {
            spec.as_dyn().apply(&mut image, &Turn { augmentation: self, place, instance });
        }
    }
}

/// The paths of a list's problems inside the stage's table, such as `augment[1].random-crop.padding`.
#[must_use]
pub fn misfits(specs: &[AugmentSpec], shape: [usize; 3]) -> Vec<(String, Misfit)> {
    let misfit = |(place, spec): (usize, &AugmentSpec)| {
        let misfit = spec.as_dyn().misfit(shape)?;
        let parameter = if misfit.parameter.is_empty() { String::new() } else { format!(".{}", misfit.parameter) };
        Some((format!("augment[{place}].{}{parameter}", spec.name()), misfit))
    };
    specs.iter().enumerate().filter_map(misfit).collect()
}

/// A share of the images, 0 to 1.
fn share() -> Check<f64> {
    check::between(0.0, 1.0)
}

/// Two numbers, the smaller first, both within these limits.
fn range(low: Limit, high: f64) -> Check<Vec<f64>> {
    let bounds = Bounds { min: Some(low), max: Some(Limit::at(high)), ..Bounds::default() };
    let words = format!("two numbers {}, the smaller first", bounds.words());
    let test = move |range: &Vec<f64>| {
        matches!(range[..], [least, most] if least <= most) && range.iter().all(|number| bounds.contains(*number))
    };
    Check::new(words, test).with_bounds(bounds).with_length(Length::of(2))
}

#[cfg(test)]
#[path = "augment_tests.rs"]
mod tests;
