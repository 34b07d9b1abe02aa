//! The program's memory: mimalloc, and a plain end when there is no more of it.

use std::alloc::{GlobalAlloc, Layout};
use std::io::{Cursor, Write};

use mimalloc::MiMalloc;

/// The allocator of the binary.
///
/// It keeps freed blocks for the next training step: giving 32 MB maps back to the system and taking them again cost a
/// quarter of a step in page faults.
///
/// A request that can't be met ends the process here. The standard library would print a message, and perhaps a
/// backtrace, behind a lock; where the memory ran out while another panic's backtrace was made, that lock is the
/// process's own, and it would wait for itself for ever. An end is safe at any moment: the store expects one.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: every call goes to mimalloc as it came, and a block comes back as mimalloc gave it. Nothing here unwinds.
#[expect(unsafe_code, reason = "an allocator is unsafe to write by its trait")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what `alloc` asks for.
        or_end(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        or_end(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps what `realloc` asks for, and the block is mimalloc's.
        or_end(unsafe { MiMalloc.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps what `dealloc` asks for, and the block is mimalloc's.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

/// A request beyond this is no want of memory but a damaged length, say in a file. It is the caller's, who may have asked
/// by `try_reserve` and then gets an error.
const NONSENSE: usize = 1 << 40;

#[inline]
fn or_end(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() && size < NONSENSE { end(size) } else { block }
}

/// Says what was asked for, straight to standard error, for here is neither memory nor a lock to be had.
#[cold]
fn end(size: usize) -> ! {
    let mut text = Cursor::new([0; 512]);
    let message = writeln!(
        text,
        "error: out of memory: {size} more bytes are not available\n  help: finished results are stored, and the next \
         run continues from there; give the program more memory, or reduce its needs with `--jobs 1` or smaller \
         batches"
    );
    if message.is_ok() {
        let length = text.position() as usize;
        let _ = rustix::io::write(rustix::stdio::stderr(), &text.get_ref()[..length]);
    }
    std::process::abort()
}
