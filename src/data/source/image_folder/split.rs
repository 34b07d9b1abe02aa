//! How the images of a folder are divided into splits. Names alone decide, so the same folder is divided in the same
//! way on every machine, and a new file moves few others.

use super::folder::Folder;
use simpipe_base::check::{self, Check};
use simpipe_base::digest::Digest;

simpipe_base::choice! {
    /// How images are divided into splits.
    pub enum SplitRule {
        /// By folder: `<split>/<class>/*`.
        "folders" => Folders,
        /// `<class>/*`: a share of the images of each class becomes the split `test`, another `validation` where that is
        /// wanted, the others `train`. Measures how well known classes are recognised.
        "images" => Images(ImageSplit),
        /// `<class>/*`: a share of the classes, with all their images, becomes the split `test`, the others `train`.
        /// Measures how well the embedding serves classes that it was never trained on (Musgrave, Belongie and Lim,
        /// 2020, arXiv:2003.08505).
        "classes" => Classes(ClassSplit),
    }
}

simpipe_base::params! {
    /// Some images of each class for testing.
    pub struct ImageSplit {
        /// The share of each class's images that becomes `test`, rounded up; at least one image stays in `train`.
        test: f64 = 0.2 => share(),
        /// The share that becomes `validation`, rounded up: held out of training, to find thresholds with it.
        validation: f64 = 0.0 => check::decay(),
    }
}

simpipe_base::params! {
    /// Some whole classes for testing.
    pub struct ClassSplit {
        /// The share of the classes that becomes `test`, rounded up; at least one stays in `train`.
        test: f64 = 0.5 => share(),
    }
}

fn share() -> Check<f64> {
    check::inside(0.0, 1.0)
}

impl SplitRule {
    /// Whether the first level of folders are splits.
    pub(super) const fn by_folders(&self) -> bool {
        matches!(self, Self::Folders)
    }

    /// Divides a folder of classes; one of splits stays as it is.
    pub(super) fn assign(&self, folder: &mut Folder) {
        let splits: Vec<&str> = match self {
            Self::Folders => return,
            Self::Images(ImageSplit { test, validation }) => {
                let mut by_class = vec![Vec::new(); folder.classes.len()];
                folder.files.iter().enumerate().for_each(|(at, file)| by_class[file.label].push(at));
                let mut splits = vec!["train"; folder.files.len()];
                for members in by_class {
                    let (tested, held_out) = drawn(&members, *test, *validation, |at| &folder.files[at].name);
                    tested.into_iter().for_each(|at| splits[at] = "test");
                    held_out.into_iter().for_each(|at| splits[at] = "validation");
                }
                splits
            }
            Self::Classes(ClassSplit { test }) => {
                let all: Vec<usize> = (0..folder.classes.len()).collect();
                let mut splits = vec!["train"; all.len()];
                let (tested, _) = drawn(&all, *test, 0.0, |at| &folder.classes[at]);
                tested.into_iter().for_each(|class| splits[class] = "test");
                folder.files.iter().map(|file| splits[file.label]).collect()
            }
        };
        for (file, split) in folder.files.iter_mut().zip(splits) {
            split.clone_into(&mut file.split);
        }
        // Stable: classes and names keep their order inside a split.
        folder.files.sort_by(|one, other| one.split.cmp(&other.split));
    }
}

/// The share of `members` whose names have the smallest digests, rounded up, and the share that follows; never all of them.
fn drawn<'a>(
    members: &[usize],
    first: f64,
    second: f64,
    name: impl Fn(usize) -> &'a String,
) -> (Vec<usize>, Vec<usize>) {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of images are far below 2^52"
    )]
    // 0.2 of 10 is 2, whatever the last bit of 0.2 says.
    let count = |share: f64| (members.len() as f64 * share - 1e-9).ceil().max(0.0) as usize;
    let mut keyed: Vec<(Digest, usize)> = members.iter().map(|&at| (Digest::of(name(at).as_bytes()), at)).collect();
    keyed.sort_unstable();
    let most = members.len().saturating_sub(1);
    let mut keyed = keyed.into_iter().map(|(_, at)| at).take(most);
    (keyed.by_ref().take(count(first)).collect(), keyed.take(count(second)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::image_folder::folder::File;

    /// Classes a, b, c of 10, 4 and 1 images.
    fn folder() -> Folder {
        let classes: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let files = [10, 4, 1].into_iter().enumerate().flat_map(|(label, count)| {
            (0..count).map(move |at| {
                let name = format!("{}/{at}.png", ["a", "b", "c"][label]);
                File { label, path: name.clone().into(), name, ..File::default() }
            })
        });
        Folder { files: files.collect(), classes }
    }

    fn tested(rule: &SplitRule, folder: &mut Folder) -> [usize; 3] {
        rule.assign(folder);
        let count = |label| folder.files.iter().filter(|file| file.label == label && file.split == "test").count();
        [0, 1, 2].map(count)
    }

    #[test]
    fn a_share_of_each_class_is_tested_and_one_image_stays() {
        let rule = |test| SplitRule::Images(ImageSplit { test, validation: 0.0 });
        assert_eq!(tested(&rule(0.2), &mut folder()), [2, 1, 0]);
        assert_eq!(tested(&rule(0.99), &mut folder()), [9, 3, 0]);
    }

    #[test]
    fn some_images_are_held_out_of_training() {
        let rule = |validation| SplitRule::Images(ImageSplit { test: 0.2, validation });
        let (mut plain, mut held_out) = (folder(), folder());
        assert_eq!(tested(&rule(0.0), &mut plain), tested(&rule(0.3), &mut held_out), "tested images stay");
        let count =
            |label| held_out.files.iter().filter(|file| file.label == label && file.split == "validation").count();
        assert_eq!([0, 1, 2].map(count), [3, 2, 0]);
        let mut greedy = folder();
        rule(0.99).assign(&mut greedy);
        let trained = |label| greedy.files.iter().filter(|file| file.label == label && file.split == "train").count();
        assert_eq!([0, 1, 2].map(trained), [1, 1, 1], "one image stays");
    }

    #[test]
    fn whole_classes_are_tested() {
        let counts = tested(&SplitRule::Classes(ClassSplit { test: 0.5 }), &mut folder());
        let whole = counts.iter().zip([10, 4, 1]).filter(|(tested, all)| **tested == *all).count();
        assert_eq!((whole, counts.iter().filter(|tested| **tested == 0).count()), (2, 1), "{counts:?}");
    }

    #[test]
    fn names_alone_decide_and_a_new_file_moves_few() {
        let rule = SplitRule::Images(ImageSplit { test: 0.5, validation: 0.0 });
        let (mut before, mut after) = (folder(), folder());
        let mut added = after.files[0].clone();
        added.name = "a/new.png".into();
        after.files.push(added);
        rule.assign(&mut before);
        rule.assign(&mut after);
        let split = |folder: &Folder, name: &str| {
            folder.files.iter().find(|file| file.name == name).map(|file| file.split.clone())
        };
        let moved = before.files.iter().filter(|file| split(&after, &file.name).as_ref() != Some(&file.split));
        assert!(moved.count() <= 1);
    }
}
