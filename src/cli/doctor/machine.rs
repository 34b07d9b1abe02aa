//! Probes of the program and the machine: build, processor, devices, memory.

use super::{Environment, Finding, Level};
use crate::cli::print;
use simpipe_nn::device;

/// Below this much free memory, training on common image sizes may not fit.
const LITTLE_MEMORY: u64 = 1 << 30;

/// Version, build and features.
pub(super) fn program(_: &Environment) -> Vec<Finding> {
    let machine = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let version = Finding::ok("version", format!("simpipe {} on {machine}", env!("CARGO_PKG_VERSION")));
    let build = if cfg!(debug_assertions) {
        let help = "build with `cargo build --release`: training is many times faster";
        Finding::warn("build", "without optimisation", help)
    } else {
        Finding::ok("build", "optimised")
    };
    vec![version, build]
}

/// Cores, threads and instruction sets.
pub(super) fn processor(_: &Environment) -> Vec<Finding> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = rayon::current_num_threads();
    let text = format!("{threads} threads on {cores} cores");
    let threads = if threads == cores {
        Finding::ok("threads", text)
    } else {
        Finding::warn("threads", text, "unset `RAYON_NUM_THREADS`, unless other programs need the cores")
    };
    let set = simpipe_kernel::instruction_set();
    let features = cpu_features();
    let has = if features.is_empty() { "no vector instructions".into() } else { features.join(", ") };
    let text = format!("those for {set} are used; the processor has {has}");
    let kernels = match (set, std::env::var_os("SIMPIPE_SIMD")) {
        (_, Some(_)) => Finding::warn("kernels", text, "unset `SIMPIPE_SIMD`: it holds the kernels back"),
        ("portable", None) if cfg!(target_arch = "x86_64") => {
            Finding::warn("kernels", text, "a processor with AVX2 is several times faster")
        }
        _ => Finding::ok("kernels", text),
    };
    vec![threads, kernels]
}

/// What the processor offers of what the kernels can use.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let all = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("popcnt", is_x86_feature_detected!("popcnt")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let all: [(&str, bool); 0] = [];
    all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// Each backend, and the one that `device = "auto"` takes.
pub(super) fn devices(_: &Environment) -> Vec<Finding> {
    let auto = device::resolve("auto", None).map_or("none", |backends| backends.compute);
    let mut found = vec![Finding::ok("device", format!("\"auto\" computes on {auto}"))];
    for backend in ["cuda", "vulkan"] {
        found.push(match device::to_device(backend) {
            Ok(_) => Finding::ok(backend, "there is a GPU"),
            // Most machines have none: nothing is wrong with them.
            Err(error) => Finding { help: Some(error.help), ..Finding::ok(backend, error.message) },
        });
    }
    found
}

/// Memory that a run may take.
pub(super) fn memory(_: &Environment) -> Vec<Finding> {
    let Some((total, available)) = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| read_memory(&text))
    else {
        return vec![Finding::ok("memory", "not known on this system")];
    };
    let text = format!("{} of {} available", print::bytes(available), print::bytes(total));
    let help = "close other programs, or use smaller images and batches";
    let level = if available < LITTLE_MEMORY { Level::Warn } else { Level::Ok };
    vec![Finding { level, help: (level != Level::Ok).then(|| help.to_owned()), ..Finding::ok("memory", text) }]
}

/// Total and available bytes of `/proc/meminfo`.
fn read_memory(text: &str) -> Option<(u64, u64)> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some((value("MemTotal")?, value("MemAvailable")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    8000 kB\n";
        assert_eq!(read_memory(text), Some((16_384_000, 8_192_000)));
        assert_eq!(read_memory("MemTotal: x kB"), None);
    }
}
