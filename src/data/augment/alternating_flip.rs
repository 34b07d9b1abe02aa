//! `alternating-flip`: mirrors left and right in every second epoch.

use super::{Augment, Canvas, Turn, mirror};
use simpipe_base::params;

params! {
    /// Draws once for each image whether it begins mirrored, and then mirrors every image in every second epoch (Jordan,
    /// 2024, arXiv:2404.00498, section 3.6): two epochs in a row show both sides of every image, where a coin in each
    /// epoch shows the same side twice to half of them.
    ///
    /// An image is known by its place in the dataset, so this is best with a sampler whose epoch shows each image once.
    pub struct AlternatingFlip {}
}

impl Augment for AlternatingFlip {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let begins_mirrored = turn.dice_of_example().chance(0.5);
        if begins_mirrored != (turn.instance.epoch % 2 == 1) {
            mirror(image.pixels, image.shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::augment::Instance;
    use crate::augment::tests::applied;

    #[test]
    fn an_image_is_flipped_in_every_second_epoch_wherever_it_stands() {
        let flipped = |example, epoch, step| {
            let instance = Instance { epoch, step, position: step * 7 % 5, example, ..Instance::default() };
            applied(&json!("alternating-flip"), [1, 2, 1], &[1, 2], instance) == [2, 1]
        };
        let mut first = 0;
        for example in 0..1000 {
            let begins = flipped(example, 0, 0);
            first += usize::from(begins);
            for epoch in 0..5 {
                assert_eq!(flipped(example, epoch, epoch * 3 + example), begins != (epoch % 2 == 1));
            }
        }
        // 500 are expected, with a standard deviation of 16.
        assert!((430..570).contains(&first), "{first}");
    }

    #[test]
    fn the_views_of_an_image_begin_on_their_own() {
        let begins = |example, view| {
            let instance = Instance { example, view, ..Instance::default() };
            applied(&json!("alternating-flip"), [1, 2, 1], &[1, 2], instance)
        };
        let same = (0..1000).filter(|&example| begins(example, 0) == begins(example, 1)).count();
        assert!((430..570).contains(&same), "{same}");
    }
}
