//! The published archives, and the alphabets that several of them hold.

use std::collections::BTreeSet;

use crate::source::published::Published;

simpipe_base::choice! {
    /// An archive of Omniglot.
    pub enum Part {
        /// The background set: 964 letters of 30 alphabets.
        "background" => Background,
        /// The evaluation set: 659 letters of 20 other alphabets.
        "evaluation" => Evaluation,
        /// The first small background set: 136 letters of 5 alphabets.
        "background-small1" => BackgroundSmall1,
        /// The second small background set: 156 letters of 5 alphabets, of which Greek and Latin are in the first too.
        "background-small2" => BackgroundSmall2,
    }
}

const BASE: &str = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/";

const fn archive(name: &'static str, bytes: u64, sha256: &'static str) -> Published {
    Published { name, base: BASE, bytes, sha256 }
}

pub(super) const BACKGROUND: Published =
    archive("images_background.zip", 9_464_212, "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640");
const EVALUATION: Published =
    archive("images_evaluation.zip", 6_462_886, "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee");
const SMALL1: Published = archive(
    "images_background_small1.zip",
    1_319_022,
    "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4",
);
pub(super) const SMALL2: Published = archive(
    "images_background_small2.zip",
    1_580_917,
    "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f",
);

const SMALL1_ALPHABETS: [&str; 5] = ["Balinese", "Early_Aramaic", "Greek", "Korean", "Latin"];
const SMALL2_ALPHABETS: [&str; 5] = ["Greek", "Japanese_(katakana)", "Latin", "Sanskrit", "Tagalog"];

impl Part {
    pub(super) const fn archive(&self) -> &'static Published {
        match self {
            Self::Background => &BACKGROUND,
            Self::Evaluation => &EVALUATION,
            Self::BackgroundSmall1 => &SMALL1,
            Self::BackgroundSmall2 => &SMALL2,
        }
    }

    /// The alphabets that another part may hold too: both small sets are taken from the background set.
    pub(super) fn alphabets(&self) -> BTreeSet<&'static str> {
        let (small1, small2) = (SMALL1_ALPHABETS.into_iter(), SMALL2_ALPHABETS.into_iter());
        match self {
            Self::Background => small1.chain(small2).collect(),
            Self::Evaluation => BTreeSet::new(),
            Self::BackgroundSmall1 => small1.collect(),
            Self::BackgroundSmall2 => small2.collect(),
        }
    }
}
