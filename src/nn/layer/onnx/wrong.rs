//! Why a file can't be a layer, and at which parameter that is told.

use simpipe_base::issue::Issue;

/// Why a file can't be this layer.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The parameter that it is about.
    pub(super) at: &'static str,
    /// What is wrong, after the name of the file where it is about that.
    pub(super) words: String,
    help: Option<String>,
}

impl Wrong {
    /// The file is or holds something.
    pub(super) fn file(words: impl Into<String>) -> Self {
        Self { at: "path", words: words.into(), help: None }
    }

    /// A parameter is wrong.
    pub(super) fn at(at: &'static str, words: impl Into<String>) -> Self {
        Self { at, ..Self::file(words) }
    }

    /// What to do about it.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same as a problem of the layer, whose file is called `name`.
    pub(super) fn issue(self, name: &str) -> Issue {
        let message = if self.at == "path" { format!("`{name}` {}", self.words) } else { self.words };
        self.help.into_iter().fold(Issue::of(format!("onnx.{}", self.at), message), Issue::help)
    }
}
