//! The same spec gives the same bytes, whatever the number of threads and whatever the folder.

use crate::project::{Project, simpipe};

#[test]
fn one_thread_and_many_leave_the_same_bytes() {
    let objects = |threads: &str, jobs: &str| {
        let project = Project::new();
        let root = project.root().to_str().unwrap();
        let args = ["run", "configs/smoke.toml", "--quiet", "--jobs", jobs, "--root", root];
        let status = simpipe(&args).env("RAYON_NUM_THREADS", threads).status().unwrap();
        assert!(status.success());
        project.objects()
    };
    let one = objects("1", "1");
    assert!(one.len() > 20, "a run leaves many files, found {}", one.len());
    assert_eq!(one, objects("3", "4"));
}
