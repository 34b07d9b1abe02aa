//! Writes whole files for the targets to begin with, into a folder for each.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, RgbaImage};
use simpipe_artifact::{Distance, IndexRows, NewTensor, Numbers, tensor_file};
use simpipe_fuzz::{COUNT, DIM, rows, searches};
use simpipe_search::distance::Rows;
use simpipe_search::searcher::Structure;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    images(&folder.join("image"));
    weights(&folder.join("weights"));
    index(&folder.join("index"));
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
}

/// A byte that chooses the number of channels, then the file.
fn images(folder: &Path) {
    let pixel = |x: u32, y: u32| image::Rgba([x as u8 * 9, y as u8 * 13, 77, 255 - (x * y) as u8]);
    let coloured = DynamicImage::from(RgbaImage::from_fn(19, 11, pixel));
    let pictures = [coloured.clone(), DynamicImage::from(coloured.to_rgb8()), DynamicImage::from(coloured.to_luma8())];
    for (at, picture) in pictures.iter().enumerate() {
        for format in ["png", "jpeg", "bmp", "gif", "tiff", "webp"] {
            let kind = ImageFormat::from_extension(format).expect("a format");
            let mut file = Cursor::new(Vec::new());
            // Some have no transparency.
            if picture.write_to(&mut file, kind).is_ok() {
                let bytes = [vec![u8::from(at == 2)], file.into_inner()].concat();
                write(&folder.join(format!("{at}.{format}")), &bytes);
            }
        }
    }
}

fn weights(folder: &Path) {
    let single = |name: &str, shape: &[usize]| NewTensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        numbers: Numbers::Single(vec![0.5; shape.iter().product()]),
    };
    let tensors = vec![
        single("layers.0.conv2d.weight", &[2, 3, 1, 1]),
        single("layers.0.conv2d.bias", &[2]),
        NewTensor { name: "step".to_owned(), shape: vec![1], numbers: Numbers::Whole(vec![7]) },
    ];
    let about = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    write(&folder.join("small.safetensors"), &tensor_file(tensors, &about));
}

/// A byte that chooses what is read, then the file.
fn index(folder: &Path) {
    let scratch = simpipe_fuzz::file("seed", &[]);
    let mut keep = |name: &str, kind: u8| {
        let bytes = std::fs::read(&scratch).expect("what was written");
        write(&folder.join(name), &[vec![kind], bytes].concat());
        drop(std::fs::remove_file(&scratch));
    };
    let values = rows();
    let rows = Rows::new(&values, DIM).expect("rows");
    for (at, search) in searches().iter().enumerate() {
        let made = Structure::new(rows, Distance::Cosine, search, &|| false).expect("a structure");
        if let Some(graph) = made.graph() {
            graph.write(&scratch).expect("a graph");
            keep("graph", 0);
        }
        if let Some(codes) = made.codes() {
            codes.write(&scratch, COUNT, DIM).expect("codes");
            keep(&format!("codes-{at}"), 1);
        }
    }
    let table = IndexRows {
        example_id: (0..COUNT as u64).collect(),
        label: (0..COUNT as i32).map(|row| row % 5).collect(),
        digest: (0..COUNT).map(|row| format!("{row:064x}")).collect(),
        vectors: values.clone().into(),
        dim: DIM,
        ..IndexRows::default()
    };
    table.write(&scratch).expect("a table");
    keep("rows", 2);
}
