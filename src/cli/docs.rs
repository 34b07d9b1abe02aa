//! `simpipe docs`: the reference of stages and their parameters, from the same declarations that read them.

use std::io::Write;

use clap::Args;
use serde_json::{Value as Json, json};

use super::print::{self, Align, Paint, Table};
use super::schema;
use crate::base::param::{Field, Shape};
use crate::base::suggest;
use crate::error::{Error, Exit};
use crate::stage::StageDoc;
use crate::stages::registry;

/// Show the stages, or one stage with its parameters.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe docs
  simpipe docs train
  simpipe docs --json")]
pub(super) struct DocsArgs {
    /// A stage kind.
    name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &DocsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let mut docs = registry::builtin().docs();
    if let Some(name) = &args.name {
        let names: Vec<&str> = docs.iter().map(|doc| doc.name).collect();
        if !names.contains(&name.as_str()) {
            return Err(Error::usage(format!("there is no stage kind `{name}`"), suggest::help(name, &names)));
        }
        docs.retain(|doc| doc.name == name);
    }
    if args.json {
        let docs: Vec<Json> = docs.iter().map(doc_json).collect();
        print::json(&json!({ "stages": docs }), out)?;
    } else if args.name.is_some() {
        docs.iter().try_for_each(|doc| write_stage(doc, out))?;
    } else {
        let mut table = Table::new(&[("Stage", Align::Left), ("Purpose", Align::Left)]);
        docs.iter().for_each(|doc| table.row(vec![doc.name.to_owned(), doc.summary.to_owned()]));
        table.write(out, &print::plain)?;
    }
    Ok(Exit::Done)
}

fn doc_json(doc: &StageDoc) -> Json {
    json!({ "name": doc.name, "summary": doc.summary, "files": doc.files, "params": schema::of_shape(&doc.params) })
}

fn write_stage(doc: &StageDoc, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{}: {}\nwrites {}\n", Paint::stdout().bold(doc.name), doc.summary, doc.files.join(", "))?;
    Ok(write_shape(&doc.params, 0, out)?)
}

fn write_shape(shape: &Shape, depth: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let indent = "  ".repeat(depth);
    match shape {
        Shape::Record(record) => record.fields.iter().try_for_each(|field| write_field(field, depth, out)),
        Shape::Choice(choice) => choice.alternatives.iter().try_for_each(|alternative| {
            writeln!(out, "{indent}{}: {}", alternative.name, alternative.doc.trim())?;
            alternative.params.as_ref().map_or(Ok(()), |params| write_shape(params, depth + 1, out))
        }),
        Shape::AnyOf(shapes) => shapes.iter().try_for_each(|shape| write_shape(shape, depth, out)),
        Shape::List(item) | Shape::Map(item) => write_shape(item, depth, out),
        Shape::Boolean | Shape::Integer | Shape::Number | Shape::String | Shape::Path | Shape::Word(_) => Ok(()),
    }
}

fn write_field(field: &Field, depth: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let indent = "  ".repeat(depth);
    let default = match &field.default {
        None => "must be given".to_owned(),
        Some(Json::Null) => "may be left out".to_owned(),
        Some(value) => format!("default {value}"),
    };
    let range = field.expected.as_ref().map_or_else(String::new, |expected| format!(", {expected}"));
    writeln!(out, "{indent}{} ({}; {default}{range})", field.name, kind(&field.shape))?;
    writeln!(out, "{indent}    {}", field.doc.trim())?;
    write_shape(&field.shape, depth + 2, out)
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "boolean".to_owned(),
        Shape::Integer => "integer".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::String => "text".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::List(item) => format!("list of {}", kind(item)),
        Shape::Record(_) => "table".to_owned(),
        Shape::Map(value) => format!("table of NAME = {}", kind(value)),
        Shape::Choice(_) => "choice".to_owned(),
        Shape::AnyOf(shapes) => shapes.iter().map(kind).collect::<Vec<_>>().join(" or "),
        Shape::Word(word) => format!("\"{word}\""),
    }
}
