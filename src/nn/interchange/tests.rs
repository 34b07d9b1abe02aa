//! Every layer to torch and back, and what is said of files that do not fit.

use std::path::Path;

use burn::tensor::Device;
use rand::Rng;
use serde_json::{Value as Json, json};

use super::*;
use crate::{Network, every_layer_tests};
use simpipe_artifact::{TensorFile, tensor_file};
use simpipe_base::param;
use simpipe_base::seed::Seed;

fn seed() -> Seed {
    Seed::of_stage(5, "train", None)
}

pub(super) fn specs(layers: &Json) -> Vec<LayerSpec> {
    param::from_json(layers).unwrap()
}

/// A network whose weights all differ.
pub(super) fn network(layers: &[LayerSpec], input: [usize; 3]) -> Network {
    let mut network = Network::build(layers, input, seed(), &Device::flex()).unwrap();
    let mut weights = network.to_weights();
    let mut rng = seed().rng("weights", &[]);
    for (path, (_, values)) in &mut weights.0 {
        for value in values.iter_mut() {
            let drawn = rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
            *value = match path.rsplit('.').next().unwrap() {
                "moving_variance" | "gamma" | "factor" => 1.0 + drawn,
                "power" => 2.5 + drawn,
                _ => drawn,
            };
        }
    }
    network.set_weights(&weights).unwrap();
    network
}

/// A layer in networks that torch can have: behind a map, and behind a flattened one where it takes vectors.
pub(super) fn around(layer: &Json) -> Vec<(Vec<LayerSpec>, [usize; 3])> {
    let rescale = json!({ "rescale": { "divide-by": 100 } });
    let end = json!({ "dense": { "units": 5 } });
    let outermost = json!([rescale, layer, "flatten", end]);
    let on_vector = json!([rescale, "flatten", layer, end]);
    let fits = |(layers, input): &(Vec<LayerSpec>, [usize; 3])| {
        crate::infer_shapes(*input, layers).is_ok()
            && !matches!(TorchModel::of(layers, *input), Err(InterchangeError::Refused { .. }))
    };
    let mut found =
        vec![(specs(&outermost), [7, 6, 6]), (specs(&on_vector), [1, 1, 6]), (specs(&on_vector), [1, 2, 3])];
    found.retain(fits);
    assert!(!found.is_empty(), "{layer}");
    found
}

fn bytes(model: &TorchModel, weights: &Weights) -> Vec<u8> {
    tensor_file(model.tensors(weights, 7).unwrap(), &BTreeMap::new())
}

fn head(bytes: &[u8]) -> TensorFile {
    TensorFile::of_bytes(Path::new("x.safetensors"), bytes).unwrap()
}

#[test]
fn every_layer_comes_back_from_torch_as_it_was() {
    let mut count = 0;
    for layer in every_layer_tests::all() {
        for (layers, input) in around(&layer) {
            let weights = network(&layers, input).to_weights();
            let model = TorchModel::of(&layers, input).unwrap_or_else(|error| panic!("{layer}: {error}"));
            assert_eq!(model.names(), Names::Tree);
            let bytes = bytes(&model, &weights);
            let file = head(&bytes);
            let paths = model.paths();
            let ours: BTreeSet<&str> =
                file.tensors.iter().filter_map(|one| paths.get(one.name.as_str()).copied()).collect();
            assert!(ours.iter().copied().eq(weights.0.keys().map(String::as_str)), "{layer}: each once");
            let incoming = Incoming::of(&layers, input, &file, "").unwrap();
            assert_eq!(incoming.misfits().words(), None, "{layer}");
            assert_eq!(incoming.names(), Names::Tree);
            assert!(incoming.weights(&file, &bytes).unwrap() == weights, "{layer}: the same bits");
            // By our own names too.
            let own = weights.to_bytes();
            let incoming = Incoming::of(&layers, input, &head(&own), "").unwrap();
            assert_eq!((incoming.misfits().words(), incoming.names()), (None, Names::Own));
            assert!(incoming.weights(&head(&own), &own).unwrap() == weights);
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
}

#[test]
fn tensors_are_named_as_modules_of_torch_name_them() {
    let layers = specs(&json!([
        "rescale",
        { "conv2d": { "filters": 8, "kernel": 3, "padding": "same" } },
        { "residual": { "body": [{ "conv2d": { "filters": 8, "kernel": 1, "bias": false } }, { "batch-norm": { "bias": false } }, "prelu"] } },
        { "repeat": { "times": 2, "body": ["relu", "layer-scale"] } },
        { "squeeze-excite": { "reduction": 4 } },
        { "concat": { "branches": [["global-max-pool"], [{ "gem": { "trained": true } }, { "dense": { "units": 3 } }]] } },
        { "metric-embedding": { "size": 4 } },
    ]));
    let model = TorchModel::of(&layers, [6, 5, 3]).unwrap();
    let tensors = model.tensors(&network(&layers, [6, 5, 3]).to_weights(), 9).unwrap();
    let names: Vec<(&str, &[usize])> = tensors.iter().map(|one| (one.name.as_str(), &one.shape[..])).collect();
    assert_eq!(
        names,
        [
            ("1.weight", &[8, 3, 3, 3][..]),
            ("1.bias", &[8]),
            ("2.body.0.weight", &[8, 8, 1, 1]),
            ("2.body.1.weight", &[8]),
            ("2.body.1.running_mean", &[8]),
            ("2.body.1.running_var", &[8]),
            ("2.body.2.weight", &[8]),
            ("3.0.1.gamma", &[8]),
            ("3.1.1.gamma", &[8]),
            ("4.fc1.weight", &[2, 8, 1, 1]),
            ("4.fc1.bias", &[2]),
            ("4.fc2.weight", &[8, 2, 1, 1]),
            ("4.fc2.bias", &[8]),
            ("5.branches.1.0.p", &[1]),
            ("5.branches.1.1.weight", &[3, 8]),
            ("5.branches.1.1.bias", &[3]),
            ("6.weight", &[4, 11]),
            ("6.bias", &[4]),
            ("2.body.1.bias", &[8]),
            ("2.body.1.num_batches_tracked", &[]),
        ]
    );
    assert_eq!(tensors[18].numbers, Numbers::Single(vec![0.0; 8]));
    assert_eq!(tensors[19].numbers, Numbers::Whole(vec![9]));
}

/// The names that torchvision itself gives, from the golden file of its networks.
#[test]
fn residual_networks_have_torchvisions_names() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden/torchvision_resnets.json");
    let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for (case, count) in file["cases"].as_array().unwrap().iter().zip([100, 265, 182]) {
        let layers = specs(&case["params"]["layers"]);
        let model = TorchModel::of(&layers, [32, 32, 3]).unwrap();
        assert_eq!(model.names(), Names::Torchvision);
        let theirs = case["input"]["tensors"].as_object().unwrap();
        let shapes: BTreeMap<&str, Vec<usize>> =
            model.pairs.iter().map(|pair| (pair.theirs.as_str(), pair.their_shape())).collect();
        assert_eq!(shapes.len(), count);
        assert_eq!(json!(shapes), json!(theirs));
    }
    // A preset of other layers, or two of them, is a tree.
    let preset = specs(&json!(["resnet18"]));
    let mut other = param::Param::write(&preset, param::View::Full);
    other[0]["resnet18"]["body"][2] = json!("gelu");
    assert_eq!(TorchModel::of(&specs(&other), [64, 64, 3]).unwrap().names(), Names::Tree);
    let model =
        TorchModel::of(&specs(&json!([{ "batch-norm": {} }, "resnet50", { "dense": { "units": 2 } }])), [64, 64, 1]);
    let model = model.unwrap();
    let paths = model.paths();
    assert_eq!(paths["input.0.weight"], "layers.0.batch-norm.gamma");
    assert_eq!(paths["head.0.bias"], "layers.2.dense.bias");
    assert_eq!(
        paths["layer4.2.bn3.running_var"],
        "layers.1.resnet50.body.19.residual.body.7.batch-norm.moving_variance"
    );
    assert_eq!(paths["layer2.0.downsample.0.weight"], "layers.1.resnet50.body.7.residual.shortcut.0.conv2d.weight");
}

#[test]
fn what_torch_computes_otherwise_is_refused_with_the_reason() {
    let refused = |layers: Json| TorchModel::of(&specs(&layers), [4, 4, 6]).unwrap_err().to_string();
    let end = json!({ "dense": { "units": 2 } });
    let text = refused(json!([{ "conv2d": { "filters": 6, "kernel": 1 } }, "flatten"]));
    assert!(text.contains("`layers.1` can't be had in torch: the embedding is a flattened map"), "{text}");
    let text = refused(json!(["flatten", { "group-norm": { "groups": 3 } }, end]));
    assert!(text.contains("`layers.1.group-norm`") && text.contains("in other groups"), "{text}");
    let text = refused(json!(["flatten", { "channel-shuffle": { "groups": 3 } }, end]));
    assert!(text.contains("`layers.1.channel-shuffle`") && text.contains("in other groups"), "{text}");
    let text = refused(json!(["flatten", { "residual": { "body": [{ "dense": { "units": 96 } }] } }, end]));
    assert!(text.contains("`layers.1.residual`") && text.contains("one way through is a flattened map"), "{text}");
}

/// The file of a small network, with another head written by `edit`.
fn edited(edit: impl FnOnce(&mut Vec<NewTensor>)) -> (Vec<LayerSpec>, Vec<u8>) {
    let layers = specs(&json!([
        { "conv2d": { "filters": 4, "kernel": 3 } },
        { "batch-norm": { "scale": false } },
        "global-avg-pool",
        { "metric-embedding": { "size": 4 } },
    ]));
    let model = TorchModel::of(&layers, [6, 6, 3]).unwrap();
    let mut tensors = model.tensors(&network(&layers, [6, 6, 3]).to_weights(), 0).unwrap();
    edit(&mut tensors);
    (layers, tensor_file(tensors, &BTreeMap::new()))
}

fn named<'a>(tensors: &'a mut [NewTensor], name: &str) -> &'a mut NewTensor {
    tensors.iter_mut().find(|one| one.name == name).unwrap()
}

#[test]
fn every_misfit_is_said_and_the_rest_is_taken() {
    let (layers, bytes) = edited(|tensors| {
        tensors.retain(|one| one.name != "0.bias" && !one.name.ends_with("num_batches_tracked"));
        named(tensors, "3.bias").shape = vec![2, 2];
        named(tensors, "1.running_mean").numbers = Numbers::Whole(vec![0; 4]);
        named(tensors, "1.weight").name = "1.factor".to_owned();
        tensors.push(NewTensor { name: "fc.weight".into(), shape: vec![1], numbers: Numbers::Single(vec![0.0]) });
    });
    let incoming = Incoming::of(&layers, [6, 6, 3], &head(&bytes), "").unwrap();
    assert_eq!(
        incoming.misfits().0,
        [
            "`0.bias` is missing, expected F32 of [4]",
            "`1.running_mean` is I64 of [4], expected F32 of [4]",
            "`3.bias` is F32 of [2, 2], expected F32 of [4]",
            "`1.factor` is not a tensor of these layers",
            "`fc.weight` is not a tensor of these layers",
        ]
    );
    assert_eq!(incoming.words(), "4 of 7 tensors by torch's names for these layers");
    assert_eq!(incoming.weights(&head(&bytes), &bytes).unwrap().0.len(), 4);
    let many = Misfits((0..13).map(|at| format!("m{at}")).collect());
    assert!(many.words().unwrap().ends_with("m9; and 3 more"), "{:?}", many.words());
}

#[test]
fn a_name_that_comes_twice_is_said() {
    let (layers, bytes) = edited(|tensors| named(tensors, "0.bias").name = "3.bias".to_owned());
    // Two entries of one name, which no writer of ours makes: the head is written again by hand.
    let (_, good) = edited(|_| ());
    assert!(Incoming::of(&layers, [6, 6, 3], &head(&good), "").unwrap().misfits().0.is_empty());
    let mut file = head(&good);
    let twice = file.tensors.iter().find(|one| one.name == "3.bias").unwrap().clone();
    file.tensors.push(twice);
    let said = Incoming::of(&layers, [6, 6, 3], &file, "").unwrap().misfits().0.clone();
    assert_eq!(said, ["`3.bias` comes twice"]);
    assert_eq!(
        Incoming::of(&layers, [6, 6, 3], &head(&bytes), "").unwrap().misfits().0[0],
        "`0.bias` is missing, expected F32 of [4]"
    );
}

#[test]
fn a_prefix_is_taken_away_and_suggested_where_it_is_what_is_wrong() {
    let (layers, bytes) = edited(|tensors| {
        tensors.iter_mut().for_each(|one| one.name = format!("module.net.{}", one.name));
        tensors.push(NewTensor { name: "loss.weight".into(), shape: vec![1], numbers: Numbers::Single(vec![0.0]) });
    });
    let file = head(&bytes);
    let of = |prefix: &str| Incoming::of(&layers, [6, 6, 3], &file, prefix).unwrap();
    assert!(of("module.net.").misfits().0.is_empty(), "others are not looked at");
    assert_eq!((of("").taken(), of("").suggested_prefix()), (0, Some("module.net.")));
    assert_eq!((of("module.").taken(), of("module.").suggested_prefix()), (0, Some("module.net.")));
    assert_eq!(of("module.net.").suggested_prefix(), None);
}

#[test]
fn numbers_that_can_not_be_are_refused() {
    let wrong = |edit: fn(&mut Vec<NewTensor>)| {
        let (layers, bytes) = edited(edit);
        let incoming = Incoming::of(&layers, [6, 6, 3], &head(&bytes), "").unwrap();
        assert_eq!(incoming.misfits().words(), None);
        incoming.weights(&head(&bytes), &bytes).unwrap_err().words().unwrap()
    };
    let text = wrong(|tensors| named(tensors, "0.bias").numbers = Numbers::Single(vec![0.0, f32::NAN, 0.0, 0.0]));
    assert_eq!(text, "`0.bias` contains a number that is not finite");
    let text = wrong(|tensors| named(tensors, "1.weight").numbers = Numbers::Single(vec![1.0, 1.0, 2.0, 1.0]));
    assert_eq!(text, "`1.weight` must be 1 throughout: the layer has no such parameter of its own");
    let text = wrong(|tensors| named(tensors, "3.bias").numbers = Numbers::Single(vec![0.0]));
    assert_eq!(text, "`3.bias` has not as many bytes as its shape says");
}

#[test]
fn weights_of_another_network_are_not_written() {
    let (layers, _) = edited(|_| ());
    let model = TorchModel::of(&layers, [6, 6, 3]).unwrap();
    let weights = network(&layers, [6, 6, 3]).to_weights();
    let error = |edit: fn(&mut Weights)| {
        let mut weights = weights.clone();
        edit(&mut weights);
        model.tensors(&weights, 0).unwrap_err().to_string()
    };
    assert!(
        error(|weights| drop(weights.0.remove("layers.0.conv2d.bias")))
            .contains("there is no `layers.0.conv2d.bias` of [4]")
    );
    assert!(
        error(|weights| drop(weights.0.insert("layers.9.x".into(), (vec![0], vec![]))))
            .contains("no layer has `layers.9.x`")
    );
}
