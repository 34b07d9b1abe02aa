//! What the command line asks of the list.

use super::RunsArgs;
use crate::error::Error;
use simpipe_runner::listing::{Condition, Field, Listing};

/// The fields that the command line names.
pub(super) struct Asked {
    conditions: Vec<(Field, Condition)>,
    pub(super) sort: Option<(String, Field)>,
    pub(super) group_by: Option<(String, Field)>,
    pub(super) columns: Vec<(String, Field)>,
}

impl Asked {
    /// Looks the names up among the fields that the runs have.
    pub(super) fn of(args: &RunsArgs, listing: &mut Listing) -> Result<Self, Error> {
        let mut conditions = Vec::new();
        for text in &args.conditions {
            let condition = Condition::parse(text).ok_or_else(|| {
                let help =
                    "write a field, one of = != < <= > >= or ~ (contains), and a value: `--where 'evaluate.map@r>0.4'`";
                Error::usage(format!("`{text}` is not a condition"), help)
            })?;
            let (name, mut field) = named(listing, &condition.field)?;
            if !condition.suits(&field) {
                // A word is of a config, where a metric has the same name.
                field = listing.config_field(&name).unwrap_or(field);
            }
            if !condition.suits(&field) {
                let help = format!("compare it with a number: `{name}>0.4`");
                return Err(Error::usage(format!("`{name}` is a number, and `{}` is not", condition.wanted), help));
            }
            conditions.push((field, condition));
        }
        let sort = args.sort.as_ref().map(|name| named(listing, name)).transpose()?;
        let group_by = args.group_by.as_ref().map(|name| group(listing, name)).transpose()?;
        let columns = args.columns.iter().map(|name| named(listing, name.trim())).collect::<Result<_, _>>()?;
        Ok(Self { conditions, sort, group_by, columns })
    }

    /// Filters, sorts and cuts.
    pub(super) fn apply(&self, args: &RunsArgs, listing: &mut Listing) {
        self.conditions.iter().for_each(|(field, condition)| listing.keep(field, condition));
        match &self.sort {
            Some((_, field)) => listing.sort(field, args.reverse),
            None if args.reverse => listing.runs.reverse(),
            None => {}
        }
        listing.runs.truncate(args.limit.unwrap_or(usize::MAX));
    }
}

fn named(listing: &mut Listing, name: &str) -> Result<(String, Field), Error> {
    let field = listing.field(name);
    let field = field.map_err(|error| Error::usage(format!("no run has a field `{}`", error.name), error.help))?;
    Ok((name.to_owned(), field))
}

/// What runs are grouped by: what their configs say, where a metric has the same name.
fn group(listing: &mut Listing, name: &str) -> Result<(String, Field), Error> {
    match listing.config_field(name) {
        Some(field) => Ok((name.to_owned(), field)),
        None => named(listing, name),
    }
}
