//! What every column of a table that a stage leaves, or a run beside them, means, for `simpipe docs example_id`. Columns that are called like a metric,
//! or an end of its interval, are defined where that is.

/// A column of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Its name in the files.
    pub name: &'static str,
    /// The files that have it.
    pub files: &'static str,
    /// What it holds.
    pub definition: &'static str,
}

const fn column(name: &'static str, files: &'static str, definition: &'static str) -> ColumnDoc {
    ColumnDoc { name, files, definition }
}

const FIGURES: &str = "tables of figures";
const EXAMPLES: &str = "tables of examples";

/// All of them, by name.
const COLUMNS: &[ColumnDoc] = &[
    column("accuracy", "episodes.parquet", "Share of the episode's queries that are given their own class."),
    column("again", FIGURES, "The value of the same trial with another seed."),
    column(
        "bytes",
        "profile.parquet",
        "Bytes of the maps that the operation reads and writes, each once; empty where they are not counted.",
    ),
    column("calls", "profile.parquet", "How often the operation was computed, a count."),
    column("category", "examples.parquet", "A coarser class that the source names."),
    column("channels", "examples.parquet", "Channels of the image: 1 for grey, 3 for colour."),
    column("class", EXAMPLES, "The class by its name."),
    column("classes", "episodes.parquet", "The labels of the classes of the episode."),
    column(
        "correlation",
        "near-copies.parquet",
        "How similar query and reference are, in [-1, 1]; 1 for the same picture.",
    ),
    column("count", "per-class.parquet, confusion.parquet", "How many queries the row is about."),
    column(
        "digest",
        EXAMPLES,
        "The BLAKE3 digest of the image's pixels: the same image has the same digest in every dataset.",
    ),
    column(
        "direction",
        "profile.parquet",
        "Whether the operation computes values (`forward`) or gradients (`backward`).",
    ),
    column(
        "distance",
        "thresholds.parquet, matches.parquet",
        "The distance threshold, or the distance to the neighbour.",
    ),
    column("embedding", "embeddings.parquet", "The image's vector."),
    column("encoded", "examples.parquet", "Whether the image is stored as the file it came as; missing if none is."),
    column("episode", "episodes.parquet", "The number of the episode, from 0."),
    column("epoch", "history.parquet", "The epoch of the step, from 1."),
    column("example_id", EXAMPLES, "The image's number in its dataset; `simpipe show FILE` adds its file."),
    column("file", EXAMPLES, "The file, as the source names it."),
    column(
        "flop",
        "profile.parquet",
        "Floating-point operations, those of a convolution as if it were computed directly; empty where they are not counted.",
    ),
    column("fn", "thresholds.parquet", "Queries that should be accepted at the threshold and are not, a count."),
    column("fp", "thresholds.parquet", "Queries that are accepted at the threshold with a wrong label, a count."),
    column("gflops", "profile.parquet", "Billions of floating-point operations a second, where they are counted."),
    column("group", "examples.parquet", "What belongs together in the source, such as the images of one person."),
    column("height", "examples.parquet", "Height in pixels."),
    column("indexed", "per-class.parquet", "Images of the class in the index, a count."),
    column("is_gallery", "examples.parquet", "Whether the source has the image in the gallery, which is searched."),
    column("is_query", "examples.parquet", "Whether the source has the image among the queries."),
    column("label", EXAMPLES, "The class as its number in `dataset.json`, from 0."),
    column("label_name", "confusion.parquet", "The name of the true class."),
    column(
        "layer",
        "profile.parquet",
        "The layer by its path, such as `layers.1.conv2d`; `loss`, `optimizer` or `elsewhere` for what belongs to none.",
    ),
    column("learning_rate", "history.parquet", "The step size, by the schedule."),
    column("length", "examples.parquet", "Bytes of the image in the file of images; missing if all images are pixels."),
    column("lone", "per-class.parquet", "Queries of the class without another example in the index, a count."),
    column("loss", "history.parquet", "The loss of the step's batch, regularisation included."),
    column("matched", "matches.parquet", "Whether the query is accepted at the cutpoint, rightly or wrongly."),
    column("nearest_distance", "per-query.parquet", "The distance to the nearest neighbour."),
    column("nearest_id", "per-query.parquet", "The nearest neighbour's `example_id`; empty where there is none."),
    column("nearest_label", "per-query.parquet", "The nearest neighbour's label."),
    column(
        "negative-p5",
        "history.parquet",
        "The 5th percentile of the distances of pairs of two classes in the epoch's last batch.",
    ),
    column(
        "negative-p50",
        "history.parquet",
        "The median of the distances of pairs of two classes in the epoch's last batch.",
    ),
    column(
        "negative-p95",
        "history.parquet",
        "The 95th percentile of the distances of pairs of two classes in the epoch's last batch.",
    ),
    column(
        "neighbours",
        "matches.parquet",
        "The nearest indexed images: rank, `example_id`, label and distance of each.",
    ),
    column("offset", "examples.parquet", "Where the image begins in the file of images, in bytes."),
    column("operation", "profile.parquet", "What was computed, such as `convolution and pool`."),
    column("overlap", "per-query.parquet", "Whether the query's image is in the index too."),
    column("path", "sources.parquet", "The file, relative to the source."),
    column("place", FIGURES, "The picture's place in its strip, from 0."),
    column(
        "position",
        "samples.parquet, embeddings.parquet",
        "The place in the shuffled pool, from 0: `slice` counts by it.",
    ),
    column(
        "positive-p5",
        "history.parquet",
        "The 5th percentile of the distances of pairs of one class in the epoch's last batch.",
    ),
    column(
        "positive-p50",
        "history.parquet",
        "The median of the distances of pairs of one class in the epoch's last batch.",
    ),
    column(
        "positive-p95",
        "history.parquet",
        "The 95th percentile of the distances of pairs of one class in the epoch's last batch.",
    ),
    column(
        "predicted",
        "matches.parquet, confusion.parquet",
        "The label that the query is given; empty where it is rejected.",
    ),
    column("predicted_name", "confusion.parquet", "The name of the class given, or the word for no match."),
    column("probability", "matches.parquet", "How probable it is that the label given is right, in [0, 1]."),
    column("queries", "per-class.parquet", "Queries of the class, a count."),
    column("query_id", "matches.parquet, per-query.parquet", "The query's `example_id`."),
    column("rank", "matches.parquet", "The neighbour's place, from 1."),
    column("reference_id", "near-copies.parquet", "The reference's `example_id`."),
    column("relevant", "per-query.parquet", "Indexed images of the query's class, itself left out, a count."),
    column("right", FIGURES, "Whether the picture has the class that was looked for."),
    column("rule", FIGURES, "Whether the row is a line that helps reading, and no measurement."),
    column("same_label", "near-copies.parquet", "Whether query and reference have the same label."),
    column("seconds", "profile.parquet", "Time on the clock; no second is in two rows of a stage."),
    column("series", FIGURES, "The curve by its name in the legend."),
    column("source", "examples.parquet", "What the image was taken from, such as a video."),
    column("split", EXAMPLES, "The split: `train`, `test` or another name."),
    column("stage", "profile.parquet", "The stage's id in the graph."),
    column("step", "history.parquet", "The step, from 1, counted over all epochs."),
    column("strip", FIGURES, "The row of pictures, from 0."),
    column("tn", "thresholds.parquet", "Queries that should be rejected at the threshold and are, a count."),
    column("tp", "thresholds.parquet", "Queries that are accepted at the threshold with the right label, a count."),
    column("transparent", "decoded-from.parquet", "Whether the image has pixels that are not opaque."),
    column("true", FIGURES, "The true class."),
    column(
        "val_loss",
        "history.parquet",
        "The mean loss of the validation batches; at the last step of an epoch only.",
    ),
    column(
        "vector",
        "index.arrow",
        "The image's vector, as it is compared: of unit length where the distance is the cosine's.",
    ),
    column("width", "examples.parquet", "Width in pixels."),
    column("words", FIGURES, "What stands under the picture."),
    column("x", FIGURES, "The place along the horizontal axis."),
    column("y", FIGURES, "The place along the vertical axis."),
];

/// The column of this name.
#[must_use]
pub fn column_called(name: &str) -> Option<&'static ColumnDoc> {
    COLUMNS.iter().find(|column| column.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_order_each_once_and_are_defined_in_a_sentence() {
        assert!(COLUMNS.is_sorted_by(|one, other| one.name < other.name));
        for column in COLUMNS {
            assert!(column.definition.ends_with('.') && column.definition.len() > 10, "{column:?}");
        }
        assert_eq!(column_called("query_id").unwrap().files, "matches.parquet, per-query.parquet");
        assert_eq!(column_called("query-id"), None);
    }
}
