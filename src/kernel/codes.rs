//! How near rows of few bits are to a query: inner products of bytes, and bits that differ. They are whole numbers, which are the
//! same in whatever order they are summed.
use crate::simd::Simd;

/// The inner product of a query with each row of bytes; `out` stays as it is where rows have no numbers. The query's numbers
/// are bytes too, in 16 bits so that they are not widened again for every row.
///
/// # Panics
/// If there is not one row for each number of `out`.
pub fn byte_products(query: &[i16], rows: &[i8], out: &mut [i32]) {
    assert_eq!(rows.len(), out.len() * query.len(), "one row a number");
    products(query, rows, out);
}

/// How many bits of each row differ from those of a query; `out` stays as it is where rows have no words.
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

// Plain loops, which the compiler turns into the instructions of the set that `simd_fn` names; not where it has to look for sums
// that overflow, which take more than 100,000 bytes of 127.
#[inline(always)]
fn each_product<S: Simd>(_: S, query: &[i16], rows: &[i8], out: &mut [i32]) {
    for (found, row) in out.iter_mut().zip(rows.chunks_exact(query.len().max(1))) {
        let mut sum = 0_i32;
        for at in 0..query.len() {
            sum = sum.wrapping_add(i32::from(query[at]) * i32::from(row[at]));
        }
        *found = sum;
    }
}

#[inline(always)]
fn each_difference<S: Simd>(_: S, query: &[u64], rows: &[u64], out: &mut [u32]) {
    for (found, row) in out.iter_mut().zip(rows.chunks_exact(query.len().max(1))) {
        let mut sum = 0_u32;
        for at in 0..query.len() {
            sum = sum.wrapping_add((query[at] ^ row[at]).count_ones());
        }
        *found = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::simd::Portable;

    const LENGTHS: [usize; 9] = [0, 1, 4, 15, 16, 17, 64, 65, 256];

    #[test]
    fn products_are_those_of_the_numbers_on_every_machine() {
        let number = |at: usize| (at * at * 31 % 255) as i16 - 127;
        for length in LENGTHS {
            let query: Vec<i16> = (0..length).map(|at| number(at + 3)).collect();
            let rows: Vec<i8> = (0..5 * length).map(|at| number(7 * at) as i8).collect();
            let (mut found, mut plain) = ([1; 5], [2; 5]);
            byte_products(&query, &rows, &mut found);
            each_product(Portable, &query, &rows, &mut plain);
            let product = |row: usize| -> i64 {
                let row = &rows[row * length..][..length];
                query.iter().zip(row).map(|(q, k)| i64::from(*q) * i64::from(*k)).sum()
            };
            let expected = [0, 1, 2, 3, 4].map(|row| i32::try_from(product(row)).unwrap());
            if length > 0 {
                assert_eq!((found, plain), (expected, expected), "{length}");
            }
        }
        let mut most = [0; 1];
        byte_products(&[-127; 4096], &[127; 4096], &mut most);
        assert_eq!(most, [-127 * 127 * 4096]);
    }

    #[test]
    fn bits_that_differ_are_counted_on_every_machine() {
        let word = |at: usize| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for length in LENGTHS {
            let query: Vec<u64> = (0..length).map(word).collect();
            let rows: Vec<u64> = (0..3 * length).map(|at| word(at + 5) ^ word(2 * at)).collect();
            let (mut found, mut plain) = ([1; 3], [2; 3]);
            bit_differences(&query, &rows, &mut found);
            each_difference(Portable, &query, &rows, &mut plain);
            let differing = |row: usize| -> u32 {
                let row = &rows[row * length..][..length];
                query.iter().zip(row).map(|(q, k)| (0..64).filter(|bit| (q ^ k) >> bit & 1 == 1).count() as u32).sum()
            };
            if length > 0 {
                assert_eq!((found, plain), ([0, 1, 2].map(differing), [0, 1, 2].map(differing)), "{length}");
            }
        }
    }
}
