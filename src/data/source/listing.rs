//! Sources whose images are files: a list of them is all that such a source has to make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::DirEntry;

pub(super) use super::item::{Item, More, NAMED, named};
use super::pictures::{FileImages, Pictures};
use super::reader::Reader;
use super::{Access, DigestFile, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_base::digest::Digest;
use simpipe_picture::DecodeOptions;

/// All image files of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Names by label.
    pub(super) classes: Vec<String>,
    /// Every image, in the order of their examples.
    pub(super) items: Vec<Item>,
    /// The files that say so, each with its name in a key.
    pub(super) lists: Vec<(String, PathBuf)>,
    /// What is told of each image.
    pub(super) columns: Vec<String>,
}

impl Listing {
    /// Of rows whose classes are known by name alone; the classes are in the order of their names.
    pub(super) fn of_classes(rows: Vec<(String, Item)>) -> Self {
        let names: std::collections::BTreeSet<&String> = rows.iter().map(|(class, _)| class).collect();
        let classes: Vec<String> = names.into_iter().cloned().collect();
        let items = rows
            .into_iter()
            .map(|(class, item)| Item { label: classes.binary_search(&class).unwrap_or_default(), ..item })
            .collect();
        Self { classes, items, ..Self::default() }
    }

    /// Examples by split and label.
    pub(super) fn counts(&self) -> BTreeMap<String, SplitCounts> {
        let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for item in &self.items {
            counts.entry(&item.split).or_insert_with(|| vec![0; self.classes.len()])[item.label] += 1;
        }
        let of = |(split, counts): (&str, Vec<usize>)| (split.to_owned(), SplitCounts::of_classes(counts));
        counts.into_iter().map(of).collect()
    }

    /// Files that are listed and not there.
    fn expect_files(&self, root: &Path) -> Result<(), DataError> {
        let missing: Vec<String> =
            self.items.iter().filter(|item| !item.path.exists()).map(|item| item.in_its_list()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (count, total) = (missing.len(), self.items.len());
        Err(DataError::Malformed {
            path: self.lists.first().map_or_else(|| root.to_path_buf(), |(_, path)| path.clone()),
            reason: format!("{count} of {total} listed images are missing: {}", named(&missing, NAMED)),
            help: Some(format!("paths are relative to `{}`: correct them, or add the files", root.display())),
        })
    }

    /// One digest for each list, and one over the names and contents of the images.
    fn digests(&self, root: &Path, contents: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let list = |(name, path): &(String, PathBuf)| {
            Ok((name.clone(), contents.digest(path).map_err(DataError::unread(path))?))
        };
        let mut digests = self.lists.iter().map(list).collect::<Result<Vec<_>, DataError>>()?;
        // An image may stand in several rows.
        let files: BTreeMap<&Path, &str> =
            self.items.iter().map(|item| (item.path.as_path(), item.name.as_str())).collect();
        let (paths, names): (Vec<&Path>, Vec<&str>) = files.into_iter().unzip();
        let found = contents.digests(root, &paths).map_err(|(path, error)| DataError::unread(&path)(error))?;
        let mut images: Vec<(&str, Digest)> = names.into_iter().zip(found).collect();
        images.sort_unstable();
        digests.push(("images".to_owned(), Digest::of_json(&images)));
        Ok(digests)
    }
}

impl Item {
    /// Its name, with its line where a list has many.
    pub(super) fn in_its_list(&self) -> String {
        match self.more.as_ref().map_or(0, |more| more.line) {
            0 => format!("`{}`", self.name),
            line => format!("`{}` (line {line})", self.name),
        }
    }
}

/// Folders that systems leave beside what people put there: unpacked archives of macOS, and network drives.
const OF_SYSTEMS: [&str; 5] = ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"];

/// Whether something in a folder is looked at: it is not hidden, and no folder of a system's own.
pub(super) fn is_visible(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let of_system = || entry.file_type().is_dir() && OF_SYSTEMS.iter().any(|own| name == *own);
    entry.depth() == 0 || !(name.as_encoded_bytes().starts_with(b".") || of_system())
}

/// What is wrong with the lines of a list: the first few, and how many there are beside them.
pub(super) fn wrong_lines(path: &Path, wrong: &[(usize, String)], help: &str) -> DataError {
    let lines: Vec<String> = wrong.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
    let more = lines.len().saturating_sub(NAMED);
    let mut reason = lines.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    if more > 0 {
        reason.push_str(&format!("; and {more} more"));
    }
    DataError::Malformed { path: path.to_path_buf(), reason, help: Some(help.to_owned()) }
}

/// A source of image files.
pub(super) trait ListsFiles {
    /// What it is, with its licence or citation.
    const DESCRIPTION: &'static str;

    /// The folder or file that the spec names.
    fn place(&self) -> &Path;

    /// The folder that paths are relative to.
    fn root(&self) -> &Path {
        self.place()
    }

    /// What becomes of the images.
    fn pictures(&self) -> Pictures;

    /// Finds them, with what they have in a column. Lists are read through `reader` and named in the result.
    ///
    /// # Errors
    /// If they are not there or are not laid out as they should be.
    fn list(&self, reader: &Reader<'_>, column: Option<&str>) -> Result<Listing, DataError>;

    /// [`Load::doubt`].
    fn doubted(&self) -> Option<(&'static str, String, String)> {
        None
    }
}

impl<T: ListsFiles> Load for T {
    fn description(&self) -> &'static str {
        Self::DESCRIPTION
    }

    /// Nothing where the lists are not as they should be: [`Load::digests`] then says why.
    fn facts(&self) -> SourceFacts {
        let Ok(listing) = self.list(&Reader::default(), None) else { return SourceFacts::default() };
        let pictures = self.pictures();
        let splits = (pictures.on_corrupt == super::OnCorrupt::Fail).then(|| listing.counts());
        SourceFacts { classes: Some(listing.classes), image: pictures.shape(), splits, columns: listing.columns }
    }

    fn decoding(&self) -> Option<DecodeOptions> {
        Some(self.pictures().options)
    }

    fn path(&self) -> Option<&Path> {
        Some(self.place())
    }

    fn doubt(&self) -> Option<(&'static str, String, String)> {
        self.doubted()
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let listing = self.list(&Reader::default(), None)?;
        listing.expect_files(self.root())?;
        listing.digests(self.root(), digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.place().to_path_buf())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let reader = Reader::of_all(access.stop);
        let listing = self.list(&reader, access.column)?;
        listing.expect_files(self.root())?;
        let (pictures, classes) = (self.pictures(), listing.classes.clone());
        let images = FileImages { items: &listing.items, pictures: &pictures, reader: &reader };
        let has_read = |reader: &Reader<'_>| {
            access.has_read(&listing.digests(self.root(), reader)?);
            Ok(())
        };
        Ok(Loaded { classes, ..images.load(access, &has_read, sink)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_things_are_counted() {
        let things: Vec<String> = (0..23).map(|at| format!("`{at}`")).collect();
        assert!(named(&things, NAMED).ends_with("`19` and 3 more"));
        assert_eq!(named(&things[..2], NAMED), "`0`, `1`");
        let wrong: Vec<(usize, String)> = (2..30).map(|line| (line, "no".to_owned())).collect();
        let error = wrong_lines(Path::new("m.csv"), &wrong, "help").to_string();
        assert!(error.starts_with("m.csv: line 2: no; line 3: no; ") && error.ends_with("; and 8 more"), "{error}");
    }

    #[test]
    fn classes_are_in_the_order_of_their_names() {
        let row = |class: &str, split: &str| (class.to_owned(), Item { split: split.to_owned(), ..Item::default() });
        let listing = Listing::of_classes(vec![row("b", "train"), row("a", "test"), row("b", "train")]);
        assert_eq!(listing.classes, ["a", "b"]);
        assert_eq!(listing.counts()["train"], SplitCounts::of_classes(vec![0, 2]));
        assert!(More { line: 7, ..More::default() }.boxed().is_none(), "a line alone is not worth a box");
    }
}
