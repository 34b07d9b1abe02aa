//! `hierarchical`: categories, then classes of each, then examples of each class.

use super::pool::problem;
use super::{Categories, Composition, Needs, Recipe, Turn, draw};
use simpipe_base::check::count;
use simpipe_base::issue::Issue;

/// Classes that a message names.
const NAMED: usize = 3;

simpipe_base::params! {
    /// Batches of some distinct categories, some distinct classes of each and some distinct examples of each class: a batch
    /// then holds classes that are alike, which are the hard ones to tell apart (Cakir et al., 2019, "Deep Metric Learning to
    /// Rank", CVPR; pytorch-metric-learning's `HierarchicalSampler`).
    ///
    /// Every class of the pool is in one category. Classes of the list that are not in the pool are left aside, and so are
    /// categories with none that is.
    ///
    /// # Example
    ///
    /// ```toml
    /// { hierarchical = { categories = { vehicles = ["Airplane", "Automobile", "Ship", "Truck"], animals = ["2..=7"] }, classes-per-category = 3, examples-per-class = 4 } }
    /// ```
    pub struct Hierarchical {
        /// The classes of each category by its name: lists of names, labels and ranges of labels.
        #[aka("super_classes", "superclasses", "groups", "hierarchy", "coarse_labels", "labels")]
        categories: Categories,
        /// Distinct categories in a batch.
        #[aka("super_classes_per_batch", "groups_per_batch")]
        categories_per_batch: usize = 2 => count(1),
        /// Distinct classes of each category in a batch.
        #[aka("classes_per_super_class", "classes_per_group", "classes_per_batch")]
        classes_per_category: usize = 4 => count(1),
        /// Number of distinct examples of each class per batch.
        #[aka("samples_per_class", "m_per_class", "m", "instances", "shots", "images_per_class")]
        examples_per_class: usize = 4 => count(1),
    }
}

impl Hierarchical {
    /// The places of each category's classes in a pool, for the categories that it has.
    fn present(&self, names: &[String], in_pool: &[usize]) -> Vec<Vec<usize>> {
        let place = |label: usize| in_pool.binary_search(&label).ok();
        let labels = self.categories.labels(names, &mut Vec::new());
        let places = labels.into_iter().map(|labels| labels.into_iter().filter_map(place).collect::<Vec<usize>>());
        places.filter(|places| !places.is_empty()).collect()
    }

    /// What a batch asks of the classes that there are.
    fn shortages(&self, names: &[String], in_pool: &[usize]) -> Vec<Issue> {
        let mut problems = Vec::new();
        let listed: Vec<usize> = self.categories.labels(names, &mut Vec::new()).into_iter().flatten().collect();
        let mut homeless = in_pool.iter().filter(|label| !listed.contains(label)).peekable();
        if homeless.peek().is_some() {
            let named: Vec<String> =
                homeless.by_ref().take(NAMED).filter_map(|&label| Some(format!("`{}`", names.get(label)?))).collect();
            let more = homeless.count();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("no category contains {}{more}", named.join(", "));
            problems.push(problem("categories", message, "put every class of the pool into a category"));
        }
        let present = self.present(names, in_pool);
        if present.len() < self.categories_per_batch {
            let (wanted, found) = (self.categories_per_batch, present.len());
            let message = format!("a batch needs {wanted} distinct categories, but {found} have classes");
            let help = format!("set `categories-per-batch` to at most {}, or name more categories", found.max(1));
            problems.push(problem("categories-per-batch", message, help));
        }
        if let Some(least) = present.iter().map(Vec::len).min().filter(|least| *least < self.classes_per_category) {
            let wanted = self.classes_per_category;
            let message = format!("a batch needs {wanted} distinct classes per category, but one has {least}");
            let help = format!("set `classes-per-category` to at most {least}, or give every category more classes");
            problems.push(problem("classes-per-category", message, help));
        }
        problems
    }
}

impl Recipe for Hierarchical {
    fn composition(&self, _: Option<usize>) -> Composition {
        let classes = self.categories_per_batch.checked_mul(self.classes_per_category);
        Composition { classes, examples: self.examples_per_class }
    }

    fn needs(&self) -> Needs {
        Needs { examples: Some((self.examples_per_class, "examples-per-class")), ..Needs::default() }
    }

    fn names_classes(&self) -> bool {
        true
    }

    fn misfits(&self, names: &[String], labels: Option<&[usize]>) -> Vec<Issue> {
        let mut problems = Vec::new();
        self.categories.labels(names, &mut problems);
        if let Some(labels) = labels.filter(|_| problems.is_empty()) {
            problems = self.shortages(names, labels);
        }
        problems
    }

    /// Grouped by category, and in it by class.
    fn batch(&self, turn: &Turn<'_>) -> Vec<usize> {
        let (pool, mut rng) = (turn.pool, turn.rng());
        let in_pool: Vec<usize> = pool.labels.iter().filter_map(|label| usize::try_from(*label).ok()).collect();
        let categories = self.present(&pool.names, &in_pool);
        let mut batch = Vec::new();
        for category in draw::distinct(&mut rng, categories.len(), self.categories_per_batch) {
            let classes = &categories[category];
            for class in draw::distinct(&mut rng, classes.len(), self.classes_per_category) {
                let positions = &pool.by_class[classes[class]];
                let chosen = draw::distinct(&mut rng, positions.len(), self.examples_per_class);
                batch.extend(chosen.into_iter().map(|at| positions[at]));
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::sampler::{BatchSampler, Sampler};
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    fn names() -> Vec<String> {
        ["Car", "Ship", "Truck", "Cat", "Dog", "Frog", "Rose", "Oak"].map(str::to_owned).to_vec()
    }

    fn spec(categories: &Json, per_batch: usize, classes: usize) -> Hierarchical {
        param::from_json(&json!({
            "categories": categories, "categories-per-batch": per_batch, "classes-per-category": classes,
            "examples-per-class": 2,
        }))
        .unwrap()
    }

    fn good() -> Json {
        json!({ "vehicles": ["Car", "Ship", "Truck"], "animals": ["3..=5"], "plants": [6, "Oak"] })
    }

    #[test]
    fn a_batch_holds_some_classes_of_some_categories() {
        let labels: Vec<i32> = (0..80).map(|at| at % 8).collect();
        let sampler = Sampler::Hierarchical(spec(&good(), 2, 2));
        let batches = BatchSampler::new(sampler, Seed::of_stage(1, "sample", None), &labels, &names()).unwrap();
        assert_eq!((batches.batch_size(), batches.steps_per_pass()), (8, None));
        let category = |at: usize| [0, 0, 0, 1, 1, 1, 2, 2][usize::try_from(labels[at]).unwrap()];
        let mut met = BTreeSet::new();
        for index in 0..200 {
            let batch = batches.batch(1, index);
            assert_eq!(batch.iter().collect::<BTreeSet<_>>().len(), 8, "distinct examples");
            let categories: Vec<usize> = batch.chunks(4).map(|part| category(part[0])).collect();
            assert!(batch.chunks(4).all(|part| part.iter().all(|&at| category(at) == category(part[0]))));
            assert_ne!(categories[0], categories[1]);
            assert!(batch.chunks(2).all(|pair| labels[pair[0]] == labels[pair[1]]));
            let classes: BTreeSet<i32> = batch.iter().map(|&at| labels[at]).collect();
            assert_eq!(classes.len(), 4);
            met.insert(classes);
        }
        // Three pairs of categories with 3 x 3, 3 x 1 and 3 x 1 ways to choose two of their classes.
        assert_eq!(met.len(), 15);
        assert_eq!(batches.batch(1, 7), batches.batch(1, 7));
    }

    #[test]
    fn classes_outside_of_the_pool_are_left_aside() {
        let labels = [0, 0, 1, 1, 3, 3, 4, 4];
        let sampler = Sampler::Hierarchical(spec(&good(), 2, 2));
        let batches = BatchSampler::new(sampler, Seed::of_stage(1, "sample", None), &labels, &names()).unwrap();
        assert_eq!(batches.batch(0, 0).iter().collect::<BTreeSet<_>>().len(), 8);
    }

    #[test]
    fn problems_stand_at_their_place() {
        let all: Vec<usize> = (0..8).collect();
        let problems = |categories: Json, per_batch, classes, labels: Option<&[usize]>| {
            let found = spec(&categories, per_batch, classes).misfits(&names(), labels);
            found.into_iter().map(|problem| (problem.path, problem.message)).collect::<Vec<_>>()
        };
        let told = |path: &str, message: &str| vec![(path.to_owned(), message.to_owned())];
        assert_eq!(problems(good(), 2, 2, Some(&all)), []);
        let twice = json!({ "a": ["Car", "Ship"], "b": ["0..=1", "Cat"] });
        let found = problems(twice, 2, 2, None);
        assert_eq!(found[0], told("categories.b[0]", "the class `Car` is already in `a`")[0]);
        assert_eq!(found.len(), 2);
        let found = problems(json!({ "a": ["Car", "ship"] }), 1, 1, None);
        assert_eq!(found, told("categories.a[1]", "the dataset has no class `ship`"));
        let found = problems(json!({ "a": [0, 1], "b": [2] }), 1, 1, Some(&all));
        assert_eq!(found, told("categories", "no category contains `Cat`, `Dog`, `Frog` and 2 more"));
        let found = problems(good(), 4, 2, Some(&all));
        assert_eq!(found[0].0, "categories-per-batch");
        let found = problems(good(), 2, 3, Some(&all));
        assert_eq!(found, told("classes-per-category", "a batch needs 3 distinct classes per category, but one has 2"));
        assert_eq!(problems(json!({}), 1, 1, Some(&all)).len(), 2);
    }
}
