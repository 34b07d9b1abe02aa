//! `simpipe docs`: the reference of all that a spec can say, from the same declarations that read specs.
//!
//! `--markdown` prints the whole of it, which is `docs/reference.md`; a test holds the two together.

mod comment;
mod entry;
mod fields;
mod markdown;

use std::io::Write;

use clap::Args;
use serde_json::{Value as Json, json};

use self::entry::{EVERY_STAGE, Entry, Family};
use self::fields::Row;
use super::print::{self, Align, Paint, Table};
use super::schema;
use crate::error::{Error, Exit};
use simpipe_base::param::Shape;
use simpipe_base::suggest::{self, Known};
use simpipe_metric::registry::called;
use simpipe_stage::StageDoc;
use simpipe_stages::columns::{ColumnDoc, column_called};
use simpipe_stages::registry;
use simpipe_stages::reported::{Reported, reported};

/// Explain what a spec can contain: stages, layers, losses, samplers, sources, metrics, figures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe docs
  simpipe docs train
  simpipe docs conv2d
  simpipe docs train.loss
  simpipe docs match.lone
  simpipe docs --markdown > reference.md")]
pub(super) struct DocsArgs {
    /// A stage, a key such as `train.loss`, what it takes, such as `conv2d`, or a number or column of a result, such as
    /// `match.lone` or `query_id`.
    name: Option<String>,
    /// Print the whole reference as Markdown.
    #[arg(long, conflicts_with_all = ["name", "json"])]
    markdown: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &DocsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let docs = registry::builtin().docs();
    let families = Family::all(&docs);
    match &args.name {
        None if args.markdown => out.write_all(markdown::reference(&docs, &families).as_bytes())?,
        None if args.json => print::json(&all_json(&docs, &families), out)?,
        None => overview(&docs, &families, out)?,
        Some(name) => {
            let found = find(name, &docs, &families)?;
            if args.json {
                print::json(&found_json(&found), out)?;
            } else {
                show(&found, &families, out)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// What a name means; several things may share one.
struct Meanings<'a> {
    stages: Vec<&'a StageDoc>,
    families: Vec<&'a Family>,
    entries: Vec<(&'a Family, Entry)>,
    /// Parameters, each with the stage or entry that has it; only where nothing else is called so.
    parameters: Vec<(String, Row)>,
    /// Numbers that stages leave: by themselves only where nothing else is called so.
    numbers: Vec<Reported>,
    /// A column of tables that stages leave.
    column: Option<&'static ColumnDoc>,
}

impl Meanings<'_> {
    /// A figure may have the name of what it shows, which is wanted then too.
    fn is_figures_alone(&self) -> bool {
        let others = self.stages.is_empty() && self.families.is_empty();
        others && !self.entries.is_empty() && self.entries.iter().all(|(family, _)| family.path() == "report.figures")
    }

    /// Whether there are numbers and nothing else.
    fn is_numbers_alone(&self) -> bool {
        let others = (self.stages.len(), self.families.len(), self.entries.len());
        !self.numbers.is_empty() && others == (0, 0, 0)
    }

    fn is_empty(&self) -> bool {
        self.stages.is_empty()
            && self.families.is_empty()
            && self.entries.is_empty()
            && self.parameters.is_empty()
            && self.numbers.is_empty()
            && self.column.is_none()
    }
}

/// Parameters by name, as `epochs` or `train.epochs`.
fn parameters(name: &str, docs: &[StageDoc], families: &[Family]) -> Vec<(String, Row)> {
    let entries = families.iter().flat_map(|family| family.entries().into_iter());
    let all = docs.iter().map(Entry::of_stage).chain([Entry::of_every_stage()]).chain(entries);
    let of_entry = |entry: Entry| {
        let rows: Vec<Row> = entry.params.iter().flat_map(|record| fields::rows(record, families, "")).collect();
        let owner = entry.name;
        let is =
            |of: &str, row: &Row| name.strip_suffix(&row.name).is_some_and(|front| front.strip_suffix('.') == Some(of));
        let common = |row: &Row| owner == EVERY_STAGE && docs.iter().any(|doc| is(doc.name, row));
        let meant = |row: &Row| row.name == name || is(&owner, row) || common(row);
        rows.into_iter().filter(meant).map(|row| (owner.clone(), row)).collect::<Vec<_>>()
    };
    all.flat_map(of_entry).collect()
}

fn find<'a>(name: &str, docs: &'a [StageDoc], families: &'a [Family]) -> Result<Meanings<'a>, Error> {
    let entries = |family: &'a Family| family.entries().into_iter().map(move |entry| (family, entry));
    let numbers = reported(name);
    let mut found = Meanings {
        parameters: Vec::new(),
        numbers: numbers.clone().ok().filter(|_| name.contains('.')).unwrap_or_default(),
        stages: docs.iter().filter(|doc| doc.name == name).collect(),
        column: None,
        families: families.iter().filter(|family| family.path() == name || family.key == name).collect(),
        entries: families.iter().flat_map(entries).filter(|(_, entry)| entry.name == name).collect(),
    };
    if found.is_empty() || found.is_numbers_alone() || found.is_figures_alone() {
        found.parameters = parameters(name, docs, families);
    }
    if found.is_empty() {
        found.numbers = numbers.clone().unwrap_or_default();
    }
    found.column = column_called(name);
    if found.is_empty() {
        let paths: Vec<String> = families.iter().map(Family::path).collect();
        let names = families.iter().flat_map(|family| family.choice.alternatives.iter().map(|one| one.name));
        let known: Vec<&str> =
            docs.iter().map(|doc| doc.name).chain(paths.iter().map(String::as_str)).chain(names).collect();
        if let Some(help) = of_other_tools(name, docs, families) {
            return Err(Error::usage(format!("nothing in a spec or a result has the name `{name}`"), help));
        }
        let near = suggest::closest(name, known).map(|known| format!("did you mean `{known}`?"));
        let number = numbers.err().map(|error| error.help).filter(|help| help.starts_with("did you mean"));
        let help = if name.contains(['.', '@']) { number.or(near) } else { near.or(number) };
        let help = help.unwrap_or_else(|| "see `simpipe docs`".to_owned());
        return Err(Error::usage(format!("nothing in a spec or a result has the name `{name}`"), help));
    }
    Ok(found)
}

/// What other tools call by this name: an alternative, a parameter, a metric, or what a sentence is said of.
fn of_other_tools(name: &str, docs: &[StageDoc], families: &[Family]) -> Option<String> {
    let alternatives = || families.iter().flat_map(|family| family.choice.alternatives.iter());
    let is_called = |name_here: &str, aka: &[&str]| Known { name: name_here, aka }.is_called(name);
    let chosen = alternatives().find(|one| is_called(one.name, one.aka)).map(|one| one.name.to_owned());
    let own = docs.iter().map(|doc| &doc.params);
    let records = own.chain(alternatives().filter_map(|one| one.params.as_ref())).filter_map(|shape| match shape {
        Shape::Record(record) => Some(record),
        _ => None,
    });
    let field = || records.flat_map(|record| &record.fields).find(|field| is_called(&field.name, field.aka));
    let meant = chosen.or_else(|| field().map(|field| field.name.clone()));
    let both: Vec<String> = meant.map(|meant| format!("`{meant}`")).into_iter().chain(called(name)).collect();
    let meant = (!both.is_empty()).then(|| format!("did you mean {}?", both.join(" or ")));
    meant.or_else(|| registry::builtin().note(name).map(str::to_owned))
}

fn stage_json(doc: &StageDoc) -> Json {
    json!({
        "name": doc.name, "summary": doc.summary, "files": doc.files, "params": schema::of_shape(&doc.params),
        "example": Entry::of_stage(doc).example,
    })
}

fn all_json(docs: &[StageDoc], families: &[Family]) -> Json {
    let stages: Vec<Json> = docs.iter().map(stage_json).collect();
    let entries = |family: &Family| family.entries().iter().map(|entry| entry.json(&family.path())).collect::<Vec<_>>();
    json!({ "stages": stages, "entries": families.iter().flat_map(entries).collect::<Vec<_>>(), "parameters": [] })
}

fn found_json(found: &Meanings<'_>) -> Json {
    let of_family = |family: &&Family| family.entries().iter().map(|e| e.json(&family.path())).collect::<Vec<_>>();
    let entries: Vec<Json> = found.entries.iter().map(|(family, entry)| entry.json(&family.path())).collect();
    let entries: Vec<Json> = entries.into_iter().chain(found.families.iter().flat_map(of_family)).collect();
    let stages: Vec<Json> = found.stages.iter().map(|doc| stage_json(doc)).collect();
    let parameter = |(owner, row): &(String, Row)| {
        json!({
            "name": row.name, "of": owner, "kind": row.kind.replace('`', ""), "default": row.default.replace('`', ""),
            "range": row.range,
            "meaning": row.meaning,
        })
    };
    let parameters: Vec<Json> = found.parameters.iter().map(parameter).collect();
    let mut json = json!({ "stages": stages, "entries": entries, "parameters": parameters });
    let number = |number: &Reported| json!({ "name": number.name, "definition": number.definition });
    let column = |column: &ColumnDoc| json!({ "name": column.name, "definition": in_files(column) });
    let numbers: Vec<Json> = found.numbers.iter().map(number).chain(found.column.map(column)).collect();
    if !numbers.is_empty() {
        json["metrics"] = numbers.into();
    }
    json
}

/// A column's definition, with the files that have it.
fn in_files(column: &ColumnDoc) -> String {
    format!("{} A column of {}.", column.definition, column.files)
}

/// The names of everything.
fn overview(docs: &[StageDoc], families: &[Family], out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[("Stage", Align::Left), ("Purpose", Align::Left)]);
    docs.iter().for_each(|doc| table.row(vec![doc.name.to_owned(), doc.summary.to_owned()]));
    table.write(out, &print::plain)?;
    writeln!(out)?;
    let mut table = Table::new(&[("Key", Align::Left), ("Takes", Align::Left)]);
    for family in families {
        let names: Vec<&str> = family.choice.alternatives.iter().map(|alternative| alternative.name).collect();
        for (at, names) in names.chunks(6).enumerate() {
            table.row(vec![if at == 0 { family.path() } else { String::new() }, names.join(", ")]);
        }
    }
    table.write(out, &print::plain)?;
    writeln!(out, "\n`simpipe docs NAME` shows one of them, and defines a number of a result, such as `match.lone`")?;
    Ok(())
}

fn show(found: &Meanings<'_>, families: &[Family], out: &mut dyn Write) -> Result<(), Error> {
    let mut first = true;
    let mut gap = |out: &mut dyn Write| if std::mem::take(&mut first) { Ok(()) } else { writeln!(out) };
    for doc in &found.stages {
        gap(out)?;
        show_stage(doc, families, out)?;
    }
    for family in &found.families {
        gap(out)?;
        let doc = comment::Comment::read(family.choice.doc).line();
        writeln!(out, "{}: {doc}", Paint::stdout().bold(&family.path()))?;
        let mut table = Table::new(&[("Name", Align::Left), ("Purpose", Align::Left)]);
        family.entries().into_iter().for_each(|entry| {
            let purpose = entry.comment.paragraphs.first().cloned().unwrap_or_default();
            table.row(vec![entry.name, purpose]);
        });
        table.write(out, &print::plain)?;
    }
    for (family, entry) in &found.entries {
        gap(out)?;
        writeln!(out, "{} ({})", Paint::stdout().bold(&entry.name), family.path())?;
        show_entry(entry, families, out)?;
    }
    for (owner, row) in &found.parameters {
        write!(out, "{} of {owner}", Paint::stdout().bold(&row.name))?;
        show_row_rest(row, out)?;
    }
    if let Some(column) = found.column {
        gap(out)?;
        let (name, files) = (Paint::stdout().bold(column.name), column.files);
        writeln!(out, "{name} (a column of {files})\n      {}", column.definition)?;
    }
    for number in &found.numbers {
        gap(out)?;
        writeln!(out, "{} (a number in results)\n      {}", Paint::stdout().bold(&number.name), number.definition)?;
    }
    Ok(())
}

fn show_stage(doc: &StageDoc, families: &[Family], out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{} (a stage that gives {})", Paint::stdout().bold(doc.name), doc.output.words())?;
    for line in fields::ports(doc) {
        writeln!(out, "reads {}", line.replace('`', ""))?;
    }
    writeln!(out, "writes {}", doc.files.join(", "))?;
    show_entry(&Entry::of_stage(doc), families, out)?;
    Ok(writeln!(out, "\nevery stage takes `timeout` and `retries` too: `simpipe docs timeout`")?)
}

/// What follows a parameter's name.
fn show_row_rest(row: &Row, out: &mut dyn Write) -> Result<(), Error> {
    let range = if row.range.is_empty() { String::new() } else { format!(", {}", row.range) };
    writeln!(out, " ({}; {}{range})\n      {}", row.kind.replace('`', ""), row.default, row.meaning)?;
    Ok(row.alternatives.iter().try_for_each(|(name, doc)| writeln!(out, "      - {name}: {doc}"))?)
}

fn show_entry(entry: &Entry, families: &[Family], out: &mut dyn Write) -> Result<(), Error> {
    entry.comment.paragraphs.iter().try_for_each(|paragraph| writeln!(out, "\n{paragraph}"))?;
    for shapes in entry.comment.shapes.iter().chain(&entry.shapes) {
        writeln!(out, "\nshapes: {shapes}")?;
    }
    for row in entry.params.iter().flat_map(|record| fields::rows(record, families, "")) {
        write!(out, "\n  {}", Paint::stdout().bold(&row.name))?;
        show_row_rest(&row, out)?;
    }
    writeln!(out, "\nexample:")?;
    Ok(entry.example.lines().try_for_each(|line| writeln!(out, "  {line}"))?)
}
