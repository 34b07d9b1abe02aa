//! The x86-64 vector tokens: AVX-512 (16 lanes) and AVX2 with FMA (8 lanes).
use super::Simd;
use std::arch::x86_64::*;

/// AVX-512F is present.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512F.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// AVX2 and FMA are present.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
    #[inline(always)]
    fn mask(self, n: usize) -> __m256i {
        static BITS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let n = n.min(8);
        // SAFETY: AVX is present by the token; 8 - n + 8 <= 16 integers are readable.
        unsafe { _mm256_loadu_si256(BITS.as_ptr().add(8 - n).cast()) }
    }
}

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: AVX-512F is present by the token (so for every block of this impl).
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: the token, and the caller promises 16 floats.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: the token, and the caller promises 16 floats.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: the token; masked lanes are not touched.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as u16, p) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: __m512) {
        // SAFETY: the token; masked lanes are not touched.
        unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as u16, v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn where_positive(self, y: __m512, v: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(y, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(positive, v)
        }
    }
    #[inline(always)]
    fn pick(self, a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
        // SAFETY: the token.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), y, x) }
    }
    #[inline(always)]
    unsafe fn store_bytes_up_to(self, p: *mut u8, left: usize, v: __m512) {
        let lanes = if left >= 16 { u16::MAX } else { ((1u32 << left) - 1) as u16 };
        // SAFETY: the token; masked lanes are not touched.
        unsafe { _mm512_mask_cvtepi32_storeu_epi8(p.cast(), lanes, _mm512_cvtps_epi32(v)) }
    }
    #[inline(always)]
    unsafe fn where_byte(self, p: *const u8, t: u8, v: __m512) -> __m512 {
        // SAFETY: the token, and the caller promises 16 bytes.
        unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast()));
            _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(bytes, _mm512_set1_epi32(i32::from(t))), v)
        }
    }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: AVX2 and FMA are present by the token (so for every block of this impl).
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        // SAFETY: the token, and the caller promises 8 floats.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        // SAFETY: the token, and the caller promises 8 floats.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m256 {
        // SAFETY: the token; masked lanes are not touched.
        unsafe { _mm256_maskload_ps(p, self.mask(n)) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: __m256) {
        // SAFETY: the token; masked lanes are not touched.
        unsafe { _mm256_maskstore_ps(p, self.mask(n), v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn where_positive(self, y: __m256, v: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(y, _mm256_setzero_ps()), v) }
    }
    #[inline(always)]
    fn pick(self, a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
        // SAFETY: the token.
        unsafe { _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) }
    }
    #[inline(always)]
    unsafe fn store_bytes_up_to(self, p: *mut u8, left: usize, v: __m256) {
        let mut lanes = [0i32; 8];
        // SAFETY: the token; eight integers fit the array, and i < left is writable.
        unsafe {
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_cvtps_epi32(v));
            for (i, lane) in lanes.iter().enumerate().take(left) {
                *p.add(i) = *lane as u8;
            }
        }
    }
    #[inline(always)]
    unsafe fn where_byte(self, p: *const u8, t: u8, v: __m256) -> __m256 {
        // SAFETY: the token, and the caller promises 8 bytes.
        unsafe {
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()));
            _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(bytes, _mm256_set1_epi32(i32::from(t)))), v)
        }
    }
}
