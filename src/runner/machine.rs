//! The machine that a run is computed on, for people who read its record; never in a key or an artifact.

use std::collections::BTreeMap;

/// `host`, `system`, `processor`, `cores` and `memory` (bytes), each where the system says it. Linux does in `/proc`.
pub(super) fn machine() -> BTreeMap<String, String> {
    let cores = std::thread::available_parallelism().ok().map(|cores| cores.to_string());
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let host = read("/proc/sys/kernel/hostname").map(|text| text.trim().to_owned());
    let processor = read("/proc/cpuinfo").and_then(|text| field(&text, "model name"));
    let memory = read("/proc/meminfo").and_then(|text| in_bytes(&field(&text, "MemTotal")?));
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let all = [
        ("host", host),
        ("system", Some(system)),
        ("processor", processor),
        ("cores", cores),
        ("memory", memory.map(|bytes| bytes.to_string())),
    ];
    let known = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.filter(|(_, value)| !value.is_empty()).collect()
}

/// The first `name: value` of a text that has one a line.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// `16000 kB` of `/proc/meminfo`, which counts in units of 1024 bytes.
fn in_bytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nmodel name\t: another\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Some CPU: 3 GHz"));
        assert_eq!(field(text, "model"), None);
        assert_eq!((in_bytes("16000 kB"), in_bytes("x kB"), in_bytes("5")), (Some(16_384_000), None, None));
        assert!(machine().contains_key("system"));
    }
}
