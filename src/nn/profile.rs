//! What training passes spend their time in: our own kernels by layer, there and back. Measured only while somebody asks,
//! and for this process alone; no result hangs on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What an operation of a layer has taken since [`start`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    /// The path of the layer, `layers.1.conv2d`, of several that are one operation that of the first.
    pub layer: String,
    /// The operation, such as `convolution and pool`, and `back` if it is the way back.
    pub operation: String,
    /// How often it was computed.
    pub calls: u64,
    /// Time on the clock, in seconds.
    pub seconds: f64,
    /// Floating-point operations of a direct convolution.
    pub flops: f64,
    /// Bytes of the maps that it reads and writes, each once.
    pub bytes: f64,
}

static ON: AtomicBool = AtomicBool::new(false);
static SPENT: Mutex<BTreeMap<(String, String), Spent>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The layer that this thread computes.
    static LAYER: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Begins to measure.
pub fn start() {
    SPENT.lock().unwrap_or_else(PoisonError::into_inner).clear();
    ON.store(true, Ordering::Relaxed);
}

/// Ends it; gives what was measured, by layer and operation.
#[must_use]
pub fn stop() -> Vec<Spent> {
    ON.store(false, Ordering::Relaxed);
    std::mem::take(&mut *SPENT.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect()
}

/// Computes a layer of the path that `path` gives.
pub(super) fn within<R>(path: impl FnOnce() -> String, f: impl FnOnce() -> R) -> R {
    if !ON.load(Ordering::Relaxed) {
        return f();
    }
    let before = LAYER.replace(Some(path().into()));
    let found = f();
    LAYER.set(before);
    found
}

/// What an operation does, whoever asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Floating-point operations.
    pub(super) flops: usize,
    /// Numbers of the maps that are read and written.
    pub(super) numbers: usize,
}

/// Of which layer an operation is, for its way back; nothing while nobody measures.
#[derive(Debug, Clone, Default)]
pub(super) struct Label(Option<Arc<str>>);

impl Label {
    /// The layer that this thread computes.
    pub(super) fn here() -> Self {
        if ON.load(Ordering::Relaxed) { Self(LAYER.with_borrow(Clone::clone)) } else { Self(None) }
    }

    /// Computes `f` and notes what it takes.
    pub(super) fn measure<R>(&self, operation: &str, work: Work, f: impl FnOnce() -> R) -> R {
        if !ON.load(Ordering::Relaxed) {
            return f();
        }
        let start = Instant::now();
        let found = f();
        let seconds = start.elapsed().as_secs_f64();
        let layer = self.0.as_deref().unwrap_or("elsewhere").to_owned();
        let mut all = SPENT.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = all.entry((layer.clone(), operation.to_owned())).or_default();
        (spent.layer, spent.operation) = (layer, operation.to_owned());
        spent.calls += 1;
        spent.seconds += seconds;
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        {
            spent.flops += work.flops as f64;
            spent.bytes += work.numbers as f64 * 4.0;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_measured() {
        let work = Work { flops: 6, numbers: 2 };
        let once = || within(|| "layers.7.test".to_owned(), || Label::here().measure("sum", work, || 3));
        assert_eq!(once(), 3);
        start();
        assert_eq!(once() + once(), 6);
        // Other tests train at the same time.
        let found: Vec<Spent> = stop().into_iter().filter(|spent| spent.layer == "layers.7.test").collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].operation.as_str(), found[0].calls), ("sum", 2));
        assert_eq!((found[0].flops, found[0].bytes), (12.0, 16.0));
        assert_eq!(once(), 3);
        assert!(stop().is_empty());
    }
}
