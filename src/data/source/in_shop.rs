//! In-shop Clothes Retrieval, by the list that it comes with.

use std::path::{Path, PathBuf};

use super::listing::{Item, Listing, ListsFiles, More};
use super::pictures::Pictures;
use super::reader::Reader;
use super::word_lines::WordLines;
use crate::DataError;
use simpipe_artifact::About;
use simpipe_base::param::SpecPath;

picture_source! {
    /// In-shop Clothes Retrieval of DeepFashion (Liu, Luo, Qiu, Wang and Tang, "DeepFashion: Powering Robust Clothes Recognition
    /// and Retrieval with Rich Annotations", CVPR 2016): 52,712 photographs of 7,982 clothes, in the splits `train`, `query` and
    /// `gallery`. Queries are looked up in the gallery; no piece of them was trained on. The kind of a piece is its category.
    ///
    /// # Example
    ///
    /// ```toml
    /// { in-shop = { path = "In-shop", resize = [224, 224] } }
    /// ```
    pub struct InShop {
        /// The folder that holds `list_eval_partition.txt` (or `Eval` with it) and `img` (or `Img` with it).
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
    }
}

const HELP: &str = "put `list_eval_partition.txt` and the unpacked folder `img` there";
const LIST: &str = "list_eval_partition.txt";

impl InShop {
    /// A file or folder, as it is unpacked or inside the folder that it is published in.
    fn find(&self, above: [&str; 2], name: &str) -> PathBuf {
        let root = &self.path.resolved;
        let places = above.map(|above| root.join(above).join(name));
        places.into_iter().find(|path| path.exists()).unwrap_or_else(|| root.join(name))
    }
}

impl ListsFiles for InShop {
    const DESCRIPTION: &'static str = "In-shop Clothes Retrieval (Z. Liu, P. Luo, S. Qiu, X. Wang and X. Tang, DeepFashion, CVPR \
                                       2016); for non-commercial research";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn list(&self, reader: &Reader<'_>, column: Option<&str>) -> Result<Listing, DataError> {
        let (list, images) = (self.find(["Eval", "Anno"], LIST), self.find(["Img", "images"], "img"));
        let above = images.parent().unwrap_or(&self.path.resolved);
        // A number of images and the names of the columns come first.
        let lines = WordLines::read(&list, 2, reader, HELP)?;
        let rows = lines.parse("image item train|query|gallery", |[path, item, split]: [&str; 3]| {
            let split = split.trim();
            matches!(split, "train" | "query" | "gallery").then(|| (path.to_owned(), item.to_owned(), split.to_owned()))
        })?;
        let row = |(name, item, split): (String, String, String)| {
            // `img/WOMEN/Dresses/id_00000002/02_1_front.jpg`
            let kind: Vec<&str> = name.split('/').skip(1).take(2).collect();
            let about = About {
                category: Some(kind.join("/")),
                is_query: (split != "train").then_some(split == "query"),
                is_gallery: (split != "train").then_some(split == "gallery"),
                ..About::default()
            };
            let value = match column {
                Some("category") => about.category.clone(),
                Some(name) => about.truth(name).map(|truth| truth.to_string()),
                None => None,
            };
            let more = More { about, value, ..More::default() }.boxed();
            (item, Item { split, label: 0, path: above.join(&name), name, more })
        };
        let listing = Listing::of_classes(rows.into_iter().map(row).collect());
        let columns = ["category", "is_query", "is_gallery"].map(str::to_owned).to_vec();
        Ok(Listing { lists: vec![(LIST.to_owned(), list)], columns, ..listing })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, png, refused, source, write};

    #[test]
    fn the_list_says_what_is_looked_up_in_what() {
        let folder = tempfile::tempdir().unwrap();
        let list = "3\nimage_name item_id evaluation_status\n\
            img/MEN/Denim/id_00000080/01_1_front.jpg   id_00000080   train\n\
            img/WOMEN/Dresses/id_00000002/02_1_front.jpg id_00000002 query \n\
            img/WOMEN/Dresses/id_00000002/02_2_side.jpg id_00000002 gallery\n";
        write(folder.path(), "Eval/list_eval_partition.txt", list);
        let names = [
            "MEN/Denim/id_00000080/01_1_front",
            "WOMEN/Dresses/id_00000002/02_1_front",
            "WOMEN/Dresses/id_00000002/02_2_side",
        ];
        names
            .iter()
            .zip(1..)
            .for_each(|(name, value)| write(folder.path(), &format!("Img/img/{name}.jpg"), png(value)));
        let of = source("in-shop", folder.path());
        let (seen, loaded) = load(&of, Some("is_query")).unwrap();
        assert_eq!(loaded.classes, ["id_00000002", "id_00000080"]);
        assert_eq!(seen[1].short(), "query id_00000002 img/WOMEN/Dresses/id_00000002/02_1_front.jpg 2");
        assert_eq!(seen[2].about.category.as_deref(), Some("WOMEN/Dresses"));
        let flags: Vec<_> =
            seen.iter().map(|seen| (seen.about.is_query, seen.about.is_gallery, seen.value.as_deref())).collect();
        assert_eq!(
            flags,
            [(None, None, None), (Some(true), Some(false), Some("true")), (Some(false), Some(true), Some("false"))]
        );
        write(folder.path(), "Eval/list_eval_partition.txt", "1\nhead\nimg/a.jpg id test\n");
        assert!(
            refused(&of, folder.path()).contains("line 3: `img/a.jpg id test` is not `image item train|query|gallery`")
        );
        let nothing = tempfile::tempdir().unwrap();
        assert_eq!(
            refused(&source("in-shop", nothing.path()), nothing.path()),
            "there is no file at ROOT/list_eval_partition.txt"
        );
    }
}
