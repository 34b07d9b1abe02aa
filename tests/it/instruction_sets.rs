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
        let own = if is_wide() { "flex/f32" } else { "flex-avx2/f32" };
        assert_eq!((&reason["old"], &reason["new"]), (&"flex-portable/f32".into(), &own.into()), "{reason}");
        assert_eq!(ran(&run(&project, "avx2", &[])), [""; 0], "our kernels of AVX2 have the keys of those of AVX-512");
    }
    // `auto` takes what is there of either, its own order first, and a processor asked for by name only its own. The report names
    // the device.
    for (set, made) in [("portable", &["report"][..]), ("avx2", &[])] {
        assert_eq!(ran(&run(&project, set, &["--set", "device=auto"])), made, "{set}");
    }
    assert_eq!(ran(&run(&project, "portable", &[])), [""; 0]);
}

/// On one processor our kernels leave the same bytes with AVX2 as with AVX-512; burn's sums are the processor's in both.
#[test]
fn kernels_of_two_sets_leave_the_same_bytes() {
    let objects = |set: &str| {
        let project = Project::new();
        run(&project, set, &[]);
        project.objects()
    };
    assert_eq!(objects("avx512"), objects("avx2"));
}

/// Whether the processor has AVX-512, whatever the kernels are told to use.
fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(target_arch = "x86_64")]
fn is_vectorised() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_vectorised() -> bool {
    false
}

#[test]
fn bfloat16_is_refused_at_its_line_where_nothing_computes_it_unless_all_is_stored() {
    let project = Project::new();
    let root = project.root().to_str().unwrap();
    let asked = ["--set", "numerics=bf16"];
    let output = |command: &str| {
        let args: Vec<&str> = [command, "configs/smoke.toml", "--root", root].into_iter().chain(asked).collect();
        simpipe(&args).args(PLAIN_REPORT).env("SIMPIPE_SIMD", "portable").output().unwrap()
    };
    for command in ["check", "run"] {
        let refused = output(command);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{command}: {text}");
        assert!(
            text.contains("no instructions for products of bfloat16") && text.contains("numerics"),
            "{command}: {text}"
        );
    }
    if !has_bf16() {
        return;
    }
    run(&project, "avx512", &[]);
    let own = run(&project, "avx512", &asked);
    assert_eq!(ran(&own)[..3], ["train", "embed-calibration", "embed-validation"]);
    assert_eq!(own["stages"][3]["reason"]["kind"], "numerics-changed");
    // Nothing has to be computed: what this processor can't do does not matter.
    assert!(output("check").status.success());
    assert_eq!(ran(&run(&project, "portable", &asked)), [""; 0]);
}

#[cfg(target_arch = "x86_64")]
fn has_bf16() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_bf16() -> bool {
    false
}
