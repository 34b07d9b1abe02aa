//! What passes through a network spend their time in: our own kernels by layer, there and back, and beside them all else that
//! a layer does. Measured only while somebody asks, and for this process alone; no result hangs on it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a layer does beside the kernels that are measured by themselves: its work is not counted, only its time.
pub const OTHER: &str = "other operations";
/// The same on the way back, of all layers together.
const OTHER_BACK: &str = "other operations, back";
/// What belongs to no layer.
pub const ELSEWHERE: &str = "elsewhere";
/// The endings of operations on the way back.
const BACK: [&str; 2] = [", back", ", gradient"];

/// What an operation of a layer has taken since [`start`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    /// The path of the layer, `layers.1.conv2d`, of several that are one operation that of the first.
    pub layer: String,
    /// The operation, such as `convolution and pool`, and `back` if it is the way back.
    pub operation: String,
    /// How often it was computed.
    pub calls: u64,
    /// Time on the clock, in seconds; what is measured by itself inside of it is not counted twice.
    pub seconds: f64,
    /// Floating-point operations: those of a direct convolution, and of a matrix product.
    pub flops: f64,
    /// Bytes of the maps that it reads and writes, each once.
    pub bytes: f64,
}

impl Spent {
    /// The operation, and whether it is its way back.
    #[must_use]
    pub fn direction(&self) -> (&str, bool) {
        let back = BACK.iter().find_map(|end| self.operation.strip_suffix(end));
        back.map_or((&self.operation, false), |operation| (operation, true))
    }

    /// Whether its floating-point operations and bytes are known.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.direction().0 != OTHER
    }
}

static ON: AtomicBool = AtomicBool::new(false);
static SPENT: Mutex<BTreeMap<(String, String), Spent>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The layer that this thread computes.
    static LAYER: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
    /// Seconds that were measured by themselves inside of what this thread computes.
    static INSIDE: Cell<f64> = const { Cell::new(0.0) };
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
    let path: Arc<str> = path().into();
    let before = LAYER.replace(Some(Arc::clone(&path)));
    let found = beside_kernels(&path, OTHER, f);
    LAYER.set(before);
    found
}

/// Computes the way back of a whole network, whose kernels know their layers.
pub(super) fn way_back<R>(f: impl FnOnce() -> R) -> R {
    if ON.load(Ordering::Relaxed) { beside_kernels(ELSEWHERE, OTHER_BACK, f) } else { f() }
}

/// Computes `f` and notes what it takes beside all that is measured by itself inside of it.
fn beside_kernels<R>(layer: &str, operation: &str, f: impl FnOnce() -> R) -> R {
    let (outside, start) = (INSIDE.replace(0.0), Instant::now());
    let found = f();
    let seconds = start.elapsed().as_secs_f64();
    note(layer, operation, (seconds - INSIDE.get()).max(0.0), Work::default());
    INSIDE.set(outside + seconds);
    found
}

/// Adds to what an operation has taken.
fn note(layer: &str, operation: &str, seconds: f64, work: Work) {
    let mut all = SPENT.lock().unwrap_or_else(PoisonError::into_inner);
    let spent = all.entry((layer.to_owned(), operation.to_owned())).or_default();
    (spent.layer, spent.operation) = (layer.to_owned(), operation.to_owned());
    spent.calls += 1;
    spent.seconds += seconds;
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    {
        spent.flops += work.flops as f64;
        spent.bytes += work.numbers as f64 * 4.0;
    }
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
        INSIDE.set(INSIDE.get() + seconds);
        note(self.0.as_deref().unwrap_or(ELSEWHERE), operation, seconds, work);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who measures has the one account of the process.
    static ALONE: Mutex<()> = Mutex::new(());

    /// What was measured of a test's own layers: other tests train at the same time.
    fn spent_in(path: &str, f: impl FnOnce()) -> Vec<Spent> {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        start();
        f();
        stop().into_iter().filter(|spent| spent.layer.starts_with(path)).collect()
    }

    #[test]
    fn only_what_is_asked_for_is_measured() {
        let work = Work { flops: 6, numbers: 2 };
        let once = || within(|| "layers.7.test".to_owned(), || Label::here().measure("sum", work, || 3));
        let found = spent_in("layers.7.test", || assert_eq!(once() + once(), 6));
        let [other, sum] = &found[..] else { panic!("{found:?}") };
        assert_eq!((sum.operation.as_str(), sum.calls), ("sum", 2));
        assert_eq!((sum.flops, sum.bytes), (12.0, 16.0));
        assert_eq!((other.operation.as_str(), other.calls, other.is_counted()), (OTHER, 2, false));
        assert_eq!(once(), 3);
        assert!(spent_in("layers.7.test", || {}).is_empty(), "what was computed while nobody measured");
    }

    /// What a step of a network spends its time in: all but its last layer is in a `repeat`, as in no other test's.
    fn step(layers: &serde_json::Value, side: usize) -> Vec<Spent> {
        use simpipe_base::{param, seed::Seed};
        let seed = Seed::of_stage(3, "train", None);
        let layers: Vec<crate::LayerSpec> = param::from_json(layers).unwrap();
        let mut network = crate::Network::build(&layers, [side, side, 3], seed, &burn::tensor::Device::flex()).unwrap();
        let read = |name: &str| serde_json::json!(name);
        let optimizer = param::from_json(&read("adam")).unwrap();
        let (schedule, loss) =
            (param::from_json(&read("constant")).unwrap(), param::from_json(&read("triplet")).unwrap());
        let settings = crate::FitSettings {
            steps_per_epoch: 1,
            classes: &[0, 1, 2],
            ..crate::FitSettings::new(&optimizer, &schedule, &loss, seed)
        };
        let start = crate::FitState::start(&network, &settings);
        spent_in("layers.0.repeat", || {
            let noise = crate::noise::Noise(side * side * 3);
            crate::fit(&mut network, start, &settings, &noise, &mut |_| {}, &|| false).unwrap();
        })
    }

    /// Every convolution of a residual network (3 x 3 and 1 x 1 at both strides, 7 x 7) and of a mobile one (1 x 1, depthwise 3 x 3 and
    /// 5 x 5 at both strides) has a kernel of its own there and back, which takes its normalisation and activation with it.
    #[test]
    fn convolutions_of_common_networks_train_with_their_normalisations_in_kernels_of_their_own() {
        use serde_json::json;
        let mobile: Vec<crate::LayerSpec> =
            simpipe_base::param::from_json(&json!([{ "backbone": { "architecture": "efficientnet-lite0" } }])).unwrap();
        let written = simpipe_base::param::Param::write(&mobile, simpipe_base::param::View::Full);
        let body = written[0]["backbone"]["body"].as_array().unwrap();
        let mobile: Vec<_> = body.iter().filter(|layer| layer.get("resize").is_none()).cloned().collect();
        for (body, convolutions) in [(json!(["rescale", "resnet18"]), 20), (json!(mobile), 49)] {
            let layers = json!([{ "repeat": { "times": 1, "body": body } }, { "metric-embedding": { "size": 8 } }]);
            let found = step(&layers, 32);
            let kernels = |back: bool| {
                let own = found
                    .iter()
                    .filter(|spent| spent.operation.starts_with("convolution") && spent.direction().1 == back);
                own.map(|spent| spent.layer.as_str()).collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!((kernels(false).len(), kernels(true).len()), (convolutions, convolutions), "{found:?}");
            let alone = ["batch-norm", "relu", "relu6"];
            let is_alone = |spent: &&Spent| alone.iter().any(|name| spent.layer.ends_with(&format!(".{name}")));
            let alone: Vec<&Spent> = found.iter().filter(is_alone).collect();
            assert!(alone.is_empty(), "passes of their own: {alone:?}");
        }
    }

    #[test]
    fn no_second_is_counted_twice() {
        let pause = |milliseconds| std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let inner = || within(|| "layers.8.test.body.0.x".to_owned(), || pause(20));
        let outer = || {
            pause(10);
            inner();
            Label::here().measure("sum, back", Work::default(), || pause(40));
        };
        let start = Instant::now();
        let found = spent_in("layers.8.test", || within(|| "layers.8.test".to_owned(), outer));
        let whole = start.elapsed().as_secs_f64();
        let [own, back, inside] = &found[..] else { panic!("{found:?}") };
        assert!(own.seconds >= 0.01 && back.seconds >= 0.04 && inside.seconds >= 0.02, "{found:?}");
        assert!(own.seconds + back.seconds + inside.seconds <= whole, "{found:?} in {whole}");
        assert_eq!((back.direction(), back.is_counted()), (("sum", true), true));
        assert_eq!((own.direction(), own.is_counted()), ((OTHER, false), false));
    }
}
