use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::param;

fn split(json: Json) -> Split {
    param::from_json(&json).unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("class {at}")).collect()
}

/// The splits of classes, by label.
fn assigned(json: Json, names: &[String]) -> Vec<&'static str> {
    match split(json!({ "classes": json })) {
        Split::Classes(shares) => shares.assign(names).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn count(splits: &[&str], split: &str) -> usize {
    splits.iter().filter(|of| **of == split).count()
}

/// Path and message of everything wrong.
fn problems(json: Json, names: &[String]) -> Vec<String> {
    let known = Undivided { classes: Some(names), ..Undivided::default() };
    split(json)
        .problems(known)
        .into_iter()
        .map(|found| format!("{}: {}; {}", found.path, found.message, found.help.as_deref().unwrap_or_default()))
        .collect()
}

fn image() -> Image {
    Image { shape: ImageShape { height: 1, width: 1, channels: 1 }, pixels: vec![0] }
}

/// Where a rule puts an image of the class 0.
fn placed(rule: &Split, names: &[String], source: &str, digest: Digest) -> String {
    let mut division = rule.division(names, None, &[]).unwrap();
    division.of(&Example::new(source, 0, image()), || digest).unwrap().to_owned()
}

/// Where a rule puts an image of this name that has this in its column.
fn of_value(rule: &Split, name: &str, value: Option<&str>) -> Result<String, String> {
    let mut division = rule.division(&[], rule.listed().unwrap(), &[]).unwrap();
    let example = Example { name, value, ..Example::new("old", 0, image()) };
    division.of(&example, || Digest::of(name.as_bytes())).map(str::to_owned)
}

#[test]
fn shares_of_classes_are_rounded_up_and_disjoint() {
    let all = assigned(json!({ "validation": 0.1, "test": 0.4 }), &names(10));
    assert_eq!([count(&all, "test"), count(&all, "validation"), count(&all, "train")], [4, 1, 5]);
    let half = assigned(json!({}), &names(5));
    assert_eq!([count(&half, "test"), count(&half, "train")], [3, 2]);
    // The smallest digests are tested, as the folder's own rule has it.
    let mut digests: Vec<(Digest, usize)> =
        names(5).iter().enumerate().map(|(at, name)| (Digest::of(name.as_bytes()), at)).collect();
    digests.sort_unstable();
    assert!(digests[..3].iter().all(|(_, at)| half[*at] == "test"));
    assert_ne!(half, assigned(json!({ "stream": "2" }), &names(5)).as_slice(), "another stream divides otherwise");
}

#[test]
fn a_new_class_moves_few_others() {
    let (before, after) = (assigned(json!({ "test": 0.4 }), &names(50)), assigned(json!({ "test": 0.4 }), &names(51)));
    let moved = before.iter().zip(&after).filter(|(one, other)| one != other).count();
    assert!(moved <= 1, "{moved}");
}

#[test]
fn folds_divide_the_training_classes_once_over() {
    let names = names(11);
    let fold = |fold: usize| assigned(json!({ "test": 0.2, "folds": 4, "fold": fold }), &names);
    let folds: Vec<Vec<&str>> = (0..4).map(fold).collect();
    for label in 0..11 {
        let of = |split: &str| folds.iter().filter(|fold| fold[label] == split).count();
        let expected = if folds[0][label] == "test" { [4, 0, 0] } else { [0, 1, 3] };
        assert_eq!([of("test"), of("validation"), of("train")], expected);
    }
    assert_eq!(folds.iter().map(|fold| count(fold, "validation")).collect::<Vec<_>>(), [2, 2, 2, 2]);
    // The whole table of the design: the share is then said to do nothing.
    let both = split(json!({ "classes": { "validation": 0.1, "test": 0.4, "folds": 4, "fold": 0 } }));
    assert!(both.doubt().unwrap().message.contains("fold 0 of 4 is the validation split"));
    assert_eq!(split(json!("classes")).doubt(), None);
}

#[test]
fn listed_classes_go_where_they_are_listed_and_the_rest_is_said() {
    let names: Vec<String> = ["ant", "bee", "cat", "dog"].map(str::to_owned).to_vec();
    assert_eq!(assigned(json!({ "test": ["cat", 3] }), &names), ["train", "train", "test", "test"]);
    assert_eq!(assigned(json!({ "train": "0..=1" }), &names), ["train", "train", "test", "test"]);
    let three = json!({ "train": ["ant"], "validation": ["dog"], "test": ["bee", "cat"] });
    assert_eq!(assigned(three, &names), ["train", "test", "test", "validation"]);
    let some = problems(json!({ "classes": { "train": ["ant"], "test": ["bee"] } }), &names);
    assert_eq!(
        some,
        ["train: classes in no split: `cat`, `dog`; name them, or leave out `train` or `test`, which then takes all \
          others"]
    );
    let twice = problems(json!({ "classes": { "train": ["ant", "ebe"], "test": ["bee", "ant"] } }), &names);
    assert_eq!(
        twice,
        [
            "train[1]: the dataset has no class `ebe`; did you mean `bee`?",
            "test[1]: the class `ant` is already in `train`; list each class once",
        ]
    );
}

#[test]
fn what_gives_an_empty_split_is_refused() {
    for (rule, part) in [
        (json!({ "validation": 0.5, "test": 0.5 }), "validation: the shares for `validation` and `test` add up to 1"),
        (json!({ "folds": 4, "fold": 4 }), "fold: there is no fold 4: the 4 folds are 0 to 3"),
        (json!({ "fold": 1 }), "fold: `fold` chooses the fold"),
        (json!({ "folds": 3, "test": 0.5 }), "folds: 3 folds of 2 training classes; choose at most 2"),
        (json!({ "train": 0.5 }), "train: `train` takes a list"),
        (json!({ "test": 0.9 }), "train: the split `train` gets none of the 4 classes"),
        (json!({ "validation": 0.3, "test": 0.6 }), "train: the split `train` gets none of the 4 classes"),
    ] {
        let found = problems(json!({ "classes": rule.clone() }), &names(4));
        assert!(found.len() == 1 && found[0].starts_with(part), "{rule}: {found:?}");
    }
    for json in [
        json!({ "test": 1.0 }),
        json!({ "test": -0.1 }),
        json!({ "test": [] }),
        json!({ "test": "cat" }),
        json!({ "folds": 1 }),
    ] {
        assert!(param::from_json::<Split>(&json!({ "classes": json })).is_err(), "{json}");
    }
}

#[test]
fn images_go_by_their_digests_and_stay() {
    let rule = split(json!({ "images": { "validation": 0.1, "test": 0.2 } }));
    let names = names(2);
    let digests: Vec<Digest> = (0..4000_u32).map(|at| Digest::of(&at.to_le_bytes())).collect();
    let splits: Vec<String> = digests.iter().map(|digest| placed(&rule, &names, "train", *digest)).collect();
    let share = |name: &str| splits.iter().filter(|split| *split == name).count();
    // 800 and 400 with standard deviations of 25 and 19.
    assert!((700..900).contains(&share("test")) && (320..480).contains(&share("validation")), "{}", share("test"));
    // A larger share only takes more.
    let larger = split(json!({ "images": { "test": 0.3 } }));
    let tested = |digest: &Digest| placed(&larger, &names, "test", *digest) == "test";
    assert!(digests.iter().zip(&splits).all(|(digest, split)| split != "test" || tested(digest)));
    assert!(problems(json!({ "images": { "validation": 0.5, "test": 0.6 } }), &names)[0].starts_with("validation: "));
}

#[test]
fn a_published_split_can_be_kept() {
    let rule = split(json!({ "images": { "validation": 0.5, "keep": ["test"] } }));
    let names = names(1);
    let of = |source: &str, digest: Digest| placed(&rule, &names, source, digest);
    let digests = || (0..100_u32).map(|at| Digest::of(&at.to_le_bytes()));
    assert!(digests().all(|digest| of("test", digest) == "test"));
    let held = digests().filter(|digest| of("train", *digest) == "validation").count();
    assert!((30..70).contains(&held) && digests().all(|digest| of("train", digest) != "test"), "{held}");
    let splits = ["test", "train"].map(|name| (name.to_owned(), SplitCounts::of_classes(vec![3])));
    let splits = BTreeMap::from(splits);
    let wrong = split(json!({ "images": { "keep": ["tset"] } }));
    let found = wrong.problems(Undivided { splits: Some(&splits), ..Undivided::default() });
    assert_eq!((found[0].path.as_str(), found[0].help.as_deref()), ("keep[0]", Some("did you mean `test`?")));
}

#[test]
fn counts_are_known_where_classes_decide() {
    let splits = BTreeMap::from([
        ("test".to_owned(), SplitCounts::of_classes(vec![1, 2, 3])),
        ("train".to_owned(), SplitCounts::of_classes(vec![10, 20, 30])),
    ]);
    let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let known = Undivided { classes: Some(&names), splits: Some(&splits), columns: None };
    let rule = split(json!({ "classes": { "test": ["b"] } }));
    let counts = rule.counts(known).unwrap();
    assert_eq!(counts["test"], SplitCounts::of_classes(vec![0, 22, 0]));
    assert_eq!(counts["train"], SplitCounts::of_classes(vec![11, 0, 33]));
    assert_eq!(split(json!("images")).counts(known), None);
    assert_eq!(split(json!("source")).counts(known).as_ref(), Some(&splits));
}

#[test]
fn strata_have_exact_shares_and_copies_stay_together() {
    let rule = split(json!({ "images": { "stratified": true, "validation": 0.1, "test": 0.2 } }));
    assert!(rule.looks_at_all() && !split(json!("images")).looks_at_all());
    let digest = |at: u32| Digest::of(&at.to_le_bytes());
    let mut images: Vec<(i32, Digest)> =
        (0..10).map(|at| (0, digest(at))).chain((10..14).map(|at| (1, digest(at)))).collect();
    images.extend([(0, digest(0)), (2, digest(20))]);
    let Division::Strata(_, splits) = rule.division(&[], None, &images).unwrap() else { panic!("strata") };
    let count = |range: std::ops::Range<u32>| {
        ["train", "validation", "test"].map(|name| range.clone().filter(|at| splits[&digest(*at)] == name).count())
    };
    assert_eq!([count(0..10), count(10..14), count(20..21)], [[7, 1, 2], [2, 1, 1], [1, 0, 0]]);
}

#[test]
fn groups_stay_together() {
    let rule = split(json!({ "group": { "validation": 0.2, "test": 0.3, "by": "who" } }));
    assert_eq!(rule.column(), Some("who"));
    for group in 0..50 {
        let group = group.to_string();
        assert_eq!(of_value(&rule, "a.png", Some(&group)), of_value(&rule, "b.png", Some(&group)));
    }
    let splits: Vec<String> = (0..1000).map(|at| of_value(&rule, &at.to_string(), None).unwrap()).collect();
    let share = |name: &str| splits.iter().filter(|split| *split == name).count();
    assert!((240..360).contains(&share("test")) && (150..250).contains(&share("validation")), "each alone");
}

#[test]
fn a_column_says_the_split_or_its_values_do() {
    let plain = split(json!({ "column": { "name": "fold" } }));
    assert_eq!(of_value(&plain, "", Some("b")).unwrap(), "b");
    assert_eq!(of_value(&plain, "", None).unwrap_err(), "has nothing in the column `fold`");
    let listed = split(json!({ "column": { "name": "fold", "test": ["4"], "validation": ["3"] } }));
    assert_eq!(
        ["3", "4", "5"].map(|value| of_value(&listed, "", Some(value)).unwrap()),
        ["validation", "test", "train"]
    );
    let strict = split(json!({ "column": { "name": "fold", "test": ["4"], "train": ["1"] } }));
    assert_eq!(of_value(&strict, "", Some("5")).unwrap_err(), "has `5` in the column `fold`, which no list holds");
    let own = split(json!({ "column": { "name": "split", "test": ["old"] } }));
    assert_eq!((own.column(), of_value(&own, "", None).unwrap()), (None, "test".to_owned()));
    let columns = ["fold".to_owned()];
    let known = Undivided { columns: Some(&columns), ..Undivided::default() };
    let wrong = split(json!({ "column": { "name": "fodl", "train": ["1"], "test": ["1"] } })).problems(known);
    assert_eq!(wrong[0].message, "the value `1` is already in `train`");
    assert_eq!((wrong[1].path.as_str(), wrong[1].help.as_deref()), ("name", Some("did you mean `fold`?")));
    assert!(own.problems(known).is_empty());
}

#[test]
fn lists_name_images() {
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (train, test) = (list("train.txt", "a.png\nb.png\n"), list("test.txt", "c.png\n"));
    let rule = split(json!({ "list": { "train": train, "test": test } }));
    assert_eq!(["b.png", "c.png"].map(|name| of_value(&rule, name, None).unwrap()), ["train", "test"]);
    assert_eq!(of_value(&rule, "d.png", None).unwrap_err(), "is in no list");
    assert!(of_value(&rule, "", None).unwrap_err().starts_with("has no name"));
    let mut listed = rule.listed().unwrap().unwrap();
    assert_eq!(
        listed.digests.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["list of train", "list of test"]
    );
    listed.split("a.png").unwrap();
    assert_eq!(listed.unmet().iter().collect::<Vec<_>>(), ["b.png", "c.png"]);
    let rest = split(json!({ "list": { "test": test, "others": "train" } }));
    assert_eq!(of_value(&rest, "d.png", None).unwrap(), "train");
    let twice = split(json!({ "list": { "train": train, "test": list("test.txt", "b.png\n") } }));
    assert!(twice.listed().unwrap_err().to_string().ends_with("`b.png` is also in the list of `train`"));
}
