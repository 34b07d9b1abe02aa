//! Omniglot: handwritten letters of fifty alphabets, twenty drawings of each, from its published zip archives.
//!
//! An archive holds `<archive>/<alphabet>/<character>/<number>_<drawer>.png`, black ink on white, 105 x 105 pixels.

mod drawings;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use self::drawings::{
    Drawing, Encoding, alphabet, alphabets, classes, extract, listed, names, names_of, remembered_alphabets,
};
use self::parts::BACKGROUND;
pub use self::parts::Part;
use super::download::{Downloader, PATIENCE};
use super::published::Published;
use super::reader::PublishedReader;
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use crate::in_order::{BUDGET, in_order};
use simpipe_base::check;
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;
use simpipe_base::suggest;
use simpipe_picture::{DecodeOptions, Encoded, Scaling};

const SIDE: usize = 105;
/// Archives are far smaller: longer ones are none.
const ARCHIVE_AT_MOST: u64 = 64 << 20;

simpipe_base::params! {
    /// Omniglot (Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through probabilistic program induction",
    /// Science 2015), MIT licence: one archive is the split `train`, another one `test`.
    ///
    /// A class is called `Alphabet/character07`: letters that both archives hold are one class of both splits, and one that
    /// was trained on is no unseen class. `leave-out` takes alphabets out of `test`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { omniglot = { train = "background-small1", test = "background-small2", leave-out = ["Greek", "Latin"], resize = [28, 28] } }
    /// ```
    pub struct Omniglot {
        /// The folder that the `.zip` files lie in; downloaded if left out.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: Option<SpecPath> = None,
        /// The archive of the split `train`.
        train: Part = Part::Background,
        /// The archive of the split `test`.
        #[aka("validation", "evaluation", "val")]
        test: Part = Part::Evaluation,
        /// Alphabets of the `test` archive that are not used.
        #[aka("exclude", "without", "skip")]
        leave_out: Vec<String> = Vec::new(),
        /// Height and width that every drawing is scaled to, in pixels (bilinear, widened where it shrinks); 105 x 105 if it is left out.
        #[aka("image_size", "size", "target_size", "input_shape", "shape", "img_size")]
        resize: Option<Vec<u32>> = None => check::height_and_width(1024).optional(),
    }
}

fn help() -> String {
    format!(
        "connect to the internet once, so that it is downloaded; or put `{}` and similar files into a folder and write \
         `source = {{ omniglot = {{ path = \"that folder\" }} }}`",
        BACKGROUND.name
    )
}

impl Omniglot {
    fn splits(&self) -> [(&'static str, &'static Published); 2] {
        [("train", self.train.archive()), ("test", self.test.archive())]
    }

    /// The alphabets of `test` that `train` holds too, and whether `test` has others.
    fn shared_alphabets(&self) -> (Vec<&'static str>, bool) {
        let (train, test) = (self.train.alphabets(), self.test.alphabets());
        let left = |name: &&&str| !self.leave_out.iter().any(|left_out| left_out == **name);
        let shared = train.intersection(&test).filter(left).copied().collect();
        (shared, matches!(self.test, Part::Background) || !test.is_subset(&train))
    }

    fn left_out<'a>(&'a self, split: &str) -> &'a [String] {
        if split == "test" { &self.leave_out } else { &[] }
    }

    /// Where an archive of the spec's folder lies; `None` where it is downloaded.
    fn local(&self, archive: &Published) -> Result<Option<PathBuf>, DataError> {
        let Some(folder) = self.path.as_ref().map(|path| path.resolved.as_path()) else { return Ok(None) };
        let path = folder.join(archive.name);
        let missing = |what, path: &Path| DataError::Missing { what, path: path.to_path_buf(), help: help() };
        if !folder.is_dir() {
            return Err(missing("folder", folder));
        }
        if path.is_file() { Ok(Some(path)) } else { Err(missing("file", &path)) }
    }

    /// The two splits can't be the same drawings.
    fn expect_two_parts(&self) -> Result<(), DataError> {
        if self.train.archive() != self.test.archive() {
            return Ok(());
        }
        let path = PathBuf::from(self.train.archive().name);
        Err(DataError::Malformed {
            path,
            reason: "is both `train` and `test`: every test drawing would have been trained on".to_owned(),
            help: Some("choose two parts, such as `train = \"background\"` and `test = \"evaluation\"`".to_owned()),
        })
    }

    fn size(&self) -> Option<(u32, u32)> {
        self.resize.as_deref().and_then(|size| Some((*size.first()?, *size.get(1)?)))
    }

    /// The drawings of a split, by their names in the archive.
    fn drawings(
        &self,
        split: &str,
        archive: &Published,
        path: &Path,
        names: &[String],
    ) -> Result<Vec<Drawing>, DataError> {
        let mut drawings = listed(archive, names);
        self.check_alphabets(split, path, &alphabets(&drawings))?;
        drawings.sort_by(|a, b| a.entry.cmp(&b.entry));
        drawings.retain(|drawing| !self.left_out(split).iter().any(|left_out| left_out == alphabet(&drawing.class)));
        Ok(drawings)
    }

    /// What is left out is there, and something is left.
    fn check_alphabets(&self, split: &str, path: &Path, alphabets: &BTreeSet<String>) -> Result<(), DataError> {
        let known: Vec<&str> = alphabets.iter().map(String::as_str).collect();
        let left_out = self.left_out(split);
        if let Some(unknown) = left_out.iter().find(|left_out| !alphabets.contains(*left_out)) {
            return Err(DataError::Malformed {
                path: path.to_path_buf(),
                reason: format!("`leave-out` names `{unknown}`, which is not one of its alphabets"),
                help: Some(suggest::help(unknown, &known)),
            });
        }
        if alphabets.iter().all(|alphabet| left_out.contains(alphabet)) {
            return Err(DataError::malformed(path, format!("no drawing is left for the split `{split}`")));
        }
        Ok(())
    }

    /// Reads an archive whole, checked by its published digest.
    fn read(&self, archive: &'static Published, access: &Access<'_>) -> Result<(PathBuf, Vec<u8>), DataError> {
        let path = match self.local(archive)? {
            Some(path) => path,
            None => {
                let help = help();
                let downloader = Downloader { folder: access.downloads, patience: PATIENCE, help: &help, access };
                downloader.fetch(archive, archive.base)?
            }
        };
        let mut reader = PublishedReader::open(archive, &path, access.stop)?;
        let mut bytes = Vec::new();
        let read = (&mut reader).take(ARCHIVE_AT_MOST).read_to_end(&mut bytes);
        reader.finish(&help())?;
        read.map_err(DataError::io("read", &path))?;
        access.has_read(&[(archive.name.to_owned(), archive.digest())]);
        Ok((path, bytes))
    }
}

impl Load for Omniglot {
    fn description(&self) -> &'static str {
        "Omniglot (B. M. Lake, R. Salakhutdinov and J. B. Tenenbaum, Human-level concept learning through probabilistic \
         program induction, Science 350, 2015), MIT licence"
    }

    /// From the archives' lists of names, where they lie in a folder.
    fn facts(&self) -> SourceFacts {
        let (height, width) = self.size().map_or((SIDE, SIDE), |(height, width)| (height as usize, width as usize));
        let image = Some([height, width, 1]);
        let drawings = |(split, archive): (&'static str, &'static Published)| {
            let path = self.local(archive).ok()??;
            Some((split, self.drawings(split, archive, &path, &names_of(&path).ok()?).ok()?))
        };
        let found: Option<Vec<_>> = self.splits().into_iter().map(drawings).collect();
        let Some(found) = found else { return SourceFacts { image, ..SourceFacts::default() } };
        let classes = classes(found.iter().flat_map(|(_, drawings)| drawings));
        let counts = |(split, drawings): &(&'static str, Vec<Drawing>)| {
            let mut per_class = vec![0; classes.len()];
            for drawing in drawings {
                per_class[classes.binary_search(&drawing.class).expect("every class is listed")] += 1;
            }
            ((*split).to_owned(), SplitCounts::of_classes(per_class))
        };
        let splits: BTreeMap<String, SplitCounts> = found.iter().map(counts).collect();
        SourceFacts { classes: Some(classes), image, splits: Some(splits), ..SourceFacts::default() }
    }

    /// Letters of `test` that are trained on.
    fn doubt(&self) -> Option<(&'static str, String, String)> {
        let (shared, others) = self.shared_alphabets();
        let names = shared.join("`, `");
        let message =
            format!("both splits hold letters of `{names}`: these classes of `test` are trained on, and not unseen");
        let help = if others {
            let left_out: Vec<&str> = self.leave_out.iter().map(String::as_str).chain(shared.iter().copied()).collect();
            format!("write `leave-out = {left_out:?}`")
        } else {
            "choose another part for `test`: this one holds no other letters".to_owned()
        };
        (!shared.is_empty()).then_some(("test", message, help))
    }

    /// The published digests: the archives' contents are checked when they are read.
    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        self.expect_two_parts()?;
        let digest = |(split, archive): (&'static str, &'static Published)| {
            if let Some(path) = self.local(archive)? {
                let length = std::fs::metadata(&path).map_err(DataError::io("read", &path))?.len();
                if length != archive.bytes {
                    archive.verify(&path, &help(), &|| false)?;
                }
                self.check_alphabets(split, &path, &remembered_alphabets(archive, &path, digest_file)?)?;
            }
            Ok((archive.name.to_owned(), archive.digest()))
        };
        self.splits().into_iter().map(digest).collect()
    }

    fn path(&self) -> Option<&Path> {
        self.path.as_ref().map(|path| path.resolved.as_path())
    }

    fn places(&self, downloads: &Path) -> Vec<Place> {
        let folder = self.path.as_ref().map_or(downloads, |path| path.resolved.as_path());
        let complete = self.splits().iter().all(|(_, archive)| folder.join(archive.name).is_file());
        vec![Place { path: folder.to_path_buf(), complete }]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        self.expect_two_parts()?;
        let mut archives = Vec::new();
        for (split, archive) in self.splits() {
            let (path, bytes) = self.read(archive, access)?;
            let names = names(Cursor::new(&bytes), &path)?;
            let drawings = self.drawings(split, archive, &path, &names)?;
            archives.push((split, path, bytes, drawings));
        }
        let classes = classes(archives.iter().flat_map(|(_, _, _, drawings)| drawings));
        let mut encodings = Vec::new();
        for (split, path, bytes, drawings) in &archives {
            encodings.extend(extract(split, path, bytes, drawings, &classes)?);
        }
        let options =
            DecodeOptions { channels: 1, scaling: self.size().map(Scaling::stretch), ..DecodeOptions::default() };
        let decode = |encoding: &Encoding, claim: &crate::in_order::Claim<'_>| {
            let decoded = Encoded::read(&encoding.bytes, &options).and_then(Encoded::decode);
            claim.keep(decoded.as_ref().map_or(0, |decoded| decoded.image.pixels.len() as u64));
            decoded
        };
        let mut done = 0;
        in_order(&encodings, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else { return access.images(done, encodings.len()) };
            let Encoding { split, label, entry, .. } = &encodings[at];
            done = at + 1;
            let image = decoded.map_err(|reason| DataError::malformed(Path::new(entry), reason.to_string()))?.image;
            sink(Example::new(split, *label, image))?;
            if (access.stop)() { Err(DataError::Stopped) } else { Ok(()) }
        })?;
        access.images(done, encodings.len())?;
        Ok(Loaded { classes, ..Loaded::default() })
    }
}

#[cfg(test)]
#[path = "omniglot_tests.rs"]
mod tests;
