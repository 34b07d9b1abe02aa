//! Stanford Online Products, by the lists that it comes with.

use std::path::Path;

use super::class_names::classes_of;
use super::cub::inside;
use super::listing::{Item, Listing, ListsFiles, More};
use super::pictures::Pictures;
use super::reader::Reader;
use super::word_lines::WordLines;
use crate::DataError;
use simpipe_artifact::About;
use simpipe_base::param::SpecPath;

picture_source! {
    /// Stanford Online Products (Song, Xiang, Jegelka and Savarese, "Deep Metric Learning via Lifted Structured Feature
    /// Embedding", CVPR 2016): 120,053 photographs of 22,634 products in 12 categories. `Ebay_train.txt` lists the split
    /// `train`, `Ebay_test.txt` the split `test`: no product is in both. The kind of a product is its category.
    ///
    /// # Example
    ///
    /// ```toml
    /// { stanford-online-products = { path = "Stanford_Online_Products", resize = [224, 224] } }
    /// ```
    pub struct StanfordProducts {
        /// The folder `Stanford_Online_Products`, or the one that holds it.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
    }
}

const HELP: &str =
    "put the unpacked `Stanford_Online_Products.zip` there: a folder with `Ebay_train.txt` and `Ebay_test.txt`";

impl ListsFiles for StanfordProducts {
    const DESCRIPTION: &'static str = "Stanford Online Products (H. O. Song, Y. Xiang, S. Jegelka and S. Savarese, Deep Metric \
                                       Learning via Lifted Structured Feature Embedding, CVPR 2016), MIT licence";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn list(&self, reader: &Reader<'_>, column: Option<&str>) -> Result<Listing, DataError> {
        let folder = inside(&self.path.resolved, "Stanford_Online_Products");
        let (mut items, mut labels, mut lists) = (Vec::new(), Vec::new(), Vec::new());
        for split in ["train", "test"] {
            let name = format!("Ebay_{split}.txt");
            let path = folder.join(&name);
            let lines = WordLines::read(&path, 1, reader, HELP)?;
            let rows = lines.parse("image class category path", |[_, class, kind, path]: [&str; 4]| {
                Some((class.parse::<u32>().ok()?, kind.parse::<u32>().ok()?, path.to_owned()))
            })?;
            for (class, kind, name) in rows {
                let category = name
                    .split('/')
                    .next()
                    .map_or_else(|| kind.to_string(), |kind| kind.trim_end_matches("_final").to_owned());
                let value = (column == Some("category")).then(|| category.clone());
                let about = About { category: Some(category), ..About::default() };
                let more = More { about, value, ..More::default() }.boxed();
                items.push(Item { split: split.to_owned(), label: 0, path: folder.join(&name), name, more });
                labels.push(Some(class.to_string()));
            }
            lists.push((name, path));
        }
        let classes = classes_of(&labels).map_err(|_| DataError::malformed(&folder, "a product has no class"))?;
        items.iter_mut().zip(&classes.of_rows).for_each(|(item, label)| item.label = *label);
        Ok(Listing { classes: classes.names, items, lists, columns: vec!["category".to_owned()] })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, png, refused, source, write};

    #[test]
    fn lists_name_products_and_their_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let head = "image_id class_id super_class_id path\n";
        write(folder.path(), "Ebay_train.txt", format!("{head}1 9 1 bicycle_final/a.JPG\n2 10 2 lamp_final/b.JPG\n"));
        write(folder.path(), "Ebay_test.txt", format!("{head}3 11 2 lamp_final/c.JPG\n"));
        for (name, value) in [("bicycle_final/a", 1), ("lamp_final/b", 2), ("lamp_final/c", 3)] {
            write(folder.path(), &format!("{name}.JPG"), png(value));
        }
        let of = source("stanford-online-products", folder.path());
        let (seen, loaded) = load(&of, Some("category")).unwrap();
        assert_eq!(loaded.classes, ["9", "10", "11"], "in the order of numbers");
        assert_eq!(seen[2].short(), "test 11 lamp_final/c.JPG 3");
        assert_eq!((seen[0].about.category.as_deref(), seen[1].value.as_deref()), (Some("bicycle"), Some("lamp")));
        write(folder.path(), "Ebay_test.txt", format!("{head}3 x 2 lamp_final/c.JPG\n"));
        let message = refused(&of, folder.path());
        assert_eq!(message, "ROOT/Ebay_test.txt: line 2: `3 x 2 lamp_final/c.JPG` is not `image class category path`");
    }
}
