//! How far the share of right queries is to be trusted: the interval of drawing other queries.

use simpipe_artifact::MatchRow;

use super::chart::number;
use super::finding::Finding;
use super::right::accuracy;
use super::{ReportData, spec};

/// Wilson's 95 % interval of a share (Wilson, 1927).
pub(super) fn wilson(share: f64, count: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let n = count as f64;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// The queries that no self match flatters, and which these are: all, where each was looked up without itself.
pub(super) fn unflattered(data: &ReportData) -> (Vec<&MatchRow>, &'static str) {
    let overlap = data.overlap();
    let rows = &data.matches.0;
    let apart: Vec<&MatchRow> = rows.iter().filter(|row| !overlap.indexed(row)).collect();
    let left_out = |row: &MatchRow| !row.neighbours.iter().any(|neighbour| overlap.is_self(row, neighbour));
    if apart.len() < rows.len() && rows.iter().all(left_out) {
        return (rows.iter().collect(), "that were looked up without themselves");
    }
    (apart, "that are not in the index")
}

/// The queries that stand for the experiment: [`unflattered`] ones or, if there are none, all; and which these are.
pub(super) fn judged(data: &ReportData) -> (Vec<&MatchRow>, String) {
    let (clean, which) = unflattered(data);
    let count = |rows: &[&MatchRow]| number(rows.len() as f64, 0);
    if clean.is_empty() {
        let all: Vec<&MatchRow> = data.matches.0.iter().collect();
        let text = format!("{} queries, all of which are in the index themselves", count(&all));
        return (all, text);
    }
    let text = match clean.len() {
        1 => "the only query that does not find itself".to_owned(),
        _ => format!("{} queries {which}", count(&clean)),
    };
    (clean, text)
}

/// What is to be said where every query is counted although some find themselves; nothing where none does.
pub(super) fn counts_all(data: &ReportData) -> String {
    let (all, clean) = (data.matches.0.len(), unflattered(data).0.len());
    if clean == all {
        return String::new();
    }
    let count = |count: usize| number(count as f64, 0);
    let are = if all - clean == 1 { "is" } else { "are" };
    format!(" All {} queries are counted, of which {} {are} in the index.", count(all), count(all - clean))
}

/// How far other queries would move the share, and that this is not the spread of trainings.
pub(super) fn finding(data: &ReportData) -> Option<Finding> {
    if data.matches.0.is_empty() {
        return None;
    }
    let (one, of_seed, spread) = if data.is_untrained() {
        ("one network that was not trained", ", seed", "seeds")
    } else {
        ("one training", " with seed", "trainings")
    };
    let seed = spec::seed(&data.spec).map_or_else(String::new, |seed| format!("{of_seed} {seed}"));
    let (rows, which) = unflattered(data);
    if rows.is_empty() {
        let text = format!(
            "This is {one}{seed}, and every query meets itself in the index: no interval of these figures would mean \
             anything. Another seed moves them."
        );
        return Some(Finding { name: "one-run", flaw: false, text });
    }
    let share = accuracy(rows.iter().copied());
    let (low, high) = wilson(share, rows.len());
    let text = format!(
        "This is {one}{seed}. Of the {} queries {which}, {:.1} % get their own class at the cutpoint; drawing other queries \
         alone would move this share between {:.1} % and {:.1} % (Wilson's 95 % interval). That is not the spread of {spread}: \
         how far another seed moves it is for a config with several `seeds` to show.",
        number(rows.len() as f64, 0),
        share * 100.0,
        low * 100.0,
        high * 100.0
    );
    Some(Finding { name: "one-run", flaw: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{findings, synthetic};

    fn text(data: &ReportData) -> (bool, String) {
        findings(data, None)
            .into_iter()
            .find(|found| found.name == "one-run")
            .map(|found| (found.flaw, found.text))
            .unwrap()
    }

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // 0.869 of 1,000: 0.847 to 0.889, as binomial tables give.
        let (low, high) = wilson(0.869, 1000);
        assert!((low - 0.8467).abs() < 5e-4 && (high - 0.8885).abs() < 5e-4, "{low} {high}");
        assert_eq!(wilson(0.0, 10).0, 0.0);
    }

    #[test]
    fn queries_looked_up_without_themselves_have_the_interval_too() {
        let mut data = synthetic::small();
        // Every query is in the index, and none among its own neighbours: leave-one-out.
        let own: Vec<u64> = data.matches.0.iter().map(|row| row.query_id).collect();
        data.index.example_id[..own.len()].copy_from_slice(&own);
        let (flaw, words) = text(&data);
        assert!(!flaw && words.starts_with("This is one training with seed 42. Of the 12 queries"), "{words}");
        assert!(words.contains("looked up without themselves") && words.contains("Wilson"), "{words}");
        // Where each meets itself, there is a line with the seed, and no interval.
        for row in &mut data.matches.0 {
            row.neighbours[0].example_id = row.query_id;
        }
        let (_, words) = text(&data);
        assert!(
            words.contains("seed 42") && words.contains("every query meets itself") && !words.contains("Wilson"),
            "{words}"
        );
        assert_eq!(counts_all(&data), " All 12 queries are counted, of which 12 are in the index.");
    }

    #[test]
    fn the_share_is_named_and_an_untrained_network_is_no_training() {
        let mut data = synthetic::small();
        assert!(text(&data).1.contains(" % get their own class at the cutpoint; drawing other queries"));
        assert_eq!(counts_all(&data), "", "no query is in the index");
        data.model.steps = 0;
        let (_, words) = text(&data);
        assert!(words.starts_with("This is one network that was not trained, seed 42."), "{words}");
        assert!(words.contains("not the spread of seeds"), "{words}");
    }
}
