//! What the registry's own tables say of a key in the wrong place.

use simpipe_base::misplaced::{inside, inside_choice, is_named_inside, near_inside, path_inside, swallowed};
use simpipe_base::node::Table;
use simpipe_base::param::{Field, Shape};
use simpipe_base::source::{Place, Source};

fn nowhere() -> Place {
    Place::new(&Source::new("nowhere", "", std::path::Path::new("")), 0..0)
}

#[test]
fn a_key_is_sent_where_it_belongs() {
    let docs = simpipe_stages::registry::builtin().docs();
    let Some(Shape::Record(train)) = docs.iter().find(|doc| doc.name == "train").map(|doc| &doc.params) else {
        panic!("`train` has a table")
    };
    let said = |key| {
        let table = Table::new();
        inside(key, train, &table).or_else(|| near_inside(key, train, &table))
    };
    let expected = "`learning-rate` belongs inside `adam`: write `optimizer = { adam = { learning-rate = .. } }`";
    assert_eq!(said("learning-rate").as_deref(), Some(expected));
    assert_eq!(said("lr").as_deref(), Some(expected));
    let expected = "`filters` belongs inside `conv2d`: write `layers = [{ conv2d = { filters = .. } }]`";
    assert_eq!(said("filters").as_deref(), Some(expected));
    let expected = "`adam` is a choice of `optimizer`: write `optimizer = \"adam\"`";
    assert_eq!(said("adam").as_deref(), Some(expected));
    assert_eq!(said("nonsense-of-some-length"), None);
    let written = simpipe_base::param::node_from_json(&serde_json::json!({ "adamw": { "beta1": 0.8 } }), &nowhere());
    let expected = "`adamw` is a choice of `optimizer`: write `optimizer = { adamw = { beta-1 = .. } }`";
    assert_eq!(inside("adamw", train, written.table().unwrap()).as_deref(), Some(expected));
    let node =
        simpipe_base::param::node_from_json(&serde_json::json!({ "adamw": { "lr": 1, "layers": [] } }), &nowhere());
    let written = node.table().unwrap();
    assert!(inside("adamw", train, written).unwrap().contains("{ adamw = { learning-rate = .. } }"));
    assert_eq!(swallowed("adamw", train, written), ["layers"]);
    let node = simpipe_base::param::node_from_json(&serde_json::json!({ "warmup": 10 }), &nowhere());
    let written = node.table().unwrap();
    assert_eq!(inside("warmup", train, written), None, "that of `ema` is a flag");
    assert!(near_inside("warmup", train, written).unwrap().contains("{ warmup-cosine = { warmup-steps = .. } }"));
    let expected = "write `train.optimizer.adam.learning-rate`";
    assert_eq!(path_inside("train.lr", "lr", train, &Table::new()).as_deref(), Some(expected));
    let table = Table::new();
    assert!(is_named_inside("weight_decay", train, &table) && is_named_inside("lr", train, &table));
    assert!(!is_named_inside("amp", train, &table), "`lamb` is only spelt like it");
    // `lookahead` has steps too, but here they are those of an epoch.
    let mut table = Table::new();
    assert_eq!(inside("steps", train, &table), None);
    let node = simpipe_base::param::node_from_json(&serde_json::json!({ "steps-per-epoch": 5 }), &nowhere());
    table.extend(node.table().unwrap().clone());
    assert!(inside("steps", train, &table).is_some());
    let optimizer = |field: &&Field| field.name == "optimizer";
    let expected = "`learning-rate` belongs inside `adam`: write { adam = { learning-rate = .. } }";
    let choice = &train.fields.iter().find(optimizer).unwrap().shape;
    assert_eq!(inside_choice("learning-rate", choice).as_deref(), Some(expected));
    assert_eq!(inside_choice("adam", choice), None);
}
