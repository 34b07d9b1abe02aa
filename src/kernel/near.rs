//! How near vectors are: inner products and squared distances of one vector to many, and of many to many.
//!
//! Every sum has one order, whatever the instruction set: [`nearness`] sums 64 numbers side by side and multiplies before it
//! adds, [`product_tile`] adds one number of the vectors after the other with one rounding each. So a graph or a code book
//! that is made with them has the same bytes on every machine.
use crate::simd::Simd;

/// What is computed of two vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    /// `q.k`.
    Product,
    /// `|q - k|^2`.
    Square,
}

/// Numbers that are summed side by side.
const SIDE: usize = 64;
/// Registers for them where a register has four lanes.
const REGISTERS: usize = SIDE / 4;
/// Numbers that are summed side by side in one step.
const STEP: usize = 16;
/// Bytes of a line of the cache, which a prefetch brings.
const LINE: usize = 64;
/// Rows ahead that are fetched from memory while one is computed.
const AHEAD: usize = 2;

/// The nearness of a vector to some rows of `rows`, appended to `out` in the order of `which`.
///
/// # Panics
/// If a row lies outside of `rows`.
pub fn nearness(what: Nearness, query: &[f32], rows: &[f32], which: &[u32], out: &mut Vec<f32>) {
    match what {
        Nearness::Product => products(query, rows, which, out),
        Nearness::Square => squares(query, rows, which, out),
    }
}

/// The nearness of a vector to others that lie anywhere, appended to `out` in their order: to the bit what [`nearness`] finds.
///
/// # Panics
/// If one is shorter than the vector.
pub fn nearness_to(what: Nearness, query: &[f32], rows: &[&[f32]], out: &mut Vec<f32>) {
    match what {
        Nearness::Product => products_to(query, rows, out),
        Nearness::Square => squares_to(query, rows, out),
    }
}

simd_fn! {
    [] fn products[][](query: &[f32], rows: &[f32], which: &[u32], out: &mut Vec<f32>) = some_products;
}
simd_fn! {
    [] fn squares[][](query: &[f32], rows: &[f32], which: &[u32], out: &mut Vec<f32>) = some_squares;
}
simd_fn! {
    [] fn products_to[][](query: &[f32], rows: &[&[f32]], out: &mut Vec<f32>) = their_products;
}
simd_fn! {
    [] fn squares_to[][](query: &[f32], rows: &[&[f32]], out: &mut Vec<f32>) = their_squares;
}

#[inline(always)]
fn some_products<S: Simd>(simd: S, query: &[f32], rows: &[f32], which: &[u32], out: &mut Vec<f32>) {
    let dim = query.len();
    each(simd, query, which.len(), |at| &rows[which[at] as usize * dim..][..dim], out, product);
}

#[inline(always)]
fn some_squares<S: Simd>(simd: S, query: &[f32], rows: &[f32], which: &[u32], out: &mut Vec<f32>) {
    let dim = query.len();
    each(simd, query, which.len(), |at| &rows[which[at] as usize * dim..][..dim], out, square);
}

#[inline(always)]
fn their_products<S: Simd>(simd: S, query: &[f32], rows: &[&[f32]], out: &mut Vec<f32>) {
    each(simd, query, rows.len(), |at| &rows[at][..query.len()], out, product);
}

#[inline(always)]
fn their_squares<S: Simd>(simd: S, query: &[f32], rows: &[&[f32]], out: &mut Vec<f32>) {
    each(simd, query, rows.len(), |at| &rows[at][..query.len()], out, square);
}

#[inline(always)]
fn product<S: Simd>(simd: S, sum: S::V, q: S::V, k: S::V) -> S::V {
    simd.add(sum, simd.mul(q, k))
}

#[inline(always)]
fn square<S: Simd>(simd: S, sum: S::V, q: S::V, k: S::V) -> S::V {
    let apart = simd.sub(q, k);
    simd.add(sum, simd.mul(apart, apart))
}

#[inline(always)]
fn each<'r, S: Simd>(
    simd: S,
    query: &[f32],
    count: usize,
    row: impl Fn(usize) -> &'r [f32],
    out: &mut Vec<f32>,
    add: impl Fn(S, S::V, S::V, S::V) -> S::V + Copy,
) {
    (0..count.min(AHEAD)).for_each(|next| fetch(row(next)));
    out.reserve(count);
    for at in 0..count {
        if at + AHEAD < count {
            fetch(row(at + AHEAD));
        }
        out.push(summed(simd, query, row(at), add));
    }
}

/// The sum over all numbers of two vectors of one length.
#[inline(always)]
fn summed<S: Simd>(simd: S, query: &[f32], key: &[f32], add: impl Fn(S, S::V, S::V, S::V) -> S::V) -> f32 {
    let (dim, in_step) = (query.len().min(key.len()), STEP / S::LANES);
    let (q, k) = (query.as_ptr(), key.as_ptr());
    let mut sums = [simd.splat(0.0); REGISTERS];
    let whole = dim - dim % SIDE;
    let mut at = 0;
    while at < whole {
        for register in 0..SIDE / S::LANES {
            let place = at + register * S::LANES;
            // SAFETY: `place + LANES <= whole <= dim`, which both slices have.
            let (q, k) = unsafe { (simd.load(q.add(place)), simd.load(k.add(place))) };
            sums[register] = add(simd, sums[register], q, k);
        }
        at += SIDE;
    }
    for register in 0..SIDE / S::LANES {
        let place = whole + register * S::LANES;
        if place < dim {
            // SAFETY: `dim - place` numbers are left of both slices; lanes beyond them are 0 in both.
            let (q, k) =
                unsafe { (simd.load_up_to(q.add(place), dim - place), simd.load_up_to(k.add(place), dim - place)) };
            sums[register] = add(simd, sums[register], q, k);
        }
    }
    // Four steps of sixteen become one, then half as many each time.
    let mut lanes = [0.0_f32; STEP];
    for register in 0..in_step {
        let pair =
            |one: usize, other: usize| simd.add(sums[register + one * in_step], sums[register + other * in_step]);
        let sum = simd.add(pair(0, 1), pair(2, 3));
        // SAFETY: `register * LANES + LANES <= STEP`.
        unsafe { simd.store(lanes.as_mut_ptr().add(register * S::LANES), sum) };
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// Has the memory send what will be read soon; nothing hangs on it.
#[inline(always)]
pub fn fetch<T>(soon: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in soon.chunks((LINE / size_of::<T>().max(1)).max(1)) {
        // SAFETY: a prefetch reads nothing that the program sees, and the address is inside of a slice.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (soon, LINE);
}

/// Vectors that a tile computes at once.
const QUERIES: usize = 4;

/// `out[q * columns + c] = queries[q] . column c` for row-major `queries` of length `dim` and `columns` vectors that stand
/// side by side: number `i` of vector `c` at `i * columns + c`.
///
/// # Panics
/// If a length does not fit, or `columns` is no multiple of 16.
pub fn product_tile(queries: &[f32], turned: &[f32], dim: usize, columns: usize, out: &mut [f32]) {
    let count = queries.len() / dim.max(1);
    assert!(columns.is_multiple_of(STEP), "whole steps");
    assert_eq!(queries.len(), count * dim, "whole queries");
    assert_eq!(turned.len(), dim * columns, "whole columns");
    assert_eq!(out.len(), count * columns, "one number a pair");
    tile(queries, turned, dim, columns, out);
}

simd_fn! {
    [] fn tile[][](queries: &[f32], turned: &[f32], dim: usize, columns: usize, out: &mut [f32]) = tiled;
}

#[inline(always)]
fn tiled<S: Simd>(simd: S, queries: &[f32], turned: &[f32], dim: usize, columns: usize, out: &mut [f32]) {
    let count = queries.len() / dim.max(1);
    // As many columns as the registers hold beside the sums of four queries.
    let widths: [usize; 2] = if S::LANES == 16 { [64, 16] } else { [16, 16] };
    let mut column = 0;
    while column < columns {
        let width = if columns - column >= widths[0] { widths[0] } else { widths[1] };
        let mut query = 0;
        while query < count {
            let some = (count - query).min(QUERIES);
            match (some, width / S::LANES) {
                (QUERIES, 4) => block::<S, QUERIES, 4>(simd, queries, turned, dim, columns, out, query, column),
                (QUERIES, 2) => block::<S, QUERIES, 2>(simd, queries, turned, dim, columns, out, query, column),
                (QUERIES, _) => {
                    for part in 0..width / S::LANES {
                        let column = column + part * S::LANES;
                        block::<S, QUERIES, 1>(simd, queries, turned, dim, columns, out, query, column);
                    }
                }
                _ => {
                    for one in query..query + some {
                        for part in 0..width / S::LANES {
                            block::<S, 1, 1>(simd, queries, turned, dim, columns, out, one, column + part * S::LANES);
                        }
                    }
                }
            }
            query += some;
        }
        column += width;
    }
}

#[inline(always)]
fn block<S: Simd, const Q: usize, const V: usize>(
    simd: S,
    queries: &[f32],
    turned: &[f32],
    dim: usize,
    columns: usize,
    out: &mut [f32],
    query: usize,
    column: usize,
) {
    let mut sums = [[simd.splat(0.0); V]; Q];
    for i in 0..dim {
        let mut keys = [simd.splat(0.0); V];
        for v in 0..V {
            // SAFETY: `column + V * LANES <= columns` and `i < dim`: inside of `turned`, whose length was asserted.
            keys[v] = unsafe { simd.load(turned.as_ptr().add(i * columns + column + v * S::LANES)) };
        }
        for q in 0..Q {
            // SAFETY: `query + Q <= count` and `i < dim`.
            let number = simd.splat(unsafe { *queries.as_ptr().add((query + q) * dim + i) });
            for v in 0..V {
                sums[q][v] = simd.fused(number, keys[v], sums[q][v]);
            }
        }
    }
    for q in 0..Q {
        for v in 0..V {
            // SAFETY: as above; `out` holds `count * columns` numbers.
            unsafe { simd.store(out.as_mut_ptr().add((query + q) * columns + column + v * S::LANES), sums[q][v]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
    }

    #[test]
    fn sums_are_those_of_the_definition_and_the_same_by_any_instructions() {
        for dim in [1, 3, 15, 16, 17, 63, 64, 65, 100, 256] {
            let (rows, query) = (numbers(7 * dim), numbers(9 * dim)[8 * dim..].to_vec());
            let which = [6, 0, 3, 3, 5];
            for (what, term) in [
                (Nearness::Product, (|q: f64, k: f64| q * k) as fn(f64, f64) -> f64),
                (Nearness::Square, |q: f64, k: f64| (q - k) * (q - k)),
            ] {
                let (mut found, mut plain) = (Vec::new(), Vec::new());
                nearness(what, &query, &rows, &which, &mut found);
                match what {
                    Nearness::Product => some_products(Portable, &query, &rows, &which, &mut plain),
                    Nearness::Square => some_squares(Portable, &query, &rows, &which, &mut plain),
                }
                assert_eq!(found, plain, "{what:?} {dim}");
                let (some, mut again): (Vec<&[f32]>, _) =
                    (which.iter().map(|row| &rows[*row as usize * dim..][..dim]).collect(), Vec::new());
                nearness_to(what, &query, &some, &mut again);
                assert_eq!(found, again, "wherever they lie: {what:?} {dim}");
                for (found, row) in found.iter().zip(which) {
                    let row = &rows[row as usize * dim..][..dim];
                    let expected: f64 = query.iter().zip(row).map(|(q, k)| term(f64::from(*q), f64::from(*k))).sum();
                    assert!((f64::from(*found) - expected).abs() < 1e-4, "{what:?} {dim}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_tile_holds_every_product_whatever_its_sides_and_the_instructions() {
        for (count, dim, columns) in [(1, 1, 16), (4, 5, 64), (7, 33, 80), (9, 64, 144), (3, 8, 32)] {
            let (queries, turned) = (numbers(count * dim), numbers(columns * dim + 5)[5..].to_vec());
            let (mut found, mut plain) = (vec![0.0; count * columns], vec![0.0; count * columns]);
            product_tile(&queries, &turned, dim, columns, &mut found);
            tiled(Portable, &queries, &turned, dim, columns, &mut plain);
            assert_eq!(found, plain, "{count} {dim} {columns}");
            for q in 0..count {
                for c in 0..columns {
                    let expected: f64 =
                        (0..dim).map(|i| f64::from(queries[q * dim + i]) * f64::from(turned[i * columns + c])).sum();
                    assert!((f64::from(found[q * columns + c]) - expected).abs() < 1e-4);
                }
            }
        }
    }
}
