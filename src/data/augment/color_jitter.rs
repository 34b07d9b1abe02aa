//! `color-jitter`: brightness, contrast, saturation and hue at random.

use super::canvas::{byte, luma};
use super::{Augment, Canvas, Dice, Misfit, Turn, share};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Changes brightness, contrast, saturation and hue, in random order, as torchvision does.
    ///
    /// With a strength of `s` a factor is drawn evenly from `max(0, 1 - s)` to `1 + s`: brightness multiplies values by it,
    /// contrast their difference from the image's mean brightness, saturation their difference from the pixel's own. The hue
    /// is turned by up to its strength in both directions, where 1 is once around. Images of one channel have no saturation
    /// and no hue: these leave them as they are.
    ///
    /// # Example
    ///
    /// ```toml
    /// { color-jitter = { brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1, probability = 0.8 } }
    /// ```
    pub struct ColorJitter {
        /// Strength of the change of brightness.
        brightness: f64 = 0.0 => check::between(0.0, 10.0),
        /// Strength of the change of contrast.
        contrast: f64 = 0.0 => check::between(0.0, 10.0),
        /// Strength of the change of saturation.
        saturation: f64 = 0.0 => check::between(0.0, 10.0),
        /// Strength of the change of hue, as a share of once around.
        hue: f64 = 0.0 => check::between(0.0, 0.5),
        /// The share of images that are changed.
        #[aka("p", "prob")]
        probability: f64 = 1.0 => share(),
    }
}

impl Augment for ColorJitter {
    fn misfit(&self, [_, _, channels]: [usize; 3]) -> Option<Misfit> {
        let light = self.brightness > 0.0 || self.contrast > 0.0;
        let color = self.saturation > 0.0 || self.hue > 0.0;
        let (message, help) = match (light, color, channels) {
            (true, _, _) | (_, true, 3) => return None,
            (_, true, _) => ("images with one channel have no saturation and no hue", "set `brightness` or `contrast`"),
            _ => ("no strength is set, so it changes nothing", "set `brightness`, `contrast`, `saturation` or `hue`"),
        };
        Some(Misfit { parameter: "", message: message.to_owned(), help: help.to_owned() })
    }

    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let mut dice = turn.dice();
        if !dice.chance(self.probability) {
            return;
        }
        let mut changes = self.draw(&mut dice);
        dice.shuffle(&mut changes);
        for change in changes.into_iter().flatten() {
            change.make(image);
        }
    }
}

/// One change, with its factor.
#[derive(Debug, Clone, Copy)]
enum Change {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    /// By so many sixths of once around.
    Hue(f32),
}

impl ColorJitter {
    fn draw(&self, dice: &mut Dice) -> [Option<Change>; 4] {
        #[expect(clippy::cast_possible_truncation, reason = "a factor near 1")]
        let mut factor = |strength: f64| {
            let factor = dice.between((1.0 - strength).max(0.0), 1.0 + strength) as f32;
            (strength > 0.0).then_some(factor)
        };
        let light = [factor(self.brightness).map(Change::Brightness), factor(self.contrast).map(Change::Contrast)];
        let saturation = factor(self.saturation).map(Change::Saturation);
        #[expect(clippy::cast_possible_truncation, reason = "at most 3")]
        let hue = dice.between(-6.0 * self.hue, 6.0 * self.hue) as f32;
        [light[0], light[1], saturation, (self.hue > 0.0).then_some(Change::Hue(hue))]
    }
}

impl Change {
    fn make(self, image: &mut Canvas<'_>) {
        match self {
            Self::Brightness(factor) => image.look_up(&table(|value| value * factor)),
            Self::Contrast(factor) => {
                let mean = mean_luma(image);
                image.look_up(&table(|value| (value - mean) * factor + mean));
            }
            Self::Saturation(factor) => pixels(image, |rgb| saturate(rgb, factor)),
            Self::Hue(sixths) => pixels(image, |rgb| turn_hue(rgb, sixths)),
        }
    }
}

/// What becomes of each value.
fn table(change: impl Fn(f32) -> f32) -> [u8; 256] {
    std::array::from_fn(|value| byte(change(value as f32)))
}

fn mean_luma(image: &Canvas<'_>) -> f32 {
    let [height, width, channels] = image.shape;
    let sum: u64 = if channels == 3 {
        image.pixels.chunks_exact(3).map(|rgb| u64::from(luma(rgb[0], rgb[1], rgb[2]))).sum()
    } else {
        image.pixels.iter().map(|&value| u64::from(value)).sum::<u64>() / channels.max(1) as u64
    };
    #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
    let mean = (sum as f64 / (height * width).max(1) as f64) as f32;
    mean
}

fn pixels(image: &mut Canvas<'_>, change: impl Fn([u8; 3]) -> [u8; 3]) {
    if image.shape[2] == 3 {
        for rgb in image.pixels.as_chunks_mut::<3>().0 {
            *rgb = change(*rgb);
        }
    }
}

fn saturate(rgb: [u8; 3], factor: f32) -> [u8; 3] {
    let gray = f32::from(luma(rgb[0], rgb[1], rgb[2]));
    rgb.map(|value| byte((f32::from(value) - gray) * factor + gray))
}

/// Turns the hue of a pixel on the way red, yellow, green, cyan, blue, magenta; the largest and the smallest of its values
/// stay, the one between them is new.
fn turn_hue([red, green, blue]: [u8; 3], sixths: f32) -> [u8; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return [red, green, blue];
    }
    let spread = f32::from(most - least);
    let slope = |one: u8, other: u8| (f32::from(one) - f32::from(other)) / spread;
    let hue = if most == red {
        slope(green, blue)
    } else if most == green {
        2.0 + slope(blue, red)
    } else {
        4.0 + slope(red, green)
    };
    // From -1 - 3 to 5 + 3: one turn is enough to be within 0 to 6.
    let turned = hue + sixths;
    let turned = if turned < 0.0 {
        turned + 6.0
    } else if turned >= 6.0 {
        turned - 6.0
    } else {
        turned
    };
    let part = turned.floor();
    let share = (turned - part) * spread;
    let (rising, falling) = (byte(f32::from(least) + share), byte(f32::from(most) - share));
    match part {
        1.0 => [falling, most, least],
        2.0 => [least, most, rising],
        3.0 => [least, falling, most],
        4.0 => [rising, least, most],
        5.0 => [most, least, falling],
        _ => [most, rising, least],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augment::tests::{applied, instances};
    use crate::augment::{Instance, Scratch};
    use simpipe_base::param;

    fn made(change: Change, shape: [usize; 3], pixels: &[u8]) -> Vec<u8> {
        let (mut pixels, mut scratch) = (pixels.to_vec(), Scratch::default());
        change.make(&mut Canvas::new(&mut pixels, shape, &mut scratch));
        pixels
    }

    #[test]
    fn brightness_and_contrast_are_one_table() {
        assert_eq!(made(Change::Brightness(1.5), [1, 4, 1], &[0, 10, 101, 200]), [0, 15, 152, 255]);
        // The mean is 100.
        assert_eq!(made(Change::Contrast(0.5), [1, 4, 1], &[0, 50, 150, 200]), [50, 75, 125, 150]);
        assert_eq!(made(Change::Contrast(3.0), [1, 4, 1], &[0, 50, 150, 200]), [0, 0, 250, 255]);
        // Luma: red 76, blue 29; the mean is 52.5.
        assert_eq!(made(Change::Contrast(0.0), [1, 2, 3], &[255, 0, 0, 0, 0, 255]), [53; 6]);
    }

    #[test]
    fn saturation_moves_values_from_their_own_gray() {
        let gray = luma(200, 100, 50);
        assert_eq!(gray, 124); // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
        assert_eq!(made(Change::Saturation(0.0), [1, 1, 3], &[200, 100, 50]), [gray; 3]);
        assert_eq!(made(Change::Saturation(1.0), [1, 1, 3], &[200, 100, 50]), [200, 100, 50]);
        assert_eq!(made(Change::Saturation(0.5), [1, 1, 3], &[200, 100, 50]), [162, 112, 87]);
        assert_eq!(made(Change::Saturation(0.0), [1, 3, 1], &[200, 100, 50]), [200, 100, 50], "one channel");
    }

    #[test]
    fn hues_turn_around() {
        let turned = |rgb, sixths| turn_hue(rgb, sixths);
        let red = [255, 0, 0];
        assert_eq!(turned(red, 1.0), [255, 255, 0]);
        assert_eq!(turned(red, 2.0), [0, 255, 0]);
        assert_eq!(turned(red, 3.0), [0, 255, 255]);
        assert_eq!(turned(red, -1.0), [255, 0, 255]);
        assert_eq!(turned(red, -2.0), [0, 0, 255]);
        assert_eq!(turned(red, 0.5), [255, 128, 0]);
        // Orange: hue 20 degrees, a third of a sixth; turned by a sixth it is 80 degrees.
        assert_eq!(turned([220, 120, 70], 1.0), [170, 220, 70]);
        assert_eq!(turned([9, 9, 9], 1.0), [9, 9, 9]);
        for rgb in [[1, 2, 3], [200, 10, 255], [17, 17, 16], [0, 255, 254]] {
            assert_eq!(turned(rgb, 0.0), rgb);
            // There and back, but for rounding.
            let back = turned(turned(rgb, 1.7), -1.7);
            assert!(rgb.iter().zip(back).all(|(one, other)| one.abs_diff(other) <= 1), "{rgb:?} {back:?}");
        }
    }

    #[test]
    fn factors_are_drawn_around_1() {
        let jitter = json!({ "color-jitter": { "brightness": 0.4 } });
        let values: Vec<u8> = instances(1000).map(|one| applied(&jitter, [1, 1, 1], &[100], one)[0]).collect();
        assert!(values.iter().all(|value| (60..=140).contains(value)));
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / 1000.0;
        // A uniform distribution of this width has a standard deviation of 23; the mean of 1,000 one of 0.73.
        assert!((97.0..103.0).contains(&mean), "{mean}");
        let some = json!({ "color-jitter": { "brightness": 0.4, "probability": 0.25 } });
        let same = instances(1000).filter(|one| applied(&some, [1, 1, 1], &[100], *one)[0] == 100).count();
        assert!((710..790).contains(&same), "{same}");
    }

    #[test]
    fn a_jitter_that_changes_nothing_is_a_problem() {
        let misfit = |json, channels| param::from_json::<ColorJitter>(&json).unwrap().misfit([4, 4, channels]);
        assert!(misfit(json!({}), 3).unwrap().message.contains("changes nothing"));
        assert!(misfit(json!({ "hue": 0.1 }), 1).unwrap().message.contains("one channel"));
        assert_eq!(misfit(json!({ "hue": 0.1 }), 3), None);
        assert_eq!(misfit(json!({ "hue": 0.1, "contrast": 0.1 }), 1), None);
        let all = json!({ "color-jitter": { "brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5 } });
        instances(50).for_each(|one| assert_eq!(applied(&all, [1, 1, 1], &[0], one), [0]));
        assert_eq!(applied(&all, [2, 1, 3], &[7; 6], Instance::default()).len(), 6);
    }
}
