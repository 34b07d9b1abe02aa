//! What to say of other tools' names that have no counterpart here; those that have one stand beside its declaration.

use simpipe_base::suggest;

/// Names, and a sentence on them.
const NOTES: &[(&[&str], &str)] = &[
    (
        &["batch_size", "bs", "batch", "train_batch_size"],
        "a batch is `classes-per-batch` x `examples-per-class` examples: set both in the `sampler` of a `sample` stage",
    ),
    (&["shuffle", "shuffle_buffer"], "a pool is always shuffled, by the seed"),
    (&["num_workers", "workers", "n_jobs"], "nothing to set: `--jobs N` of `simpipe run` limits the stages at once"),
    (
        &["input_shape", "input_size", "in_channels"],
        "nothing to set: the shape of the images is known from the dataset",
    ),
    (
        &["weight_decay", "decay", "l2"],
        "weight decay belongs inside an optimizer that has it: { adamw = { weight-decay = 0.01 } }",
    ),
    (&["download"], "nothing to set: what is missing is downloaded when the stage runs"),
    (
        &["metrics", "recall_at", "recall_at_k", "map_at", "map_at_r", "mean_average_precision"],
        "figures such as `recall@1` and `map@r` are the `metrics` of a stage `evaluate`, which \
         `pipeline = \"metric-learning-evaluation\"` has",
    ),
    (
        &["precision", "mixed_precision", "amp", "fp16", "bf16", "autocast", "dtype"],
        "write `numerics = \"bf16\"` at the top of the file: products are then computed in bfloat16, on processors that have \
         it, and sums in 32-bit floats; as a figure, `precision@5` is one of the `metrics` of a stage `evaluate`",
    ),
    (
        &["recall"],
        "as a figure, `recall@1` is one of the `metrics` of a stage `evaluate`; as what a threshold is chosen by, `recall` is \
         a `metric` of `calibrate`",
    ),
    (
        &["accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy"],
        "the share of queries that get their own class is `match.accuracy`, which every run shows; `recall@1` is one of the \
         `metrics` of a stage `evaluate`",
    ),
    (
        &["gradient_tape", "tape", "train_step", "training_step", "backward", "zero_grad", "jit_compile"],
        "nothing to write: `simpipe run` takes every step of the training; what it learns from is `loss`, and how `optimizer`",
    ),
    (
        &["callbacks", "callback", "model_checkpoint"],
        "there are no callbacks: `early-stopping`, `keep-best`, `schedule` and `checkpoint-every-minutes` of `train` do what \
         they are used for, and `simpipe export` writes TensorBoard's files",
    ),
    (
        &["logger", "wandb", "mlflow", "tensorboard", "comet", "neptune"],
        "nothing to set: `simpipe export RUN --tensorboard DIR` or `--mlflow URL` hands on a run, `--events FILE` of `simpipe \
         run` tells of it while it runs",
    ),
    (
        &["num_classes", "n_classes", "embedding_size", "embedding_dim", "emb_dim"],
        "nothing to set here: remove it; the number of classes follows from the data, the length of an embedding from the layers",
    ),
    (&["use_bias"], "`conv2d` and `dense` have `bias`; other layers are as they are"),
    (&["inputs", "input"], "inputs belong to the template under `pipelines/`, not to a config"),
];

/// What to say of a name of another tool.
pub(super) fn note(name: &str) -> Option<&'static str> {
    let is_named = |names: &[&str]| names.iter().any(|theirs| suggest::same(theirs, name));
    NOTES.iter().find(|(names, _)| is_named(names)).map(|(_, note)| *note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::builtin;
    use simpipe_base::param::{LazyChoice, Shape};
    use simpipe_base::suggest::Known;

    #[test]
    fn a_name_is_known_however_it_is_spelt() {
        assert!(note("batch_size").unwrap().contains("`classes-per-batch` x `examples-per-class`"));
        assert_eq!(note("BatchSize"), note("batch-size"));
        assert_eq!(note("epochs"), None);
    }

    /// Adds every name of a shape, with what other tools call it.
    fn names(shape: &Shape, inside: &mut Vec<LazyChoice>, found: &mut Vec<Known<'static>>) {
        match shape {
            Shape::Record(record) => {
                let known =
                    |field: &simpipe_base::param::Field| Known { name: field.name.clone().leak(), aka: field.aka };
                found.extend(record.fields.iter().map(known));
                record.fields.iter().for_each(|field| names(&field.shape, inside, found));
            }
            Shape::Choice(choice) if !inside.contains(choice) => {
                inside.push(*choice);
                found.extend(choice.get().known());
                choice.params().for_each(|params| names(params, inside, found));
            }
            Shape::List(inner) | Shape::Map(inner) => names(inner, inside, found),
            Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| names(shape, inside, found)),
            _ => {}
        }
    }

    #[test]
    fn no_name_is_another_name_of_itself() {
        let mut found = builtin().devices().to_vec();
        builtin().docs().iter().for_each(|doc| names(&doc.params, &mut Vec::new(), &mut found));
        assert!(found.iter().filter(|known| !known.aka.is_empty()).count() > 80);
        for Known { name, aka } in found {
            for theirs in aka {
                assert!(!suggest::same(theirs, name), "`{theirs}` of `{name}`");
            }
        }
    }
}
