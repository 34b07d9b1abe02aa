//! What is said of options and commands of other tools: the words of ours that do the same.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands that take `--set`.
const WITH_SPEC: &[&str] = &["run", "plan", "explain", "check", "graph", "config", "sweep"];

/// The same error with a tip of ours in place of clap's guess, and that tip.
pub(super) fn with_tip(mut error: clap::Error, args: &[OsString]) -> (clap::Error, Option<String>) {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let command = args.get(1).map_or("", String::as_str);
    let named = match error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand)) {
        Some(ContextValue::String(name)) => name.clone(),
        Some(ContextValue::Strings(names)) => names.join(" "),
        _ => return (error, None),
    };
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => {
            // A file that begins with a dash is rarer than a misspelt option.
            if named.starts_with("--") {
                error.remove(ContextKind::Suggested);
            }
            of_option(command, &named, &value(&args, &named))
        }
        ErrorKind::InvalidSubcommand => of_command(&named),
        ErrorKind::MissingRequiredArgument if command == "query" => of_query(&named, &args),
        _ => None,
    };
    if let Some(tip) = &tip {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip.clone())]));
    }
    (error, tip)
}

/// The value that stands with an option.
fn value(args: &[String], option: &str) -> Option<String> {
    let name = option.split('=').next().unwrap_or_default();
    let at = args.iter().position(|arg| arg.split('=').next() == Some(name))?;
    let value = args[at].split_once('=').map(|(_, value)| value).or_else(|| args.get(at + 1).map(String::as_str))?;
    let is_word = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    (is_word && !value.starts_with('-')).then(|| value.to_owned())
}

fn of_option(command: &str, option: &str, value: &Option<String>) -> Option<String> {
    let name = option.split('=').next().unwrap_or_default();
    if command == "serve" && name == "--port" {
        return Some(format!("write `--listen 127.0.0.1:{}`", value.as_deref().unwrap_or("8000")));
    }
    if command == "run" && matches!(name, "--dry-run" | "--dryrun") {
        return Some("`simpipe plan CONFIG` says what a run would do".to_owned());
    }
    let key = match name {
        "--epochs" | "--num-epochs" | "--max-epochs" => "train.epochs",
        "--steps-per-epoch" => "train.steps-per-epoch",
        "--device" | "--gpu" => "device",
        "--seed" => "seed",
        _ => return None,
    };
    let value = value.clone().filter(|_| name != "--gpu");
    let example = if key == "device" { "auto" } else { "3" };
    let value = value.as_deref().unwrap_or(example);
    WITH_SPEC.contains(&command).then(|| format!("write `--set {key}={value}`"))
}

fn of_command(name: &str) -> Option<String> {
    let words = match name {
        "train" | "fit" | "exec" => "`simpipe run CONFIG` trains and does all other stages",
        "dag" | "viz" => "`simpipe graph CONFIG` shows the graph",
        "metrics" => "`simpipe show RUN` has the numbers of a run, `simpipe runs` those of all",
        "version" => "write `simpipe --version`",
        "list" | "ls" => "`simpipe runs` lists the runs",
        "search" | "predict" => "`simpipe query RUN IMAGE` looks an image up",
        _ => return None,
    };
    Some(words.to_owned())
}

/// One argument where the run and a picture belong.
fn of_query(missing: &str, args: &[String]) -> Option<String> {
    let given = args.get(2).filter(|given| missing.contains("IMAGE") && !given.starts_with('-'))?;
    Some(format!("the run comes first: `simpipe query latest {given}`"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn said(line: &str) -> (String, Option<String>) {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let (error, tip) = with_tip(Cli::try_parse_from(&args).unwrap_err(), &args);
        (error.render().to_string(), tip)
    }

    #[test]
    fn words_of_other_tools_lead_to_ours() {
        for (line, tip) in [
            ("simpipe run --dry-run a.toml", "`simpipe plan CONFIG` says what a run would do"),
            ("simpipe run a.toml --epochs 3", "write `--set train.epochs=3`"),
            ("simpipe run a.toml --epochs=5", "write `--set train.epochs=5`"),
            ("simpipe serve latest --port 9000", "write `--listen 127.0.0.1:9000`"),
            ("simpipe train a.toml", "`simpipe run CONFIG` trains and does all other stages"),
            ("simpipe dag a.toml", "`simpipe graph CONFIG` shows the graph"),
            ("simpipe version", "write `simpipe --version`"),
            ("simpipe query new.jpg", "the run comes first: `simpipe query latest new.jpg`"),
        ] {
            let (text, found) = said(line);
            assert!(found.as_deref() == Some(tip) && text.contains(&format!("tip: {tip}")), "{line}: {text}");
            assert!(text.matches("tip:").count() == 1 && !text.contains(" -- "), "{line}: {text}");
        }
    }

    #[test]
    fn other_options_are_no_values_and_near_ones_are_named() {
        let (text, tip) = said("simpipe run a.toml --nonsense");
        assert!(tip.is_none() && !text.contains("tip:"), "{text}");
        let (text, _) = said("simpipe run a.toml --job 3");
        assert!(text.contains("'--jobs'"), "{text}");
        let (text, _) = said("simpipe compar a b");
        assert!(text.contains("'compare'"), "{text}");
    }
}
