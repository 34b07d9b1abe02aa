//! Embeddings of torch's modules, whose weights both sides compute: see `interchange_vectors.py` beside the golden files.

use burn::tensor::Device;

use super::{read, seed, values};
use crate::interchange::Incoming;
use crate::layer::{LayerSpec, Mode, Walk, backbones};
use crate::lower::Folded;
use crate::network::Network;
use simpipe_artifact::{NewTensor, Numbers, TensorFile, tensor_file};
use simpipe_base::golden::{Case, CaseError, Comparison, field, numbers, object, value};

/// Numbers of a tensor, and of all images: far more than any case has.
const MOST_NUMBERS: usize = 1 << 26;

/// The embeddings, over the largest number among torch's, of a network whose weights come from a file by torch's names.
pub(super) fn embedding(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let (network, pixels) = loaded(case)?;
    let layers: Vec<LayerSpec> = network.specs().to_vec();
    let walked = Walk::through(network.input(), &layers).map_err(|_| CaseError::malformed("the layers"))?;
    let folded = Folded::new(&walked, network.parameters(), network.numerics(), network.device());
    let x = network.input().tensor(&pixels, network.device());
    let found = values(network.forward(network.parameters(), x, Mode::Folded(&folded, 0)));
    let expected = numbers(field(&case.expected, "embedding")?)?;
    let largest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    if !largest.is_normal() {
        return Err(CaseError::malformed("embeddings of zeros"));
    }
    super::same_length("numbers of embeddings", found.len(), expected.len())?;
    for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        to.value(&format!("embedding[{at}]"), f64::from(found) / largest, expected / largest);
    }
    Ok(())
}

/// The network of a case, and its images.
fn loaded(case: &Case) -> Result<(Network, Vec<u8>), CaseError> {
    let layers: Vec<LayerSpec> = read(field(&case.params, "layers")?)?;
    let input: [usize; 3] = value(&case.params, "image")?;
    let count: usize = value(&case.params, "images")?;
    let size = product(&[count, input[0], input[1], input[2]])?;
    if size == 0 {
        return Err(CaseError::malformed("images without pixels"));
    }
    let network = Network::build(&layers, input, seed(), &Device::flex());
    let mut network = network.map_err(|issues| CaseError::malformed(issues[0].message.clone()))?;
    let mut tensors = Vec::new();
    for (name, shape) in object(&case.input, "tensors")? {
        let shape: Vec<usize> = serde_json::from_value(shape.clone())
            .map_err(|_| CaseError::malformed(format!("the shape of `{name}`")))?;
        let numbers = Numbers::Single(drawn(name, &shape)?);
        tensors.push(NewTensor { name: name.clone(), shape, numbers });
    }
    let bytes = tensor_file(tensors, &[("format".to_owned(), "pt".to_owned())].into());
    let malformed = |error: &dyn std::fmt::Display| CaseError::malformed(error.to_string());
    let file = TensorFile::of_bytes("case".as_ref(), &bytes).map_err(|error| malformed(&error))?;
    let incoming = match backbones(&layers).next() {
        Some((at, backbone)) => Incoming::of_backbone(backbone, at, input, &file),
        None => Incoming::of(&layers, input, &file, ""),
    };
    let incoming = incoming.map_err(|error| malformed(&error))?;
    if let Some(words) = incoming.misfits().words() {
        return Err(CaseError::malformed(words));
    }
    let weights = incoming.weights(&file, &bytes).map_err(|wrong| malformed(&wrong.words().unwrap_or_default()))?;
    network.set_weights(&weights).map_err(|error| malformed(&error))?;
    let pixels = stream("pixels").take(size).map(|z| (z >> 56) as u8).collect();
    Ok((network, pixels))
}

fn product(sides: &[usize]) -> Result<usize, CaseError> {
    let size = sides.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
    size.filter(|size| *size <= MOST_NUMBERS).ok_or_else(|| CaseError::malformed("more numbers than fit"))
}

/// The numbers of a tensor by its name, as the script makes them.
fn drawn(name: &str, shape: &[usize]) -> Result<Vec<f32>, CaseError> {
    let size = product(shape)?;
    #[expect(clippy::cast_precision_loss, reason = "a fan and 24 bits are far below 2^52")]
    let number = |z: u64| {
        let u = (z >> 40) as f64 / f64::from(1_u32 << 24);
        match name.rsplit('.').next().unwrap_or_default() {
            "running_var" => u + 0.5,
            "running_mean" | "bias" => (2.0 * u - 1.0) / 4.0,
            "p" => u + 2.0,
            _ if shape.len() < 2 => u / 2.0 + 0.75,
            _ => (2.0 * u - 1.0) * (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt(),
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    Ok(stream(name).take(size).map(|z| number(z) as f32).collect())
}

/// `splitmix64(fnv1a64(name) + (i + 1) * 0x9E3779B97F4A7C15)` for i = 0, 1, ..
fn stream(name: &str) -> impl Iterator<Item = u64> {
    let fnv = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325, fnv);
    (1_u64..).map(move |at| {
        let z = seed.wrapping_add(at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}
