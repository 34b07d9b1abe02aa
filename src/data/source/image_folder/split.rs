//! How the images of a folder are divided into splits. Names alone decide, so the same folder is divided in the same
//! way on every machine, and a new file moves few others.

use super::scan::Folder;
use crate::base::check::{self, Check};
use crate::base::digest::Digest;

crate::choice! {
    /// How images are divided into splits.
    pub enum SplitRule {
        /// The folders say it: `<split>/<class>/*`.
        "folders" => Folders,
        /// `<class>/*`: a share of the images of each class becomes the split `test`, the others `train`. Measures how
        /// well known classes are recognised.
        "images" => Images(ImageSplit),
        /// `<class>/*`: a share of the classes, with all their images, becomes the split `test`, the others `train`.
        /// Measures how well the embedding serves classes that it was never trained on (Musgrave, Belongie and Lim,
        /// 2020, arXiv:2003.08505).
        "classes" => Classes(ClassSplit),
    }
}

crate::params! {
    /// Some images of each class for testing.
    pub struct ImageSplit {
        /// The share of each class's images that becomes `test`, rounded up; at least one image stays in `train`.
        test: f64 = 0.2 => share(),
    }
}

crate::params! {
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
        let tested: Vec<bool> = match self {
            Self::Folders => return,
            Self::Images(ImageSplit { test }) => {
                let mut by_class = vec![Vec::new(); folder.classes.len()];
                folder.files.iter().enumerate().for_each(|(at, file)| by_class[file.label].push(at));
                let mut tested = vec![false; folder.files.len()];
                for members in by_class {
                    for at in drawn(&members, *test, |at| &folder.files[at].name) {
                        tested[at] = true;
                    }
                }
                tested
            }
            Self::Classes(ClassSplit { test }) => {
                let all: Vec<usize> = (0..folder.classes.len()).collect();
                let mut tested = vec![false; all.len()];
                drawn(&all, *test, |at| &folder.classes[at]).into_iter().for_each(|class| tested[class] = true);
                folder.files.iter().map(|file| tested[file.label]).collect()
            }
        };
        for (file, tested) in folder.files.iter_mut().zip(tested) {
            (if tested { "test" } else { "train" }).clone_into(&mut file.split);
        }
        // Stable: classes and names keep their order inside a split.
        folder.files.sort_by(|one, other| one.split.cmp(&other.split));
    }
}

/// The share of `members` whose names have the smallest digests, rounded up; never all of them.
fn drawn<'a>(members: &[usize], share: f64, name: impl Fn(usize) -> &'a String) -> Vec<usize> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of images are far below 2^52"
    )]
    // 0.2 of 10 is 2, whatever the last bit of 0.2 says.
    let count = (members.len() as f64 * share - 1e-9).ceil() as usize;
    let mut keyed: Vec<(Digest, usize)> = members.iter().map(|&at| (Digest::of(name(at).as_bytes()), at)).collect();
    keyed.sort_unstable();
    keyed.into_iter().take(count.min(members.len().saturating_sub(1))).map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::source::image_folder::scan::File;

    /// Classes a, b, c of 10, 4 and 1 images.
    fn folder() -> Folder {
        let classes: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let files = [10, 4, 1].into_iter().enumerate().flat_map(|(label, count)| {
            (0..count).map(move |at| {
                let name = format!("{}/{at}.png", ["a", "b", "c"][label]);
                File { split: String::new(), label, path: name.clone().into(), name }
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
        let rule = |test| SplitRule::Images(ImageSplit { test });
        assert_eq!(tested(&rule(0.2), &mut folder()), [2, 1, 0]);
        assert_eq!(tested(&rule(0.99), &mut folder()), [9, 3, 0]);
    }

    #[test]
    fn whole_classes_are_tested() {
        let counts = tested(&SplitRule::Classes(ClassSplit { test: 0.5 }), &mut folder());
        let whole = counts.iter().zip([10, 4, 1]).filter(|(tested, all)| **tested == *all).count();
        assert_eq!((whole, counts.iter().filter(|tested| **tested == 0).count()), (2, 1), "{counts:?}");
    }

    #[test]
    fn names_alone_decide_and_a_new_file_moves_few() {
        let rule = SplitRule::Images(ImageSplit { test: 0.5 });
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
