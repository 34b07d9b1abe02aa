//! A layer that computes: images brought into the network's size and numbers, batches of the size that it takes, rows out.
//!
//! A network that was loaded is kept for the process, by its digest: training asks for it at every step.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Tensor, TensorData};

use super::runtime::Runtime;
use super::{FILE, Onnx, OnnxFile, OnnxLayout, packed};
use crate::layer::{Cx, Features, Layer, Normalize, Resize};
use simpipe_base::digest::Digest;

/// Images that go through at a time, where the network takes any number of them.
const AT_ONCE: usize = 16;

/// Networks that are kept: a process runs one, or two beside each other.
const KEPT: usize = 3;

/// A batch as the network takes it.
pub(super) struct Images {
    /// Image after image.
    pub(super) numbers: Vec<f32>,
    /// How many there are.
    pub(super) count: usize,
    /// The sides of a batch of them, the first of any number.
    pub(super) shape: [usize; 4],
}

/// The network of this digest: that which is kept, or what `load` gives.
pub(super) fn kept<E>(digest: &str, load: impl FnOnce() -> Result<Runtime, E>) -> Result<Arc<Runtime>, E> {
    static NETWORKS: Mutex<Vec<(String, Arc<Runtime>)>> = Mutex::new(Vec::new());
    let mut networks = NETWORKS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = networks.iter().position(|(known, _)| known == digest);
    let runtime = match found.map(|at| networks.remove(at)) {
        Some((_, runtime)) => runtime,
        None => Arc::new(load()?),
    };
    networks.insert(0, (digest.to_owned(), Arc::clone(&runtime)));
    networks.truncate(KEPT);
    Ok(runtime)
}

/// The vectors of images, row after row.
///
/// # Errors
/// What the runtime says, or that it gave another number of them.
pub(super) fn rows(runtime: &Runtime, file: &OnnxFile, images: &Images) -> Result<Vec<f32>, String> {
    let [_, a, b, c] = images.shape;
    let image = a * b * c;
    let at_once = file.batch.unwrap_or(AT_ONCE);
    let mut all = Vec::with_capacity(images.count * file.features);
    for part in images.numbers.chunks(at_once * image) {
        let count = part.len() / image;
        // A network of batches of one size gets zeros where images are missing.
        let size = file.batch.unwrap_or(count);
        let mut padded = part.to_vec();
        padded.resize(size * image, 0.0);
        let rows = runtime.one(&file.output, &padded, [size, a, b, c])?;
        if rows.len() != size * file.features {
            return Err(format!(
                "of {size} images came {} numbers, and {} of each were there before",
                rows.len(),
                file.features
            ));
        }
        all.extend_from_slice(&rows[..count * file.features]);
    }
    Ok(all)
}

impl Onnx {
    /// `[n, h, w, c]` of 0 to 255 to `[n, features]`.
    ///
    /// # Panics
    /// If the weight is not the file that the layer names, or the runtime fails on a batch, which it has not done in `check`.
    pub(super) fn run(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let file = self.holds.as_ref().expect("`output` refuses a layer whose file was not read");
        let runtime = kept(&file.digest, || load(file, cx)).unwrap_or_else(|reason| panic!("{reason}"));
        let x = self.preprocessed(x.into_image(), file, cx);
        let device = x.device();
        let [count, height, width, channels] = x.dims();
        let x = match file.layout {
            OnnxLayout::Nchw => x.permute([0, 3, 1, 2]),
            OnnxLayout::Nhwc => x,
        };
        let numbers = x.without_autodiff().into_data().try_into_vec::<f32>().expect("tensors are f32");
        let images = Images { numbers, count, shape: file.layout.shape([count, height, width, channels]) };
        let rows = rows(&runtime, file, &images).unwrap_or_else(|reason| panic!("the ONNX network failed: {reason}"));
        Features::Vector(Tensor::from_data(TensorData::new(rows, [count, file.features]), &device))
    }

    fn preprocessed(&self, x: Tensor<4>, file: &OnnxFile, cx: &mut Cx<'_>) -> Tensor<4> {
        let mut x = Features::Image(x);
        if let [height, width] = file.sees[..]
            && height == width
        {
            let resize = Resize { size: height, shorter: self.shorter, filter: self.filter.clone(), pixels: true };
            x = resize.forward(x, cx);
        }
        if !self.mean.is_empty() {
            x = Normalize { mean: self.mean.clone(), std: self.std.clone() }.forward(x, cx);
        }
        x.into_image()
    }
}

/// The network that the layer's weight is.
fn load(file: &OnnxFile, cx: &Cx<'_>) -> Result<Runtime, String> {
    let numbers = cx.weight::<1>(FILE).without_autodiff().into_data().try_into_vec::<f32>();
    let bytes = packed::unpack(&numbers.expect("parameters are f32"), file.bytes);
    if Digest::of(&bytes).to_string() != file.digest {
        return Err("the weight `file` of the layer `onnx` is not the network that the model names".to_owned());
    }
    Runtime::load(bytes).map_err(|wrong| format!("the ONNX network of the model {}", wrong.words))
}
