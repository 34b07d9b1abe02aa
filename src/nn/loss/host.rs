//! What losses of triplets and of ranks compute in host memory: one pass over all triplets that keeps none of them, so a
//! batch of hundreds of rows, which has millions of triplets, needs the memory of its distances alone.

use burn::tensor::{Tensor, TensorData};

use crate::ops;

/// A matrix in host memory, row after row.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    columns: usize,
    values: Vec<f32>,
}

impl Grid {
    /// A copy, outside the autodiff graph.
    pub(crate) fn of(x: &Tensor<2>) -> Self {
        let columns = x.dims()[1];
        let values = x.clone().without_autodiff().into_data().try_into_vec::<f32>().expect("embeddings are f32");
        Self { columns, values }
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns + column]
    }
}

/// The slope of a loss by every entry of a matrix, summed up in a fixed order.
#[derive(Debug, Clone)]
pub(super) struct Slope {
    columns: usize,
    values: Vec<f64>,
}

impl Slope {
    /// All 0, of the shape of `grid`.
    pub(super) fn of(grid: &Grid) -> Self {
        Self { columns: grid.columns, values: vec![0.0; grid.values.len()] }
    }

    pub(super) fn add(&mut self, row: usize, column: usize, slope: f64) {
        self.values[row * self.columns + column] += slope;
    }

    /// A number of the graph that is `value` and whose slope by `x` is this, times `scale`: `[1]`.
    pub(super) fn into_loss(self, x: Tensor<2>, value: f64, scale: f64) -> Tensor<1> {
        with_slope(x, value, self.values.into_iter().map(|slope| slope * scale))
    }
}

/// A number of the graph, `[1]`, that is `value` and whose slope by the numbers of `x` is `slope`.
#[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
pub(super) fn with_slope<const D: usize>(x: Tensor<D>, value: f64, slope: impl Iterator<Item = f64>) -> Tensor<1> {
    let slope = TensorData::new(slope.map(|slope| slope as f32).collect(), x.dims());
    let slope = Tensor::<D>::from_data(slope, &x.device());
    // Linear in `x` with the wanted slope; less its own value, so that only the slope is left of it.
    let linear = ops::sum(x * slope);
    (linear.clone() - linear.detach()).add_scalar(value)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_loss_has_the_given_value_and_slope() {
        let x = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::flex().autodiff()).require_grad();
        let grid = Grid::of(&x);
        assert_eq!((grid.at(1, 2), grid.row(1)), (6.0, &[4.0, 5.0, 6.0][..]));
        let mut slope = Slope::of(&grid);
        slope.add(0, 1, 2.0);
        slope.add(1, 2, -1.0);
        slope.add(0, 1, 2.0);
        let loss = slope.into_loss(x.clone(), 7.5, 0.5);
        let gradient = x.grad(&loss.backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(loss.into_scalar::<f32>(), 7.5);
        assert_eq!(gradient, [0.0, 2.0, 0.0, 0.0, 0.0, -0.5]);
    }
}
