//! Cars-196: photographs of cars, by the Matlab files that it comes with.

use std::path::{Path, PathBuf};

use super::Division;
use super::listing::{Item, Listing, ListsFiles, More};
use super::matlab::{Value, variables};
use super::pictures::Pictures;
use super::reader::Reader;
use crate::DataError;
use simpipe_base::param::SpecPath;
use simpipe_picture::Part;

picture_source! {
    /// Cars-196 (Krause, Stark, Deng and Fei-Fei, "3D Object Representations for Fine-Grained Categorization", 2013): 16,185
    /// photographs of 196 models of cars, as published with `cars_annos.mat` and `car_ims`, or with a `devkit`, `cars_train`
    /// and `cars_test` (whose labels are in `cars_test_annos_withlabels.mat`).
    ///
    /// The literature of metric learning trains on the first 98 classes and tests on the other 98, which is the default.
    ///
    /// # Example
    ///
    /// ```toml
    /// { cars-196 = { path = "cars196", resize = [224, 224] } }
    /// ```
    pub struct Cars196 {
        /// The folder that holds these.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
        /// How the images are divided into `train` and `test`.
        #[aka("split", "protocol", "subset")]
        division: Division = Division::ClassDisjoint,
        /// Whether each car is cut out by the box that was drawn around it.
        #[aka("boxes", "bounding_boxes", "cropped")]
        crop: bool = false,
    }
}

/// A Matlab file of lists is shorter.
const AT_MOST: u64 = 64 << 20;
const WITH_LABELS: &str = "cars_test_annos_withlabels.mat";
const HELP: &str = "put `cars_annos.mat` and the folder `car_ims` there, or `devkit`, `cars_train`, `cars_test` and \
                    `cars_test_annos_withlabels.mat`";

/// A list, the folder that its images are in, and whether they are published for training.
struct Annotated {
    list: String,
    images: &'static str,
    /// Nothing where each image says it.
    trained: Option<bool>,
}

impl Cars196 {
    /// The lists, and the one that names the classes.
    fn lists(&self) -> (Vec<Annotated>, String) {
        let annotated = |list: &str, images, trained| Annotated { list: list.to_owned(), images, trained };
        let root = &self.path.resolved;
        if root.join("cars_annos.mat").is_file() || !root.join("devkit").is_dir() {
            return (vec![annotated("cars_annos.mat", "", None)], "cars_annos.mat".to_owned());
        }
        let test =
            if root.join(WITH_LABELS).is_file() { WITH_LABELS.to_owned() } else { format!("devkit/{WITH_LABELS}") };
        let train = annotated("devkit/cars_train_annos.mat", "cars_train", Some(true));
        (vec![train, annotated(&test, "cars_test", Some(false))], "devkit/cars_meta.mat".to_owned())
    }

    fn item(&self, rows: &Value, row: usize, of: &Annotated, classes: usize) -> Option<Item> {
        let field = |names: &[&str]| names.iter().find_map(|name| rows.field(row, name));
        let side = |names: &[&str]| field(names)?.whole();
        let label = usize::try_from(side(&["class"])?).ok()?.checked_sub(1).filter(|label| *label < classes)?;
        let name = field(&["relative_im_path", "fname"])?.text()?;
        let name = Path::new(of.images).join(name).to_str()?.to_owned();
        let trained = of.trained.or_else(|| Some(side(&["test"])? == 0))?;
        let part = if self.crop {
            // Pixels are counted from 1, and the last one is inside.
            let from = |name| Some(side(&[name])?.saturating_sub(1));
            Some(Part { x: (from("bbox_x1")?, side(&["bbox_x2"])?), y: (from("bbox_y1")?, side(&["bbox_y2"])?) })
        } else {
            None
        };
        Some(Item {
            split: self.division.split(label, classes, trained).to_owned(),
            label,
            path: self.path.resolved.join(&name),
            name,
            more: More { part, ..More::default() }.boxed(),
        })
    }
}

/// A variable of a file.
fn variable(path: &Path, name: &str, reader: &Reader<'_>) -> Result<Value, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing { what: "file", path: path.to_path_buf(), help: HELP.to_owned() });
    }
    let bytes = reader.read_at_most(path, AT_MOST).map_err(DataError::io("read", path))?;
    let mut found = None;
    let read = variables(bytes.as_slice(), &mut |head, from| {
        if head.name == name {
            found = Some(head.value(from)?);
        }
        Ok(())
    });
    read.map_err(|error| DataError::malformed(path, error.to_string()))?;
    found.ok_or_else(|| DataError::malformed(path, format!("there is no variable `{name}`")))
}

impl ListsFiles for Cars196 {
    const DESCRIPTION: &'static str = "Cars-196 (J. Krause, M. Stark, J. Deng and L. Fei-Fei, 3D Object Representations for \
                                       Fine-Grained Categorization, 2013); for non-commercial research";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn doubted(&self) -> Option<(&'static str, String, String)> {
        self.division.doubted("Cars-196")
    }

    fn list(&self, reader: &Reader<'_>, _: Option<&str>) -> Result<Listing, DataError> {
        let (annotated, named) = self.lists();
        let at = |name: &str| -> PathBuf { self.path.resolved.join(name) };
        let wrong = |list: &str, what: String| DataError::malformed(&at(list), what);
        let classes = variable(&at(&named), "class_names", reader)?.texts();
        let classes = classes.ok_or_else(|| wrong(&named, "the class names are not texts".to_owned()))?;
        let mut lists = vec![(named.clone(), at(&named))];
        let mut items = Vec::new();
        for of in annotated {
            let rows = variable(&at(&of.list), "annotations", reader)?;
            for row in 0..rows.rows() {
                let item = self.item(&rows, row, &of, classes.len());
                items.push(item.ok_or_else(|| {
                    wrong(
                        &of.list,
                        format!("annotation {} has no name, no box or no class from 1 to {}", row + 1, classes.len()),
                    )
                })?);
            }
            if of.list != named {
                lists.push((of.list.clone(), at(&of.list)));
            }
        }
        Ok(Listing { classes, items, lists, columns: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, png, refused, short, source, with, write};
    use crate::source::matlab::write as mat;

    const FIELDS: [&str; 7] = ["relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"];

    fn row(name: &str, class: u16, test: u16) -> Vec<Vec<u8>> {
        let numbers = [1, 1, 2, 2, class, test].map(mat::number);
        [vec![mat::text(name)], numbers.to_vec()].concat()
    }

    fn names() -> Vec<u8> {
        mat::cells("class_names", &[mat::text("Audi TT"), mat::text("BMW M3")])
    }

    #[test]
    fn one_list_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [row("car_ims/000001.jpg", 1, 0), row("car_ims/000002.jpg", 1, 1), row("car_ims/000003.jpg", 2, 0)];
        write(folder.path(), "cars_annos.mat", mat::file(&[mat::rows("annotations", &FIELDS, &rows), names()]));
        (1..4).for_each(|at| write(folder.path(), &format!("car_ims/00000{at}.jpg"), png(at)));
        let of = source("cars-196", folder.path());
        let all = [
            "train Audi TT car_ims/000001.jpg 1",
            "train Audi TT car_ims/000002.jpg 2",
            "test BMW M3 car_ims/000003.jpg 3",
        ];
        assert_eq!(short(&of), all);
        let known = with("cars-196", folder.path(), &serde_json::json!({ "division": "classification", "crop": true }));
        let (seen, _) = load(&known, None).unwrap();
        assert_eq!(seen.iter().map(|seen| seen.split.as_str()).collect::<Vec<_>>(), ["train", "test", "train"]);
        assert_eq!((seen[0].image.shape.width, seen[0].image.shape.height), (2, 2), "the last pixel is inside");
        assert!(known.loader().doubt().is_some());
    }

    #[test]
    fn a_devkit_with_two_lists() {
        let folder = tempfile::tempdir().unwrap();
        let fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"];
        let row = |name: &str, class| [[1, 1, 2, 2, class].map(mat::number).to_vec(), vec![mat::text(name)]].concat();
        let list = |name: &str, rows: &[Vec<Vec<u8>>]| {
            write(folder.path(), name, mat::file(&[mat::rows("annotations", &fields, rows)]));
        };
        list("devkit/cars_train_annos.mat", &[row("1.jpg", 2)]);
        list("cars_test_annos_withlabels.mat", &[row("1.jpg", 1)]);
        write(folder.path(), "devkit/cars_meta.mat", mat::file(&[names()]));
        write(folder.path(), "cars_train/1.jpg", png(1));
        write(folder.path(), "cars_test/1.jpg", png(2));
        let of = source("cars-196", folder.path());
        assert_eq!(short(&of), ["test BMW M3 cars_train/1.jpg 1", "train Audi TT cars_test/1.jpg 2"]);
        list("devkit/cars_train_annos.mat", &[row("1.jpg", 3)]);
        let message = refused(&of, folder.path());
        assert!(message.ends_with("annotation 1 has no name, no box or no class from 1 to 2"), "{message}");
    }

    #[test]
    fn nothing_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            refused(&source("cars-196", folder.path()), folder.path()),
            "there is no file at ROOT/cars_annos.mat"
        );
    }
}
