//! The top-level keys of a config that are no stage.

use simpipe_base::suggest::Known;

/// Top-level keys of a config that are no stage.
pub const RESERVED: &[&str] =
    &["format", "pipeline", "name", "description", "seed", "seeds", "device", "numerics", "extends", "sweep", "stages"];

/// Top-level keys that a config of this version may have (`extends` is read before the layers are merged).
pub const ACCEPTED: &[&str] =
    &["pipeline", "name", "description", "seed", "seeds", "device", "numerics", "extends", "sweep"];

/// A key of configs and templates.
pub(super) const DESCRIPTION: Known<'static> =
    Known { name: "description", aka: &["desc", "comment", "notes", "title"] };

/// What other tools call the same as top-level keys.
const AKA: &[Known<'static>] = &[
    Known { name: "pipeline", aka: &["template", "graph", "workflow", "dag"] },
    Known { name: "name", aka: &["experiment", "run_name", "experiment_name", "id"] },
    DESCRIPTION,
    Known { name: "seed", aka: &["random_state", "random_seed", "manual_seed", "rng_seed"] },
    Known { name: "seeds", aka: &["random_states", "random_seeds", "n_seeds", "num_seeds", "replicates"] },
    Known { name: "sweep", aka: &["tune", "tuning", "hyperparameters", "search_space", "hparams", "optuna"] },
    Known { name: "device", aka: &["gpu", "backend", "accelerator", "cuda", "use_gpu"] },
    Known { name: "numerics", aka: &["precision", "mixed_precision", "amp", "autocast", "dtype"] },
    Known { name: "extends", aka: &["base", "inherits", "parent", "include", "includes", "defaults", "import"] },
];

/// The top-level key that other tools call by this name.
#[must_use]
pub fn top_level_called(name: &str) -> Option<&'static str> {
    AKA.iter().find(|known| known.is_called(name)).map(|known| known.name)
}

/// [`ACCEPTED`] with other tools' names.
pub(super) fn accepted() -> Vec<Known<'static>> {
    let aka = |name: &'static str| AKA.iter().find(|known| known.name == name).copied();
    ACCEPTED.iter().map(|name| aka(name).unwrap_or_else(|| (*name).into())).collect()
}
