//! Shards of WebDataset: `.tar` files in which the files of one sample share their name up to the first dot.

mod samples;

use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::Path;

use self::samples::{Sample, samples};
use super::class_names::{Classes, classes_of, named_by};
use super::listing::named;
use super::pictures::{Encoding, Stream};
use super::reader::Reader;
use super::shards::{self, Shard};
use super::{Access, DigestFile, Load, Loaded, Place, Sink, SourceFacts};
use crate::DataError;
use simpipe_base::digest::Digest;
use simpipe_base::fs::open_regular;
use simpipe_base::param::SpecPath;
use simpipe_picture::DecodeOptions;

picture_source! {
    /// Shards of WebDataset: `.tar` files in which the files of one sample follow each other and share their name up to the
    /// first dot: `0001.jpg`, `0001.cls`.
    ///
    /// The class of a sample is what its `.cls` holds, or the field `label` of its `.json`, or the folder that its files are
    /// in. Whole numbers are classes in the order of numbers; `class-names` gives them names, from 0 on. Fields `group`,
    /// `source`, `category`, `is_query` and `is_gallery` of the `.json` are kept for evaluation and for `split`; any other may
    /// divide the images too. A shard's split is told by its name (`train-000000.tar`) or its folder; what tells nothing is
    /// `train`. Shards are not compressed: their images are.
    ///
    /// # Example
    ///
    /// ```toml
    /// { webdataset = { path = "shards", class-names = ["cat", "dog"], resize = [64, 64] } }
    /// ```
    pub struct WebDataset {
        /// A `.tar` file, or the folder that holds them at any depth.
        #[aka("dir", "root", "folder", "urls", "shards", "location", "file", "url")]
        path: SpecPath,
        /// The field of a sample's `.json` that is its class.
        #[aka("label_key", "target", "class", "y")]
        label: String = "label".to_owned(),
        /// The names of the classes 0, 1, ..; the numbers are the names if it is left out.
        #[aka("classes", "names", "labels")]
        class_names: Vec<String> = Vec::new(),
    }
}

/// A shard and what is in it, but for the images.
struct Listed {
    shard: Shard,
    samples: Vec<Sample>,
}

impl WebDataset {
    fn shards(&self) -> Result<Vec<Shard>, DataError> {
        shards::shards(&self.path.resolved, "tar")
    }

    /// What is in a shard; `column` is the field that each sample is to come with.
    fn list(&self, shard: Shard, column: Option<&str>) -> Result<Listed, DataError> {
        let file = open_regular(&shard.path).map_err(DataError::io("read", &shard.path))?;
        let mut found = Vec::new();
        let wanted = samples::Wanted { label: &self.label, column, images: false };
        samples(BufReader::new(file), &shard.path, &wanted, &mut |sample, _| {
            found.push(sample);
            Ok(())
        })?;
        Ok(Listed { shard, samples: found })
    }

    fn list_all(&self, column: Option<&str>, access: &Access<'_>) -> Result<(Vec<Listed>, Classes), DataError> {
        let mut listed = Vec::new();
        for shard in self.shards()? {
            if (access.stop)() {
                return Err(DataError::Stopped);
            }
            listed.push(self.list(shard, column)?);
        }
        let all = || listed.iter().flat_map(|one| one.samples.iter().map(move |sample| (one, sample)));
        let labels: Vec<Option<String>> = all().map(|(_, sample)| sample.label.clone()).collect();
        let classes = match self.class_names.as_slice() {
            [] => classes_of(&labels),
            names => named_by(names, &labels),
        };
        let keys = || all().map(|(one, sample)| format!("`{}` of {}", sample.key, one.shard.name)).collect::<Vec<_>>();
        let mut wrong: Vec<String> = match &classes {
            Err(wrong) => {
                let keys = keys();
                wrong.iter().map(|(row, what)| format!("{}: {what}", keys[*row])).collect()
            }
            Ok(_) => Vec::new(),
        };
        for one in &listed {
            let mut known = BTreeSet::new();
            let twice = one.samples.iter().filter(|sample| !known.insert(&sample.key));
            wrong.extend(twice.map(|sample| format!("`{}` is in {} twice", sample.key, one.shard.name)));
        }
        match classes {
            Ok(classes) if wrong.is_empty() => Ok((listed, classes)),
            _ => Err(DataError::Malformed {
                path: self.path.resolved.clone(),
                reason: named(&wrong, super::listing::NAMED),
                help: Some(
                    "give every sample one key and one class, in a `.cls` or a `.json` file next to its image"
                        .to_owned(),
                ),
            }),
        }
    }
}

impl Load for WebDataset {
    fn description(&self) -> &'static str {
        "images in shards of WebDataset"
    }

    /// Finding the classes takes a walk through every shard: only [`Load::look`] does.
    fn facts(&self) -> SourceFacts {
        SourceFacts { image: self.to_pictures().shape(), ..SourceFacts::default() }
    }

    fn look(&self, access: &Access<'_>) -> Result<SourceFacts, DataError> {
        let (listed, classes) = self.list_all(None, access)?;
        let columns: BTreeSet<String> = listed.iter().flat_map(|one| &one.samples).flat_map(Sample::told).collect();
        Ok(SourceFacts { classes: Some(classes.names), columns: columns.into_iter().collect(), ..self.facts() })
    }

    fn decoding(&self) -> Option<DecodeOptions> {
        Some(self.to_pictures().options)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        shards::digests(&self.shards()?, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let (listed, classes) = self.list_all(access.column, access)?;
        let (pictures, reader) = (self.to_pictures(), Reader::of_all(access.stop));
        let mut stream = Stream::new(&pictures, access, classes.of_rows.len(), sink);
        let mut labels = classes.of_rows.iter();
        for Listed { shard, samples: known } in listed {
            let whole = shards::open(&shard, &reader, access)?;
            let mut known = known.into_iter();
            let wanted = samples::Wanted { label: &self.label, column: access.column, images: true };
            let moved = || DataError::Moved { path: shard.path.clone() };
            samples(BufReader::with_capacity(1 << 18, whole.file()?), &shard.path, &wanted, &mut |sample, bytes| {
                // What was listed before is what is in the file that was hashed.
                if known.next().as_ref() != Some(&sample) {
                    return Err(moved());
                }
                let label = labels.next().ok_or_else(moved)?;
                stream.push(Encoding {
                    split: shard.split.clone(),
                    label: i32::try_from(*label).expect("fewer classes than samples than 2^31"),
                    name: format!("{}/{}", shard.name, sample.image),
                    bytes,
                    about: sample.about,
                    value: sample.value,
                })
            })?;
            if known.next().is_some() {
                return Err(moved());
            }
            whole.finish()?;
        }
        let loaded = stream.finish(|| Ok(()))?;
        Ok(Loaded { classes: classes.names, ..loaded })
    }
}

#[cfg(test)]
#[path = "web_dataset/web_dataset_tests.rs"]
mod tests;
