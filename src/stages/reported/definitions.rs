//! The list of definitions: a number that a stage leaves has a line here.

const TRAINED_ON: &str =
    "Queries that are, byte for byte, images that the model was trained on, a count; only where there are some.";
const COMPARED: &str = "Queries with a neighbour other than themselves, which all baselines are about, a count.";

/// Numbers by the kind of the stage.
pub(super) const OWN: &[(&str, &str, &str)] = &[
    ("dataset", "examples", "Images of all splits together, a count."),
    ("dataset", "classes", "Classes that the dataset names, a count."),
    ("sample", "examples", "Images of the drawn pool, a count."),
    ("sample", "classes", "Classes with an image in the drawn pool, a count."),
    (
        "train",
        "loss",
        "Training loss of the weights that are kept: the mean over the last 100 steps made for them (all of them, if they are \
         fewer) of each batch's loss, regularisation included, with dropout and the batch's own statistics.",
    ),
    (
        "train",
        "val_loss",
        "Validation loss of the weights that are kept: the mean over the validation batches of the epoch that they end, \
         without dropout and with the moving statistics. Comparable with the training loss only where both batches have the \
         same shape.",
    ),
    (
        "train",
        "best_epoch",
        "The epoch, from 1, whose weights are kept; only where `keep-best` or `early-stopping` chooses one.",
    ),
    ("train", "epochs", "Epochs that were trained, a count; only with `early-stopping`."),
    ("train", "parameters", "Numbers in the network's weights, those that are not trained included."),
    (
        "index",
        "neighbours_found",
        "The share of the ten nearest indexed vectors that the search of the index finds, over a sample of 1,000 of them, each \
         without itself; only of a search that is not exact. A vector that is as far as the tenth counts as one.",
    ),
    (
        "calibrate",
        "optimal.distance",
        "The distance threshold of the cutpoint `optimal`: the farthest of those with the best value of the calibration's \
         metric. Of a similarity the least.",
    ),
    (
        "calibrate",
        "optimal.value",
        "The calibration's metric at the cutpoint `optimal`, on the calibration's own queries.",
    ),
    (
        "calibrate",
        "ece",
        "Expected calibration error of the fitted probabilities on the very queries that they were fitted to: the mean \
         distance between what was said and how often it is right, over 15 bins of as many queries each. Optimistic; that of \
         `match` is not. In [0, 1], lower is better.",
    ),
    (
        "match",
        "accuracy",
        "Share of all queries that are accepted at the cutpoint and get their own class. A query that is rejected is not \
         right, whatever its class.",
    ),
    ("match", "matched", "Share of all queries that are accepted at the cutpoint, right or wrong."),
    ("match", "unknown", "Share of all queries that are rejected at the cutpoint: `1 - matched`."),
    (
        "match",
        "lone",
        "Queries whose class has no other example in the index, a count. Nothing could be found for them, so retrieval \
         metrics such as recall@1 leave them out.",
    ),
    (
        "match",
        "overlap",
        "Queries that are in the index themselves and may find themselves at distance 0, a count. `disjoint.*` are the \
         figures without them.",
    ),
    (
        "match",
        "ece",
        "Expected calibration error of `probability`: the mean distance between how probable it was said to be that a label is \
         right, and how often it is, over 15 bins of as many queries each. In [0, 1], lower is better.",
    ),
    (
        "match",
        "target",
        "What the cutpoint was to reach in calibration: a value of the metric that its target names. `optimal` has none.",
    ),
    (
        "match",
        "achieved",
        "What the cutpoint achieves on these queries: the metric of its target (of `optimal`, the calibration's metric), \
         counted as the calibration counts. To be held against `target`.",
    ),
    ("match", "overlap.training", TRAINED_ON),
    (
        "match",
        "overlap.calibration",
        "Queries that are, byte for byte, images that the thresholds were found with, a count; only where there are some.",
    ),
    (
        "match",
        "near_copies",
        "Queries with a near copy in the other pool of the plugged stage `near-copies`, a count. `distinct.*` are the figures \
         without them.",
    ),
    ("train", "initial_tensors", "Weights that were taken from the file of `initial-weights`, a count of tensors."),
    ("train", "backbone_tensors", "Weights that were taken from the files of backbones, a count of tensors."),
    ("near-copies", "pairs", "Pairs of a query and a reference with at least the correlation asked for, a count."),
    ("near-copies", "queries", "Queries with such a reference, a count."),
    ("near-copies", "share", "Share of all queries with such a reference."),
    ("near-copies", "identical", "Pairs of the very same bytes, a count."),
    ("evaluate", "queries", "Queries that were looked up, a count."),
    (
        "evaluate",
        "lone",
        "Queries whose class has no other example in the index, a count. Figures of ranked neighbours leave them out.",
    ),
    (
        "evaluate",
        "overlap",
        "Queries whose image is in the index, a count. Each is left out of its own neighbours with `leave-one-out`; else \
         `disjoint.*` are the figures without them.",
    ),
    ("evaluate", "overlap.training", TRAINED_ON),
    (
        "few-shot",
        "accuracy",
        "Share of an episode's queries that are given their own class, the mean over all episodes, by the first of `methods`.",
    ),
    (
        "few-shot",
        "accuracy.low",
        "Lower end of the 95 % interval of `accuracy`: 1.96 standard errors of the mean over episodes below it.",
    ),
    (
        "few-shot",
        "accuracy.high",
        "Upper end of the 95 % interval of `accuracy`: 1.96 standard errors of the mean over episodes above it.",
    ),
    ("few-shot", "overlap.training", TRAINED_ON),
    ("baseline", "queries", COMPARED),
    ("project", "points", "Embeddings that were placed on the plane, a count."),
    ("project", "explained.1", "Share of the variance along the first principal component."),
    ("project", "explained.2", "Share of the variance along the second principal component."),
    ("report", "baseline.queries", COMPARED),
    (
        "report",
        "baseline.embedding",
        "Share of those queries whose nearest other image, by this embedding, has their class: recall@1 without self matches.",
    ),
    (
        "report",
        "baseline.raw_pixels",
        "The same by the Euclidean distance of the images' bytes: what needs no training.",
    ),
    (
        "report",
        "baseline.chance",
        "The share of the largest class among those queries: what always guessing it would give.",
    ),
    ("report", "baseline.uniform", "One over the number of classes among those queries."),
];

/// What may stand behind another name.
pub(super) const BEHIND: &[(&str, &str)] = &[
    (
        "low",
        "Lower end of the 95 % bootstrap interval, of 2,000 draws of classes and of queries within them. `evaluate.bootstrap` sets \
         other numbers than these two.",
    ),
    (
        "high",
        "Upper end of the 95 % bootstrap interval, of 2,000 draws of classes and of queries within them. `evaluate.bootstrap` sets \
         other numbers than these two.",
    ),
    ("std", "Standard deviation over the runs of a group, which differ in their seed alone."),
    ("t_low", "Lower end of the 95 % t-interval of the mean over the seeds of a group."),
    ("t_high", "Upper end of the 95 % t-interval of the mean over the seeds of a group."),
];

/// What may stand before another name, by the kind of the stage.
pub(super) const BEFORE: &[(&str, &str, &str)] = &[
    ("match", "disjoint", "Of the queries that are not in the index, in training or in calibration themselves:"),
    ("match", "distinct", "Of the queries without a near copy in the other pool:"),
    ("evaluate", "disjoint", "Of the queries that are not in the index or in training themselves:"),
    ("evaluate", "reranked", "With neighbours in the order that `rerank` gives them:"),
    ("evaluate", "gain", "What re-ranking adds, query by query:"),
    ("few-shot", "nearest_prototype", "By the nearest mean of the examples shown:"),
    ("few-shot", "nearest_neighbour", "By the nearest of the examples shown:"),
    ("baseline", "embedding", "Of the trained embedding, on the queries of all baselines:"),
    ("baseline", "chance", "What neighbours in a random order give on average:"),
    ("baseline", "largest_class", "Where every query is given the class that the index has most of:"),
    ("baseline", "raw_pixels", "By the Euclidean distance of the images' bytes:"),
    ("baseline", "mean_centred_pixels", "By the cosine distance of the images less the mean image of the index:"),
    ("baseline", "untrained", "By the network with the weights that the seed draws for it:"),
    ("baseline", "frozen", "By the network at the port `frozen`, as it was loaded:"),
];
