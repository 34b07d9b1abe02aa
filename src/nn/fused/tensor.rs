//! Slices in and out of flex tensors, without a copy where the layout allows.

use crate::profile::Work;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{AllocationProperty, Bytes, DType, Shape, Tensor};
use simpipe_kernel::{ConvShape, Scratch};

/// The checkpointing of the autodiff graph: every activation is kept.
pub(super) type Keep = NoCheckpointing;

/// A tensor in the autodiff graph.
pub(super) type Tracked = FloatTensor<Autodiff<Flex>>;

/// Tensors of one operation, all on flex: inside the autodiff graph or outside.
pub(super) enum Operands<const N: usize> {
    /// In the graph.
    Tracked([Tracked; N]),
    /// Plain.
    Plain([FlexTensor; N]),
}

/// A tensor of any rank, as an operand.
pub(super) trait Operand {
    /// The primitive in the autodiff graph, if it is one of flex.
    fn tracked(&self) -> Option<Tracked>;
    /// The plain primitive, if it is one of flex.
    fn plain(&self) -> Option<FlexTensor>;
}

impl<const D: usize> Operand for Tensor<D> {
    fn tracked(&self) -> Option<Tracked> {
        self.clone().try_into_primitive::<Autodiff<Flex>>().ok()
    }
    fn plain(&self) -> Option<FlexTensor> {
        self.clone().try_into_primitive::<Flex>().ok()
    }
}

/// Takes the primitives out; `None` if they are not all on flex.
pub(super) fn operands<const N: usize>(tensors: [&dyn Operand; N]) -> Option<Operands<N>> {
    let tracked: Vec<Tracked> = tensors.iter().map_while(|tensor| tensor.tracked()).collect();
    if let Ok(tracked) = tracked.try_into() {
        return Some(Operands::Tracked(tracked));
    }
    let plain: Vec<FlexTensor> = tensors.iter().map_while(|tensor| tensor.plain()).collect();
    plain.try_into().ok().map(Operands::Plain)
}

/// The tensor with its numbers in row-major order: itself, or a copy if it is strided.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a [`contiguous`] tensor.
pub(super) fn floats(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("a contiguous tensor of f32")
}

/// A tensor that takes a vector over.
pub(super) fn from_vec(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), DType::F32)
}

/// A tensor in memory that goes back to the kernels' pool with it: the next step's maps find it there, where fresh memory
/// would come page by page from the system. Whoever writes to the tensor in place gets a copy.
pub(super) fn from_scratch(values: Scratch, shape: impl Into<Shape>) -> FlexTensor {
    let bytes = Bytes::from_shared(bytes::Bytes::from_owner(values), AllocationProperty::Native);
    FlexTensor::new(bytes, Layout::contiguous(shape.into()), DType::F32)
}

/// The work of a convolution, `times` over, that touches so many numbers.
pub(super) fn convolutions(shape: &ConvShape, times: usize, numbers: usize) -> Work {
    let [height, width] = shape.kernel;
    Work { flops: times * 2 * shape.y_len() * height * width * shape.c_in, numbers }
}

/// The work of a pass over a map.
pub(super) const fn pass(numbers: usize) -> Work {
    Work { flops: 0, numbers }
}

/// A vector of `len` zeros for a kernel to write over: for the gradients of weights, which an optimiser updates in place.
pub(super) fn buffer(len: usize) -> Vec<f32> {
    vec![0.0; len]
}
