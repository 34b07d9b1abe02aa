//! Two pictures in every source of encoded images: a transparent one, and one that was stored on its side.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::Int64Array;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::source::made_for_tests::{load, parquet_file, shard, with, write};
use crate::source::matlab::write as mat;

const BACKGROUND: [u8; 3] = [10, 120, 230];

/// A PNG file; `exif` is its orientation, a value of 1 to 8.
fn png(pixels: &[u8], (width, height): (u32, u32), colour: ExtendedColorType, exif: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    // A directory of one tag: `Orientation`, one number of 16 bits.
    let tag = [0x12, 0x01, 3, 0, 1, 0, 0, 0, exif, 0, 0, 0];
    encoder.set_exif_metadata([&b"II*\0\x08\0\0\0\x01\0"[..], &tag, &[0; 4]].concat()).unwrap();
    encoder.write_image(pixels, width, height, colour).unwrap();
    bytes
}

/// Both pictures as every source holds them, in this order and in one class: the kind of the source, and its path.
fn sources(root: &Path, [one, other]: [&[u8]; 2]) -> Vec<(&'static str, PathBuf)> {
    let mut made = Vec::new();
    let both = |names: [&str; 2]| [one, other].iter().zip(names).for_each(|(bytes, name)| write(root, name, bytes));
    let mut add = |kind: &'static str, path: &str| made.push((kind, root.join(path)));
    both(["folder/train/a/1.png", "folder/train/a/2.png"]);
    add("image-folder", "folder");
    both(["table/1.png", "table/2.png"]);
    write(root, "table/list.csv", "path,label\n1.png,a\n2.png,a\n");
    let line = |name: &str| format!("{{\"path\": \"{name}\", \"label\": \"a\"}}\n");
    write(root, "table/list.jsonl", line("1.png") + &line("2.png"));
    add("manifest", "table/list.csv");
    add("manifest", "table/list.jsonl");
    both(["metadata/1.png", "metadata/2.png"]);
    write(root, "metadata/metadata.csv", "file_name,label\n1.png,a\n2.png,a\n");
    add("manifest", "metadata");
    shard(&root.join("photos.tar"), &[("a/1.png", one.to_vec()), ("a/2.png", other.to_vec())]);
    add("webdataset", "photos.tar");
    let labels = Arc::new(Int64Array::from(vec![0, 0]));
    parquet_file(&root.join("photos.parquet"), &[("1", one), ("2", other)], labels, &["a"]);
    add("hugging-face", "photos.parquet");
    made.extend(published(root, [one, other]));
    made
}

/// The same in the layouts of published datasets.
fn published(root: &Path, pictures: [&[u8]; 2]) -> Vec<(&'static str, PathBuf)> {
    let both = |names: [&str; 2]| pictures.iter().zip(names).for_each(|(bytes, name)| write(root, name, bytes));
    both(["cub/images/a/1.jpg", "cub/images/a/2.jpg"]);
    for (list, text) in [
        ("classes.txt", "1 001.a\n2 002.b\n"),
        ("images.txt", "1 a/1.jpg\n2 a/2.jpg\n"),
        ("image_class_labels.txt", "1 1\n2 1\n"),
        ("train_test_split.txt", "1 1\n2 1\n"),
    ] {
        write(root, &format!("cub/{list}"), text);
    }
    let row = |name: &str| [vec![mat::text(name)], [1, 0].map(mat::number).to_vec()].concat();
    let rows = mat::rows("annotations", &["relative_im_path", "class", "test"], &[row("1.jpg"), row("2.jpg")]);
    let classes = mat::cells("class_names", &[mat::text("a"), mat::text("b")]);
    write(root, "cars/cars_annos.mat", mat::file(&[rows, classes]));
    both(["cars/1.jpg", "cars/2.jpg"]);
    let head = "image_id class_id super_class_id path\n";
    write(root, "products/Ebay_train.txt", format!("{head}1 1 1 lamp_final/1.JPG\n"));
    write(root, "products/Ebay_test.txt", format!("{head}2 2 1 lamp_final/2.JPG\n"));
    both(["products/lamp_final/1.JPG", "products/lamp_final/2.JPG"]);
    let list = "2\nimage_name item_id evaluation_status\nimg/a/b/1.jpg id_1 train\nimg/a/b/2.jpg id_1 train\n";
    write(root, "in-shop/list_eval_partition.txt", list);
    both(["in-shop/img/a/b/1.jpg", "in-shop/img/a/b/2.jpg"]);
    write(root, "tiny/wnids.txt", "n01\n");
    write(root, "tiny/words.txt", "n01\tgoldfish\n");
    write(root, "tiny/val/val_annotations.txt", "2.JPEG\tn01\t0\t0\t62\t62\n");
    both(["tiny/train/n01/images/1.JPEG", "tiny/val/images/2.JPEG"]);
    let kinds = ["cub-200-2011", "cars-196", "stanford-online-products", "in-shop", "tiny-imagenet"];
    let folders = ["cub", "cars", "products", "in-shop", "tiny"];
    kinds.into_iter().zip(folders.map(|folder| root.join(folder))).collect()
}

#[test]
fn every_source_lays_pictures_over_the_background_and_turns_them() {
    // All of the background, a half of it, none of it; and a picture of two rows whose first row is seen on the right.
    let clear = png(&[200, 0, 0, 0, 200, 100, 0, 128, 1, 2, 3, 255], (3, 1), ExtendedColorType::Rgba8, 1);
    let rows = [[0, 1, 2], [3, 4, 5]].map(|row| row.map(|grey: u8| [grey, 100, grey]).concat());
    let turned = png(&rows.concat(), (3, 2), ExtendedColorType::Rgb8, 6);
    let expected: [((u32, u32), Vec<u8>); 2] = [
        ((1, 3), [&BACKGROUND[..], &[105, 110, 115, 1, 2, 3]].concat()),
        ((3, 2), [3, 0, 4, 1, 5, 2].map(|grey: u8| [grey, 100, grey]).concat()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), [&clear, &turned]);
    assert_eq!(sources.len(), 11);
    for (kind, path) in sources {
        let source = with(kind, &path, &serde_json::json!({ "background": BACKGROUND }));
        let (seen, loaded) = load(&source, None).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let images = seen.into_iter().map(|seen| {
            let shape = seen.image.shape;
            ((shape.height, shape.width), seen.image.pixels)
        });
        assert_eq!(images.collect::<Vec<_>>(), expected, "{kind} at {}", path.display());
        assert_eq!(loaded.transparent, 1, "{kind}");
    }
}
