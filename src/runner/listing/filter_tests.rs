use serde_json::json;

use super::*;

fn holds(condition: &str, value: &Json) -> bool {
    let field = Field::Config("x".to_owned());
    Condition::parse(condition).unwrap().holds(&field, Some(value).filter(|value| !value.is_null()))
}

#[test]
fn conditions_are_read() {
    let read = |text: &str| Condition::parse(text).map(|read| (read.field, read.wanted)).unwrap_or_default();
    let both = |field: &str, wanted: &str| (field.to_owned(), wanted.to_owned());
    assert_eq!(read("evaluate.map@r>0.4"), both("evaluate.map@r", "0.4"));
    assert_eq!(read("train.layers[2].conv2d.filters <= 64"), both("train.layers[2].conv2d.filters", "64"));
    assert_eq!(read("name=\"a b\""), both("name", "a b"));
    assert_eq!(read("note~a=b"), both("note", "a=b"));
    assert_eq!(read("tag!="), both("tag", ""));
    assert!(["", "name", "=x", "!", "name!x"].iter().all(|text| Condition::parse(text).is_none()));
}

#[test]
fn numbers_are_compared_as_numbers_and_words_as_words() {
    for (condition, value, expected) in [
        ("x=3", json!(3.0), true),
        ("x==3", json!(3), true),
        ("x=3.0", json!("3"), false),
        ("x>9", json!(10), true),
        ("x>9", json!("10"), false),
        ("x<=0.5", json!(0.5), true),
        ("x<0.5", json!(0.5), false),
        ("x>a", json!(10), false),
        ("x!=a", json!(10), true),
        ("x=true", json!(true), true),
        ("x~soft", json!("normalized-softmax"), true),
        ("x~Soft", json!("normalized-softmax"), false),
        ("x=paper", json!(["v1", "paper"]), true),
        ("x!=paper", json!(["v1", "paper"]), false),
        ("x~pap", json!(["v1", "paper"]), true),
        ("x=1", Json::Null, false),
        ("x!=1", Json::Null, true),
    ] {
        assert_eq!(holds(condition, &value), expected, "{condition} of {value}");
    }
}

#[test]
fn a_date_is_compared_as_far_as_it_is_written() {
    let field = Field::Own(Own::Started);
    let value = json!("2026-08-01T12:00:00.000Z");
    for (condition, expected) in [
        ("date=2026-08-01", true),
        ("date<=2026-08-01", true),
        ("date>2026-08-01", false),
        ("date>2026-07", true),
        ("date<2026-08-01T12:30", true),
        ("date=2026-08-02", false),
    ] {
        assert_eq!(Condition::parse(condition).unwrap().holds(&field, Some(&value)), expected, "{condition}");
    }
}

#[test]
fn things_without_a_value_come_last_both_ways() {
    let sorted = |reverse: bool| {
        let mut things =
            [(1, json!(null)), (2, json!(10)), (3, json!("b")), (4, json!(9.5)), (5, json!(10)), (6, json!("a"))];
        sort(&mut things, |(_, value)| Some(value.clone()).filter(|value| !value.is_null()), reverse);
        things.map(|(number, _)| number)
    };
    assert_eq!(sorted(false), [4, 2, 5, 6, 3, 1]);
    assert_eq!(sorted(true), [3, 6, 2, 5, 4, 1]);
}

#[test]
fn a_misspelt_field_is_asked_about() {
    let there = || BTreeSet::from(["evaluate.map@r", "train.epochs"]);
    let help = |name: &str| UnknownField::new(name, there()).help;
    assert_eq!(help("evaluate.mapr"), "did you mean `evaluate.map@r`?");
    assert_eq!(help("status"), "did you mean `state`?");
    assert!(help("temperature").starts_with("expected `run`, "), "{}", help("temperature"));
    assert_eq!((Own::named("date"), Own::named("status")), (Some(Own::Started), None));
    // One name is told, that of the help; the one of JSON and of tables is accepted too.
    assert!(help("temperature").contains("`date`") && !help("temperature").contains("`started`"));
    assert_eq!((help("time").as_str(), Own::named("started")), ("did you mean `date`?", Some(Own::Started)));
}
