//! Blocks of 32 x 32 sums of products of bfloat16, in `f32`: what every product of that type is made of.
//!
//! Three methods: the matrix tiles of AMX, the vectors of AVX-512 BF16, and plain code, which shows what is meant and is nowhere fast.
//! A product of two bfloat16 is exact in `f32`. Sums of AMX's tiles and of vectors have another order, so the two are different backends;
//! both take numbers below 2^-126 for zero.
use std::sync::OnceLock;

/// How products are computed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// By plain code.
    Plain,
    /// `vdpbf16ps`.
    #[cfg(target_arch = "x86_64")]
    Vectors,
    /// `tdpbf16ps`.
    #[cfg(target_arch = "x86_64")]
    Tiles,
}

/// The method in use, decided once. `SIMPIPE_SIMD=avx512` keeps tiles off, anything lower vectors too.
pub(crate) fn method() -> Method {
    static METHOD: OnceLock<Method> = OnceLock::new();
    *METHOD.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        if crate::simd::level() == crate::simd::Level::Avx512
            && is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
        {
            let wish = std::env::var("SIMPIPE_SIMD").unwrap_or_default();
            return if wish != "avx512" && amx::is_there() { Method::Tiles } else { Method::Vectors };
        }
        Method::Plain
    })
}

/// Sums of a block: `[row group][column group][16][16]`.
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [f32; 4 * TILE]);

/// Numbers of a tile of sums.
pub(crate) const TILE: usize = 16 * 16;
/// Depth of a step.
pub(crate) const STEP: usize = 32;
/// Numbers of a tile of the right side: 16 pairs of rows by 16 columns.
pub(crate) const RIGHT: usize = STEP * 16;
/// Columns of a block.
pub(crate) const COLUMNS: usize = 32;

/// `c[32, 32] = sum over steps and 32 numbers of left * right`, or `+=`.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// First numbers of the two groups of 16 rows of the left side.
    pub left: [*const u16; 2],
    /// Whether there is the second group.
    pub both: bool,
    /// Numbers between rows of the left side.
    pub row: usize,
    /// For each step, numbers from the beginning of a row to its own 32.
    pub steps: &'a [usize],
    /// Right side: for each step two tiles `[16 pairs][16 columns][2]` one after the other, `right_step` numbers apart from those of the next.
    pub right: *const u16,
    pub right_step: usize,
    /// The sums, in the form of [`Sums`].
    pub sums: *mut f32,
    /// Whether they are added to.
    pub add: bool,
}

/// While it lives, this thread may compute [`Block`]s.
pub(crate) struct Unit(());

impl Unit {
    pub(crate) fn begin() -> Self {
        #[cfg(target_arch = "x86_64")]
        if method() == Method::Tiles {
            // SAFETY: the method stands for a processor and a system with tiles.
            unsafe { amx::begin() };
        }
        Self(())
    }

    /// Computes a block.
    ///
    /// # Safety
    /// All numbers that the block reaches are readable or, of the sums, writable: 16 rows of each group of the left side, and with `both`
    /// four tiles of sums, else two.
    pub(crate) unsafe fn compute(&self, block: &Block<'_>) {
        // SAFETY: the caller's promise, and a method stands for a processor with its instructions.
        unsafe {
            match method() {
                Method::Plain => plain(block),
                #[cfg(target_arch = "x86_64")]
                Method::Vectors => vectors(block),
                #[cfg(target_arch = "x86_64")]
                Method::Tiles => amx::compute(block),
            }
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if method() == Method::Tiles {
            // SAFETY: as in `begin`.
            unsafe { amx::end() };
        }
    }
}

/// # Safety
/// As [`Unit::compute`].
unsafe fn plain(block: &Block<'_>) {
    use crate::bfloat16::widened;
    // SAFETY: the caller's promise.
    unsafe {
        for group in 0..1 + usize::from(block.both) {
            for (row, column) in (0..16).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
                let to = block.sums.add((group * 2 + column / 16) * TILE + row * 16 + column % 16);
                let mut sum = if block.add { *to } else { 0.0 };
                for (step, from) in block.steps.iter().enumerate() {
                    let left = block.left[group].add(row * block.row + from);
                    let right = block.right.add(step * block.right_step + column / 16 * RIGHT + column % 16 * 2);
                    for k in 0..STEP {
                        sum += widened(*left.add(k)) * widened(*right.add(k / 2 * 32 + k % 2));
                    }
                }
                *to = sum;
            }
        }
    }
}

/// # Safety
/// As [`Unit::compute`], on a processor with AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn vectors(block: &Block<'_>) {
    use std::arch::x86_64::*;
    /// Rows whose sums stay in registers.
    const ROWS: usize = 8;
    // SAFETY: the caller's promise; vectors of integers and of bfloat16 are the same bits.
    unsafe {
        for first in (0..16 * (1 + usize::from(block.both))).step_by(ROWS) {
            let (left, sums) =
                (block.left[first / 16].add(first % 16 * block.row), block.sums.add(first / 16 * 2 * TILE));
            let sums = sums.add(first % 16 * 16);
            let mut all = [[_mm512_setzero_ps(); 2]; ROWS];
            if block.add {
                for (i, row) in all.iter_mut().enumerate() {
                    *row = [0, TILE].map(|by| _mm512_loadu_ps(sums.add(i * 16 + by)));
                }
            }
            for (step, from) in block.steps.iter().enumerate() {
                let (left, right) = (left.add(*from), block.right.add(step * block.right_step));
                for pair in 0..STEP / 2 {
                    let right = [0, RIGHT].map(|by| {
                        std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(right.add(pair * 32 + by).cast()))
                    });
                    for (i, row) in all.iter_mut().enumerate() {
                        let two = left.add(i * block.row + 2 * pair).cast::<i32>().read_unaligned();
                        let two: __m512bh = std::mem::transmute(_mm512_set1_epi32(two));
                        row[0] = _mm512_dpbf16_ps(row[0], two, right[0]);
                        row[1] = _mm512_dpbf16_ps(row[1], two, right[1]);
                    }
                }
            }
            for (i, row) in all.into_iter().enumerate() {
                _mm512_storeu_ps(sums.add(i * 16), row[0]);
                _mm512_storeu_ps(sums.add(i * 16 + TILE), row[1]);
            }
        }
    }
}

/// AMX, whose instructions have no functions in stable Rust yet.
#[cfg(target_arch = "x86_64")]
mod amx {
    use super::{Block, RIGHT, TILE};
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    /// What `ldtilecfg` reads: palette 1, eight tiles of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Config([u8; 64]);

    const CONFIG: Config = {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Config(bytes)
    };

    /// Whether processor and system have tiles; asks the system for them, which it grants a process once and for all.
    pub(super) fn is_there() -> bool {
        /// AMX-BF16 and AMX-TILE of leaf 7.
        const WANTED: u32 = 1 << 22 | 1 << 24;
        if __cpuid(0).eax < 7 || __cpuid_count(7, 0).edx & WANTED != WANTED || __cpuid(1).ecx & 1 << 27 == 0 {
            return false;
        }
        // SAFETY: bit 27 says that the system has enabled the instruction.
        let enabled = unsafe { enabled_state() };
        enabled & 3 << 17 == 3 << 17 && asked()
    }

    #[target_feature(enable = "xsave")]
    unsafe fn enabled_state() -> u64 {
        // SAFETY: register 0 always exists.
        unsafe { _xgetbv(0) }
    }

    /// Linux saves tiles only for those who have asked.
    fn asked() -> bool {
        #[cfg(target_os = "linux")]
        {
            use core::ffi::c_long;
            unsafe extern "C" {
                fn syscall(number: c_long, ...) -> c_long;
            }
            /// `arch_prctl`, `ARCH_REQ_XCOMP_PERM`, `XFEATURE_XTILEDATA`.
            const CALL: [c_long; 3] = [158, 0x1023, 18];
            // SAFETY: a request with two numbers; where the system does not know it, it says so.
            unsafe { syscall(CALL[0], CALL[1], CALL[2]) == 0 }
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// # Safety
    /// There are tiles.
    pub(super) unsafe fn begin() {
        // SAFETY: 64 bytes are read; tiles are no registers that the compiler uses.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG_IN_MEMORY, options(nostack, readonly)) };
    }

    static CONFIG_IN_MEMORY: Config = CONFIG;

    /// # Safety
    /// There are tiles.
    pub(super) unsafe fn end() {
        // SAFETY: gives up what `begin` set.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }

    /// # Safety
    /// As [`super::Unit::compute`], between `begin` and `end`.
    pub(super) unsafe fn compute(block: &Block<'_>) {
        if block.steps.is_empty() {
            if !block.add {
                // SAFETY: two or four tiles are writable.
                unsafe { block.sums.write_bytes(0, TILE * (2 + 2 * usize::from(block.both))) };
            }
            return;
        }
        // SAFETY: the caller's promise. Tiles 0 to 3 are the sums, 4 and 5 the left side, 6 and 7 the right side.
        unsafe {
            if block.both {
                asm!(
                    "test {add:e}, {add:e}",
                    "jz 2f",
                    "tileloadd tmm0, [{sums} + {line}*1]",
                    "tileloadd tmm1, [{sums} + {line}*1 + 1024]",
                    "tileloadd tmm2, [{sums} + {line}*1 + 2048]",
                    "tileloadd tmm3, [{sums} + {line}*1 + 3072]",
                    "jmp 3f",
                    "2:",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "3:",
                    "mov {from}, [{steps}]",
                    "lea {at}, [{left} + {from}*2]",
                    "tileloadd tmm6, [{right} + {line}*1]",
                    "tileloadd tmm4, [{at} + {row}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{right} + {line}*1 + 1024]",
                    "lea {at}, [{other} + {from}*2]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{at} + {row}*1]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {steps}, 8",
                    "add {right}, {right_step}",
                    "dec {count}",
                    "jnz 3b",
                    "tilestored [{sums} + {line}*1], tmm0",
                    "tilestored [{sums} + {line}*1 + 1024], tmm1",
                    "tilestored [{sums} + {line}*1 + 2048], tmm2",
                    "tilestored [{sums} + {line}*1 + 3072], tmm3",
                    add = in(reg) u32::from(block.add),
                    sums = in(reg) block.sums,
                    line = in(reg) 64usize,
                    left = in(reg) block.left[0],
                    other = in(reg) block.left[1],
                    row = in(reg) 2 * block.row,
                    right = inout(reg) block.right => _,
                    right_step = in(reg) 2 * block.right_step,
                    steps = inout(reg) block.steps.as_ptr() => _,
                    count = inout(reg) block.steps.len() => _,
                    from = out(reg) _,
                    at = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "test {add:e}, {add:e}",
                    "jz 2f",
                    "tileloadd tmm0, [{sums} + {line}*1]",
                    "tileloadd tmm1, [{sums} + {line}*1 + 1024]",
                    "jmp 3f",
                    "2:",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "3:",
                    "mov {from}, [{steps}]",
                    "lea {at}, [{left} + {from}*2]",
                    "tileloadd tmm6, [{right} + {line}*1]",
                    "tileloadd tmm4, [{at} + {row}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{right} + {line}*1 + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {steps}, 8",
                    "add {right}, {right_step}",
                    "dec {count}",
                    "jnz 3b",
                    "tilestored [{sums} + {line}*1], tmm0",
                    "tilestored [{sums} + {line}*1 + 1024], tmm1",
                    add = in(reg) u32::from(block.add),
                    sums = in(reg) block.sums,
                    line = in(reg) 64usize,
                    left = in(reg) block.left[0],
                    row = in(reg) 2 * block.row,
                    right = inout(reg) block.right => _,
                    right_step = in(reg) 2 * block.right_step,
                    steps = inout(reg) block.steps.as_ptr() => _,
                    count = inout(reg) block.steps.len() => _,
                    from = out(reg) _,
                    at = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
        const { assert!(TILE * 4 == 1024 && RIGHT * 2 == 1024) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bfloat16::{rounded, widened};
    use crate::reference::Rng;

    #[test]
    fn a_block_is_the_sums_of_its_products() {
        let mut rng = Rng::new(31);
        for case in 0..40 {
            let (depth, row) = (rng.below(5), 160 + rng.below(7));
            let left: Vec<u16> = rng.normal(2 * 16 * row).into_iter().map(rounded).collect();
            let right_step = 2 * RIGHT + 32 * rng.below(3);
            let right: Vec<u16> = rng.normal(5 * right_step).into_iter().map(rounded).collect();
            let steps: Vec<usize> = (0..depth).map(|step| step * 31).collect();
            let start = rng.normal(4 * TILE);
            let (both, add) = (case % 2 == 0, case % 3 == 0);
            let mut sums = Sums([0.0; 4 * TILE]);
            sums.0.copy_from_slice(&start);
            let block = Block {
                left: [left.as_ptr(), left[16 * row..].as_ptr()],
                both,
                row,
                steps: &steps,
                right: right.as_ptr(),
                right_step,
                sums: sums.0.as_mut_ptr(),
                add,
            };
            // SAFETY: rows are at least 4 * 31 + 32 numbers long, and the buffers have just these sizes.
            unsafe { Unit::begin().compute(&block) };
            for group in 0..2 {
                for (i, j) in (0..16).flat_map(|i| (0..32).map(move |j| (i, j))) {
                    let at = (group * 2 + j / 16) * TILE + i * 16 + j % 16;
                    let mut wanted = if add || (group == 1 && !both) { f64::from(start[at]) } else { 0.0 };
                    for (step, from) in steps.iter().enumerate().filter(|_| group == 0 || both) {
                        for k in 0..32 {
                            let l = widened(left[(group * 16 + i) * row + from + k]);
                            let r =
                                widened(right[step * right_step + j / 16 * RIGHT + k / 2 * 32 + j % 16 * 2 + k % 2]);
                            wanted += f64::from(l) * f64::from(r);
                        }
                    }
                    assert!((f64::from(sums.0[at]) - wanted).abs() < 1e-4, "{case}: {group} {i} {j}");
                }
            }
        }
    }
}
