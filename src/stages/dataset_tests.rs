//! The stage as the runner calls it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::*;
use simpipe_artifact::{About, Examples, FileNames, read_json};
use simpipe_base::digest::Digest;
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_stage::{CtxParts, Progress};

struct Ran {
    folder: tempfile::TempDir,
    metrics: BTreeMap<String, f64>,
    warnings: Vec<String>,
    last: Option<Progress>,
}

fn params(json: &serde_json::Value) -> Params {
    param::from_json(&serde_json::json!({ "source": json })).unwrap()
}

fn run(params: &Params, cancelled: bool) -> Result<Ran, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let (warnings, last) = (Mutex::new(Vec::new()), Mutex::new(None));
    let cancel = AtomicBool::new(cancelled);
    let downloads = folder.path().join("downloads");
    let on_progress = |progress| *last.lock().unwrap() = Some(progress);
    let on_warning = |warning| warnings.lock().unwrap().push(warning);
    let mut ctx = Ctx::new(CtxParts {
        id: "data",
        inputs: BTreeMap::new(),
        output: folder.path(),
        seed: Seed::of_stage(1, "dataset", None),
        backend: "flex",
        spec: &serde_json::Value::Null,
        cancel: &cancel,
        on_progress: &on_progress,
        on_warning: &on_warning,
        checkpoints: None,
        downloads: &downloads,
    });
    Dataset::run(params, &mut ctx)?;
    let metrics = ctx.into_metrics();
    assert_eq!(crate::reported::undefined("dataset", metrics.keys()), [""; 0]);
    Ok(Ran { folder, metrics, warnings: warnings.into_inner().unwrap(), last: last.into_inner().unwrap() })
}

fn finder<'a>(asked: &'a dyn simpipe_base::contents::Contents) -> SourceFinder<'a> {
    SourceFinder { downloads: PathBuf::from("/nowhere"), digest_file: asked }
}

#[test]
fn letters_of_omniglot_that_both_splits_hold_are_named() {
    let warned = |train: &str, test: &str, left_out: &[&str]| {
        let source = serde_json::json!({ "train": train, "test": test, "leave-out": left_out });
        let found = Dataset::warnings(&params(&serde_json::json!({ "omniglot": source })), &InputFacts::default());
        found.into_iter().map(|issue| (issue.message, issue.help.unwrap())).collect::<Vec<_>>()
    };
    let found = warned("background-small1", "background-small2", &["Latin"]);
    assert!(
        found[0].0.starts_with("both splits hold letters of `Greek`: these classes of `test` are trained on"),
        "{found:?}"
    );
    assert_eq!(found[0].1, r#"write `leave-out = ["Latin", "Greek"]`"#);
    assert_eq!(warned("background-small1", "background-small2", &["Greek", "Latin"]), []);
    assert_eq!(warned("background", "evaluation", &[]), []);
    let found = warned("background", "background-small1", &[]);
    assert!(found[0].0.contains("`Balinese`, `Early_Aramaic`, `Greek`, `Korean`, `Latin`"), "{found:?}");
    assert!(found[0].1.starts_with("choose another part"), "{found:?}");
    assert!(warned("background-small2", "background", &[])[0].1.contains("Sanskrit"));
}

#[test]
fn the_sample_becomes_an_artifact_that_agrees_with_its_facts() {
    let params = params(&serde_json::json!("cifar10-sample"));
    let ran = run(&params, false).unwrap();
    assert_eq!(ran.metrics, BTreeMap::from([("classes".to_owned(), 10.0), ("examples".to_owned(), 4000.0)]));
    let last = ran.last.unwrap();
    assert_eq!((last.done, last.total, last.unit), (4000, Some(4000), "images"));
    assert!(ran.warnings.is_empty());
    let info: DatasetInfo = read_json(&ran.folder.path().join("dataset.json")).unwrap();
    let Ok(Facts::Dataset(facts)) = Dataset::infer(&params, &InputFacts::default()) else { panic!("facts") };
    assert_eq!(Some(&info.classes), facts.classes.as_ref());
    let image = info.image.unwrap();
    assert_eq!(Some([image.height, image.width, image.channels].map(|side| side as usize)), facts.image);
    // Another decoder that gives other pixels changes every result: then `VERSION` must be bumped.
    #[cfg(target_arch = "x86_64")]
    assert_eq!(info.checksum, "3b44549822f5e9654c811fe6cc52057ec4cdf7a9dd970b457d58397ce5d33474");
    let splits = facts.splits.unwrap();
    assert_eq!(info.counts, splits.iter().map(|(name, split)| (name.clone(), split.count)).collect());
    let examples = Examples::read(&ran.folder.path().join("examples.parquet")).unwrap();
    for (split, facts) in &splits {
        let mut per_class = vec![0; 10];
        for (of, label) in examples.split.iter().zip(&examples.label) {
            per_class[usize::try_from(*label).unwrap()] += usize::from(of == split);
        }
        assert_eq!(Some(per_class), facts.per_class);
    }
    let again = run(&params, false).unwrap();
    for file in ["examples.parquet", "images/train.bin", "images/test.bin", "dataset.json"] {
        let bytes = |ran: &Path| std::fs::read(ran.join(file)).unwrap();
        assert!(bytes(ran.folder.path()) == bytes(again.folder.path()), "{file} is the same every time");
    }
}

#[test]
fn skipped_files_are_listed_and_warned_of_and_transparent_ones_counted() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("train/a")).unwrap();
    std::fs::write(root.path().join("train/a/bad.png"), "bad").unwrap();
    let mut good = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(2, 2).write_to(&mut good, image::ImageFormat::Png).unwrap();
    std::fs::write(root.path().join("train/a/good.png"), good.into_inner()).unwrap();
    let mut clear = std::io::Cursor::new(Vec::new());
    image::RgbaImage::new(2, 2).write_to(&mut clear, image::ImageFormat::WebP).unwrap();
    std::fs::write(root.path().join("train/a/clear.webp"), clear.into_inner()).unwrap();
    let folder = |rule: &str| {
        params(&serde_json::json!({ "image-folder": { "path": root.path().to_str(), "on-corrupt": rule } }))
    };
    let ran = run(&folder("skip"), false).unwrap();
    let info: DatasetInfo = read_json(&ran.folder.path().join("dataset.json")).unwrap();
    assert_eq!(info.skipped, ["train/a/bad.png"]);
    assert_eq!((info.counts["train"], info.transparent), (2, 1));
    assert!(ran.warnings[0].starts_with("1 files can't be read"), "{:?}", ran.warnings);
    let error = run(&folder("fail"), false).map(|_| ()).unwrap_err();
    assert!(matches!(&error, StageError::DataUnavailable { .. }), "{error}");
    assert!(error.help().is_some_and(|help| help.contains("on-corrupt")));
}

#[test]
fn sources_are_found_or_said_to_be_missing() {
    let never = |_: &Path| -> std::io::Result<Digest> { panic!("nothing to read") };
    let digests = |json: &serde_json::Value| Dataset::sources(&params(json), &finder(&never));
    assert_eq!(digests(&serde_json::json!("cifar10-sample")).unwrap().len(), 1);
    let cifar = digests(&serde_json::json!("cifar10")).unwrap();
    assert_eq!(cifar[0].name, "archive");
    assert_eq!(digests(&serde_json::json!("fashion-mnist")).unwrap().len(), 4);
    let missing = digests(&serde_json::json!({ "cifar10": { "path": "/nowhere/archive.tar.gz" } })).unwrap_err();
    assert!(matches!(missing, StageError::DataUnavailable { .. }));
    assert_eq!(missing.to_string(), "there is no archive or folder at /nowhere/archive.tar.gz");
}

#[test]
fn a_path_and_a_download_have_one_key() {
    use simpipe_base::param::{Param, View};
    let key = |json: &serde_json::Value| params(json).write(View::Key);
    let path = serde_json::json!({ "cifar10": { "path": "/somewhere" } });
    assert_eq!(key(&path), key(&serde_json::json!("cifar10")));
    assert_ne!(key(&serde_json::json!("cifar100")), key(&serde_json::json!("cifar10")));
}

#[test]
fn a_wish_to_stop_is_heard() {
    let result = run(&params(&serde_json::json!("cifar10-sample")), true);
    assert!(matches!(result.map(|_| ()), Err(StageError::Interrupted)));
}

/// Folders of classes, each with images of one grey a number.
fn greys(root: &Path, classes: &[(&str, &[u8])]) {
    for (class, greys) in classes {
        std::fs::create_dir_all(root.join(class)).unwrap();
        for grey in *greys {
            let picture = image::GrayImage::from_pixel(2, 2, image::Luma([*grey]));
            picture.save(root.join(class).join(format!("{grey}.png"))).unwrap();
        }
    }
}

fn divided(root: &Path, split: &serde_json::Value) -> Params {
    let source = serde_json::json!({ "image-folder": { "path": root.to_str() } });
    param::from_json(&serde_json::json!({ "source": source, "split": split })).unwrap()
}

#[test]
fn a_folder_of_classes_is_divided_as_its_facts_say() {
    let root = tempfile::tempdir().unwrap();
    greys(root.path(), &[("a", &[1, 2]), ("b", &[3]), ("c", &[4, 5, 6]), ("d", &[7])]);
    let params = divided(root.path(), &serde_json::json!({ "classes": { "test": ["c"], "validation": ["a"] } }));
    let Ok(Facts::Dataset(facts)) = Dataset::infer(&params, &InputFacts::default()) else { panic!("facts") };
    let splits = facts.splits.unwrap();
    let of = |name: &str| splits[name].per_class.clone().unwrap();
    assert_eq!([of("train"), of("validation"), of("test")], [[0, 1, 0, 1], [2, 0, 0, 0], [0, 0, 3, 0]]);
    let ran = run(&params, false).unwrap();
    let examples = Examples::read(&ran.folder.path().join("examples.parquet")).unwrap();
    assert_eq!(split_facts(&examples, 4), splits);
    // Folders of splits are divided anew, whatever they are called.
    let nested = tempfile::tempdir().unwrap();
    greys(&nested.path().join("old"), &[("a", &[1]), ("b", &[2])]);
    greys(&nested.path().join("new"), &[("a", &[3]), ("b", &[4])]);
    let ran = run(&divided(nested.path(), &serde_json::json!({ "classes": { "test": ["b"] } })), false).unwrap();
    let info: DatasetInfo = read_json(&ran.folder.path().join("dataset.json")).unwrap();
    assert_eq!(info.counts, BTreeMap::from([("test".to_owned(), 2), ("train".to_owned(), 2)]));
}

#[test]
fn images_divided_by_their_digests_may_leave_a_split_empty() {
    let root = tempfile::tempdir().unwrap();
    greys(root.path(), &[("a", &[1]), ("b", &[2])]);
    let params = divided(root.path(), &serde_json::json!({ "images": { "validation": 0.4, "test": 0.4 } }));
    let Ok(Facts::Dataset(facts)) = Dataset::infer(&params, &InputFacts::default()) else { panic!("facts") };
    assert_eq!(facts.splits, None, "which images go where is known when they are read");
    let error = run(&params, false).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("gets none of the 2 images"), "{error}");
    assert_eq!(error.path(), Some("split"));
}

#[test]
fn a_picture_in_two_classes_is_warned_of_with_its_examples() {
    let root = tempfile::tempdir().unwrap();
    greys(&root.path().join("train"), &[("a", &[1, 2]), ("b", &[2, 3])]);
    greys(&root.path().join("test"), &[("a", &[3])]);
    let ran = run(&params(&serde_json::json!({ "image-folder": { "path": root.path().to_str() } })), false).unwrap();
    // `train` comes first: 1, 2, 2, 3, then 3.
    let words = "2 images are in two classes, pixel for pixel: example 1 is `a` and example 2 is `b`";
    assert_eq!(ran.warnings.len(), 1, "{:?}", ran.warnings);
    let rest = ran.warnings[0].strip_prefix(words).unwrap();
    assert!(rest.starts_with(" (1 of them in two splits: `evaluate` and `match` refuse"), "{rest}");
}

#[test]
fn one_of_two_rules_has_to_go() {
    use simpipe_base::param::{Param, View};
    let rule =
        serde_json::json!({ "source": { "image-folder": { "path": "x", "split": "images" } }, "split": "classes" });
    let issues = Dataset::infer(&param::from_json(&rule).unwrap(), &InputFacts::default()).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "split"));
    let plain = params(&serde_json::json!("cifar10-sample"));
    assert_eq!(plain.write(View::Key), serde_json::json!({ "source": "cifar10-sample" }), "no key has changed");
}

/// A table of the images in folders of classes, with more columns.
fn table(root: &Path, head: &str, rows: &[&str]) -> serde_json::Value {
    std::fs::write(root.join("m.csv"), format!("{head}\n{}\n", rows.join("\n"))).unwrap();
    serde_json::json!({ "manifest": { "path": root.join("m.csv").to_str() } })
}

fn params_of(source: &serde_json::Value, split: &serde_json::Value) -> Params {
    param::from_json(&serde_json::json!({ "source": source, "split": split })).unwrap()
}

/// The split of each image by its name.
fn splits(ran: &Ran) -> BTreeMap<String, String> {
    let examples = Examples::read(&ran.folder.path().join("examples.parquet")).unwrap();
    let names = FileNames::read(&ran.folder.path().join(FileNames::FILE)).unwrap();
    (0..).zip(examples.split).map(|(id, split)| (names.of(id).unwrap().to_owned(), split)).collect()
}

#[test]
fn what_a_table_tells_is_kept_and_may_divide() {
    let root = tempfile::tempdir().unwrap();
    greys(root.path(), &[("a", &[1, 2]), ("b", &[3, 4])]);
    let rows = ["a/1.png,a,x,old", "a/2.png,a,y,new", "b/3.png,b,x,old", "b/4.png,b,y,new"];
    let source = table(root.path(), "path,label,group,fold", &rows);
    let by = |split: serde_json::Value| run(&params_of(&source, &split), false);
    let ran = by(serde_json::json!({ "column": { "name": "fold", "test": ["new"] } })).unwrap();
    let expected = [("a/1.png", "train"), ("a/2.png", "test"), ("b/3.png", "train"), ("b/4.png", "test")];
    assert_eq!(splits(&ran), expected.map(|(name, split)| (name.to_owned(), split.to_owned())).into());
    let about = About::read(&ran.folder.path().join("examples.parquet")).unwrap();
    assert_eq!(about.iter().map(|about| about.group.as_deref()).collect::<Vec<_>>(), ["x", "x", "y", "y"].map(Some));
    let group = splits(&by(serde_json::json!({ "group": { "test": 0.5, "stream": "3" } })).unwrap());
    assert_eq!((&group["a/1.png"], &group["a/2.png"]), (&group["b/3.png"], &group["b/4.png"]));
    let wrong =
        Dataset::infer(&params_of(&source, &serde_json::json!({ "group": { "by": "grup" } })), &InputFacts::default());
    let issue = &wrong.unwrap_err()[0];
    assert_eq!((issue.path.as_str(), issue.message.as_str()), ("split.group.by", "the source has no column `grup`"));
    let strict = by(serde_json::json!({ "column": { "name": "fold", "train": ["old"] } })).map(|_| ()).unwrap_err();
    let message = strict.to_string();
    assert!(message.contains("2 of 4 images are in no split: `a/2.png` has `new` in the column `fold`"), "{message}");
}

#[test]
fn strata_are_exact_and_lists_must_be_met() {
    let root = tempfile::tempdir().unwrap();
    greys(root.path(), &[("a", &[1, 2, 3, 4, 5]), ("b", &[6, 7, 8, 9, 10])]);
    let ran = run(&divided(root.path(), &serde_json::json!({ "images": { "stratified": true, "test": 0.4 } })), false)
        .unwrap();
    let tested =
        |class: &str| splits(&ran).iter().filter(|(name, split)| name.starts_with(class) && *split == "test").count();
    assert_eq!([tested("a/"), tested("b/")], [2, 2]);
    let list = |names: &str| {
        std::fs::write(root.path().join("test.txt"), names).unwrap();
        let path = root.path().join("test.txt");
        divided(root.path(), &serde_json::json!({ "list": { "test": path.to_str(), "others": "train" } }))
    };
    let ran = run(&list("a/1.png\nb/6.png\n"), false).unwrap();
    assert_eq!(splits(&ran).iter().filter(|(_, split)| *split == "test").count(), 2);
    let never = |_: &Path| -> std::io::Result<Digest> { Ok(Digest::of(b"")) };
    let sources = Dataset::sources(&list("a/1.png\n"), &finder(&never)).unwrap();
    assert_eq!(sources.last().unwrap().name, "list of test", "a list is a part of the key");
    let error = run(&list("a/1.png\na/one.png\n"), false).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("1 listed images are not in the source: `a/one.png`"), "{error}");
}

#[test]
fn the_classification_split_of_a_retrieval_set_is_doubted() {
    let params = |division: &str, split: &str| -> Params {
        let source = serde_json::json!({ "cub-200-2011": { "path": "x", "division": division } });
        param::from_json(&serde_json::json!({ "source": source, "split": split })).unwrap()
    };
    let warned = |params: &Params| Dataset::warnings(params, &InputFacts::default());
    let warnings = warned(&params("classification", "source"));
    assert_eq!((warnings.len(), warnings[0].path.as_str()), (1, "source.cub-200-2011.division"));
    assert!(warned(&params("class-disjoint", "source")).is_empty());
    assert!(warned(&params("classification", "classes")).is_empty(), "divided anew");
}

#[test]
fn images_kept_as_they_came_are_read_as_the_pixels_that_they_would_be() {
    let root = tempfile::tempdir().unwrap();
    for (class, blue) in [("a", 10), ("a", 20), ("b", 30)] {
        let folder = root.path().join("train").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([u8::try_from(x).unwrap(), u8::try_from(2 * y).unwrap(), blue]);
        let picture = image::RgbImage::from_fn(90, 60, pixel);
        picture.save(folder.join(format!("{blue}.{}", if blue == 20 { "png" } else { "jpg" }))).unwrap();
    }
    let kept = |storage: &str| {
        let resize = serde_json::json!({ "size": [40, 50], "mode": "fit", "filter": "lanczos" });
        let source = serde_json::json!({ "image-folder": { "path": root.path().to_str(), "resize": resize } });
        let params = param::from_json(&serde_json::json!({ "source": source, "storage": storage })).unwrap();
        run(&params, false).unwrap().folder
    };
    let [raw, encoded, auto] = ["raw", "encoded", "auto"].map(kept);
    let info = |of: &tempfile::TempDir| read_json::<DatasetInfo>(&of.path().join("dataset.json")).unwrap();
    assert_eq!([&raw, &encoded, &auto].map(|of| info(of).encoded), [0, 3, 0], "6,000 bytes are few");
    assert_eq!(info(&raw).checksum, info(&encoded).checksum);
    let [raw, encoded] = [raw, encoded].map(|of| {
        let path = of.path().join("examples.parquet");
        let images = Examples::read_images(&path, &[2, 0, 1]).unwrap();
        (images, Examples::read(&path).unwrap(), std::fs::metadata(of.path().join("images/train.bin")).unwrap().len())
    });
    assert!((&raw.0, &raw.1) == (&encoded.0, &encoded.1), "the same images and what is known of them");
    assert!(encoded.2 < raw.2, "{} bytes in place of {}", encoded.2, raw.2);
}

#[test]
fn storage_is_in_the_key_only_where_it_is_chosen() {
    use simpipe_base::param::{Param, View};
    let key = |storage: &str| {
        let json = serde_json::json!({ "source": "cifar10-sample", "storage": storage });
        param::from_json::<Params>(&json).unwrap().write(View::Key)
    };
    assert_eq!(key("auto"), serde_json::json!({ "source": "cifar10-sample" }));
    assert_eq!(key("raw"), serde_json::json!({ "source": "cifar10-sample", "storage": "raw" }));
}
