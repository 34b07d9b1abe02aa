//! Networks from files: our own come back as they were, and whatever else a file may hold is refused in words.

use serde_json::{Value as Json, json};

use super::*;
use crate::layer::infer_shapes;
use simpipe_base::param::{self, Param, View};

fn layer(json: Json) -> Onnx {
    param::from_json(&json).unwrap()
}

#[test]
fn a_key_has_neither_the_place_of_the_file_nor_what_it_holds() {
    let holds = json!({ "digest": "b3:1", "bytes": 7, "features": 5, "output": "y", "layout": "nchw", "sees": [4, 4] });
    let of = layer(json!({ "path": "a.onnx", "size": 32, "holds": holds }));
    assert_eq!(of.write(View::Stored)["holds"]["features"], 5);
    assert_eq!(param::from_json::<Onnx>(&of.write(View::Stored)).unwrap(), Onnx { path: None, ..of });
    assert_eq!(layer(json!({ "path": "a.onnx", "size": 32 })).write(View::Key), json!({ "size": 32 }));
    assert!(param::from_json::<Onnx>(&json!({ "path": "a", "std": [1, 0, 1] })).is_err());
}

#[cfg(not(feature = "onnx"))]
#[test]
fn a_build_without_the_feature_says_how_to_get_it() {
    let layers: Vec<LayerSpec> = param::from_json(&json!([{ "onnx": { "path": "a.onnx" } }])).unwrap();
    let issue = infer_shapes([8, 8, 3], &layers).unwrap_err().remove(0);
    assert_eq!(issue.path, "layers[0]");
    assert!(issue.message.starts_with("this simpipe was built without the feature `onnx`"), "{}", issue.message);
    assert!(issue.help.unwrap().starts_with("build it with `cargo build --release --features onnx`"));
    assert!(layer(json!({ "path": "a.onnx" })).with_file(b"x", [8, 8, 3]).is_err());
}

#[cfg(feature = "onnx")]
mod run {
    use burn::tensor::Device;
    use simpipe_artifact::{ModelUse, Weights};
    use simpipe_base::protobuf::Message;
    use simpipe_base::seed::Seed;

    use super::*;
    use crate::Network;
    use crate::every_layer_tests::stirred;
    use crate::onnx::{OnnxSource, model};
    use simpipe_base::issue::Issue;

    /// A side of a shape.
    enum Side {
        Fixed(u64),
        Open,
    }
    use Side::{Fixed, Open};

    const FLOAT: u64 = 1;

    fn port(message: &mut Message, field: u64, name: &str, kind: u64, sides: &[Side]) {
        message.message(field, |port| {
            port.text(1, name);
            port.message(2, |value| {
                value.message(1, |tensor| {
                    tensor.integer(1, kind);
                    tensor.message(2, |shape| {
                        for side in sides {
                            shape.message(1, |one| match side {
                                Fixed(length) => one.integer(1, *length),
                                Open => one.text(2, "some"),
                            });
                        }
                    });
                });
            });
        });
    }

    /// `kind(inputs) -> output`, with whole numbers as settings.
    type Op<'a> = (&'a str, &'a [&'a str], &'a str, &'a [(&'a str, i64)]);

    /// A file of these operations from `x`.
    fn file(sides: &[Side], ops: &[Op<'_>], outputs: &[&str]) -> Vec<u8> {
        let mut model = Message::default();
        model.integer(1, 8);
        model.message(7, |graph| {
            for (kind, inputs, output, settings) in ops {
                graph.message(1, |node| {
                    inputs.iter().for_each(|input| node.text(1, input));
                    node.text(2, output);
                    node.text(3, output);
                    node.text(4, kind);
                    for (name, value) in *settings {
                        node.message(5, |attribute| {
                            attribute.text(1, name);
                            attribute.signed(3, *value);
                            attribute.integer(20, 2);
                        });
                    }
                });
            }
            graph.text(2, "network");
            port(graph, 11, "x", FLOAT, sides);
            outputs.iter().for_each(|output| port(graph, 12, output, FLOAT, &[]));
        });
        model.message(8, |operators| operators.integer(2, 17));
        model.into_bytes()
    }

    const IMAGES: [Side; 4] = [Open, Fixed(3), Open, Open];
    const POOL: Op<'_> = ("GlobalAveragePool", &["x"], "pooled", &[]);
    const FLATTEN: Op<'_> = ("Flatten", &["pooled"], "y", &[("axis", 1)]);

    /// As numbers of 0 to 1.
    fn scaled() -> Json {
        json!({ "path": "net.onnx", "mean": [0, 0, 0], "std": [255, 255, 255] })
    }

    fn with(layer: Onnx, bytes: &[u8], image: [usize; 3]) -> Network {
        let layer = layer.with_file(bytes, image).unwrap();
        let network =
            Network::build(&[LayerSpec::Onnx(layer)], image, Seed::of_stage(1, "train", None), &Device::flex());
        let mut network = network.unwrap();
        let (path, numbers) = Onnx::weight(0, bytes);
        network.set_weights(&Weights([(path, (vec![numbers.len()], numbers))].into())).unwrap();
        network
    }

    fn refused(json: Json, bytes: &[u8]) -> Issue {
        layer(json).with_file(bytes, [8, 6, 3]).unwrap_err()
    }

    fn pixels(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect()
    }

    /// Networks of our own layers: convolutions of all kinds and a transformer.
    fn own() -> Vec<Json> {
        let conv =
            json!({ "conv2d": { "filters": 12, "kernel": 3, "padding": "same", "groups": 3, "activation": "silu" } });
        let residual = json!({ "residual": { "body": [conv, "batch-norm", { "squeeze-excite": { "reduction": 2 } }], "activation": "relu" } });
        let first = json!({ "conv2d": { "filters": 12, "kernel": 5, "stride": 2, "activation": "gelu" } });
        let attention = json!({ "residual": { "body": ["layer-norm", { "attention": { "heads": 2 } }] } });
        vec![
            json!(["rescale", first, residual, { "max-pool": { "size": 2 } }, "gem", { "metric-embedding": { "size": 7 } }]),
            json!(["rescale", { "resize": { "size": 12 } }, { "patch-embed": { "patch": 4, "width": 8 } }, "class-token",
                { "position-embedding": { "grid": 3, "first": 1 } }, attention, "layer-norm", "token-pool", { "dense": { "units": 5 } }]),
        ]
    }

    #[test]
    fn our_own_networks_come_back() {
        for layers in own() {
            let specs: Vec<LayerSpec> = param::from_json(&layers).unwrap();
            let image = [19, 16, 3];
            let network = Network::build(&specs, image, Seed::of_stage(4, "train", None), &Device::flex());
            let network = stirred(network.unwrap());
            let (weights, model_use) = (network.to_weights(), ModelUse::default());
            let source =
                OnnxSource { layers: &specs, input: image, weights: &weights, model_use: &model_use, about: &[] };
            let written = model(&source).unwrap();
            let back = with(layer(json!({ "path": "net.onnx" })), &written.bytes, image);
            assert_eq!(back.dim(), network.dim());
            // More than one batch, and a part of one.
            let images = pixels(70 * image.iter().product::<usize>());
            let (ours, theirs) = (network.embed(&images), back.embed(&images));
            let largest = ours.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
            let off = ours.iter().zip(&theirs).fold(0.0, |most: f32, (one, other)| most.max((one - other).abs()));
            assert!(off < 1e-5 * largest.max(1.0), "{layers}: {off} of {largest}");
            let one = image.iter().product::<usize>();
            assert_eq!(back.embedder().embed_few(&images[..one]).len(), back.dim());
        }
    }

    #[test]
    fn images_become_what_the_network_wants() {
        let image = [8, 6, 3];
        let images = pixels(3 * 144);
        let mean = |image: &[u8], channel: usize| {
            image.iter().skip(channel).step_by(3).map(|byte| f32::from(*byte)).sum::<f32>() / 48.0
        };
        let expected: Vec<f32> =
            images.chunks(144).flat_map(|image| [0, 1, 2].map(|channel| (mean(image, channel) - 9.0) / 51.0)).collect();
        let near = |network: &Network| {
            let found = network.embed(&images);
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
        };
        let json = json!({ "path": "net.onnx", "mean": [9, 9, 9], "std": [51, 51, 51] });
        near(&with(layer(json.clone()), &file(&IMAGES, &[POOL, FLATTEN], &["y"]), image));
        // Sides of one and a pool that keeps them, batches of one size.
        near(&with(layer(json.clone()), &file(&[Fixed(2), Fixed(3), Open, Open], &[POOL], &["pooled"]), image));
        near(&with(layer(json.clone()), &file(&[Fixed(1), Fixed(3), Fixed(8), Fixed(6)], &[POOL], &["pooled"]), image));
        // A square of its own size, of which the layer knows by the file.
        let square = file(&[Open, Fixed(3), Fixed(4), Fixed(4)], &[POOL, FLATTEN], &["y"]);
        let found = layer(json.clone()).with_file(&square, image).unwrap();
        assert_eq!(found.holds.as_ref().map(|file| (file.sees.clone(), file.features)), Some((vec![4, 4], 3)));
        let cut = Onnx { shorter: Some(6), ..layer(json) };
        assert_eq!(with(cut, &square, image).embed(&images).len(), 9);
    }

    #[test]
    fn an_image_has_its_vector_in_any_company_and_in_training() {
        let network = with(layer(scaled()), &file(&IMAGES, &[POOL, FLATTEN], &["y"]), [8, 6, 3]);
        let images = pixels(40 * 144);
        let all = network.embed(&images);
        let parts: Vec<f32> = images.chunks(7 * 144).flat_map(|part| network.embed(part)).collect();
        assert!(all.iter().zip(&parts).all(|(one, other)| one.to_bits() == other.to_bits()));
        let x = burn::tensor::Tensor::<4>::from_data(
            burn::tensor::TensorData::new(
                images.iter().map(|byte| f32::from(*byte)).collect::<Vec<_>>(),
                [40, 8, 6, 3],
            ),
            &Device::flex().autodiff(),
        );
        let trained = crate::every_layer_tests::forward(&network, &network.parameters().to_trainable(), x);
        let trained = trained.into_data().try_into_vec::<f32>().unwrap();
        assert!(all.iter().zip(&trained).all(|(one, other)| (one - other).abs() < 1e-6));
    }

    #[test]
    fn what_a_file_lacks_or_has_too_much_is_said() {
        let plain = file(&IMAGES, &[POOL, FLATTEN], &["y"]);
        let said = |bytes: &[u8]| {
            let issue = refused(scaled(), bytes);
            assert_eq!(issue.path, "onnx.path", "{}", issue.message);
            issue.message
        };
        assert_eq!(said(b""), "`net.onnx` is empty");
        assert!(said(b"PK\x03\x04 no protocol buffer").starts_with("`net.onnx` is not an ONNX file"));
        let lacking = file(&IMAGES, &[("Fancy", &["x"], "pooled", &[]), FLATTEN], &["y"]);
        let message = said(&lacking);
        assert!(message.contains("can't be run") && message.contains("Fancy"), "{message}");
        let message = said(&file(&IMAGES, &[("Relu", &["x"], "y", &[])], &["y"]));
        assert!(message.contains("gives no vector an image: of 2 images comes `y` [2, 3, 8, 6]"), "{message}");
        let message = said(&file(&[Open, Fixed(3)], &[("Relu", &["x"], "y", &[])], &["y"]));
        assert!(message.contains("takes no images: its input `x` is [?, 3]"), "{message}");
        let message = said(&file(&[Open, Fixed(1), Open, Open], &[POOL, FLATTEN], &["y"]));
        assert!(message.contains("takes images of [?, 1, ?, ?], and the images have 3 channels"), "{message}");
        let message = said(&file(&[Open, Fixed(3), Fixed(4), Fixed(9)], &[POOL, FLATTEN], &["y"]));
        assert!(message.contains("takes images of [?, 3, 4, 9], and the images are of 8 x 6"), "{message}");
        let message = said(&file(
            &IMAGES,
            &[POOL, ("RandomUniformLike", &["pooled"], "drawn", &[]), ("Flatten", &["drawn"], "y", &[])],
            &["y"],
        ));
        assert!(message.contains("draws random ones"), "{message}");
        let centred: [Op<'_>; 4] =
            [POOL, FLATTEN, ("ReduceMean", &["y"], "mean", &[("keepdims", 1)]), ("Sub", &["y", "mean"], "z", &[])];
        let message = said(&file(&IMAGES, &centred, &["z"]));
        assert!(message.contains("gives another vector of an image among other images"), "{message}");
        let two = file(&IMAGES, &[POOL, FLATTEN, ("Relu", &["y"], "z", &[])], &["y", "z"]);
        let issue = refused(scaled(), &two);
        assert_eq!(
            (issue.path.as_str(), issue.message.as_str()),
            ("onnx.output", "several outputs are vectors: `y`, `z`")
        );
        let at = |key: &str, value: Json, bytes: &[u8]| {
            let mut json = scaled();
            json[key] = value;
            refused(json, bytes)
        };
        assert!(
            layer({
                let mut json = scaled();
                json["output"] = json!("z");
                json
            })
            .with_file(&two, [8, 6, 3])
            .is_ok()
        );
        assert_eq!(at("output", json!("w"), &two).message, "there is no output `w`");
        assert_eq!(at("mean", json!([]), &plain).path, "onnx.mean");
        assert_eq!(at("std", json!([1]), &plain).path, "onnx.std");
        let issue = refused(json!({ "path": "net.onnx" }), &plain);
        assert!(issue.path == "onnx.mean" && issue.help.as_ref().unwrap().contains("123.675"), "{issue:?}");
        let square = file(&[Open, Fixed(3), Fixed(4), Fixed(4)], &[POOL, FLATTEN], &["y"]);
        assert_eq!(at("size", json!(5), &square).path, "onnx.size");
    }

    #[test]
    fn a_file_that_is_cut_short_or_changed_is_refused_or_run_and_nothing_more() {
        let specs: Vec<LayerSpec> = param::from_json(&own()[0]).unwrap();
        let image = [19, 16, 3];
        let network =
            stirred(Network::build(&specs, image, Seed::of_stage(4, "train", None), &Device::flex()).unwrap());
        let (weights, model_use) = (network.to_weights(), ModelUse::default());
        let source = OnnxSource { layers: &specs, input: image, weights: &weights, model_use: &model_use, about: &[] };
        let whole = model(&source).unwrap().bytes;
        let of = layer(json!({ "path": "net.onnx" }));
        for length in (0..whole.len() - 60).step_by(whole.len() / 60) {
            let found = of.with_file(&whole[..length], image);
            assert!(found.is_err(), "{length} of {}", whole.len());
        }
        for at in (0..whole.len()).step_by(whole.len() / 120) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            let _ = of.with_file(&changed, image);
        }
    }

    #[test]
    fn a_model_without_its_network_is_told() {
        let found = layer(scaled()).with_file(&file(&IMAGES, &[POOL, FLATTEN], &["y"]), [8, 6, 3]).unwrap();
        let other = Onnx { holds: found.holds.map(|file| OnnxFile { digest: "b3:other".to_owned(), ..file }), ..found };
        let network =
            Network::build(&[LayerSpec::Onnx(other)], [8, 6, 3], Seed::of_stage(1, "train", None), &Device::flex())
                .unwrap();
        let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| network.embed(&pixels(144)))).unwrap_err();
        assert!(said.downcast_ref::<String>().unwrap().contains("is not the network that the model names"));
    }

    #[test]
    fn it_is_the_first_layer() {
        let layers: Vec<LayerSpec> = param::from_json(&json!(["rescale", { "onnx": { "path": "a.onnx" } }])).unwrap();
        let issue = infer_shapes([8, 6, 3], &layers).unwrap_err().remove(0);
        assert!(issue.path == "layers[1]" && issue.message.contains("before any other layer"), "{issue:?}");
    }
}
