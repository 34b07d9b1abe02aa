//! Indexed images that many queries find: hubs, which crowd others out (Radovanović et al., 2010).

use super::html::{details, paragraph, table};
use crate::ReportData;
use crate::cells::{percent, words};
use crate::chart::number;
use crate::evaluated::Evaluated;

/// Those that an evaluation keeps, with how many of its queries find each; nothing where it keeps none.
pub(super) fn hubs(data: &ReportData, found: &Evaluated) -> String {
    let Some(hubs) = found.evaluation.hubs.as_ref().filter(|hubs| !hubs.top.is_empty()) else { return String::new() };
    let all = found.evaluation.counts.queries.max(1) as f64;
    let rows: Vec<Vec<String>> = hubs
        .top
        .iter()
        .map(|hub| {
            let queries = hub.queries as f64;
            words([&hub.example_id.to_string(), data.class(hub.label), &number(queries, 0), &percent(queries / all)])
        })
        .collect();
    let what = format!("Hubs of {}", found.stage);
    let intro = format!(
        "Indexed images that most queries have among their {} nearest. A hub that answers for many classes is a reason to look \
         at how distances are normalised, and at the image itself.",
        hubs.neighbours
    );
    let header = words(["Example", "Class", "Queries", "Share of the queries"]);
    let caption = format!("{what}: the {} largest", rows.len());
    details(&what, &(paragraph(&intro) + &table(&caption, &header, &rows)))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{Hub, HubsInfo};

    use super::*;
    use crate::synthetic;

    #[test]
    fn a_hub_stands_with_its_class_and_its_share() {
        let data = synthetic::small();
        let mut found = synthetic::evaluated("evaluate");
        assert_eq!(hubs(&data, &found), "");
        let top = vec![Hub { example_id: 107, label: 3, queries: 7 }];
        found.evaluation.hubs = Some(HubsInfo { neighbours: 10, top });
        let page = hubs(&data, &found);
        for part in
            ["<bdi>107</bdi>", "<bdi>Class 3</bdi>", "<bdi>50.0 %</bdi>", "among their 10 nearest", "the 1 largest"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
