//! What went wrong, as a program that embeds simpipe is told.

use std::fmt;

use crate::error;
use simpipe_runner::RunError;
use simpipe_stage::StageError;
use simpipe_store::StoreError;

/// What went wrong, with what to do about it: the words that the command prints.
///
/// An error may be several, for all problems of a spec are told at once.
#[derive(Debug)]
pub struct Error(error::Error);

impl Error {
    pub(super) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self(error::Error::usage(message, help))
    }

    /// Each problem in words.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.0.issues().into_iter().map(|issue| issue.message).collect()
    }

    /// What to do about each, where something is known.
    #[must_use]
    pub fn help(&self) -> Vec<Option<String>> {
        self.0.issues().into_iter().map(|issue| issue.help).collect()
    }

    /// The exit code that the command would end with: 1 a stage failed, 2 the spec or what was asked for is wrong, 3 the store is
    /// damaged, 4 data is not there, 130 it was stopped.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.exit().code()
    }
}

/// Every problem in a line of its own, with its place and what to do about it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, record) in self.0.records().into_iter().enumerate() {
            let line = if at > 0 { "\n" } else { "" };
            let place = if record.line > 0 { format!("{}:{}: ", record.file, record.line) } else { String::new() };
            let help = record.help.map_or_else(String::new, |help| format!("; {help}"));
            write!(f, "{line}{place}{}{help}", record.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        Self(error)
    }
}

/// What the layers below end with.
macro_rules! from {
    ($($error:ty),*) => { $(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self(error.into())
            }
        }
    )* };
}

from!(RunError, StoreError, StageError, std::io::Error);

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::issue::Issue;

    #[test]
    fn all_problems_are_told_each_with_its_help() {
        let issues = vec![Issue::nowhere("one").help("do this"), Issue::nowhere("two")];
        let error = Error::from(error::Error::Spec(issues));
        assert_eq!(error.to_string(), "one; do this\ntwo");
        assert_eq!(error.messages(), ["one", "two"]);
        assert_eq!((error.help(), error.exit_code()), (vec![Some("do this".to_owned()), None], 2));
    }
}
