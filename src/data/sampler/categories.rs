//! `categories`: which classes belong together, as a spec writes it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::class_list::ClassRef;
use super::classes::Classes;
use super::pool::problem;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{self, Param, Shape, View};
use simpipe_base::path;

/// Lists of classes by the name of their category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Categories(pub BTreeMap<String, Vec<ClassRef>>);

impl Param for Categories {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Some(table) = node.table() else {
            param::expected(node, path, "a table of names and lists of classes", issues);
            return None;
        };
        let mut categories = BTreeMap::new();
        for (name, entry) in table {
            if let Some(classes) = Vec::read(&entry.node, &path::join(path, name), issues) {
                categories.insert(name.clone(), classes);
            }
        }
        (categories.len() == table.len()).then_some(Self(categories))
    }

    fn write(&self, view: View) -> Json {
        Json::Object(self.0.iter().map(|(name, classes)| (name.clone(), classes.write(view))).collect())
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(Vec::<ClassRef>::shape()))
    }
}

impl Categories {
    /// The labels of each category, in the order of the names; problems where an item means no class, or one that has a
    /// category already. Paths begin with `categories`.
    pub(super) fn labels(&self, names: &[String], problems: &mut Vec<Issue>) -> Vec<Vec<usize>> {
        let known = Classes::new(names);
        let mut taken = BTreeMap::new();
        let mut categories = Vec::new();
        for (name, classes) in &self.0 {
            let mut labels = Vec::new();
            for (at, class) in classes.iter().enumerate() {
                let path = || path::at(&path::join("categories", name), at);
                match known.labels_of(class) {
                    Ok(found) => {
                        for label in found {
                            if let Some(other) = taken.insert(label, name) {
                                let message = format!("the class `{}` is already in `{other}`", names[label]);
                                problems.push(problem(path(), message, "put each class into one category, once"));
                            } else {
                                labels.push(label);
                            }
                        }
                    }
                    Err((message, help)) => problems.push(problem(path(), message, help)),
                }
            }
            categories.push(labels);
        }
        categories
    }
}
