//! Reused, 64-byte aligned scratch memory, and a pointer that tasks writing disjoint parts may share.
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

/// One cache line of floats.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; 16]);

/// Buffers given back and kept for the next call, smallest first.
static POOL: Mutex<Vec<Block>> = Mutex::new(Vec::new());
/// At most this many buffers are kept.
const KEPT: usize = 128;

/// Lines of a large page of memory (2 MiB).
const PAGE: usize = (2 << 20) / size_of::<Line>();
/// Buffers of this many lines (256 KiB) and more have large pages of their own.
const LARGE: usize = PAGE / 8;

/// Memory of `lines` initialised lines.
struct Block {
    start: NonNull<Line>,
    lines: usize,
}

// SAFETY: it owns its memory alone.
unsafe impl Send for Block {}
// SAFETY: as above; through a shared reference it is only read.
unsafe impl Sync for Block {}

impl Block {
    /// Lines of the buffer that holds `len` floats.
    const fn lines(len: usize) -> usize {
        let lines = len.div_ceil(16);
        if lines < LARGE { lines } else { lines.next_multiple_of(PAGE) }
    }

    /// Aligned to large pages where it fills them.
    fn layout(lines: usize) -> Layout {
        let line = Layout::array::<Line>(lines).expect("less than half of all memory");
        if lines < LARGE { line } else { line.align_to(PAGE * size_of::<Line>()).expect("a power of two") }
    }

    fn new(lines: usize) -> Self {
        if lines == 0 {
            return Self { start: NonNull::dangling(), lines };
        }
        let layout = Self::layout(lines);
        // SAFETY: the size is not zero.
        let start = unsafe { alloc(layout) }.cast::<Line>();
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        if lines >= LARGE {
            advise_large_pages(start.as_ptr().cast(), layout.size());
        }
        // SAFETY: so many lines were just allocated; zeros are floats.
        unsafe { start.as_ptr().write_bytes(0, lines) };
        Self { start, lines }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.lines > 0 {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.lines)) };
        }
    }
}

/// Asks for pages of 2 MiB: maps of many megabytes are touched page by page, and the transforms of a convolution write many places at
/// once. Only a wish: where the system can't, nothing changes.
fn advise_large_pages(start: *mut u8, bytes: usize) {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn madvise(start: *mut core::ffi::c_void, bytes: usize, advice: core::ffi::c_int) -> core::ffi::c_int;
        }
        /// `MADV_HUGEPAGE`.
        const HUGE: core::ffi::c_int = 14;
        // SAFETY: the range is one allocation of ours; the advice changes no content.
        unsafe { madvise(start.cast(), bytes, HUGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

/// A scratch buffer of at least the asked length; its content is arbitrary (but initialised). Goes back to the pool when dropped.
pub struct Scratch {
    block: Block,
    len: usize,
}

impl Scratch {
    /// `len` floats of arbitrary content.
    pub fn take(len: usize) -> Self {
        let need = Block::lines(len);
        let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
        let at = pool.partition_point(|b| b.lines < need);
        // A buffer much larger than asked for is left to those who need it.
        let found = (at < pool.len() && pool[at].lines <= 2 * need + 1024).then(|| pool.remove(at));
        drop(pool);
        Self { block: found.unwrap_or_else(|| Block::new(need)), len }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut s = Self::take(len);
        s.fill(0.0);
        s
    }
}

/// The bytes of its floats, so that it can lend its memory to a tensor.
impl AsRef<[u8]> for Scratch {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: floats are four initialised bytes each.
        unsafe { std::slice::from_raw_parts(self.block.start.as_ptr().cast(), self.len * size_of::<f32>()) }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[f32; {}]", self.len)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let block = std::mem::replace(&mut self.block, Block { start: NonNull::dangling(), lines: 0 });
        let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
        let at = pool.partition_point(|b| b.lines < block.lines);
        pool.insert(at, block);
        if pool.len() > KEPT {
            pool.remove(0);
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `block` holds at least `len` initialised floats (Line is 16 of them without gaps).
        unsafe { std::slice::from_raw_parts(self.block.start.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.block.start.as_ptr().cast(), self.len) }
    }
}

/// A mutable pointer shared by tasks that write disjoint elements.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<T = f32>(*mut T);

// SAFETY: only a pointer; each use states that tasks write disjoint elements.
unsafe impl<T: Send> Send for SharedMut<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    pub(crate) fn new(s: &mut [T]) -> Self {
        Self(s.as_mut_ptr())
    }
    pub(crate) fn ptr(self) -> *mut T {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_every_size_are_initialised_aligned_and_their_own() {
        for len in [0, 1, 16, 17, 65_535, 65_537, 600_000] {
            let (mut a, b) = (Scratch::zeros(len), Scratch::take(len));
            a.fill(1.0);
            assert_eq!((a.len(), a.as_ref().len()), (len, 4 * len));
            assert!(a.as_ptr().addr().is_multiple_of(64) && b.as_ptr().addr().is_multiple_of(64));
            let apart = a.as_ptr_range().end <= b.as_ptr() || b.as_ptr_range().end <= a.as_ptr();
            assert!(len == 0 || apart);
            assert!(AsRef::<[u8]>::as_ref(&a).chunks(4).all(|bytes| bytes == 1.0f32.to_ne_bytes()));
        }
    }
}
