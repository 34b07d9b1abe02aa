//! Files as they are written, damaged and read.

use simpipe_picture::{Part, Scaling};

use super::*;
use crate::{EncodedImage, NewImage};

const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

fn image(value: u8) -> Image {
    Image { shape: SHAPE, pixels: vec![value, value + 1] }
}

/// Two splits of three and two images, the second appended to in turn with the first.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut writers = ["a", "b"].map(|name| SplitWriter::new(folder.join(name).with_extension("bin")));
    for value in 0..5_u8 {
        let writer = &mut writers[usize::from(value % 2)];
        writer.push(&image(value).into(), image(value).digest());
        writer.flush().unwrap();
    }
    writers[0].finish(0, None).unwrap();
    writers[1].finish(3, None).unwrap();
    ["a.bin", "b.bin"].map(|name| folder.join(name)).to_vec()
}

#[test]
fn any_image_is_found_in_whichever_files_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let paths = written(folder.path());
    let images = Images::open(folder.path()).unwrap();
    for (id, value) in [(0, 0), (1, 2), (2, 4), (3, 1), (4, 3)] {
        let place = images.find(id).unwrap();
        assert_eq!((place.shape, place.digest), (SHAPE, image(value).digest()));
        assert_eq!(images.pixels(&place).unwrap(), image(value).pixels);
    }
    assert!(images.find(5).unwrap_err().to_string().ends_with("there is no example 5"));
    std::fs::remove_file(&paths[0]).unwrap();
    let images = Images::open(folder.path()).unwrap();
    assert!(images.find(2).is_err());
    assert_eq!(images.pixels(&images.find(3).unwrap()).unwrap(), image(1).pixels);
}

#[test]
fn a_damaged_file_is_an_error_wherever_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = &written(folder.path())[0];
    let bytes = std::fs::read(path).unwrap();
    let read = |bytes: &[u8]| {
        // What is mapped is replaced, never written to.
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
        let images = Images::open(folder.path())?;
        (0..3).try_for_each(|id| images.find(id).map(|place| assert_eq!(images.pixels(&place).unwrap().len(), 2)))
    };
    read(&bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut after {length} bytes");
    }
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x80;
        // A pixel, a digest, the spare number or the first example may be any: the store knows the bytes.
        let _ = read(&bytes);
    }
    let record = bytes.len() - TRAILER - RECORD;
    for (at, what) in [(record, "offset"), (record + 8, "length"), (record + 16, "height")] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x80;
        assert!(read(&bytes).is_err(), "{what}");
    }
}

#[test]
fn every_split_has_a_file_name() {
    assert_eq!(images_file("train"), "images/train.bin");
    let odd = ["", "Train", "..", "a/b", "ä", &"x".repeat(100)].map(images_file);
    for name in &odd {
        assert!(simpipe_base::file_name::FileName::try_from(name.as_str()).is_ok(), "{name}");
        assert!(odd.iter().filter(|other| *other == name).count() == 1, "{name}");
    }
}

/// A picture of 40 x 30 pixels as a file.
fn file(format: image::ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Rgb([x * 6, y * 8, (x * y) % 256].map(|value| u8::try_from(value).unwrap()));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(40, 30, pixel).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn scaled() -> DecodeOptions {
    DecodeOptions { scaling: Some(Scaling::stretch((8, 8))), ..DecodeOptions::default() }
}

fn decoded(bytes: &[u8], part: Option<Part>) -> Image {
    Encoded::read(bytes, &scaled()).unwrap().decode_part(part).unwrap().image
}

/// A JPEG file, a part of a PNG file, and pixels.
fn mixed() -> Vec<(NewImage, Image)> {
    let encoded = |format, part| {
        let bytes = file(format);
        let image = decoded(&bytes, part);
        (NewImage::Encoded(EncodedImage { shape: image.shape, digest: image.digest(), bytes, part, memory: 7 }), image)
    };
    let pixels = decoded(&file(image::ImageFormat::Bmp), None);
    vec![
        encoded(image::ImageFormat::Jpeg, None),
        encoded(image::ImageFormat::Png, Some(Part { x: (3, 30), y: (5, 29) })),
        (pixels.clone().into(), pixels),
    ]
}

fn write_mixed(folder: &Path, decoding: Option<&DecodeOptions>) -> Result<PathBuf, ArtifactError> {
    let path = folder.join("train.bin");
    let mut writer = SplitWriter::new(path.clone());
    mixed().iter().for_each(|(new, image)| writer.push(new, image.digest()));
    writer.finish(0, decoding).map(|()| path)
}

#[test]
fn what_is_stored_encoded_gives_the_pixels_that_it_would_be_stored_as() {
    let folder = tempfile::tempdir().unwrap();
    write_mixed(folder.path(), Some(&scaled())).unwrap();
    let images = Images::open(folder.path()).unwrap();
    for (id, (new, image)) in (0..).zip(mixed()) {
        let place = images.find(id).unwrap();
        assert_eq!((place.shape, place.digest, new.digest()), (image.shape, image.digest(), image.digest()));
        assert_eq!(images.pixels(&place).unwrap(), image.pixels);
        assert_eq!(place.is_encoded(), id < 2);
    }
    assert_eq!(images.decoding_memory(), 7);
    assert!(matches!(images.pixels(&images.find(2).unwrap()).unwrap(), Cow::Borrowed(_)), "nothing is copied");
    assert_eq!(images.read(&[2, 0]).unwrap()[1], mixed()[0].1);
    let unsaid = write_mixed(tempfile::tempdir().unwrap().path(), None).unwrap_err().to_string();
    assert!(unsaid.ends_with("nothing says how its images are decoded"), "{unsaid}");
}

#[test]
fn no_byte_of_a_file_of_encoded_images_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_mixed(folder.path(), Some(&scaled())).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let looked = |bytes: &[u8]| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let Ok(images) = Images::open(folder.path()) else { return 3 };
        let right = |id: u64, image: &Image| {
            let found = images.find(id).and_then(|place| images.pixels(&place).map(Cow::into_owned));
            found.is_ok_and(|pixels| pixels == image.pixels)
        };
        (0..).zip(mixed()).filter(|(id, (_, image))| !right(*id, image)).count()
    };
    assert_eq!(looked(&bytes), 0);
    // What is behind the images: the recipe, the records, the trailer. Whatever changes there, nothing panics.
    let behind = bytes.len() - 500;
    for at in (0..behind).step_by(37).chain(behind..bytes.len()) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x81;
        looked(&changed);
    }
    let mut other = bytes.clone();
    let digest = bytes.len() - TRAILER - 3 * RECORD + 32;
    other[digest] ^= 1;
    assert_eq!(looked(&other), 1, "other pixels than those of its digest are refused");
    let images = Images::open(folder.path()).unwrap();
    let told = images.pixels(&images.find(0).unwrap()).unwrap_err().to_string();
    assert!(told.ends_with("its file gives other pixels than it did"), "{told}");
    for end in (0..bytes.len()).step_by(41) {
        assert_eq!(looked(&bytes[..end]), 3, "cut after {end}");
    }
}
