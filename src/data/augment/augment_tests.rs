//! Augmenters in a row, and what the tests of each use.

use serde_json::{Value as Json, json};

use super::*;
use simpipe_base::param;

/// The image that one augmenter makes of another.
pub(super) fn applied(spec: &Json, shape: [usize; 3], pixels: &[u8], instance: Instance) -> Vec<u8> {
    all(&json!([spec]), "augment", shape, pixels, instance)
}

/// Places in many batches.
pub(super) fn instances(count: u64) -> impl Iterator<Item = Instance> {
    (0..count).map(|at| Instance { epoch: at / 400, step: at / 40 % 10, position: at % 40, view: 0, example: at })
}

fn all(specs: &Json, purpose: &'static str, shape: [usize; 3], pixels: &[u8], instance: Instance) -> Vec<u8> {
    let specs: Vec<AugmentSpec> = param::from_json(specs).unwrap();
    let augmentation = Augmentation::new(&specs, Seed::of_stage(5, "train", None), purpose);
    let mut pixels = pixels.to_vec();
    augmentation.apply(&mut pixels, shape, instance, &mut Scratch::default());
    pixels
}

fn everything() -> Json {
    json!([
        { "horizontal-flip": {} },
        "alternating-flip",
        { "random-crop": { "padding": 2, "border": "reflect" } },
        "random-resized-crop",
        { "color-jitter": { "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1 } },
        { "grayscale": { "probability": 0.5 } },
        "blur",
        { "solarize": { "probability": 0.5 } },
        { "cutout": { "size": 2 } },
        "rotation",
    ])
}

fn noise(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect()
}

#[test]
fn every_part_of_the_place_gives_another_image_and_the_same_place_the_same() {
    let one = Instance { epoch: 1, step: 2, position: 3, view: 0, example: 9 };
    let made = |instance| all(&everything(), "augment", [8, 8, 3], &noise(192), instance);
    assert_eq!(made(one), made(one));
    for other in [
        Instance { epoch: 3, ..one },
        Instance { step: 3, ..one },
        Instance { position: 4, ..one },
        Instance { view: 1, ..one },
    ] {
        assert_ne!(made(other), made(one), "{other:?}");
    }
    assert_ne!(all(&everything(), "augment-validation", [8, 8, 3], &noise(192), one), made(one));
}

#[test]
fn augmenters_work_in_the_order_of_the_list_and_draw_on_their_own() {
    let cut = json!({ "cutout": { "size": 1, "fill": [200] } });
    let invert = json!({ "solarize": { "threshold": 128, "probability": 1 } });
    let made = |specs: Json| all(&specs, "augment", [1, 1, 1], &[10], Instance::default());
    assert_eq!((made(json!([cut, invert])), made(json!([invert, cut]))), (vec![55], vec![200]));
    // What stands behind an augmenter changes none of its draws.
    let crop = json!({ "random-crop": { "padding": 1 } });
    let before = |specs: Json| all(&specs, "augment", [4, 4, 1], &noise(16), Instance::default());
    let never = json!({ "solarize": { "probability": 0 } });
    assert_eq!(before(json!([crop])), before(json!([crop, never])));
}

/// Images of every small shape, by all augmenters, whatever they fit.
#[test]
fn no_shape_is_a_panic() {
    for (height, width) in [(1, 1), (1, 7), (5, 1), (2, 3), (8, 8), (17, 3)] {
        for channels in [1, 3] {
            let pixels = noise(height * width * channels);
            for instance in instances(30) {
                let made = all(&everything(), "augment", [height, width, channels], &pixels, instance);
                assert_eq!(made.len(), pixels.len());
            }
        }
    }
}

#[test]
fn problems_stand_at_their_parameter() {
    let specs = json!([
        "horizontal-flip",
        { "random-crop": { "padding": 6 } },
        "color-jitter",
        { "cutout": { "size": 9 } },
        "grayscale"
    ]);
    let specs: Vec<AugmentSpec> = param::from_json(&specs).unwrap();
    let paths: Vec<String> = misfits(&specs, [6, 6, 3]).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["augment[1].random-crop.padding", "augment[2].color-jitter", "augment[3].cutout.size"]);
    assert_eq!(misfits(&specs, [20, 20, 1]).len(), 2, "no strength, and no colours to take away");
}
