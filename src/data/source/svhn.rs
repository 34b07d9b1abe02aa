//! SVHN: house numbers cut to single digits, in Matlab's files.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use super::matlab::{Value, variables};
use super::reader::{Reader, Whole};
use super::shards::{self, Shard};
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;

const SIDE: u32 = 32;
const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 3 };
/// Images between two reports of progress.
const REPORT: usize = 1000;

simpipe_base::params! {
    /// SVHN (Netzer and others, "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011), format 2: digits
    /// cut out at 32 x 32 pixels. `train_32x32.mat` is the split `train`, `test_32x32.mat` is `test`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { svhn = { path = "svhn" } }
    /// ```
    pub struct Svhn {
        /// The folder of the `.mat` files.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
        /// Whether the 531,131 easier digits of `extra_32x32.mat` are read too, as the split `extra`.
        extra: bool = false,
    }
}

impl Svhn {
    fn shards(&self) -> Result<Vec<Shard>, DataError> {
        let splits = [("train", true), ("test", true), ("extra", self.extra)];
        let shard = |split: &str| {
            let name = format!("{split}_32x32.mat");
            let path = self.path.resolved.join(&name);
            if path.is_file() {
                return Ok(Shard { name, path, split: split.to_owned() });
            }
            let help =
                "put the files of format 2, `train_32x32.mat` and `test_32x32.mat`, into the folder `path`".to_owned();
            Err(DataError::Missing { what: "file", path, help })
        };
        splits.into_iter().filter(|(_, wanted)| *wanted).map(|(split, _)| shard(split)).collect()
    }

    /// The labels of a file: the digit 0 is 10 in it.
    fn labels(shard: &Shard, whole: &Whole) -> Result<Vec<i32>, DataError> {
        let mut found = None;
        let read = variables(BufReader::with_capacity(1 << 18, whole.file()?), &mut |head, from| {
            if head.name == "y" {
                found = Some(head.value(from)?);
            }
            Ok(())
        });
        read.map_err(|error| DataError::malformed(&shard.path, error.to_string()))?;
        let Some(Value::Numbers(labels)) = found else {
            return Err(DataError::malformed(&shard.path, "there are no labels `y`"));
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is one of ten numbers")]
        let digit = |(at, label): (usize, &f64)| match *label {
            10.0 => Ok(0),
            label if (0.0..10.0).contains(&label) && label.fract() == 0.0 => Ok(label as i32),
            label => {
                Err(DataError::malformed(&shard.path, format!("the label of image {at} is {label}, expected 1 to 10")))
            }
        };
        labels.iter().enumerate().map(digit).collect()
    }
}

/// Columns of three planes, as Matlab has them, as rows of pixels.
fn turned(bytes: &[u8]) -> Image {
    let side = SIDE as usize;
    let pixel = |(row, column): (usize, usize)| [0, 1, 2].map(|channel| bytes[(channel * side + column) * side + row]);
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
    Image { shape: SHAPE, pixels: places.flat_map(pixel).collect() }
}

impl Load for Svhn {
    fn description(&self) -> &'static str {
        "SVHN (Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu and A. Y. Ng, Reading Digits in Natural Images with \
         Unsupervised Feature Learning, 2011); for non-commercial use only"
    }

    fn facts(&self) -> SourceFacts {
        if self.shards().is_err() {
            return SourceFacts::default();
        }
        let splits = [("train", 73_257, true), ("test", 26_032, true), ("extra", 531_131, self.extra)];
        let counts = |(split, count): (&str, usize)| (split.to_owned(), SplitCounts { count, per_class: None });
        let wanted = splits.into_iter().filter(|(.., wanted)| *wanted).map(|(split, count, _)| counts((split, count)));
        let splits: BTreeMap<String, SplitCounts> = wanted.collect();
        let classes = Some((0..10).map(|digit| digit.to_string()).collect());
        SourceFacts { classes, image: Some([32, 32, 3]), splits: Some(splits), ..SourceFacts::default() }
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        shards::digests(&self.shards()?, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place { complete: self.shards().is_ok(), path: self.path.resolved.clone() }]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let reader = Reader::of_all(access.stop);
        for shard in self.shards()? {
            let whole = shards::open(&shard, &reader, access)?;
            let labels = Self::labels(&shard, &whole)?;
            let malformed = |what: String| DataError::malformed(&shard.path, what);
            let (mut seen, mut failed) = (0, None);
            let read = variables(BufReader::with_capacity(1 << 18, whole.file()?), &mut |head, from| {
                if head.name != "X" {
                    return Ok(());
                }
                let bytes = head.bytes_follow(from)?;
                if bytes != (SHAPE.bytes() * labels.len()) as u64 {
                    let what = format!("`X` has the shape {:?}, where there are {} labels", head.sides, labels.len());
                    return Err(std::io::Error::other(what));
                }
                let mut image = vec![0; SHAPE.bytes()];
                for (at, label) in labels.iter().enumerate() {
                    from.read_exact(&mut image)?;
                    let handed = sink(Example::new(&shard.split, *label, turned(&image)));
                    let reported = if at % REPORT == 0 { access.images(at, labels.len()) } else { Ok(()) };
                    if let Err(error) = handed.and(reported) {
                        failed = Some(error);
                        return Err(std::io::Error::other("not wanted any longer"));
                    }
                    seen += 1;
                }
                Ok(())
            });
            if let Some(error) = failed {
                return Err(error);
            }
            read.map_err(|error| malformed(error.to_string()))?;
            if seen < labels.len() {
                return Err(malformed("there are no images `X`".to_owned()));
            }
            access.images(seen, labels.len())?;
            whole.finish()?;
        }
        Ok(Loaded { classes: (0..10).map(|digit| digit.to_string()).collect(), ..Loaded::default() })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, refused, source, with, write};
    use crate::source::matlab::write as mat;

    /// Images whose rows are numbered, whose columns add 100 and whose channels add 1.
    fn file(labels: &[u8]) -> Vec<u8> {
        let image = (0..3_u8).flat_map(|channel| {
            (0..32_u8).flat_map(move |column| {
                (0..32_u8).map(move |row| row.wrapping_add(100 * u8::from(column > 0)).wrapping_add(channel * 7))
            })
        });
        let image: Vec<u8> = image.collect();
        let count = i32::try_from(labels.len()).unwrap();
        mat::file(&[
            mat::bytes("X", &[32, 32, 3, count], &image.repeat(labels.len())),
            mat::bytes("y", &[count, 1], labels),
        ])
    }

    #[test]
    fn digits_are_turned_and_ten_is_nought() {
        let folder = tempfile::tempdir().unwrap();
        for (name, labels) in [("train", &[10, 1][..]), ("test", &[9]), ("extra", &[5])] {
            write(folder.path(), &format!("{name}_32x32.mat"), file(labels));
        }
        let (seen, loaded) = load(&source("svhn", folder.path()), None).unwrap();
        assert_eq!(loaded.classes.len(), 10);
        let classes: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.split, seen.class)).collect();
        assert_eq!(classes, ["train 0", "train 1", "test 9"]);
        assert_eq!(seen[0].image.pixels[..6], [0, 7, 14, 100, 107, 114], "row 0: columns 0 and 1");
        assert_eq!(seen[0].image.pixels[96..99], [1, 8, 15], "row 1");
        let extra = with("svhn", folder.path(), &serde_json::json!({ "extra": true }));
        assert_eq!(load(&extra, None).unwrap().0[3].split, "extra");
    }

    #[test]
    fn what_is_no_such_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let of = source("svhn", folder.path());
        assert_eq!(refused(&of, folder.path()), "there is no file at ROOT/train_32x32.mat");
        write(folder.path(), "test_32x32.mat", file(&[1]));
        write(folder.path(), "train_32x32.mat", file(&[1, 11]));
        assert_eq!(refused(&of, folder.path()), "ROOT/train_32x32.mat: the label of image 1 is 11, expected 1 to 10");
        write(folder.path(), "train_32x32.mat", mat::file(&[mat::bytes("y", &[1, 1], &[3, 0, 0, 0, 0, 0, 0, 0][..1])]));
        assert_eq!(refused(&of, folder.path()), "ROOT/train_32x32.mat: there are no images `X`");
    }
}
