//! How far the embeddings of another library are from ours.

use std::path::Path;
use std::process::Command;

/// The largest difference over the largest number of any network. The script is Python and is given the folder, whose n-th
/// network it reads from `00n/` and whose embeddings it writes there.
pub(crate) fn difference_to(script: &str, folder: &Path, networks: &[(String, Vec<f32>)]) -> f64 {
    let output = Command::new("python3").args(["-c", script, folder.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut most = 0.0_f64;
    for (at, (what, ours)) in networks.iter().enumerate() {
        let path = folder.join(format!("{at:03}/embeddings.json"));
        let theirs: Vec<f64> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(theirs.len(), ours.len(), "{what}");
        let largest = theirs.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            // A group of one value is its own mean.
            assert!(what.contains("group-norm") && ours.iter().all(|value| *value == 0.0), "{what}");
            continue;
        }
        let off = theirs.iter().zip(ours).fold(0.0_f64, |most, (a, b)| most.max((a - f64::from(*b)).abs())) / largest;
        assert!(off < 2e-5, "{what}: {off}");
        most = most.max(off);
    }
    most
}
