//! `solarize`: inverts bright values.

use super::{Augment, Canvas, Turn, share};
use simpipe_base::params;

params! {
    /// Makes `255 - v` of every value `v` that is at least `threshold` (Grill et al., 2020, arXiv:2006.07733, appendix B).
    pub struct Solarize {
        /// The least value that is inverted.
        threshold: u8 = 128,
        /// The share of images that are changed.
        #[aka("p", "prob")]
        probability: f64 = 0.2 => share(),
    }
}

impl Augment for Solarize {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        if turn.dice().chance(self.probability) {
            let inverted = |value: u8| if value >= self.threshold { 255 - value } else { value };
            let table = std::array::from_fn(|value| inverted(u8::try_from(value).unwrap_or(u8::MAX)));
            image.look_up(&table);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::augment::Instance;
    use crate::augment::tests::applied;

    #[test]
    fn values_from_the_threshold_on_are_inverted() {
        let values = [0, 99, 100, 101, 254, 255];
        let solarize = |threshold| {
            let spec = json!({ "solarize": { "threshold": threshold, "probability": 1 } });
            applied(&spec, [1, 2, 3], &values, Instance::default())
        };
        assert_eq!(solarize(100), [0, 99, 155, 154, 1, 0]);
        assert_eq!(solarize(0), [255, 156, 155, 154, 1, 0]);
        assert_eq!(solarize(255), [0, 99, 100, 101, 254, 0]);
    }
}
