//! `infer` is asked twice: what `check` can't know is refused at its own line once the data is there, before the stage works.

use std::path::PathBuf;

use crate::project::{Project, template, write_pair};

const TEMPLATE: &str = "
dataset dataset
sample sample dataset=dataset split:train
train train dataset=dataset sampler=sample
embed embed dataset=dataset sampler=sample model=train
";

const CONFIG: &str = r#"pipeline = "short"
device = "cpu"
[dataset]
source = { image-folder = { path = "../photos", on-corrupt = "skip" } }
[sample]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }
[train]
epochs = 0
layers = [
  { conv2d = { filters = 2, kernel = 3 } },
  "global-max-pool",
]
[embed]
slice = { begin = 0, size = 6 }
"#;

/// A project of six photos of 4 x 4 pixels, of which the last may be damaged.
fn site(damaged: bool, config: &str) -> (Project, PathBuf) {
    let project = Project::new();
    let config = write_pair(project.root(), "short", &template(TEMPLATE), config);
    for number in 0..6_u8 {
        let path = project
            .root()
            .join("photos/train")
            .join(if number % 2 == 0 { "a" } else { "b" })
            .join(format!("{number}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(4, 4, image::Luma([number * 40])).save(&path).unwrap();
        if damaged && number == 5 {
            std::fs::write(&path, "no image").unwrap();
        }
    }
    (project, config)
}

/// How the program ended, and what it said.
fn run(command: &str, (project, config): &(Project, PathBuf)) -> (Option<i32>, String) {
    let output = project.output(&[command, config.to_str().unwrap()]);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_kernel_is_too_large_for_images_whose_size_only_their_files_tell() {
    let site = site(false, &CONFIG.replace("kernel = 3", "kernel = 5"));
    assert_eq!(run("check", &site).0, Some(0));
    let (code, errors) = run("run", &site);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("short.toml:10:38: stage `train`"), "{errors}");
    assert!(errors.contains("a kernel of 5 x 5 is larger than its input of 4 x 4"), "{errors}");
}

#[test]
fn a_slice_is_too_long_once_images_are_left_out() {
    assert_eq!(run("run", &site(false, CONFIG)).0, Some(0));
    let site = site(true, CONFIG);
    assert_eq!(run("check", &site).0, Some(0));
    let (code, errors) = run("run", &site);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("short.toml:14:9: stage `embed`"), "{errors}");
    assert!(errors.contains("the slice ends at position 6, but there are 5"), "{errors}");
}
