//! An epoch of images read, decoded, cropped at random and mirrored, by two loader threads, in random order: JPEG files of 224 x 224
//! that `benches/peers/loader_images.py` wrote, kept in the dataset artifact as they came, and then as pixels. Prints one JSON line
//! each, and one of what it takes to make the artifact.
//!
//! `cargo bench -p simpipe-benches --bench loader`, and `benches/loader.sh` beside torchvision's loader.

use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use simpipe_artifact::{ExamplesWriter, Images};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_data::augment::{Augmentation, Instance, Scratch};
use simpipe_data::source::{Access, Source};
use simpipe_data::{Storage, loader};
use simpipe_nn::Pixels;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;
const THREADS: usize = 2;

fn main() {
    let files = simpipe_benches::repository().join("target/bench-images/cifar-224");
    assert!(files.is_dir(), "{} is not there: benches/peers/loader_images.py writes it", files.display());
    for storage in [Storage::Encoded, Storage::Raw] {
        let folder = tempfile::tempdir_in(files.parent().expect("a folder above")).expect("a writable target folder");
        let start = Instant::now();
        let count = make(&files, folder.path(), &storage);
        let kept = if storage == Storage::Raw { "raw" } else { "jpg" };
        print(&format!("loader-make-{count}-224-{kept}"), &[start.elapsed().as_secs_f64() * 1e3], count);
        let times: Vec<f64> = (0..2).map(|epoch| run(folder.path(), count, epoch)).collect();
        print(&format!("loader-{count}-224-{kept}"), &times, count);
    }
}

/// Makes the artifact, and says how many images it has.
fn make(files: &Path, folder: &Path, storage: &Storage) -> usize {
    let spec = serde_json::json!({ "image-folder": { "path": files.to_str().expect("a plain path") } });
    let source: Source = param::from_json(&spec).expect("a source");
    let access = Access {
        downloads: folder,
        on_progress: &|_| {},
        stop: &|| false,
        column: None,
        earlier: None,
        storage,
        on_read: &|_, _| (),
    };
    let mut writer = ExamplesWriter::new(&folder.join("examples.parquet")).decoding(source.loader().decoding());
    let loaded =
        source.loader().load(&access, &mut |example| Ok(writer.push(example.split, example.label, example.image)?));
    loaded.expect("readable images");
    let summary = writer.finish().expect("a writable folder");
    summary.counts.values().sum()
}

/// Milliseconds of an epoch.
fn run(folder: &Path, count: usize, epoch: u64) -> f64 {
    let start = Instant::now();
    let ids: Vec<u64> = (0..count as u64).collect();
    let images = folder.join("images");
    assert!(Images::open(&images).is_ok(), "the artifact's images");
    let pixels = Pixels::read(&images, &ids).expect("images of one shape");
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(epoch));
    let specs: Vec<_> =
        param::from_json(&serde_json::json!(["random-resized-crop", "horizontal-flip"])).expect("augmenters");
    let augmentation = Augmentation::new(&specs, Seed::of_stage(1, "train", None), "augment");
    let batches: Vec<&[usize]> = order.chunks(BATCH).collect();
    let make = |number: u64| {
        let places = batches[usize::try_from(number).expect("few batches")];
        let (mut batch, mut scratch) = (Vec::with_capacity(places.len() * pixels.image_size()), Scratch::default());
        for (position, &at) in (0..).zip(places) {
            let begin = batch.len();
            batch.extend_from_slice(&pixels.image(at));
            let instance = Instance { epoch, step: number, position, view: 0, example: ids[at] };
            augmentation.apply(&mut batch[begin..], pixels.shape, instance, &mut scratch);
        }
        batch
    };
    let taken = loader::ahead(THREADS, batches.len() as u64, &make, |loader| {
        (0..batches.len() as u64).map(|number| loader.take(number).len()).sum::<usize>()
    });
    assert_eq!(taken, count * pixels.image_size());
    start.elapsed().as_secs_f64() * 1e3
}

fn print(case: &str, times: &[f64], count: usize) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let per_second = count as f64 / times[0] * 1e3;
    let median = times[times.len() / 2];
    let line = serde_json::json!({ "case": case, "min_ms": times[0], "median_ms": median, "images_per_s": per_second });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}
