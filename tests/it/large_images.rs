//! A data set of many images: what a run holds of them in memory of its own.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::project::{simpipe, template, write_pair};

/// 307 MB of pixels: more than the limit, whoever held them all.
const IMAGES: u32 = 100_000;
const SIDE: u32 = 32;
const LIMIT_MB: u64 = 300;

const GRAPH: &str = "
dataset dataset
pool sample dataset=dataset split:train
asked sample dataset=dataset split:test
train train dataset=dataset sampler=pool
embed-pool embed dataset=dataset sampler=pool model=train
embed-asked embed dataset=dataset sampler=asked model=train
index index dataset=dataset embeddings=embed-pool
calibrate calibrate index=index queries=embed-asked
match match index=index queries=embed-asked calibration=calibrate
report report dataset=dataset sampler=pool training=train index=index embeddings=embed-asked calibration=calibrate matches=match
";

const CONFIG: &str = r#"pipeline = "many"
[dataset]
source = { webdataset = { path = "../shards" } }
[pool]
sampler = { multi-shot = { classes-per-batch = 4, examples-per-class = 2 } }
[asked]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 1 } }
[train]
steps-per-epoch = 3
layers = [{ rescale = { divide-by = 255.0 } }, "flatten", { metric-embedding = { size = 16 } }]
[match]
allow-overlap = true
[report]
figures = [
  { sample-grid = { count = 10, columns = 5 } },
  "training-curves",
  { neighbours = { slice = { begin = 0, size = 4 }, k = 3 } },
  { projection = { method = "pca", count = 500 } },
]
"#;

/// A bitmap of 24 bits whose side is a multiple of four pixels: one colour a class, and grain that no other image has.
fn bitmap(number: u32, side: u32) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    let pixels = side * side * 3;
    for field in [54 + pixels, 0, 54, 40, side, side, 1 | 24 << 16, 0, pixels, 0, 0, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..pixels / 4 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        file.extend(((state & 0x3f3f_3f3f) + (number % 100) * 0x0101_0101).to_le_bytes());
    }
    file
}

/// A file in an archive of `tar`.
fn append(tar: &mut impl Write, name: &str, content: &[u8]) {
    let mut head = [0_u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    head[136..148].copy_from_slice(b"00000000000\0");
    head[148..156].fill(b' ');
    head[156] = b'0';
    head[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.write_all(&head).unwrap();
    tar.write_all(content).unwrap();
    tar.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
}

/// A shard of these images, of a hundred classes, in the folder `shards`.
pub(crate) fn shard(root: &Path, name: &str, numbers: std::ops::Range<u32>, side: u32) {
    std::fs::create_dir_all(root.join("shards")).unwrap();
    let mut tar = BufWriter::new(std::fs::File::create(root.join("shards").join(name)).unwrap());
    for number in numbers {
        append(&mut tar, &format!("class-{:02}/{number:06}.bmp", number % 100), &bitmap(number, side));
    }
    tar.write_all(&[0; 1024]).unwrap();
    tar.flush().unwrap();
}

/// Anonymous memory of a process now, in bytes.
fn anonymous(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the memory of a process is told by /proc")]
fn a_hundred_thousand_images_are_trained_on_embedded_matched_and_reported_without_being_held() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    shard(root, "test.tar", 0..500, SIDE);
    shard(root, "train.tar", 500..IMAGES, SIDE);
    let config = write_pair(root, "many", &template(GRAPH), CONFIG);
    let args = ["run", config.to_str().unwrap(), "--root", root.to_str().unwrap(), "--jobs", "1", "--quiet"];
    let mut process = simpipe(&args).stdout(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        most = most.max(anonymous(process.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success());
    assert!((1 << 20..LIMIT_MB << 20).contains(&most), "{} MB of anonymous memory", most >> 20);
}
