//! What a server has done, in the text format of Prometheus (0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of durations, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// Counters.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By route and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// By bucket, the last without a bound.
    seconds: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    batches: AtomicU64,
    images: AtomicU64,
    /// Connections that are open.
    pub(super) connections: AtomicUsize,
}

/// What is as it is when somebody asks.
pub(super) struct Now {
    pub(super) memory: (u64, u64),
    pub(super) run_vectors: usize,
    pub(super) added_vectors: usize,
    pub(super) writable: bool,
}

impl Metrics {
    /// A request was answered.
    pub(super) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status)).or_default() += 1;
        drop(requests);
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.seconds[bucket].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So many images are computed together.
    pub(super) fn batch(&self, images: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.images.fetch_add(images as u64, Ordering::Relaxed);
    }

    /// All of it.
    pub(super) fn text(&self, now: &Now) -> String {
        let mut text = String::new();
        head(&mut text, "simpipe_requests_total", "counter", "Requests that were answered, by route and status.");
        for ((route, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            line(&mut text, &format!("simpipe_requests_total{{route=\"{route}\",status=\"{status}\"}}"), count);
        }
        self.durations(&mut text);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            ("simpipe_batches_total", "counter", "Batches that were computed.", load(&self.batches)),
            ("simpipe_images_total", "counter", "Images of these batches.", load(&self.images)),
            ("simpipe_connections", "gauge", "Open connections.", self.connections.load(Ordering::Relaxed) as u64),
            ("simpipe_memory_claimed_bytes", "gauge", "Memory of bodies and pixels in flight.", now.memory.0),
            ("simpipe_memory_limit_bytes", "gauge", "What that may be.", now.memory.1),
            ("simpipe_writable", "gauge", "Whether images can be added and deleted.", now.writable.into()),
        ] {
            head(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        head(&mut text, "simpipe_index_vectors", "gauge", "Vectors that are searched.");
        for (source, count) in [("run", now.run_vectors), ("added", now.added_vectors)] {
            line(&mut text, &format!("simpipe_index_vectors{{source=\"{source}\"}}"), count);
        }
        if let Some(seconds) = processor() {
            head(&mut text, "process_cpu_seconds_total", "counter", "Time of all processors together.");
            line(&mut text, "process_cpu_seconds_total", seconds);
        }
        if let Some(bytes) = resident() {
            head(&mut text, "process_resident_memory_bytes", "gauge", "Resident memory.");
            line(&mut text, "process_resident_memory_bytes", bytes);
        }
        text
    }

    fn durations(&self, text: &mut String) {
        let name = "simpipe_request_seconds";
        head(text, name, "histogram", "From a request's head to its answer.");
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.seconds) {
            below += count.load(Ordering::Relaxed);
            line(text, &format!("{name}_bucket{{le=\"{bound}\"}}"), below);
        }
        below += self.seconds[BOUNDS.len()].load(Ordering::Relaxed);
        line(text, &format!("{name}_bucket{{le=\"+Inf\"}}"), below);
        line(
            text,
            &format!("{name}_sum"),
            Duration::from_micros(self.microseconds.load(Ordering::Relaxed)).as_secs_f64(),
        );
        line(text, &format!("{name}_count"), below);
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // A string takes all that is written; so below.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name} {value}");
}

/// Resident memory, where the system tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Seconds of the processors, its own and the system's for it, where the system tells them.
fn processor() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name in brackets; the 14th and 15th fields of all, in hundredths of a second.
    let mut fields = stat.rsplit(") ").next()?.split(' ').skip(11);
    let mut hundredths = || fields.next()?.parse::<f64>().ok();
    Some((hundredths()? + hundredths()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.batch(3);
        metrics.batch(61);
        for (status, milliseconds) in [(200, 1), (200, 30), (503, 20_000)] {
            metrics.request("/v1/query", status, Duration::from_millis(milliseconds));
        }
        let text = metrics.text(&Now { memory: (5, 9), run_vectors: 7, added_vectors: 2, writable: true });
        for line in [
            "simpipe_requests_total{route=\"/v1/query\",status=\"200\"} 2",
            "simpipe_requests_total{route=\"/v1/query\",status=\"503\"} 1",
            "simpipe_request_seconds_bucket{le=\"0.001\"} 1",
            "simpipe_request_seconds_bucket{le=\"0.025\"} 1",
            "simpipe_request_seconds_bucket{le=\"0.05\"} 2",
            "simpipe_request_seconds_bucket{le=\"+Inf\"} 3",
            "simpipe_request_seconds_sum 20.031",
            "simpipe_request_seconds_count 3",
            "simpipe_batches_total 2",
            "simpipe_images_total 64",
            "simpipe_memory_claimed_bytes 5",
            "simpipe_index_vectors{source=\"added\"} 2",
            "simpipe_writable 1",
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let names = |text: &str| text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(names(&text), text.lines().filter(|line| line.starts_with("# HELP ")).count());
    }
}
