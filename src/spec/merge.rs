//! Laying one table over another.

use simpipe_base::node::{Entry, Table, Value};

/// Keys that say the same thing in two ways: one of a later layer takes the place of the other of an earlier one.
const EITHER: [[&str; 2]; 2] = [["seed", "seeds"], ["seeds", "seed"]];

/// Takes away what `key`, of a later layer, replaces.
pub(super) fn make_way(below: &mut Table, key: &str) {
    for [_, other] in EITHER.iter().filter(|[later, _]| *later == key) {
        below.remove(*other);
    }
}

/// Lays a config over what is below it: tables at the top level (stages) merge key by key, all else is replaced.
pub(super) fn lay_over(below: &mut Table, above: Table) {
    above.keys().for_each(|key| make_way(below, key));
    for (key, entry) in above {
        match below.get_mut(&key) {
            Some(old) if key == "sweep" => lay_sweep_over(old, entry),
            Some(old) => lay_stage_over(old, entry),
            None => {
                below.insert(key, entry);
            }
        }
    }
}

/// Lays one `[sweep]` over another: its `parameters` merge key by key too.
fn lay_sweep_over(below: &mut Entry, mut above: Entry) {
    const MERGED: &str = "parameters";
    let under = below.node.table().and_then(|table| table.get(MERGED)).cloned();
    if let (Some(mut under), Value::Table(table)) = (under, &mut above.node.value)
        && let Some(over) = table.remove(MERGED)
    {
        lay_stage_over(&mut under, over);
        table.insert(MERGED.to_owned(), under);
    }
    lay_stage_over(below, above);
}

/// Lays one stage's table over another; values, lists, choices and nested tables are replaced whole.
pub(super) fn lay_stage_over(below: &mut Entry, above: Entry) {
    if let (Value::Table(old), Value::Table(new)) = (&mut below.node.value, &above.node.value) {
        old.extend(new.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        below.key = above.key;
        below.node.place = above.node.place;
    } else {
        *below = above;
    }
}
