//! `horizontal-flip`: mirrors left and right.

use super::{Augment, Canvas, Turn, mirror, share};
use simpipe_base::params;

params! {
    /// Mirrors an image left and right, or leaves it.
    ///
    /// # Example
    ///
    /// ```toml
    /// "horizontal-flip"
    /// ```
    pub struct HorizontalFlip {
        /// The share of images that are mirrored.
        #[aka("p", "prob")]
        probability: f64 = 0.5 => share(),
    }
}

impl Augment for HorizontalFlip {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        if turn.dice().chance(self.probability) {
            mirror(image.pixels, image.shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::augment::Instance;
    use crate::augment::tests::{applied, instances};

    #[test]
    fn pixels_change_sides_and_keep_their_channels() {
        let flip = json!({ "horizontal-flip": { "probability": 1.0 } });
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        assert_eq!(applied(&flip, [2, 2, 3], &image, Instance::default()), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
        assert_eq!(applied(&flip, [2, 6, 1], &image, Instance::default()), [6, 5, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7]);
        assert_eq!(applied(&flip, [1, 1, 3], &[1, 2, 3], Instance::default()), [1, 2, 3]);
        let never = json!({ "horizontal-flip": { "probability": 0 } });
        assert_eq!(applied(&never, [2, 2, 3], &image, Instance::default()), image);
    }

    /// Of 4,000 images 2,000 are expected, with a standard deviation of 32.
    #[test]
    fn half_of_the_images_are_flipped() {
        let flip = json!("horizontal-flip");
        let flipped = instances(4000).filter(|one| applied(&flip, [1, 2, 1], &[1, 2], *one) == [2, 1]).count();
        assert!((1870..2130).contains(&flipped), "{flipped}");
    }
}
