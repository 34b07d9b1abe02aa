//! Numbers of 16 bits: bfloat16, the upper half of a float, rounded to the nearest (ties to even).
use crate::bfloat16::rounded;
use crate::half_tiles::{Method, method};
use crate::scratch::Scratch;
use std::ops::{Deref, DerefMut};

/// Numbers of 16 bits in memory that is reused; their content is arbitrary until it is written.
#[derive(Debug)]
pub(crate) struct Halves {
    memory: Scratch,
    len: usize,
}

impl Halves {
    /// `len` of arbitrary content.
    pub(crate) fn take(len: usize) -> Self {
        Self { memory: Scratch::take(len.div_ceil(2)), len }
    }

    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { memory: Scratch::zeros(len.div_ceil(2)), len }
    }
}

impl Deref for Halves {
    type Target = [u16];
    fn deref(&self) -> &[u16] {
        // SAFETY: the memory holds at least `len` initialised halves of floats, and any bits are a `u16`.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Halves {
    fn deref_mut(&mut self) -> &mut [u16] {
        // SAFETY: as in `deref`, and the borrow is unique; any two `u16` are a float.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.len) }
    }
}

/// Rounds each number.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn round_into(from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len(), "lengths");
    #[cfg(target_arch = "x86_64")]
    if method() != Method::Plain {
        // SAFETY: these methods stand for a processor with the instructions.
        unsafe { wide::round_into(from, to) };
        return;
    }
    from.iter().zip(to).for_each(|(from, to)| *to = rounded(*from));
}

/// Rounds the numbers of two rows and lays them side by side: those of `low` in the even places.
///
/// # Panics
/// If there are more than 16 numbers in a row.
pub(crate) fn pair_into(low: &[f32], high: &[f32], to: &mut [u16; 32]) {
    assert!(low.len() <= 16 && high.len() <= 16, "lengths");
    #[cfg(target_arch = "x86_64")]
    if method() != Method::Plain {
        // SAFETY: as above.
        unsafe { wide::pair_into(low, high, to) };
        return;
    }
    for (i, to) in to.chunks_exact_mut(2).enumerate() {
        to[0] = low.get(i).map_or(0, |v| rounded(*v));
        to[1] = high.get(i).map_or(0, |v| rounded(*v));
    }
}

/// Rounds rows `[pixels, width]`, of which the first `columns` numbers count, into pairs of pixels `[pixel / 32][tiles][16 pairs][16][2]`, from
/// tile `first` on: row `i` is pixel `at + i * step`. What stood there was zero.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn scatter(
    rows: &[f32],
    width: usize,
    columns: usize,
    [at, step]: [usize; 2],
    [tiles, first]: [usize; 2],
    to: &mut [u16],
) {
    let pixels = rows.len() / width.max(1);
    assert!((1..=width).contains(&columns) && first + columns.div_ceil(16) <= tiles, "tiles");
    assert!(pixels == 0 || to.len() >= ((at + (pixels - 1) * step) / 32 + 1) * tiles * 512, "lengths");
    #[cfg(target_arch = "x86_64")]
    if method() != Method::Plain {
        // SAFETY: as above; the lengths were just checked.
        unsafe { wide::scatter(rows, width, columns, [at, step], [tiles, first], to) };
        return;
    }
    for (i, row) in rows.chunks_exact(width).enumerate() {
        let pixel = at + i * step;
        for (ch, v) in row[..columns].iter().enumerate() {
            let tile = pixel / 32 * tiles + first + ch / 16;
            to[tile * 512 + pixel % 32 / 2 * 32 + ch % 16 * 2 + pixel % 2] = rounded(*v);
        }
    }
}

/// Rounds the first `columns` numbers of rows `[pixels, width]` to rows that begin `step` numbers apart.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn round_rows(rows: &[f32], width: usize, columns: usize, step: usize, to: &mut [u16]) {
    let pixels = rows.len() / width.max(1);
    assert!(columns <= width && (pixels == 0 || to.len() >= (pixels - 1) * step + columns), "lengths");
    #[cfg(target_arch = "x86_64")]
    if method() != Method::Plain {
        // SAFETY: as above; the lengths were just checked.
        unsafe { wide::round_rows(rows, width, columns, step, to) };
        return;
    }
    for (i, row) in rows.chunks_exact(width).enumerate() {
        row[..columns].iter().zip(&mut to[i * step..]).for_each(|(v, to)| *to = rounded(*v));
    }
}

/// Rows of at most 32 pixels, `[pixels, c]`, to columns: pixel `p` of channel `ch` goes to `to[ch * stride + p]`.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn turn(x: &[f32], c: usize, to: &mut [u16], stride: usize) {
    let pixels = x.len() / c.max(1);
    assert!(pixels <= 32 && c > 0 && to.len() >= (c - 1) * stride + pixels, "lengths");
    #[cfg(target_arch = "x86_64")]
    if method() != Method::Plain {
        // SAFETY: as above; the lengths were just checked.
        unsafe { wide::turn(x, c, to, stride) };
        return;
    }
    for (p, row) in x.chunks_exact(c).enumerate() {
        row.iter().enumerate().for_each(|(ch, v)| to[ch * stride + p] = rounded(*v));
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    /// The first `n` of 16 lanes.
    const fn lanes(n: usize) -> u16 {
        if n >= 16 { u16::MAX } else { (1 << n) - 1 }
    }

    /// # Safety
    /// The processor has the instructions; `p` has `n` (at least one, at most 16 are read) numbers.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn load(p: *const f32, n: usize) -> __m256i {
        // SAFETY: the caller's promise; masked lanes are not touched. A vector of bfloat16 is one of 16-bit integers.
        unsafe { std::mem::transmute(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(lanes(n), p))) }
    }

    /// # Safety
    /// The processor has the instructions; the slices are equally long.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn round_into(from: &[f32], to: &mut [u16]) {
        let mut at = 0;
        // SAFETY: every access is below the length; the last one is masked.
        unsafe {
            while at + 32 <= from.len() {
                let [low, high] = [0, 16].map(|by| _mm512_loadu_ps(from.as_ptr().add(at + by)));
                let both: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(high, low));
                _mm512_storeu_si512(to.as_mut_ptr().add(at).cast(), both);
                at += 32;
            }
            while at < from.len() {
                let left = from.len() - at;
                _mm256_mask_storeu_epi16(
                    to.as_mut_ptr().add(at).cast(),
                    lanes(left),
                    load(from.as_ptr().add(at), left),
                );
                at += 16;
            }
        }
    }

    /// # Safety
    /// The processor has the instructions; rows are at most 16 long.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn pair_into(low: &[f32], high: &[f32], to: &mut [u16; 32]) {
        // SAFETY: masked lanes are not read; 32 numbers are written.
        unsafe {
            let [low, high] = [low, high].map(|row| _mm512_cvtepu16_epi32(load(row.as_ptr(), row.len())));
            let both = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), both);
        }
    }

    /// # Safety
    /// The processor has the instructions; rows and pairs of pixels lie in their slices, as [`super::scatter`] checks.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn scatter(
        rows: &[f32],
        width: usize,
        columns: usize,
        [at, step]: [usize; 2],
        [tiles, first]: [usize; 2],
        to: &mut [u16],
    ) {
        for i in 0..rows.len() / width {
            let pixel = at + i * step;
            let base = (pixel / 32 * tiles + first) * 512 + pixel % 32 / 2 * 32;
            for ch in (0..columns).step_by(16) {
                // SAFETY: the caller's promise.
                unsafe {
                    let to = to.as_mut_ptr().add(base + ch / 16 * 512).cast();
                    let row = _mm512_cvtepu16_epi32(load(rows.as_ptr().add(i * width + ch), columns - ch));
                    let row = if pixel % 2 == 1 { _mm512_slli_epi32::<16>(row) } else { row };
                    _mm512_storeu_si512(to, _mm512_or_si512(_mm512_loadu_si512(to), row));
                }
            }
        }
    }

    /// # Safety
    /// The processor has the instructions; the rows lie in their slices, as [`super::round_rows`] checks.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn round_rows(rows: &[f32], width: usize, columns: usize, step: usize, to: &mut [u16]) {
        for i in 0..rows.len() / width {
            for ch in (0..columns).step_by(16) {
                // SAFETY: the caller's promise.
                unsafe {
                    let row = load(rows.as_ptr().add(i * width + ch), columns - ch);
                    let to = to.as_mut_ptr().add(i * step + ch).cast();
                    _mm256_mask_storeu_epi16(to, lanes(columns - ch), row);
                }
            }
        }
    }

    /// # Safety
    /// The processor has the instructions; at most 32 pixels of `c` channels, for which `to` has the room.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn turn(x: &[f32], c: usize, to: &mut [u16], stride: usize) {
        let pixels = x.len() / c;
        let zero = _mm512_setzero_si512();
        let mask = if pixels == 32 { u32::MAX } else { (1 << pixels) - 1 };
        let mut ch = 0;
        while ch < c {
            let left = (c - ch).min(16);
            let mut rows = [zero; 16];
            // SAFETY: pixels and channels stay below their numbers; the stores are masked to the pixels.
            unsafe {
                for (pair, row) in rows.iter_mut().enumerate().take(pixels.div_ceil(2)) {
                    let p = x.as_ptr().add(2 * pair * c + ch);
                    *row = _mm512_cvtepu16_epi32(load(p, left));
                    if 2 * pair + 1 < pixels {
                        let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(load(p.add(c), left)));
                        *row = _mm512_or_si512(*row, high);
                    }
                }
                let columns = transpose(rows);
                for (i, column) in columns.into_iter().enumerate().take(left) {
                    _mm512_mask_storeu_epi16(to.as_mut_ptr().add((ch + i) * stride).cast(), mask, column);
                }
            }
            ch += 16;
        }
    }

    /// The columns of 16 rows of 16 numbers of 32 bits.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transpose(r: [__m512i; 16]) -> [__m512i; 16] {
        let mut a = r;
        for i in 0..8 {
            a[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
            a[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
        }
        let mut b = a;
        for i in 0..4 {
            let q = 4 * i;
            b[q] = _mm512_unpacklo_epi64(a[q], a[q + 2]);
            b[q + 1] = _mm512_unpackhi_epi64(a[q], a[q + 2]);
            b[q + 2] = _mm512_unpacklo_epi64(a[q + 1], a[q + 3]);
            b[q + 3] = _mm512_unpackhi_epi64(a[q + 1], a[q + 3]);
        }
        // b[4 i + k] has, in its quarter l, column 4 l + k of rows 4 i..4 i + 4.
        let mut c = b;
        for k in 0..4 {
            let even = [b[k], b[4 + k], b[8 + k], b[12 + k]];
            let low = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
            let high = _mm512_shuffle_i32x4::<0x88>(even[2], even[3]);
            let low_odd = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
            let high_odd = _mm512_shuffle_i32x4::<0xdd>(even[2], even[3]);
            c[k] = _mm512_shuffle_i32x4::<0x88>(low, high);
            c[8 + k] = _mm512_shuffle_i32x4::<0xdd>(low, high);
            c[4 + k] = _mm512_shuffle_i32x4::<0x88>(low_odd, high_odd);
            c[12 + k] = _mm512_shuffle_i32x4::<0xdd>(low_odd, high_odd);
        }
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bfloat16::widened;
    use crate::reference::Rng;

    #[test]
    fn numbers_are_rounded_to_the_nearest_even() {
        // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 2^-8 between 1 + 2^-7 and 1 + 2^-6.
        let from = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, 1.004, -2.5, 0.0, f32::INFINITY, 3.4e38];
        let wanted = [1.0, 1.0, 1.015_625, 1.007_812_5, -2.5, 0.0, f32::INFINITY, f32::INFINITY];
        assert_eq!(from.map(|v| widened(rounded(v))), wanted);
        let mut found = [0; 8];
        round_into(&from, &mut found);
        assert_eq!(found.map(widened), wanted);
        assert!(widened(rounded(f32::NAN)).is_nan());
        let mut rng = Rng::new(4);
        for n in 0..70 {
            let from = rng.normal(n);
            let mut to = vec![7; n];
            round_into(&from, &mut to);
            assert!(from.iter().zip(&to).all(|(from, to)| rounded(*from) == *to), "{n}");
        }
    }

    #[test]
    fn rows_are_paired_and_turned() {
        let mut rng = Rng::new(5);
        for case in 0..200 {
            let (pixels, c) = (1 + rng.below(32), 1 + rng.below(50));
            let (x, stride) = (rng.normal(pixels * c), pixels + rng.below(9));
            let mut turned = vec![9; c * stride];
            turn(&x, c, &mut turned, stride);
            for ch in 0..c {
                for p in 0..stride {
                    let wanted = if p < pixels { rounded(x[p * c + ch]) } else { 9 };
                    assert_eq!(turned[ch * stride + p], wanted, "{case}: {pixels} {c} {stride}, {ch} {p}");
                }
            }
            let [low, high] = [1 + rng.below(16), rng.below(17)].map(|n| rng.normal(n));
            let mut both = [3; 32];
            pair_into(&low, &high, &mut both);
            let at = |row: &[f32], i: usize| row.get(i).map_or(0, |v| rounded(*v));
            assert!((0..16).all(|i| both[2 * i] == at(&low, i) && both[2 * i + 1] == at(&high, i)));
        }
    }

    #[test]
    fn rows_are_scattered_to_their_pixels() {
        let mut rng = Rng::new(6);
        for _ in 0..100 {
            let (pixels, columns, step) = (1 + rng.below(40), 1 + rng.below(50), 1 + rng.below(3));
            let width = columns + rng.below(9);
            let (at, first, rows) = (rng.below(70), rng.below(3), rng.normal(pixels * width));
            let tiles = first + columns.div_ceil(16) + rng.below(2);
            let mut pairs = vec![0; ((at + pixels * step) / 32 + 1) * tiles * 512];
            scatter(&rows, width, columns, [at, step], [tiles, first], &mut pairs);
            let mut apart = vec![7; pixels * (columns + step)];
            round_rows(&rows, width, columns, columns + step, &mut apart);
            for (i, row) in rows.chunks(width).enumerate() {
                for (ch, v) in row[..columns].iter().enumerate() {
                    let (pixel, wanted) = (at + i * step, rounded(*v));
                    let tile = (pixel / 32 * tiles + first + ch / 16) * 512;
                    let place = tile + pixel % 32 / 2 * 32 + ch % 16 * 2 + pixel % 2;
                    assert_eq!((std::mem::take(&mut pairs[place]), apart[i * (columns + step) + ch]), (wanted, wanted));
                }
                assert!(apart[i * (columns + step) + columns..][..step].iter().all(|v| *v == 7), "between rows");
            }
            assert!(pairs.iter().all(|v| *v == 0), "elsewhere");
        }
    }
}
