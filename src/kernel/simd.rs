//! Vector tokens (AVX-512, AVX2 with FMA, portable) and the run-time choice between them.
//!
//! A kernel is written once, generic over [`Simd`], with every function it calls `#[inline(always)]`; [`simd_fn`] compiles
//! it for each instruction set and picks one at run time. `SIMPIPE_SIMD=avx2|portable` lowers the choice (for tests).
use std::sync::OnceLock;

/// A proof that the CPU has the instruction set; made only by [`simd_fn`] after detection.
pub(crate) trait Simd: Copy {
    /// One vector register.
    type V: Copy;
    /// Lanes of a register; divides 16.
    const LANES: usize;
    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `LANES` floats are readable at `p`.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `LANES` floats are writable at `p`.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// # Safety
    /// `n < LANES` floats are readable at `p`; the other lanes are zero.
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V;
    /// # Safety
    /// `n < LANES` floats are writable at `p`.
    unsafe fn store_part(self, p: *mut f32, n: usize, v: Self::V);
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a * b + c` with one rounding, whatever the machine; slow where it has no instruction for it.
    #[inline(always)]
    fn fused(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.fma(a, b, c)
    }
    /// The larger of each lane; `b` where one is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `v` where `y > 0`, else 0.
    fn where_positive(self, y: Self::V, v: Self::V) -> Self::V;
    /// `x` where `a > b`, else `y`.
    fn pick(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// Writes at most `left` lanes, whole numbers from 0 to 255, as bytes.
    ///
    /// # Safety
    /// `left` bytes are writable at `p`.
    unsafe fn store_bytes_up_to(self, p: *mut u8, left: usize, v: Self::V);
    /// `v` in the lanes whose byte at `p` is `t`, else 0.
    ///
    /// # Safety
    /// `LANES` bytes are readable at `p`.
    unsafe fn where_byte(self, p: *const u8, t: u8, v: Self::V) -> Self::V;

    /// As `where_byte` with at most `left` bytes readable; the other lanes are 0.
    ///
    /// # Safety
    /// `left` bytes are readable at `p`.
    #[inline(always)]
    unsafe fn where_byte_up_to(self, p: *const u8, left: usize, t: u8, v: Self::V) -> Self::V {
        if left >= Self::LANES {
            // SAFETY: the caller's promise.
            return unsafe { self.where_byte(p, t, v) };
        }
        let mut bytes = [!t; 16];
        // SAFETY: `left` bytes are readable, and LANES <= 16.
        unsafe {
            std::ptr::copy_nonoverlapping(p, bytes.as_mut_ptr(), left);
            self.where_byte(bytes.as_ptr(), t, v)
        }
    }

    /// `p[at..]` of a row with `left` floats still to come (zero lanes beyond).
    ///
    /// # Safety
    /// `left` floats are readable at `p + at`.
    #[inline(always)]
    unsafe fn load_up_to(self, p: *const f32, left: usize) -> Self::V {
        // SAFETY: the caller's promise, cut at LANES.
        unsafe { if left >= Self::LANES { self.load(p) } else { self.load_part(p, left) } }
    }
    /// Writes at most `left` lanes.
    ///
    /// # Safety
    /// `left` floats are writable at `p`.
    #[inline(always)]
    unsafe fn store_up_to(self, p: *mut f32, left: usize, v: Self::V) {
        // SAFETY: the caller's promise, cut at LANES.
        unsafe { if left >= Self::LANES { self.store(p, v) } else { self.store_part(p, left, v) } }
    }
}

/// What the CPU offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The instruction set in use, decided once.
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let wish = std::env::var("SIMPIPE_SIMD").unwrap_or_default();
        #[cfg(target_arch = "x86_64")]
        {
            let all = is_x86_feature_detected!("fma") && is_x86_feature_detected!("popcnt");
            let avx2 = is_x86_feature_detected!("avx2") && all;
            let avx512 = avx2 && is_x86_feature_detected!("avx512f");
            if avx512 && wish != "avx2" && wish != "portable" {
                return Level::Avx512;
            }
            if avx2 && wish != "portable" {
                return Level::Avx2;
            }
        }
        let _ = wish;
        Level::Portable
    })
}

/// Defines `[unsafe?] fn name[generic declarations][generic names](arguments) -> R = body;` where `body(token, arguments)` is generic over
/// [`Simd`] and `#[inline(always)]`: compiled per instruction set, chosen at run time.
macro_rules! simd_fn {
    ($(#[$meta:meta])* [$($unsafe:tt)?] fn $name:ident [$($decl:tt)*] [$($gen:tt)*] ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:path;) => {
        $(#[$meta])*
        pub(crate) $($unsafe)? fn $name<$($decl)*>($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma,popcnt")]
            fn wide<$($decl)*>($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: this function has the features; the body's own conditions are the outer function's.
                unsafe { $body($crate::simd::Avx512::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,popcnt")]
            fn middle<$($decl)*>($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: as above.
                unsafe { $body($crate::simd::Avx2::new(), $($arg),*) }
            }
            match $crate::simd::level() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `level` has detected the features.
                $crate::simd::Level::Avx512 => unsafe { wide::<$($gen)*>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `level` has detected the features.
                $crate::simd::Level::Avx2 => unsafe { middle::<$($gen)*>($($arg),*) },
                #[expect(clippy::allow_attributes, reason = "only some bodies are unsafe")]
                #[allow(unused_unsafe)]
                // SAFETY: the body's own conditions are this function's.
                $crate::simd::Level::Portable => unsafe { $body($crate::simd::Portable, $($arg),*) },
            }
        }
    };
}

/// Plain arrays of four lanes; the compiler maps them to what the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

macro_rules! lanewise {
    ($a:expr, $b:expr, $op:expr) => {{
        let mut r = $a;
        for i in 0..4 {
            r[i] = $op($a[i], $b[i]);
        }
        r
    }};
}

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> [f32; 4] {
        // SAFETY: the caller promises four floats; unaligned read.
        unsafe { p.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: [f32; 4]) {
        // SAFETY: the caller promises four floats; unaligned write.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> [f32; 4] {
        let mut v = [0.0; 4];
        for (i, lane) in v.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, which the caller promises readable.
            *lane = unsafe { *p.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: [f32; 4]) {
        for (i, lane) in v.iter().enumerate().take(n) {
            // SAFETY: i < n, which the caller promises writable.
            unsafe { *p.add(i) = *lane };
        }
    }
    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, |x: f32, y: f32| x + y)
    }
    #[inline(always)]
    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, |x: f32, y: f32| x - y)
    }
    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, |x: f32, y: f32| x * y)
    }
    #[inline(always)]
    fn fma(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn fused(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [0, 1, 2, 3].map(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn max(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, |x: f32, y: f32| if x > y { x } else { y })
    }
    #[inline(always)]
    fn where_positive(self, y: [f32; 4], v: [f32; 4]) -> [f32; 4] {
        lanewise!(y, v, |y: f32, v: f32| if y > 0.0 { v } else { 0.0 })
    }
    #[inline(always)]
    fn pick(self, a: [f32; 4], b: [f32; 4], x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        let mut r = y;
        for i in 0..4 {
            r[i] = if a[i] > b[i] { x[i] } else { y[i] };
        }
        r
    }
    #[inline(always)]
    unsafe fn store_bytes_up_to(self, p: *mut u8, left: usize, v: [f32; 4]) {
        for (i, lane) in v.iter().enumerate().take(left) {
            // SAFETY: i < left, which the caller promises writable.
            unsafe { *p.add(i) = *lane as u8 };
        }
    }
    #[inline(always)]
    unsafe fn where_byte(self, p: *const u8, t: u8, v: [f32; 4]) -> [f32; 4] {
        // SAFETY: the caller promises four bytes.
        let bytes = unsafe { p.cast::<[u8; 4]>().read_unaligned() };
        lanewise!(v, bytes, |v: f32, b: u8| if b == t { v } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[path = "simd_x86.rs"]
mod x86;
