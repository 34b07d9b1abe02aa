//! Reused, 64-byte aligned scratch memory, and a pointer that tasks writing disjoint parts may share.
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// One cache line of floats.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; 16]);

/// Buffers given back and kept for the next call, smallest first.
static POOL: Mutex<Vec<Vec<Line>>> = Mutex::new(Vec::new());
/// At most this many buffers are kept.
const KEPT: usize = 48;

/// A scratch buffer of at least the asked length; its content is arbitrary (but initialised). Goes back to the pool when dropped.
pub struct Scratch {
    lines: Vec<Line>,
    len: usize,
}

impl Scratch {
    /// `len` floats of arbitrary content.
    pub fn take(len: usize) -> Self {
        let need = len.div_ceil(16);
        let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
        let at = pool.partition_point(|b| b.len() < need);
        // A buffer much larger than asked for is left to those who need it.
        let found = (at < pool.len() && pool[at].len() <= 2 * need + 1024).then(|| pool.remove(at));
        drop(pool);
        let lines = found.unwrap_or_else(|| vec![Line([0.0; 16]); need]);
        Self { lines, len }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut s = Self::take(len);
        s.fill(0.0);
        s
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[f32; {}]", self.len)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
        let at = pool.partition_point(|b| b.len() < lines.len());
        pool.insert(at, lines);
        if pool.len() > KEPT {
            pool.remove(0);
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` holds at least `len` initialised floats (Line is 16 of them without gaps).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// A mutable pointer shared by tasks that write disjoint elements.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut(*mut f32);

// SAFETY: only a pointer; each use states that tasks write disjoint elements.
unsafe impl Send for SharedMut {}
// SAFETY: as above.
unsafe impl Sync for SharedMut {}

impl SharedMut {
    pub(crate) fn new(s: &mut [f32]) -> Self {
        Self(s.as_mut_ptr())
    }
    pub(crate) fn ptr(self) -> *mut f32 {
        self.0
    }
}

/// `c` rounded up to whole groups of 16.
pub(crate) const fn round16(c: usize) -> usize {
    c.div_ceil(16) * 16
}

/// Part `k` of `parts` of `0..n`, as even as can be.
pub(crate) fn part(n: usize, parts: usize, k: usize) -> std::ops::Range<usize> {
    n * k / parts..n * (k + 1) / parts
}

/// Chunks of `n` images whose sums of `sums` floats each are kept apart: fixed by the shape alone, a power of two (so that two or four
/// threads share them evenly), few where the sums are large.
pub(crate) fn chunks_of(n: usize, sums: usize) -> usize {
    let most = ((14 << 20) / (4 * sums.max(1))).clamp(2, 8);
    (1 << most.ilog2()).min(n)
}
