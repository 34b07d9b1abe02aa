//! Findings on images that were somewhere before they became queries, by the bytes of their pixels.

use std::collections::BTreeSet;

use simpipe_artifact::MatchRow;

use super::ReportData;
use super::chart::number;
use super::finding::Finding;
use super::right::accuracy;

fn count(value: usize) -> String {
    number(value as f64, 0)
}

/// The queries whose images are among some, and the others.
fn divided(data: &ReportData, among: impl Fn(&str) -> bool) -> (Vec<&MatchRow>, Vec<&MatchRow>) {
    let overlap = data.overlap();
    data.matches.0.iter().partition(|row| overlap.digest(row).is_some_and(&among))
}

/// Both shares, where there is another than the first.
fn shares(data: &ReportData, others: &[&MatchRow], which: &str) -> String {
    let all = accuracy(&data.matches.0) * 100.0;
    if others.is_empty() {
        return format!("No query is {which}, so there is no figure without this.");
    }
    format!(
        "Of all queries {all:.1} % get their own class at the cutpoint; of the {} that are {which}, {:.1} %. Read the second \
         number.",
        count(others.len()),
        accuracy(others.iter().copied()) * 100.0
    )
}

/// Queries that the network has fitted.
pub(super) fn trained_queries(data: &ReportData) -> Option<Finding> {
    let trained = &data.provenance.trained_on;
    if trained.is_empty() || data.matches.0.is_empty() {
        return None;
    }
    let (seen, others) = divided(data, |digest| trained.holds(digest));
    let text = match seen.len() {
        0 => "No query is an image that the network was trained on.".to_owned(),
        seen => format!(
            "{} of {} queries are images that the network was trained on. {}",
            count(seen),
            count(data.matches.0.len()),
            shares(data, &others, "new to it")
        ),
    };
    Some(Finding { name: "trained-queries", flaw: !seen.is_empty(), text })
}

/// Queries that have set the threshold which they are judged by.
pub(super) fn calibrated_queries(data: &ReportData) -> Option<Finding> {
    let (used, others) = divided(data, |digest| data.provenance.calibrated_on.holds(digest));
    (!used.is_empty()).then(|| Finding {
        name: "calibrated-queries",
        flaw: true,
        text: format!(
            "{} of {} queries are images that the thresholds were found with. {}",
            count(used.len()),
            count(data.matches.0.len()),
            shares(data, &others, "new to them")
        ),
    })
}

/// An index of images that the network has fitted: nothing wrong, but to be known.
pub(super) fn trained_index(data: &ReportData) -> Option<Finding> {
    let seen = data.index.digest.iter().filter(|digest| data.provenance.trained_on.holds(digest)).count();
    (seen > 0).then(|| Finding {
        name: "trained-index",
        flaw: false,
        text: format!(
            "{} of {} images in the index were trained on, as those of a gallery often are; the figures say nothing about \
             an index of new images.",
            count(seen),
            count(data.index.digest.len())
        ),
    })
}

/// Queries that look like images which were there before.
pub(super) fn near_copies(data: &ReportData) -> Option<Finding> {
    let info = &data.provenance.near_copies.as_ref()?.info;
    let copied: BTreeSet<&str> = info.query_digests.iter().map(String::as_str).collect();
    let (near, others) = divided(data, |digest| copied.contains(digest));
    let text = match near.len() {
        0 => format!(
            "No query has a near copy among {} references, of a correlation of at least {}.",
            count(info.references),
            info.min_correlation
        ),
        near => format!(
            "{} of {} queries have a near copy among {} references, of a correlation of at least {}. {}",
            count(near),
            count(data.matches.0.len()),
            count(info.references),
            info.min_correlation,
            shares(data, &others, "like none of them")
        ),
    };
    Some(Finding { name: "near-copies", flaw: !near.is_empty(), text })
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{ImageSet, NearCopiesInfo};

    use super::*;
    use crate::provenance::FoundCopies;
    use crate::{findings, synthetic};

    /// Four queries, of which the first two are right.
    fn four() -> ReportData {
        let mut data = synthetic::small();
        data.matches.0.truncate(4);
        for (at, row) in data.matches.0.iter_mut().enumerate() {
            (row.label, row.predicted, row.matched) = (0, Some(i32::from(at > 1)), true);
        }
        data
    }

    fn found(data: &ReportData, name: &str) -> Option<(bool, String)> {
        findings(data, None)
            .into_iter()
            .find(|finding| finding.name == name)
            .map(|finding| (finding.flaw, finding.text))
    }

    #[test]
    fn images_are_told_by_their_pixels_and_never_by_their_numbers() {
        let mut data = four();
        assert_eq!(found(&data, "trained-queries"), None, "nothing is known of the training");
        // The numbers of the queries, of other images.
        let numbers: Vec<u64> = data.matches.0.iter().map(|row| row.query_id).collect();
        data.provenance.trained_on = ImageSet::of(numbers.iter().map(|id| (*id, "another image")));
        data.provenance.calibrated_on = data.provenance.trained_on.clone();
        let (flaw, text) = found(&data, "trained-queries").unwrap();
        assert_eq!((flaw, text.as_str()), (false, "No query is an image that the network was trained on."));
        assert_eq!((found(&data, "calibrated-queries"), found(&data, "trained-index")), (None, None));
        // The first query's pixels under another number.
        let own = data.embeddings.digest[0].clone();
        data.provenance.trained_on = ImageSet::of([(99_999, own.as_str())]);
        data.provenance.calibrated_on = data.provenance.trained_on.clone();
        let (flaw, text) = found(&data, "trained-queries").unwrap();
        assert!(flaw && text.starts_with("1 of 4 queries are images that the network was trained on."), "{text}");
        assert!(text.contains("50.0 %") && text.contains("of the 3 that are new to it, 33.3 %"), "{text}");
        assert!(found(&data, "calibrated-queries").unwrap().0);
        let indexed = data.index.digest[0].clone();
        data.provenance.trained_on = ImageSet::of([(0, indexed.as_str())]);
        assert!(!found(&data, "trained-index").unwrap().0, "stated, and no flaw");
    }

    #[test]
    fn near_copies_are_told_where_somebody_looked() {
        let mut data = four();
        assert_eq!(found(&data, "near-copies"), None);
        let info = NearCopiesInfo { min_correlation: 0.95, references: 1000, ..NearCopiesInfo::default() };
        data.provenance.near_copies = Some(FoundCopies { info, pairs: Vec::new() });
        assert!(!found(&data, "near-copies").unwrap().0);
        let digest = data.embeddings.digest[1].clone();
        data.provenance.near_copies.as_mut().unwrap().info.query_digests = vec![digest];
        let (flaw, text) = found(&data, "near-copies").unwrap();
        assert!(flaw && text.contains("1 of 4 queries have a near copy among 1,000 references"), "{text}");
        assert!(text.contains("like none of them, 33.3 %"), "{text}");
    }
}
