//! What is needed to repeat the experiment and to tell it from others: the resolved spec, the seed, digests. Clocks, machines,
//! paths and keys that were hits are a run's and stand in its record.

use super::Section;
use super::html::{details, facts, lines, paragraph, shown, table};
use crate::cells::words;
use crate::{ReportData, spec};

pub(super) fn section(data: &ReportData) -> Section {
    let mut rows = vec![words(["Images and labels of the dataset", &data.dataset.checksum])];
    if let Some(digest) = &data.spec_digest {
        rows.push(words(["Resolved spec", digest]));
    }
    if let Some(seed) = spec::seed(&data.spec) {
        rows.push(words(["Seed", &seed.to_string()]));
    }
    let mut body = paragraph(
        "Whoever has a store that holds these digests has these numbers. When, where and by which command this was computed is \
         in the record of the run, and on the page in the run's folder.",
    );
    body += &facts("Digests", &rows);
    if !data.digests.is_empty() {
        let rows: Vec<Vec<String>> =
            data.digests.iter().map(|(port, file, digest)| words([port, file, digest])).collect();
        let caption = format!("BLAKE3 of what the report was made of: {}", shown(rows.len(), rows.len(), "files"));
        body += &details("Files", &table(&caption, &words(["Port", "File", "Digest"]), &rows));
    }
    let spec = serde_json::to_string_pretty(&data.spec).unwrap_or_default();
    body += &details("Resolved spec", &lines("Resolved spec", &spec));
    Section { id: "provenance", title: "Provenance", body }
}
