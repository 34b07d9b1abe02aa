//! Folders of small images that are written here.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, Rgba};

use super::*;
use crate::source::Resize;
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::param;

/// A picture of one colour with a dark corner.
fn picture(width: u32, height: u32, value: u8) -> DynamicImage {
    let pixel = |x, y| if (x, y) == (0, 0) { Rgb([0, 0, 0]) } else { Rgb([value, value / 2, 9]) };
    DynamicImage::ImageRgb8(ImageBuffer::from_fn(width, height, pixel))
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(value: u8) -> Vec<u8> {
    encoded(&picture(4, 2, value), ImageFormat::Png)
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// All defaults.
fn source(root: &Path) -> ImageFolder {
    param::from_json(&serde_json::json!({ "path": root.to_str().unwrap() })).unwrap()
}

/// Split, label and image of each example, and what was loaded.
type Read = (Vec<(String, i32, Image)>, Loaded);

/// What a source needs that is read without an audience.
fn access(storage: &crate::Storage) -> Access<'_> {
    Access {
        downloads: Path::new(""),
        on_progress: &|_| (),
        stop: &|| false,
        on_read: &|_, _| (),
        column: None,
        earlier: None,
        storage,
    }
}

fn load(source: &ImageFolder) -> Result<Read, DataError> {
    let mut examples = Vec::new();
    let loaded = source.load(&access(&crate::Storage::Raw), &mut |example| {
        examples.push((example.split.to_owned(), example.label, example.image.into_pixels().unwrap()));
        Ok(())
    })?;
    Ok((examples, loaded))
}

/// Two splits with one class in common; two formats; things to ignore.
fn zoo() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("train/cat/10.png", 10), ("train/cat/9.PNG", 9), ("train/ant/x.png", 30)] {
        write(folder.path(), name, &png(value));
    }
    write(folder.path(), "test/cat/1.jpeg", &encoded(&picture(4, 2, 200), ImageFormat::Jpeg));
    write(folder.path(), "test/bee/1.png", &png(50));
    let hidden = [".git/x/1.png", "train/.DS_Store", "train/cat/.hidden.png"];
    let of_systems = ["__MACOSX/train/cat/._10.png", "train/cat/@eaDir/10.png/1.jpg", "train/@eaDir/1.png"];
    for ignored in hidden.into_iter().chain(of_systems).chain(["train/cat/notes.txt", "README.md"]) {
        write(folder.path(), ignored, b"");
    }
    folder
}

#[test]
fn examples_come_in_the_order_of_names() {
    let folder = zoo();
    let (examples, loaded) = load(&source(folder.path())).unwrap();
    assert_eq!(
        loaded.classes,
        ["ant", "cat", "bee"],
        "those of train first: what only test has moves no label of theirs"
    );
    let seen: Vec<(&str, i32)> = examples.iter().map(|(split, label, _)| (split.as_str(), *label)).collect();
    assert_eq!(seen, [("test", 2), ("test", 1), ("train", 0), ("train", 1), ("train", 1)]);
    let cat = &examples[3].2;
    assert_eq!(cat.shape, ImageShape { height: 2, width: 4, channels: 3 });
    assert_eq!(cat.pixels[..6], [0, 0, 0, 10, 5, 9], "10.png comes before 9.PNG: by bytes, not by number");
    let jpeg = &examples[1].2.pixels;
    assert!(jpeg[9..].chunks(3).any(|pixel| pixel[0].abs_diff(200) < 40), "{jpeg:?}");
}

#[test]
fn facts_come_from_names_alone() {
    let folder = zoo();
    let facts = source(folder.path()).facts();
    assert_eq!(facts.classes.unwrap(), ["ant", "cat", "bee"]);
    let splits = facts.splits.unwrap();
    assert_eq!(splits["train"], SplitCounts::of_classes(vec![1, 2, 0]));
    assert_eq!(splits["test"], SplitCounts::of_classes(vec![0, 1, 1]));
    assert_eq!(facts.image, None);
    let scaled = ImageFolder { resize: Some(Resize::stretch(3, 5)), channels: 1, ..source(folder.path()) };
    assert_eq!(scaled.facts().image, Some([3, 5, 1]));
    let skipping = ImageFolder { on_corrupt: OnCorrupt::Skip, ..source(folder.path()) };
    assert_eq!(skipping.facts().splits, None, "some may turn out to be unreadable");
    assert_eq!(source(Path::new("/nowhere")).facts(), SourceFacts::default());
}

#[test]
fn images_are_scaled_and_made_grey() {
    let folder = tempfile::tempdir().unwrap();
    let halves = ImageBuffer::from_fn(4, 2, |x, _| if x < 2 { Rgb([10_u8, 10, 10]) } else { Rgb([250, 250, 250]) });
    write(folder.path(), "train/a/1.png", &encoded(&DynamicImage::ImageRgb8(halves), ImageFormat::Png));
    let source = ImageFolder { resize: Some(Resize::stretch(1, 2)), channels: 1, ..source(folder.path()) };
    let (examples, _) = load(&source).unwrap();
    let image = &examples[0].2;
    assert_eq!(image.shape, ImageShape { height: 1, width: 2, channels: 1 });
    // The triangle reaches twice as far as a pixel of the result. Weights of the four columns for the left pixel:
    // 0.75, 0.75, 0.25 and beyond the reach; 10 x 1.5 + 250 x 0.25 over 1.75 is 44.3 for it, 215.7 for the right.
    assert_eq!(image.pixels, [44, 216]);
}

#[test]
fn all_unreadable_files_are_named_or_skipped() {
    let folder = zoo();
    let jpeg = encoded(&picture(40, 40, 77), ImageFormat::Jpeg);
    let cut = &jpeg[..jpeg.len() - 20];
    write(folder.path(), "train/cat/cut.jpg", cut);
    write(folder.path(), "train/cat/cut.png", &png(3)[..40]);
    write(folder.path(), "train/cat/empty.jpg", b"");
    write(folder.path(), "train/ant/text.png", b"this is no image");
    write(folder.path(), "train/ant/foreign.bmp", b"BM");
    write(folder.path(), "train/bug/bad.png", b"so this class has no readable image");
    let error = load(&source(folder.path())).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("6 of 11 images can't be read: `train/ant/foreign.bmp` ("), "{message}");
    assert!(message.contains("`train/cat/cut.jpg` (JPEG is cut short)"), "{message}");
    assert!(message.contains("`train/cat/empty.jpg` (empty file)") && !message.contains("more"), "{message}");

    let skipping = ImageFolder { on_corrupt: OnCorrupt::Skip, ..source(folder.path()) };
    let (examples, loaded) = load(&skipping).unwrap();
    assert_eq!(examples.len(), 5);
    assert_eq!(loaded.skipped.len(), 6);
    assert_eq!(loaded.skipped[2], "train/bug/bad.png");
    assert_eq!(loaded.classes.len(), 4, "a class keeps its label even if none of its images can be read");
}

#[test]
fn a_folder_of_another_layout_says_what_is_wrong() {
    let message = |files: &[&str], folders: &[&str]| {
        let root = tempfile::tempdir().unwrap();
        files.iter().for_each(|name| write(root.path(), name, &png(1)));
        folders.iter().for_each(|name| std::fs::create_dir_all(root.path().join(name)).unwrap());
        let error = source(root.path()).digests(&Digest::of_file).unwrap_err();
        assert!(error.help().is_some_and(|help| help.contains("<split>/<class>/<name>.jpg")));
        error.to_string().replace(root.path().to_str().unwrap(), "ROOT")
    };
    assert_eq!(message(&[], &[]), "ROOT: there are no splits: the folder has no subfolder");
    assert_eq!(message(&[], &["train"]), "ROOT/train: the split has no class folders");
    assert_eq!(message(&["train/a/1.png"], &["train/b"]), "ROOT/train/b: the class has no images");
    assert_eq!(message(&["train/1.png"], &["train/b"]), "ROOT/train/1.png: an image outside a class folder");
    let nested = message(&["train/a/b/1.png"], &[]);
    assert_eq!(nested, "ROOT/train/a/b: a folder inside a class: images must be directly in the class folder");
    let missing = source(Path::new("/nowhere")).digests(&Digest::of_file).unwrap_err();
    assert_eq!(missing.to_string(), "there is no folder at /nowhere");
}

#[test]
fn the_digest_covers_names_and_contents_and_nothing_else() {
    let (folder, same) = (zoo(), zoo());
    let digest = |root: &Path| source(root).digests(&Digest::of_file).unwrap().remove(0).1;
    let before = digest(folder.path());
    assert_eq!(digest(same.path()), before, "wherever the folder lies");
    write(folder.path(), "train/cat/notes.txt", b"changed");
    assert_eq!(digest(folder.path()), before);
    write(folder.path(), "train/cat/10.png", &png(11));
    assert_ne!(digest(folder.path()), before);
    let cat: PathBuf = same.path().join("train/cat");
    std::fs::rename(cat.join("10.png"), cat.join("11.png")).unwrap();
    assert_ne!(digest(same.path()), before);
}

#[test]
fn transparency_is_counted_and_its_background_enters_the_key() {
    use simpipe_base::param::{Param, View};
    let folder = tempfile::tempdir().unwrap();
    for (name, alpha) in [("opaque", 255), ("clear", 0), ("half", 128)] {
        let image = ImageBuffer::from_pixel(1, 1, Rgba([200_u8, 0, 0, alpha]));
        write(folder.path(), &format!("train/a/{name}.png"), &encoded(&image.into(), ImageFormat::Png));
    }
    let white = source(folder.path());
    let (examples, loaded) = load(&white).unwrap();
    let pixels: Vec<&[u8]> = examples.iter().map(|(.., image)| image.pixels.as_slice()).collect();
    assert_eq!(pixels, [[255, 255, 255], [227, 127, 127], [200, 0, 0]]);
    assert_eq!(loaded.transparent, 2);
    let green = ImageFolder { background: vec![0, 255, 0], ..white.clone() };
    assert_eq!(load(&green).unwrap().0[0].2.pixels, [0, 255, 0]);
    assert_eq!(white.write(View::Key), serde_json::json!({}));
    assert_eq!(green.write(View::Key), serde_json::json!({ "background": [0, 255, 0] }));
    let bad = |background: serde_json::Value| {
        let json = serde_json::json!({ "path": "x", "background": background });
        param::from_json::<ImageFolder>(&json).unwrap_err()[0].message.clone()
    };
    assert!(bad(serde_json::json!([1, 2])).contains("three numbers from 0 to 255"));
    assert!(bad(serde_json::json!([1, 2, 256])).contains("between 0 and 255"));
}

#[test]
fn names_without_an_ending_are_told_by_their_first_bytes_and_content_decides_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = encoded(&picture(4, 2, 200), ImageFormat::Jpeg);
    for (name, bytes) in [
        ("train/a/photo", &jpeg[..]),
        ("train/a/jpeg-named.png", &jpeg),
        ("train/a/png-named.JPE", &png(1)),
        ("train/a/webp-named.gif", &encoded(&picture(4, 2, 9), ImageFormat::WebP)),
        ("train/a/README", b"BM is no bitmap here"),
        ("train/a/copy.png~", &png(1)),
        ("train/a/raw.cr2", b"II*\0"),
    ] {
        write(folder.path(), name, bytes);
    }
    let names: Vec<String> = Folder::scan(folder.path(), &SplitRule::Folders, None, &OnCorrupt::Fail)
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.name.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["jpeg-named.png", "photo", "png-named.JPE", "webp-named.gif"]);
    assert_eq!(load(&source(folder.path())).unwrap().0.len(), 4);
}

#[test]
fn what_claims_too_many_pixels_is_named_or_skipped() {
    let folder = zoo();
    let large = encoded(&picture(300, 200, 1), ImageFormat::Png);
    write(folder.path(), "train/cat/large.png", &large);
    let strict = ImageFolder { max_pixels: 50_000, ..source(folder.path()) };
    let error = load(&strict).unwrap_err();
    let message = "1 of 6 images can't be read: `train/cat/large.png` (300 x 200 pixels are more than \
                   `max-pixels = 50000` allows)";
    assert_eq!(error.to_string(), message);
    assert!(error.help().unwrap().starts_with("raise `max-pixels`"));
    let skipping = ImageFolder { on_corrupt: OnCorrupt::Skip, ..strict };
    assert_eq!(load(&skipping).unwrap().1.skipped, ["train/cat/large.png"]);
    assert_eq!(load(&source(folder.path())).unwrap().0.len(), 6);
}

#[test]
fn pipes_and_devices_are_no_images() {
    use std::os::unix::fs::symlink;
    for (name, what) in [("pipe.png", "a named pipe"), ("zero.jpg", "a device")] {
        let folder = zoo();
        let path = folder.path().join("train/cat").join(name);
        if name == "pipe.png" {
            let owner = rustix::fs::Mode::RUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, owner, 0).unwrap();
        } else {
            symlink("/dev/zero", &path).unwrap();
        }
        for on_corrupt in [OnCorrupt::Fail, OnCorrupt::Skip] {
            let source = ImageFolder { on_corrupt, ..source(folder.path()) };
            let expected = format!("{}: it is {what}, not a regular file", path.display());
            assert_eq!(load(&source).unwrap_err().to_string(), expected);
            assert_eq!(source.digests(&Digest::of_file).unwrap_err().to_string(), expected);
        }
        let survey = Survey::of(folder.path()).unwrap_err();
        assert!(survey.message.contains(what), "{}", survey.message);
    }
}

#[test]
fn classes_lie_at_any_depth() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["train/cat/in/1.png", "train/cat/2.png", "train/dog/in/far/3.png", "test/dog/in/4.png"] {
        write(folder.path(), name, &png(1));
    }
    let of = |class| ImageFolder { class: Some(class), ..source(folder.path()) };
    let listed = |class| {
        let Folder { classes, files } = of(class).scan().unwrap();
        let names = files.iter().map(|file| format!("{}: {}", classes[file.label], file.name)).collect::<Vec<_>>();
        (classes, names)
    };
    let (classes, names) = listed(ClassFolder::First);
    assert_eq!(classes, ["cat", "dog"]);
    assert_eq!(names[..2], ["dog: test/dog/in/4.png", "cat: train/cat/2.png"]);
    assert_eq!(listed(ClassFolder::Last).0, ["cat", "far", "in"]);
    assert_eq!(listed(ClassFolder::Path).0, ["cat", "cat/in", "dog/in/far", "dog/in"]);
    // A picture of another kind makes no class, where files that can't be read are skipped either.
    write(folder.path(), "train/dog/in/drawing.svg", b"<svg/>");
    for class in [ClassFolder::First, ClassFolder::Last, ClassFolder::Path] {
        let skipping = ImageFolder { on_corrupt: OnCorrupt::Skip, ..of(class.clone()) };
        assert_eq!(skipping.scan().unwrap().classes, listed(class).0);
    }
    assert!(source(folder.path()).scan().is_err(), "one level unless it is said");
    let error = source(folder.path()).scan().unwrap_err();
    assert!(error.help().is_some_and(|help| help.contains("class = \"path\"")));
    // Names of splits tell a folder of splits from one of classes.
    assert!(of(ClassFolder::Path).undivided().is_none());
    let classes = ImageFolder { class: Some(ClassFolder::Path), ..source(&folder.path().join("train")) };
    assert_eq!(classes.undivided().unwrap().scan().unwrap().classes, ["cat", "cat/in", "dog/in/far"]);
}

#[test]
fn names_may_be_of_any_script_and_files_may_be_links() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("photos");
    write(&root, "train/grüße/Ä 名前.PNG", &png(7));
    write(&root, "train/猫/UPPER.JPEG", &png(8));
    // What a link leads to lies elsewhere; it is called by the link.
    write(folder.path(), "elsewhere/dog/3.png", &png(9));
    symlink(folder.path().join("elsewhere/dog"), root.join("train/dog")).unwrap();
    symlink("UPPER.JPEG", root.join("train/猫/link.jpg")).unwrap();
    let (found, loaded) = load(&source(&root)).unwrap();
    assert_eq!(loaded.classes, ["dog", "grüße", "猫"]);
    assert_eq!(found.iter().map(|(_, label, _)| *label).collect::<Vec<_>>(), [0, 1, 2, 2]);
    assert_eq!(found[2].2, found[3].2, "a file and the link to it");
    symlink(&root, root.join("train/dog/again")).unwrap();
    assert!(load(&source(&root)).unwrap_err().to_string().contains("loop"), "a folder in itself");
    std::fs::remove_file(root.join("train/dog/again")).unwrap();
    let odd = root.join("train/dog").join(std::ffi::OsStr::from_bytes(b"bad\xff.png"));
    if std::fs::write(&odd, png(1)).is_ok() {
        let error = load(&source(&root)).unwrap_err().to_string();
        assert!(error.ends_with("the name is not valid UTF-8"), "{error}");
    }
}

/// A smooth photograph, which JPEG and PNG make small.
fn photograph(number: u8, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| Rgb([u8::try_from(x).unwrap(), u8::try_from(y).unwrap(), number]);
    encoded(&DynamicImage::ImageRgb8(ImageBuffer::from_fn(180, 120, pixel)), format)
}

/// What is handed out of a folder: which images are encoded, and what is known of all.
fn kept(source: &ImageFolder, storage: &crate::Storage) -> Vec<(bool, ImageShape, Digest)> {
    let mut kept = Vec::new();
    source
        .load(&access(storage), &mut |example| {
            let encoded = matches!(example.image, simpipe_artifact::NewImage::Encoded(_));
            kept.push((encoded, example.image.shape(), example.image.digest()));
            Ok(())
        })
        .unwrap();
    kept
}

#[test]
fn large_images_are_kept_as_they_came_and_are_the_same_images() {
    use crate::Storage::{Auto, Encoded, Raw};
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train/a/1.jpg", &photograph(1, ImageFormat::Jpeg));
    write(folder.path(), "train/a/2.png", &photograph(2, ImageFormat::Png));
    write(folder.path(), "train/a/3.bmp", &photograph(3, ImageFormat::Bmp));
    write(folder.path(), "train/a/4.png", &png(4));
    for (resize, wanted) in [
        (None, [true, true, false, false]),
        // As large as before: small images grow, and their files are then worth more.
        (Some(Resize::stretch(120, 180)), [true, true, false, true]),
        (Some(Resize::stretch(64, 64)), [false; 4]),
    ] {
        let source = ImageFolder { resize, ..source(folder.path()) };
        let all = [Auto, Raw, Encoded].map(|storage| kept(&source, &storage));
        let encoded = all.each_ref().map(|kept| kept.iter().map(|(encoded, ..)| *encoded).collect::<Vec<_>>());
        assert_eq!(encoded[0], wanted);
        assert_eq!(encoded[1], [false; 4]);
        assert!(encoded[2][0] && encoded[2][1], "{:?}", encoded[2]);
        let known = all.map(|kept| kept.into_iter().map(|(_, shape, digest)| (shape, digest)).collect::<Vec<_>>());
        assert!(known[0] == known[1] && known[1] == known[2]);
    }
}
