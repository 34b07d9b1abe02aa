//! The whole reference as one Markdown page.

use std::fmt::Write;

use super::comment::Comment;
use super::entry::{Entry, Family};
use super::fields::{self, Row};
use simpipe_base::seed::Seed;
use simpipe_metric::registry::{self, AnyMetric};
use simpipe_stage::StageDoc;
use simpipe_stages::reported;

const HEAD: &str = "# Reference

Everything that a config can say: the stages with their tables, and what their keys take. `simpipe docs NAME` shows an
entry in the terminal, `simpipe schema` gives the JSON Schema for editors.

Printed by `simpipe docs --markdown` from the declarations that read configs; a test holds this file to it and checks
every example. Don't edit it: change the doc comments and run `BLESS=1 cargo test --test it reference`.

A choice is a bare name, which takes every default (`loss = \"multi-similarity\"`), or a table of one key
(`loss = { multi-similarity = { alpha = 2.0 } }`). Paths are relative to the file that writes them.
";

/// The page.
pub(super) fn reference(docs: &[StageDoc], families: &[Family]) -> String {
    let mut page = HEAD.to_owned();
    page += "\n## Stages\n\n| stage | purpose | gives |\n|---|---|---|\n";
    for doc in docs {
        push(&mut page, &format!("| [`{0}`](#stage-{0}) | {1} | {2} |", doc.name, doc.summary, doc.output.words()));
    }
    let common = Entry::of_every_stage();
    push(&mut page, "\nEvery stage takes these too:");
    params(&common, families, &mut page);
    example(&common, &mut page);
    docs.iter().for_each(|doc| stage(doc, families, &mut page));
    families.iter().for_each(|one| family(one, families, &mut page));
    metrics(&mut page);
    page
}

fn push(page: &mut String, line: &str) {
    writeln!(page, "{line}").expect("a string takes all that is written");
}

fn stage(doc: &StageDoc, families: &[Family], page: &mut String) {
    push(page, &format!("\n<a id=\"stage-{0}\"></a>\n### `{0}`", doc.name));
    let entry = Entry::of_stage(doc);
    paragraphs(&entry, page);
    let ports = fields::ports(doc);
    if !ports.is_empty() {
        push(page, "\nReads:\n");
        ports.iter().for_each(|port| push(page, &format!("- {port}")));
    }
    let files: Vec<String> = doc.files.iter().map(|file| format!("`{file}`")).collect();
    push(page, &format!("\nWrites {}.", files.join(", ")));
    params(&entry, families, page);
    example(&entry, page);
}

fn family(one: &Family, families: &[Family], page: &mut String) {
    let path = one.path();
    let doc = Comment::read(one.choice.doc).line();
    let list = if one.list { " A list of these." } else { "" };
    push(page, &format!("\n<a id=\"{path}\"></a>\n## `{path}`\n\n{doc}{list}"));
    for entry in one.entries() {
        push(page, &format!("\n### `{}`", entry.name));
        paragraphs(&entry, page);
        if let Some(shapes) = &entry.comment.shapes {
            push(page, &format!("\nShapes: {shapes}"));
        }
        if !entry.shapes.is_empty() {
            push(page, &format!("\nShapes of the example: {}.", entry.shapes.join("; ")));
        }
        params(&entry, families, page);
        example(&entry, page);
    }
}

fn paragraphs(entry: &Entry, page: &mut String) {
    entry.comment.paragraphs.iter().for_each(|paragraph| push(page, &format!("\n{paragraph}")));
}

fn params(entry: &Entry, families: &[Family], page: &mut String) {
    let rows: Vec<Row> = entry.params.iter().flat_map(|record| fields::rows(record, families, "")).collect();
    if rows.is_empty() {
        return;
    }
    push(page, "\n| parameter | type | default | must be | meaning |\n|---|---|---|---|---|");
    for row in &rows {
        let cells = [&row.kind, &row.default, &row.range, &row.meaning].map(|cell| cell.replace('|', "\\|"));
        push(page, &format!("| `{}` | {} |", row.name, cells.join(" | ")));
    }
    for row in rows.iter().filter(|row| !row.alternatives.is_empty()) {
        push(page, &format!("\n`{}` is one of:\n", row.name));
        row.alternatives.iter().for_each(|(name, doc)| push(page, &format!("- {name}: {doc}")));
    }
}

fn example(entry: &Entry, page: &mut String) {
    push(page, &format!("\n```toml\n{}\n```", entry.example));
}

/// Every metric, as `evaluate` is asked for it.
fn metrics(page: &mut String) {
    page.push_str(
        "\n## Metrics\n\n`evaluate` measures those that it is asked for; numbers behind a name may be others. `match` measures \
         `recall@1`, `precision@1` and `map@r` of every run. A query without a relevant item in the index is left out of means. \
         Those of few-shot episodes come last.\n\n",
    );
    push(page, "| metric | meaning | unit | better |\n|---|---|---|---|");
    let seed = Seed::of_stage(0, "evaluate", None);
    for written in registry::names() {
        let first = written.split(" or ").next().unwrap_or_default().trim_matches('`');
        let Ok(found) = AnyMetric::parse(first, seed) else { continue };
        let metric = found.metric();
        let better = if metric.higher_is_better() { "higher" } else { "lower" };
        push(page, &format!("| {written} | {} | {} | {better} |", metric.doc().replace('|', "\\|"), metric.unit()));
    }
    page.push_str(
        "\n## Numbers of results\n\nWhat `run` and `show` list, by the kind of the stage. Beside them stand retrieval metrics, the \
         calibration's metrics\nas `calibrate.optimal.NAME`, and those of the queries outside of the index as \
         `match.disjoint.NAME`.\n\n",
    );
    push(page, "| number | meaning |\n|---|---|");
    for number in reported::all() {
        push(page, &format!("| `{}` | {} |", number.name, number.definition.replace('|', "\\|")));
    }
}
