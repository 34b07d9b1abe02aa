//! The section of an evaluation: every figure with its interval.

use super::chart::number;
use super::markdown::escape;
use super::summary::{line, section, table, words};
use crate::artifact::{Evaluation, Figure};

/// Every figure with its interval, and what was looked up in what.
pub(super) fn evaluation(page: &mut String, found: &Evaluation) {
    section(page, "Evaluation");
    line(page, &intro(found));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for name in &found.order {
        rows.extend(found.metrics.get(name).map(|figure| row(name, figure)));
        let Some(rerank) = &found.rerank else { continue };
        rows.extend(rerank.metrics.get(name).map(|figure| row(&format!("{name} after re-ranking"), figure)));
        rows.extend(rerank.gains.get(name).map(|figure| row(&format!("{name} gained by it"), figure)));
    }
    let interval = format!("{} % interval", number(found.bootstrap.level * 100.0, 0));
    table(page, &words(["Figure", "Value", &interval, "Queries"]), &rows);
    for (name, why) in &found.undefined {
        line(page, &format!("{} has no value: {}.", escape(name), escape(why)));
    }
}

fn intro(found: &Evaluation) -> String {
    let count = |value: usize| number(value as f64, 0);
    let counts = &found.counts;
    let mut text = format!(
        "{} queries of {} classes looked up in {} images of {} classes by {} distance{}; {} averages. Intervals are from {} \
         draws of classes, then of queries.",
        count(counts.queries),
        count(counts.classes),
        count(counts.indexed),
        count(counts.indexed_classes),
        found.distance.name(),
        if found.leave_one_out { ", each left out of its own neighbours" } else { "" },
        escape(&found.average),
        count(found.bootstrap.draws),
    );
    if counts.lone > 0 {
        text += &format!(" {} queries have nothing of their class to find; means leave them out.", count(counts.lone));
    }
    if counts.overlap > 0 && !found.leave_one_out {
        text += &format!(" **Flaw.** {} queries are in the index and find themselves.", count(counts.overlap));
    }
    text
}

fn row(name: &str, figure: &Figure) -> Vec<String> {
    let interval = match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    };
    words([name, &format!("{:.4}", figure.value), &interval, &number(figure.queries as f64, 0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::RerankInfo;
    use crate::report::synthetic;

    #[test]
    fn figures_stand_in_the_order_in_which_they_were_asked_for() {
        let mut found = synthetic::evaluation();
        let mut page = String::new();
        evaluation(&mut page, &found);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{page}"));
        assert!(at("| map@r | 0.5000 | 0.4500 to 0.5500 | 12 |") < at("| hubness@10 | 1.2500 | – | 12 |"));
        assert!(page.contains("95 % interval") && page.contains("2 queries have nothing of their class"), "{page}");
        assert!(page.contains("silhouette has no value: too few images."), "{page}");
        assert!(!page.contains("Flaw"), "{page}");

        found.counts.overlap = 3;
        let figures = found.metrics.clone();
        found.rerank = Some(RerankInfo { method: "k-reciprocal".into(), metrics: figures.clone(), gains: figures });
        let mut page = String::new();
        evaluation(&mut page, &found);
        assert!(page.contains("| map@r gained by it | 0.5000 |") && page.contains("**Flaw.** 3 queries"), "{page}");
    }
}
