//! Inner products of a tile of queries with a tile of rows: the one call into the `gemm` crate.

/// `out[q * rows + r] = queries[q] . rows[r]` for row-major tiles of vectors of length `dim`, on this thread alone.
///
/// # Panics
/// If a length does not fit: a mistake in the program.
#[expect(unsafe_code, reason = "`gemm` takes pointers and strides")]
pub(super) fn inner_products(queries: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    let (query_count, row_count) = (queries.len() / dim, rows.len() / dim);
    assert_eq!(queries.len(), query_count * dim, "whole queries");
    assert_eq!(rows.len(), row_count * dim, "whole rows");
    assert_eq!(out.len(), query_count * row_count, "one number a pair");
    let stride = |length: usize| isize::try_from(length).expect("a slice is at most isize::MAX long");
    // SAFETY: the product is (rows x dim) * (dim x queries). Element (r, i) of the left side lies at r * dim + i
    // of `rows`, (i, q) of the right side at q * dim + i of `queries`, (r, q) of the result at q * row_count + r of
    // `out`; the assertions above say that the largest of each lies inside its slice. `out` is borrowed alone.
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
            1,
            stride(dim),
            queries.as_ptr(),
            stride(dim),
            1,
            0.0,
            1.0,
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
        inner_products(&queries, &rows, 2, &mut out);
        assert_eq!(out, [11.0, 17.0, 23.0, -4.0, -6.0, -8.0]);
    }
}
