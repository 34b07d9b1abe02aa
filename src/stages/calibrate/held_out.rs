//! How to calibrate with images that the training has not seen, as lines that can be copied into the config.

use simpipe_data::split::{ENOUGH, TEST, TRAIN, VALIDATION};
use simpipe_stage::{EmbeddingsFacts, IndexFacts};

/// What to write where, by what queries and index are drawn from now.
pub(super) fn help(index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> String {
    if queries.and_then(per_class).is_some_and(|images| images < ENOUGH) {
        return format!(
            "hold images out of training: `simpipe init` writes a config that does if classes have {ENOUGH} images or more; \
             the metrics of an `evaluate` stage need no threshold"
        );
    }
    let trained = queries.map_or(TRAIN, |queries| queries.pool.split.as_str());
    let tested = index.map_or(TEST, |index| index.pool.split.as_str());
    // The split that is tested stays as it is, unless it is that of the training or called as the new one will be.
    let kept = tested != trained && tested != VALIDATION;
    let rest = match (kept, tested == TEST) {
        (true, true) => format!("keep = [\"{tested}\"]"),
        (true, false) => format!("test = 0.0, keep = [\"{tested}\"]"),
        (false, _) => "test = 0.2".to_owned(),
    };
    let mut edits = vec![
        "`pipeline = \"metric-learning-held-out\"`".to_owned(),
        format!("`split = {{ images = {{ validation = 0.2, {rest} }} }}` under `[dataset]`"),
        "`slice = \"all\"` under `[embed-calibration]`".to_owned(),
    ];
    if trained != TRAIN {
        edits.push(format!("`split = \"{TRAIN}\"` under `[sample]`"));
    }
    if !kept {
        // Other images are tested then, and as many as there are.
        edits.push(format!("`split = \"{TEST}\"` under `[sample-validation]`"));
        edits.extend(["index", "match"].map(|stage| format!("`slice = \"all\"` under `[{stage}]`")));
        edits.push("`leave-one-out = true` under `[match]`".to_owned());
    }
    format!(
        "hold images out of training, and find the thresholds with them, by another pipeline: leave out the tables of stages that \
         it lacks, and write {}",
        edits.join(", ")
    )
}

/// Images of a class, on average, as far as that is known.
fn per_class(queries: &EmbeddingsFacts) -> Option<usize> {
    queries.pool.count?.checked_div(queries.pool.labels.as_ref()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::Distance;
    use simpipe_stage::SamplesFacts;

    fn of(trained: &str, tested: &str) -> String {
        of_pool(SamplesFacts { split: trained.to_owned(), ..SamplesFacts::default() }, tested)
    }

    fn of_pool(trained: SamplesFacts, tested: &str) -> String {
        let index = IndexFacts {
            pool: SamplesFacts { split: tested.to_owned(), ..SamplesFacts::default() },
            range: None,
            dim: None,
            distance: Distance::Cosine,
            model_use: None,
            class_means: false,
        };
        let queries = EmbeddingsFacts {
            pool: trained,
            range: None,
            dim: None,
            distance: Distance::Cosine,
            seen_in_training: true,
            model_use: None,
        };
        help(Some(&index), Some(&queries))
    }

    #[test]
    fn the_split_that_is_tested_stays_where_it_can() {
        assert!(of("train", "test").contains("{ validation = 0.2, keep = [\"test\"] } }` under `[dataset]`"));
        assert!(of("train", "val").contains("{ validation = 0.2, test = 0.0, keep = [\"val\"] } }` under `[dataset]`"));
        assert!(!of("train", "val").contains("[sample"));
        assert!(of("training", "test").ends_with("`split = \"train\"` under `[sample]`"));
        // The images held out would join those that are kept.
        let joined = of("train", "validation");
        assert!(joined.contains("{ validation = 0.2, test = 0.2 }"), "{joined}");
        assert!(
            joined.contains("`split = \"test\"` under `[sample-validation]`, `slice = \"all\"` under `[index]`"),
            "{joined}"
        );
        assert!(of("train", "train").contains("{ validation = 0.2, test = 0.2 }"));
    }

    #[test]
    fn nothing_is_held_out_of_classes_that_have_nothing_to_spare() {
        let of = |images: usize| {
            let (split, labels) = ("train".to_owned(), Some(vec![0, 1]));
            of_pool(SamplesFacts { split, labels, count: Some(2 * images), ..SamplesFacts::default() }, "test")
        };
        assert!(of(7).contains("`evaluate`") && !of(7).contains("metric-learning-held-out"), "{}", of(7));
        assert!(of(8).contains("metric-learning-held-out"), "{}", of(8));
    }
}
