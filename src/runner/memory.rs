//! How much memory the process has, for people. Linux says it in `/proc`; elsewhere nothing is known.

/// Bytes in memory now.
#[must_use]
pub fn now() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes that were in memory at once.
#[must_use]
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// A line of `/proc/self/status`, which counts in units of 1024 bytes.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_is_seen() {
        let before = peak().unwrap();
        let buffer = vec![1_u8; 64 << 20];
        assert!(now().unwrap() > 64 << 20, "{:?}", now());
        assert!(peak().unwrap() >= before.max(64 << 20), "{before}, {}", buffer.len());
    }
}
