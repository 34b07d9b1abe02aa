//! `grayscale`: takes the colours away.

use super::canvas::luma;
use super::{Augment, Canvas, Misfit, Turn, share};
use simpipe_base::params;

params! {
    /// Gives all channels of a pixel its brightness, `0.299 red + 0.587 green + 0.114 blue`, and keeps their number.
    pub struct Grayscale {
        /// The share of images that become grey.
        #[aka("p", "prob")]
        probability: f64 = 0.1 => share(),
    }
}

impl Augment for Grayscale {
    fn misfit(&self, [_, _, channels]: [usize; 3]) -> Option<Misfit> {
        (channels != 3).then(|| Misfit {
            parameter: "",
            message: "images with one channel have no colours to remove".to_owned(),
            help: "leave it out".to_owned(),
        })
    }

    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        if image.shape[2] == 3 && turn.dice().chance(self.probability) {
            for rgb in image.pixels.as_chunks_mut::<3>().0 {
                *rgb = [luma(rgb[0], rgb[1], rgb[2]); 3];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augment::Instance;
    use crate::augment::tests::{applied, instances};

    #[test]
    fn colours_become_their_brightness() {
        let always = json!({ "grayscale": { "probability": 1 } });
        let gray = applied(&always, [1, 4, 3], &[255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9], Instance::default());
        assert_eq!(gray, [76, 76, 76, 150, 150, 150, 29, 29, 29, 9, 9, 9]);
        assert_eq!(applied(&always, [1, 2, 1], &[7, 200], Instance::default()), [7, 200]);
        assert!(Grayscale { probability: 1.0 }.misfit([4, 4, 1]).is_some());
        assert_eq!(Grayscale { probability: 1.0 }.misfit([4, 4, 3]), None);
    }

    /// Of 4,000 images 400 are expected, with a standard deviation of 19.
    #[test]
    fn a_tenth_of_the_images_loses_its_colours() {
        let image = [255, 0, 0];
        let gray = instances(4000).filter(|one| applied(&json!("grayscale"), [1, 1, 3], &image, *one) != image).count();
        assert!((320..480).contains(&gray), "{gray}");
    }
}
