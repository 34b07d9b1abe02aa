//! Everything that a spec can name is documented, in kebab-case and unique.

use std::collections::BTreeSet;

use simpipe_base::param::{LazyChoice, Shape};
use simpipe_stages::registry::builtin;

fn is_kebab(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// `inside`: the choices that the shape is a part of, which may hold themselves.
fn walk(path: &str, shape: &Shape, inside: &[LazyChoice], wrong: &mut Vec<String>) {
    let mut check = |name: &str, doc: &str, seen: &mut BTreeSet<String>| {
        if !is_kebab(name) {
            wrong.push(format!("{path}: `{name}` is not kebab-case"));
        }
        if doc.trim().is_empty() {
            wrong.push(format!("{path}: `{name}` has no documentation"));
        }
        if !seen.insert(name.to_owned()) {
            wrong.push(format!("{path}: `{name}` stands twice"));
        }
    };
    match shape {
        Shape::Record(record) => {
            let mut seen = BTreeSet::new();
            record.fields.iter().for_each(|field| check(&field.name, field.doc, &mut seen));
            record.fields.iter().for_each(|field| walk(&format!("{path}.{}", field.name), &field.shape, inside, wrong));
        }
        Shape::Choice(choice) if !inside.contains(choice) => {
            let inside = [inside, &[*choice]].concat();
            let mut seen = BTreeSet::new();
            choice.alternatives.iter().for_each(|one| check(one.name, one.doc, &mut seen));
            for one in &choice.alternatives {
                if let Some(params) = &one.params {
                    walk(&format!("{path}.{}", one.name), params, &inside, wrong);
                }
            }
        }
        Shape::List(item) => walk(&format!("{path}[]"), item, inside, wrong),
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| walk(path, shape, inside, wrong)),
        _ => {}
    }
}

#[test]
fn names_are_kebab_case_unique_and_documented() {
    let mut wrong = Vec::new();
    let docs = builtin().docs();
    assert_eq!(docs.len(), builtin().stages().len());
    for stage in &docs {
        assert!(!stage.summary.is_empty() && !stage.files.is_empty());
        walk(stage.name, &stage.params, &[], &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A field is made of its default only after the default went through the field's own check: looking at every shape
/// runs every default through it.
#[test]
fn every_default_of_a_field_lies_in_its_own_range() {
    fn defaults(shape: &Shape, inside: &mut Vec<LazyChoice>, count: &mut usize) {
        match shape {
            Shape::Record(record) => record.fields.iter().for_each(|field| {
                *count += usize::from(field.default.is_some());
                defaults(&field.shape, inside, count);
            }),
            Shape::Choice(choice) if !inside.contains(choice) => {
                inside.push(*choice);
                choice.params().for_each(|params| defaults(params, inside, count));
            }
            Shape::List(inner) | Shape::Map(inner) => defaults(inner, inside, count),
            Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| defaults(shape, inside, count)),
            _ => {}
        }
    }
    let mut count = 0;
    builtin().docs().iter().for_each(|stage| defaults(&stage.params, &mut Vec::new(), &mut count));
    assert!(count > 80, "most fields have a default, found {count}");
}
