//! Pools of a small dataset: 4 classes with 5, 2, 0 and 3 examples for training, 1 each for testing.

use super::*;
use crate::sampler::MultiShot;
use simpipe_base::param;

const TRAIN: [usize; 4] = [5, 2, 0, 3];

fn names() -> Vec<String> {
    ["Ant", "Bee", "Cat", "Dog"].map(str::to_owned).to_vec()
}

fn sampler(classes: usize, examples: usize) -> Sampler {
    Sampler::MultiShot(MultiShot { classes_per_batch: classes, examples_per_class: examples, weights: None })
}

fn list(json: serde_json::Value) -> ClassList {
    param::from_json(&json).unwrap()
}

fn facts() -> PoolFacts {
    PoolFacts {
        classes: Some(names()),
        splits: Some(vec!["test".to_owned(), "train".to_owned()]),
        count: Some(10),
        per_class: Some(TRAIN.to_vec()),
    }
}

/// Split and label of every example, labels in turn as far as they last.
fn examples() -> (Vec<String>, Vec<i32>) {
    let mut rows = Vec::new();
    for round in 0..5 {
        rows.extend((0..4).filter(|&label| round < TRAIN[label]).map(|label| ("train".to_owned(), label)));
    }
    rows.extend((0..4).map(|label| ("test".to_owned(), label)));
    rows.into_iter().map(|(split, label)| (split, i32::try_from(label).unwrap())).unzip()
}

fn problems(
    class_list: &ClassList,
    total: Option<usize>,
    sampler: &Sampler,
    facts: &PoolFacts,
) -> Vec<(String, String)> {
    let pool = Pool { split: "train", class_list, total_examples_per_class: total, sampler };
    let problems = pool.expected(facts).expect_err("there are problems");
    problems
        .into_iter()
        .map(|problem| (problem.path, format!("{}; {}", problem.message, problem.help.unwrap_or_default())))
        .collect()
}

fn drawn(class_list: &ClassList, total: Option<usize>, sampler: &Sampler, seed: u64) -> Result<Samples, Vec<Issue>> {
    let (splits, labels) = examples();
    let pool = Pool { split: "train", class_list, total_examples_per_class: total, sampler };
    pool.draw(&names(), &splits, &labels, Seed::of_stage(seed, "sample", None))
}

#[test]
fn an_expected_pool_counts_what_will_be_drawn() {
    let expected = |class_list: &ClassList, total| {
        let sampler = sampler(1, 1);
        let pool = Pool { split: "train", class_list, total_examples_per_class: total, sampler: &sampler };
        pool.expected(&facts()).unwrap()
    };
    assert_eq!(expected(&ClassList::All, None), ExpectedPool { labels: Some(vec![0, 1, 3]), count: Some(10) });
    assert_eq!(expected(&ClassList::All, Some(2)), ExpectedPool { labels: Some(vec![0, 1, 3]), count: Some(6) });
    assert_eq!(expected(&ClassList::Drawn(3), None), ExpectedPool { labels: Some(vec![0, 1, 3]), count: Some(10) });
    assert_eq!(expected(&ClassList::Drawn(2), None), ExpectedPool { labels: None, count: None });
    assert_eq!(expected(&ClassList::Drawn(2), Some(2)), ExpectedPool { labels: None, count: Some(4) });
    let listed = list(serde_json::json!(["Dog", 0]));
    assert_eq!(expected(&listed, None), ExpectedPool { labels: Some(vec![0, 3]), count: Some(8) });
}

#[test]
fn each_problem_stands_at_its_parameter() {
    let listed = list(serde_json::json!(["Dog", "ant", 7, 3, "Dog"]));
    let found = problems(&listed, None, &sampler(1, 1), &facts());
    let expected = [
        ("class-list[1]", "the dataset has no class `ant`; did you mean `Ant`?"),
        ("class-list[2]", "there is no class 7: the dataset has 4 classes; labels go from 0 to 3"),
        ("class-list[3]", "the class `Dog` is listed twice; list each class once: by name, by label or in a range"),
        ("class-list[4]", "the class `Dog` is listed twice; list each class once: by name, by label or in a range"),
    ];
    assert_eq!(found, expected.map(|(path, message)| (path.to_owned(), message.to_owned())));

    let too_many = problems(&ClassList::Drawn(4), None, &sampler(1, 1), &facts());
    assert_eq!(too_many[0].0, "class-list");
    assert!(too_many[0].1.starts_with("4 classes to draw, but the split `train` has 3"), "{too_many:?}");

    let batch = problems(&ClassList::All, Some(2), &sampler(4, 3), &facts());
    let paths: Vec<&str> = batch.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["sampler.multi-shot.classes-per-batch", "sampler.multi-shot.examples-per-class"]);
}

#[test]
fn a_class_with_too_few_examples_is_named() {
    let batch = problems(&ClassList::All, None, &sampler(2, 3), &facts());
    assert_eq!(batch.len(), 1);
    assert_eq!(batch[0].0, "sampler.multi-shot.examples-per-class");
    assert!(batch[0].1.starts_with("3 examples of each class are needed, but in the split `train` `Bee` has 2;"));
    let total = problems(&ClassList::All, Some(4), &sampler(2, 2), &facts());
    assert_eq!(total[0].0, "total-examples-per-class");
    assert!(total[0].1.contains("`Bee` has 2, `Dog` has 3;"), "{total:?}");
    let empty = problems(&list(serde_json::json!(["Cat", "Ant"])), None, &sampler(1, 1), &facts());
    assert!(empty[0].1.contains("`Cat` has 0"), "{empty:?}");
    // Two of the three may be drawn without Bee, three may not; two that need 4 examples never.
    let sampler = sampler(1, 3);
    let class_list = ClassList::Drawn(2);
    let pool = Pool { split: "train", class_list: &class_list, total_examples_per_class: None, sampler: &sampler };
    assert!(pool.expected(&facts()).is_ok());
    assert_eq!(problems(&class_list, Some(4), &sampler, &facts()).len(), 1);
}

#[test]
fn an_unknown_split_is_reported_and_unknown_facts_are_not() {
    let sampler = sampler(9, 9);
    let pool = Pool { split: "tain", class_list: &ClassList::All, total_examples_per_class: None, sampler: &sampler };
    assert_eq!(pool.expected(&PoolFacts::default()), Ok(ExpectedPool::default()));
    let facts = PoolFacts { per_class: None, classes: None, ..facts() };
    let problems = pool.expected(&facts).unwrap_err();
    assert_eq!((problems[0].path.as_str(), problems[0].help.as_deref()), ("split", Some("did you mean `train`?")));
    let splits = ["test", "train", "validation"].map(str::to_owned).to_vec();
    let facts = PoolFacts { splits: Some(splits), ..facts };
    for split in ["val", "valid", "dev"] {
        let problems = Pool { split, ..pool }.expected(&facts).unwrap_err();
        assert_eq!(problems[0].help.as_deref(), Some("did you mean `validation`?"), "{split}");
    }
}

#[test]
fn a_pool_is_drawn_without_replacement_and_in_seeded_order() {
    let all = drawn(&ClassList::All, None, &sampler(1, 1), 1).unwrap();
    let mut ids = all.example_id.clone();
    ids.sort_unstable();
    assert_eq!(ids, (0..10).collect::<Vec<u64>>(), "the ten training examples, no test example");
    assert_ne!(all.example_id, ids, "shuffled");
    let (_, labels) = examples();
    for (id, label) in all.example_id.iter().zip(&all.label) {
        assert_eq!(labels[usize::try_from(*id).unwrap()], *label);
    }
    assert_eq!(drawn(&ClassList::All, None, &sampler(3, 2), 1).unwrap(), all, "the batch shape changes nothing");
    assert_ne!(drawn(&ClassList::All, None, &sampler(1, 1), 2).unwrap(), all);

    let two = drawn(&ClassList::All, Some(2), &sampler(1, 1), 1).unwrap();
    let mut ids = two.example_id.clone();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "two distinct examples of each of three classes");
    for label in [0, 1, 3] {
        assert_eq!(two.label.iter().filter(|&&other| other == label).count(), 2);
    }
}

#[test]
fn drawn_classes_depend_on_the_seed_and_must_suffice() {
    let labels = |seed| {
        let pool = drawn(&ClassList::Drawn(2), None, &sampler(1, 1), seed).unwrap();
        pool.label.into_iter().collect::<BTreeSet<i32>>()
    };
    let seen: BTreeSet<BTreeSet<i32>> = (0..20).map(labels).collect();
    let pairs = [[0, 1], [0, 3], [1, 3]].map(BTreeSet::from);
    assert_eq!(seen, BTreeSet::from(pairs), "never the class without examples");
    let results = (0..20).map(|seed| drawn(&ClassList::Drawn(2), Some(3), &sampler(1, 1), seed));
    for result in results {
        match result {
            Ok(samples) => assert!(!samples.label.contains(&1)),
            Err(problems) => assert!(problems[0].message.contains("`Bee` has 2"), "{problems:?}"),
        }
    }
}
