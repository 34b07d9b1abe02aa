//! What a model was trained on, in datasets that number their examples otherwise.

use super::*;
use simpipe_artifact::{Examples, ImageSet};

#[test]
fn images_are_told_by_their_bytes_and_not_by_their_numbers() {
    let lab = Lab::new();
    lab.train(&params(1), "model").unwrap();
    let root = lab.folder.path();
    let trained = ImageSet::read(&root.join("model").join(ImageSet::TRAINED_ON)).unwrap();
    let examples = Examples::read(&root.join(DATASET)).unwrap();
    assert_eq!(trained, ImageSet::of((0..40).zip(examples.digest.iter().map(String::as_str))));

    // Example 0 is a test image here, example 1 a training image that has the number 5 there.
    let images = Examples::read_images(&root.join(DATASET), &[47, 5]).unwrap();
    std::fs::create_dir(root.join("other")).unwrap();
    let mut writer = ExamplesWriter::new(&root.join("other").join(DATASET));
    images.into_iter().for_each(|image| writer.push("own", 0, image).unwrap());
    writer.finish().unwrap();
    for (name, ids, seen) in
        [("new", 0..1, ImageSet::default()), ("copy", 1..2, ImageSet::of([(5, examples.digest[5].as_str())]))]
    {
        pool(root, name, ids, 1);
        let ports = [("dataset", "other"), ("sampler", name), ("model", "model")];
        let output = format!("embedded {name}");
        lab.run::<Embed>(&param::defaults::<EmbedParams>(), &ports, &output).unwrap();
        let info: EmbeddingsInfo = read_json(&root.join(&output).join(EmbeddingsInfo::FILE)).unwrap();
        assert_eq!(ImageSet::read(&root.join(&output).join(ImageSet::TRAINED_ON)).unwrap(), seen);
        assert_eq!(info.seen_in_training, !seen.is_empty());
    }
}

#[test]
fn a_network_that_made_no_step_has_seen_nothing() {
    let lab = Lab::new();
    lab.train(&params(0), "model").unwrap();
    let trained = ImageSet::read(&lab.folder.path().join("model").join(ImageSet::TRAINED_ON)).unwrap();
    assert!(trained.is_empty());
}
