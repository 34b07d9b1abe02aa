//! How near rows of few bits are to a query: inner products of bytes, and bits that differ. They are whole numbers, which are the
//! same in whatever order they are summed.
use crate::simd::Simd;

/// The inner product of a query with each row of bytes. The query's numbers are bytes too, in 16 bits so that they are not widened
/// again for every row.
///
/// # Panics
/// If there is not one row for each number of `out`.
pub fn byte_products(query: &[i16], rows: &[i8], out: &mut [i32]) {
    assert_eq!(rows.len(), out.len() * query.len(), "one row a number");
    products(query, rows, out);
}

/// How many bits of each row differ from those of a query.
///
/// # Panics
/// If there is not one row for each number of `out`.
pub fn bit_differences(query: &[u64], rows: &[u64], out: &mut [u32]) {
    assert_eq!(rows.len(), out.len() * query.len(), "one row a number");
    differences(query, rows, out);
}

simd_fn! {
    [] fn products[][](query: &[i16], rows: &[i8], out: &mut [i32]) = each_product;
}
simd_fn! {
    [] fn differences[][](query: &[u64], rows: &[u64], out: &mut [u32]) = each_difference;
}

// Plain loops, which the compiler turns into the instructions of the set that `simd_fn` names.
#[inline(always)]
fn each_product<S: Simd>(_: S, query: &[i16], rows: &[i8], out: &mut [i32]) {
    for (found, row) in out.iter_mut().zip(rows.chunks_exact(query.len().max(1))) {
        let mut sum = 0;
        for at in 0..query.len() {
            sum += i32::from(query[at]) * i32::from(row[at]);
        }
        *found = sum;
    }
}

#[inline(always)]
fn each_difference<S: Simd>(_: S, query: &[u64], rows: &[u64], out: &mut [u32]) {
    for (found, row) in out.iter_mut().zip(rows.chunks_exact(query.len().max(1))) {
        let mut sum = 0;
        for at in 0..query.len() {
            sum += (query[at] ^ row[at]).count_ones();
        }
        *found = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_numbers_at_their_limits() {
        let query: Vec<i16> = (0..37).map(|at| if at % 2 == 0 { 127 } else { -127 }).collect();
        let rows: Vec<i8> = (0..3 * 37).map(|at| [127, -127, 5][at / 37]).collect();
        let mut found = [1; 3];
        byte_products(&query, &rows, &mut found);
        assert_eq!(found, [127 * 127, -127 * 127, 5 * 127]);
        byte_products(&[], &[], &mut []);
    }

    #[test]
    fn bits_that_differ_are_counted_over_all_words() {
        let query = [u64::MAX, 0, 0b101];
        let rows = [u64::MAX, 0, 0b101, 0, u64::MAX, 0b010];
        let mut found = [9; 2];
        bit_differences(&query, &rows, &mut found);
        assert_eq!(found, [0, 131]);
        bit_differences(&[], &[], &mut []);
    }
}
