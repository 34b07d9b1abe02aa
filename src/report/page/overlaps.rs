//! What of the data is in several places: queries in the index, in the training, among those that thresholds were found with.

use std::collections::BTreeSet;

use simpipe_artifact::{ImageSet, MatchRow};

use super::html::facts;
use crate::ReportData;
use crate::cells::words;
use crate::chart::number;

/// A table of counts, each with what it is of; nothing where there are neither queries nor an index.
pub(super) fn overlaps(data: &ReportData) -> String {
    let (queries, indexed) = (&data.matches.0, &data.index.digest);
    if queries.is_empty() && indexed.is_empty() {
        return String::new();
    }
    let overlap = data.overlap();
    let of =
        |which: &dyn Fn(&MatchRow) -> bool| counted(queries.iter().filter(|row| which(row)).count(), queries.len());
    // An empty list is one of nothing only where nothing was used.
    let within = |set: &ImageSet, port: &str, used: bool| match (data.lacks(port), set.is_empty() && used) {
        (true, _) => format!("not known: nothing is plugged into the port {port}"),
        (_, true) => "not known: what used images left no list of them".to_owned(),
        _ => of(&|row| overlap.digest(row).is_some_and(|digest| set.holds(digest))),
    };
    let (trained, calibrated) = (&data.provenance.trained_on, &data.provenance.calibrated_on);
    let mut rows = vec![
        words(["Queries in the index, by example or by the bytes of their image", &of(&|row| overlap.indexed(row))]),
        words(["Queries that the network was trained on", &within(trained, "training", data.model.steps > 0)]),
        words([
            "Queries that the thresholds were found with",
            &within(calibrated, "calibration", data.calibration.queries > 0),
        ]),
    ];
    if !trained.is_empty() {
        let seen = indexed.iter().filter(|digest| trained.holds(digest)).count();
        rows.push(words(["Images of the index that the network was trained on", &counted(seen, indexed.len())]));
    }
    rows.push(words(["Queries with a near copy", &near(data)]));
    facts("Overlaps and near copies", &rows)
}

/// How many queries look like an image that was there before, where somebody has looked for that.
fn near(data: &ReportData) -> String {
    let Some(found) = &data.provenance.near_copies else {
        return "not looked for: no stage near-copies is plugged in".to_owned();
    };
    let copied: BTreeSet<&str> = found.info.query_digests.iter().map(String::as_str).collect();
    let overlap = data.overlap();
    let like = |row: &&MatchRow| overlap.digest(row).is_some_and(|digest| copied.contains(digest));
    let count = counted(data.matches.0.iter().filter(like).count(), data.matches.0.len());
    format!("{count}, among {} references", number(found.info.references as f64, 0))
}

fn counted(some: usize, of: usize) -> String {
    format!("{} of {}", number(some as f64, 0), number(of as f64, 0))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::NearCopiesInfo;

    use super::*;
    use crate::provenance::FoundCopies;
    use crate::synthetic;

    #[test]
    fn each_place_has_its_count_or_says_that_nobody_knows() {
        let mut data = synthetic::small();
        let page = overlaps(&data);
        assert!(page.contains("0 of 12") && page.contains("not looked for"), "{page}");
        assert_eq!(page.matches("not known: what used images left no list").count(), 2, "{page}");
        data.model.steps = 0;
        assert_eq!(overlaps(&data).matches("left no list").count(), 1, "nothing was trained on");
        let digests: Vec<String> = data.embeddings.digest[..3].to_vec();
        data.provenance.trained_on = ImageSet::of([(0, digests[0].as_str()), (1, digests[1].as_str())]);
        data.provenance.calibrated_on = ImageSet::of([(0, digests[2].as_str())]);
        let info = NearCopiesInfo { references: 1000, query_digests: digests, ..NearCopiesInfo::default() };
        data.provenance.near_copies = Some(FoundCopies { info, pairs: Vec::new() });
        data.absent = ["calibration"].into();
        let page = overlaps(&data);
        for part in [
            "2 of 12",
            "not known: nothing is plugged into the port calibration",
            "3 of 12, among 1,000 references",
            "0 of 20",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        data.matches.0.clear();
        data.index.digest.clear();
        assert_eq!(overlaps(&data), "");
    }
}
