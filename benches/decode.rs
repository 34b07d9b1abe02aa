//! A folder of small image files into the dataset artifact, as the stage `dataset` does it: 60,000 JPEG files (as many
//! as CIFAR-10 has) and 10,000 PNG files of 32 x 32 pixels. Prints one JSON line a kind.
//!
//! `cargo bench -p simpipe-benches --bench decode`, with `-- jpg` that kind alone; the images stay in `target/bench-images`, where the peer's script finds
//! them.

use std::path::PathBuf;
use std::time::Instant;

use simpipe_artifact::ExamplesWriter;
use simpipe_base::param;
use simpipe_data::source::{Access, Source};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kinds of file, and how many of each.
const KINDS: [(&str, u32); 2] = [("jpg", 60_000), ("png", 10_000)];

/// Writes smooth images with some grain, of ten classes, where there are none yet.
fn images(kind: &str, files: u32) -> PathBuf {
    let folder = simpipe_benches::repository().join("target/bench-images").join(kind);
    for file in 0..files {
        let class = folder.join(format!("train/class-{}", file % 10));
        let path = class.join(format!("{file:05}.{kind}"));
        if path.exists() {
            continue;
        }
        std::fs::create_dir_all(&class).expect("a writable target folder");
        let pixel = |x: u32, y: u32| {
            let grain = x.wrapping_mul(31).wrapping_add(y.wrapping_mul(17)).wrapping_mul(file + 1) % 23;
            let level = |scale: u32| u8::try_from((x * scale + y * 3 + file * 7 + grain) % 256).expect("below 256");
            image::Rgb([level(2), level(4), level(5)])
        };
        image::RgbImage::from_fn(32, 32, pixel).save(&path).expect("an image file");
    }
    folder
}

fn main() {
    let wish: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (kind, files) in KINDS.into_iter().filter(|(kind, _)| wish.is_empty() || wish.iter().any(|wish| wish == kind)) {
        let folder = images(kind, files);
        let spec = serde_json::json!({ "image-folder": { "path": folder.to_str().expect("a plain path") } });
        let source: Source = param::from_json(&spec).expect("a source");
        let output = tempfile::tempdir().expect("a temporary folder");
        let access = Access {
            downloads: output.path(),
            on_progress: &|_| {},
            stop: &|| false,
            column: None,
            earlier: None,
            storage: &simpipe_data::Storage::Raw,
            on_read: &|_, _| (),
        };
        let mut times: Vec<f64> = (0..3)
            .map(|_| {
                let start = Instant::now();
                let mut writer = ExamplesWriter::new(&output.path().join("examples.parquet"));
                let loaded = source
                    .loader()
                    .load(&access, &mut |example| Ok(writer.push(example.split, example.label, example.image)?));
                assert_eq!(loaded.expect("readable images").classes.len(), 10);
                writer.finish().expect("a writable folder");
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let per_second = f64::from(files) / times[0] * 1e3;
        let line = serde_json::json!({
            "case": format!("decode-{files}-{kind}"), "min_ms": times[0], "median_ms": times[1], "images_per_s": per_second,
        });
        #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
        {
            println!("{line}");
        }
    }
}
