//! The table of the stage `train` in a spec.

use super::{EarlyStopping, InitialWeights, KeepBest, StepsPerEpoch, Unkeyed};
use simpipe_base::{check, param, params};
use simpipe_data::augment::AugmentSpec;
use simpipe_nn::{Ema, Group, LayerSpec, Lookahead, LossSpec, MinerSpec, Optimizer, Schedule, TrainingMetric};

params! {
    /// Trains a network to embed images so that examples of a class are near each other.
    ///
    /// With `embeddings` connected instead of `dataset`, it trains on these features of another network, and the model
    /// is both networks in sequence.
    ///
    /// # Example
    ///
    /// ```toml
    /// [train]
    /// epochs = 3
    /// steps-per-epoch = 500
    /// layers = [
    ///   "rescale",
    ///   { conv2d = { filters = 64, kernel = 3, activation = "relu" } },
    ///   "global-max-pool",
    ///   { metric-embedding = { size = 64 } },
    /// ]
    /// ```
    pub struct TrainParams {
        /// Number of epochs. 0 leaves the network untrained (a baseline).
        #[aka("num_epochs", "n_epochs", "max_epochs", "nb_epoch", "num_train_epochs", "epoch_count")]
        epochs: usize = 1 => check::count(0),
        /// Number of batches per epoch. Default: one pass over the pool if the sampler makes passes, else 1000.
        #[aka(
            "steps", "batches", "num_batches", "batches_per_epoch", "steps_in_epoch", "iterations",
            "length_before_new_iter", "max_steps", "num_steps",
        )]
        steps_per_epoch: StepsPerEpoch = StepsPerEpoch::default() => StepsPerEpoch::range(),
        /// Number of validation batches after each epoch, if there is a `validation` input.
        #[aka("val_steps", "eval_steps", "validation_batches", "val_batches")]
        validation_steps: usize = 50 => check::count(0),
        /// How gradients change weights.
        #[aka("optim", "opt", "optimiser", "solver")]
        optimizer: Optimizer = Optimizer::Adam(param::defaults()),
        /// How the learning rate changes from step to step.
        schedule: Schedule = Schedule::Constant(param::defaults()),
        /// The number of epochs that the schedule is designed for; default: `epochs`. With more, the training is the
        /// beginning of the longer one, to the bit.
        schedule_epochs: Option<usize> = None,
        /// What is minimised; the index follows its distance.
        #[aka("criterion", "loss_fn", "loss_func", "loss_function", "objective")]
        loss: LossSpec = LossSpec::MultiSimilarity(param::defaults()),
        /// Statistics of each training batch to record next to the loss, such as `["mean-positive", "mean-negative"]`.
        /// They take time in every step and change no weight.
        #[aka("train_metrics", "training_metrics", "distance_metrics")]
        metrics: Vec<TrainingMetric> = Vec::new() => different(),
        /// Chooses the pairs or triplets of a batch that enter the loss; all by default.
        #[aka("mining_func", "miner_func", "hard_negative_mining", "mining", "negative_mining")]
        miner: Option<MinerSpec> = None,
        /// The network, from pixels (0 to 255) or features to an embedding.
        #[aka("model", "network", "architecture", "backbone", "arch", "net", "trunk", "modules")]
        layers: Vec<LayerSpec> => check::not_empty(),
        /// Weights that the network starts with, instead of random ones.
        #[aka("pretrained", "weights", "checkpoint", "init_from", "load_from", "pretrained_weights", "finetune_from")]
        initial_weights: Option<InitialWeights> = None,
        /// Random changes of the images of a training batch, in this order. Images for validation and embedding are not
        /// changed.
        #[aka("augmenter", "augmentation", "augmentations", "transforms", "transform", "data_augmentation")]
        augment: Vec<AugmentSpec> = Vec::new(),
        /// Number of versions of each example in a batch, each augmented separately. Losses of two views need 2; others
        /// treat each version as another example of its label. With two or more, validation batches are augmented too.
        #[aka(
            "n_views", "num_views", "num_augmentations_per_example", "augmentations_per_example", "num_crops",
            "repeated_augmentation", "augmentations_per_sample",
        )]
        views: usize = 1 => check::between(1, 64),
        /// A different stream of random numbers with the same seed.
        #[aka("random_state", "random_seed")]
        stream: Option<String> = None,
        /// Ends the training before its last epoch when it no longer improves.
        early_stopping: Option<EarlyStopping> = None,
        /// Whether to write the weights of the best epoch instead of the last ones. `true` uses the metric of
        /// `early-stopping`, or else the lowest `val-loss` (`loss` without validation); the name of a metric, as in
        /// `early-stopping`, uses that one.
        #[aka("save_best_only", "restore_best_weights", "checkpoint_metric")]
        keep_best: KeepBest = KeepBest::No,
        /// Number of epochs between measurements of the validation pool's metrics; not needed if `early-stopping` and
        /// `keep-best` use losses only.
        #[aka("eval_interval", "eval_every", "check_val_every_n_epoch", "test_interval")]
        validate_every: usize = 1 => check::count(1),
        /// The largest norm of all gradients together; larger gradients are scaled down (Pascanu et al., 2013,
        /// arXiv:1211.5063). The history has the norm before that as `gradient-norm`. Unlimited by default.
        #[aka(
            "gradient_clip_val", "max_grad_norm", "grad_clip", "global_clipnorm", "gradient_clipping", "clip_gradients",
            "clip_grad_norm",
        )]
        clip_norm: Option<f64> = None => check::positive().optional(),
        /// Moving averages of the weights, which are then used for validation and embedding, and saved.
        #[aka("moving_average", "polyak", "swa", "model_ema", "ema_decay")]
        ema: Option<Ema> = None,
        /// Slow weights that follow the trained ones.
        lookahead: Option<Lookahead> = None,
        /// Parameters to train differently, or not at all. The first group that matches a parameter applies.
        #[aka("param_groups", "parameter_groups", "paramwise_cfg", "frozen", "freeze")]
        groups: Vec<Group> = Vec::new(),
        /// Number of images that go through the network at once, if a whole batch does not fit in memory. The loss is
        /// that of the whole batch, so gradients are the same up to rounding; each image goes through the network
        /// twice. Not for layers that use the whole batch, such as `batch-norm`, or draw random numbers.
        #[aka("accumulate_grad_batches", "gradient_accumulation_steps", "grad_accum", "chunk_size", "micro_batch_size")]
        micro_batch: Option<usize> = None => check::count(1).optional(),
        /// Save a checkpoint every so many steps, in addition to the end of each epoch; 0 for none. Changes no result.
        checkpoint_every_steps: Unkeyed<usize> = Unkeyed(1000) => unkeyed(check::count(0)),
        /// Save a checkpoint when the last one is so many minutes old; 0 for none. Changes no result.
        checkpoint_every_minutes: Unkeyed<f64> = Unkeyed(10.0) => unkeyed(check::between(0.0, 100_000.0)),
        /// Number of threads that prepare batches ahead; 0 chooses one per four cores, at most 8. Each is at most two
        /// batches ahead. There are fewer threads if the batches would take more than 512 MiB. Changes no result.
        #[aka("num_workers", "workers", "threads", "num_parallel_calls", "loader_workers")]
        loader_threads: Unkeyed<usize> = Unkeyed(0) => unkeyed(check::between(0, 256)),
    }
}

/// One name twice would be one column of the history twice.
fn different() -> check::Check<Vec<TrainingMetric>> {
    check::Check::new("a list of different names", |metrics: &Vec<TrainingMetric>| {
        metrics.iter().enumerate().all(|(at, metric)| !metrics[..at].contains(metric))
    })
}

fn unkeyed<T: 'static>(range: check::Check<T>) -> check::Check<Unkeyed<T>> {
    range.of(|value: &Unkeyed<T>| &value.0)
}
