//! The vector instructions of the processor: those that give other bytes are a backend of their own in keys.

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, simpipe};

/// Runs the smoke config with these vector instructions, and gives its record.
fn run(project: &Project, set: &str, more: &[&str]) -> Json {
    let root = project.root().to_str().unwrap();
    let args = ["run", "configs/smoke.toml", "--json", "--root", root];
    let args: Vec<&str> = args.iter().chain(&PLAIN_REPORT).chain(more).copied().collect();
    let output = simpipe(&args).env("SIMPIPE_SIMD", set).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of the stages that ran.
fn ran(record: &Json) -> Vec<&str> {
    let stages = record["stages"].as_array().unwrap();
    stages.iter().filter(|stage| stage["outcome"] == "ran").map(|stage| stage["id"].as_str().unwrap()).collect()
}

#[test]
fn portable_code_trains_another_model_under_another_key() {
    let project = Project::new();
    let portable = run(&project, "portable", &[]);
    let reason = |record: &Json| record["stages"][3]["reason"].clone();
    assert_eq!(ran(&portable).len(), 10);
    assert_eq!(ran(&run(&project, "portable", &[])), [""; 0]);
    // This processor's own: the same where it has nothing better.
    let own = run(&project, "avx512", &[]);
    let has_vectors = cfg!(target_arch = "x86_64") && is_vectorised();
    if has_vectors {
        assert_eq!(ran(&own)[..3], ["train", "embed-calibration", "embed-validation"]);
        let reason = reason(&own);
        assert_eq!((&reason["old"], &reason["new"]), (&"flex-portable/f32".into(), &"flex/f32".into()), "{reason}");
        assert_eq!(ran(&run(&project, "avx2", &[])), [""; 0], "AVX2 has the keys of AVX-512");
    }
    // `auto` takes what is there of either, its own order first, and a processor asked for by name only its own. The report names
    // the device.
    for (set, made) in [("portable", &["report"][..]), ("avx2", &[])] {
        assert_eq!(ran(&run(&project, set, &["--set", "device=auto"])), made, "{set}");
    }
    assert_eq!(ran(&run(&project, "portable", &[])), [""; 0]);
}

/// AVX2 leaves the bytes of AVX-512: that is why both are `flex`.
#[test]
fn two_sets_of_one_backend_leave_the_same_bytes() {
    let objects = |set: &str| {
        let project = Project::new();
        run(&project, set, &[]);
        project.objects()
    };
    assert_eq!(objects("avx512"), objects("avx2"));
}

#[cfg(target_arch = "x86_64")]
fn is_vectorised() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_vectorised() -> bool {
    false
}
