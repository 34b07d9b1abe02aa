//! Inner products of a tile of queries with a tile of rows: the one call into the `gemm` crate.

/// Rows that are turned around together: the numbers of one dimension then fill a cache line.
const BLOCK: usize = 16;

/// Row-major vectors of length `dim` in the order of dimensions: number `i` of row `r` at `i * rows + r`.
pub(super) fn transposed(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    transpose(rows, dim, &mut out);
    out
}

/// The same into memory of as many numbers.
pub(super) fn transpose(rows: &[f32], dim: usize, out: &mut [f32]) {
    let count = rows.len() / dim.max(1);
    for first in (0..count).step_by(BLOCK) {
        let block = first..(first + BLOCK).min(count);
        for i in 0..dim {
            for (out, row) in out[i * count..][block.clone()].iter_mut().zip(block.clone()) {
                *out = rows[row * dim + i];
            }
        }
    }
}

/// `out[q * rows + r] = scale * queries[q] . rows[r]` for two tiles of vectors of length `dim`, both [`transposed`], on
/// this thread alone.
///
/// # Panics
/// If a length does not fit: a mistake in the program.
#[expect(unsafe_code, reason = "`gemm` takes pointers and strides")]
pub(super) fn scaled_products(scale: f32, queries: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    let (query_count, row_count) = (queries.len() / dim, rows.len() / dim);
    assert_eq!(queries.len(), query_count * dim, "whole queries");
    assert_eq!(rows.len(), row_count * dim, "whole rows");
    assert_eq!(out.len(), query_count * row_count, "one number a pair");
    let stride = |length: usize| isize::try_from(length).expect("a slice is at most isize::MAX long");
    // SAFETY: the product is (rows x dim) * (dim x queries). Element (r, i) of the left side lies at i * row_count + r
    // of `rows`, (i, q) of the right side at i * query_count + q of `queries`, (r, q) of the result at
    // q * row_count + r of `out`; the assertions above say that the largest of each lies inside its slice. `out` is
    // borrowed alone, and not read.
    unsafe {
        gemm::gemm(
            row_count,
            query_count,
            dim,
            out.as_mut_ptr(),
            stride(row_count),
            1,
            false,
            rows.as_ptr(),
            stride(row_count),
            1,
            queries.as_ptr(),
            1,
            stride(query_count),
            0.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_gets_its_product() {
        let (queries, rows) = ([1.0, 2.0, 0.0, -1.0], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let mut out = [f32::NAN; 6];
        scaled_products(-2.0, &transposed(&queries, 2), &transposed(&rows, 2), 2, &mut out);
        assert_eq!(out, [-22.0, -34.0, -46.0, 8.0, 12.0, 16.0]);
    }

    #[test]
    fn numbers_are_turned_around_whatever_the_count() {
        let rows: Vec<f32> = (0..37 * 3_u8).map(f32::from).collect();
        let turned = transposed(&rows, 3);
        assert!((0..37).all(|row| (0..3).all(|i| turned[i * 37 + row] == rows[row * 3 + i])));
        assert_eq!(transposed(&[], 3), [0.0; 0]);
    }
}
