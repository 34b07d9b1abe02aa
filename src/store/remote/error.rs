//! What can go wrong with an object store, in words that hold no secret.

use std::collections::BTreeSet;
use std::error::Error;

use object_store::Error as ObjectError;
use object_store::client::{HttpError, HttpErrorKind};

use super::limit::Beyond;
use crate::StoreError;

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteErrorKind {
    /// The command line names something that can't be used.
    Usage,
    /// What it names is not there or does not answer.
    Unavailable,
}

/// Why an object store can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    message: String,
    help: String,
    /// Who can do something about it.
    pub kind: RemoteErrorKind,
}

impl RemoteError {
    /// The command line names something that can't be used.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), kind: RemoteErrorKind::Usage }
    }

    /// What it names is not there or does not answer.
    pub(super) fn unavailable(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), kind: RemoteErrorKind::Unavailable }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        Some(&self.help)
    }
}

/// Why one request came to nothing.
#[derive(Debug)]
pub(super) enum RequestError {
    /// Nothing is stored under that name.
    Missing,
    /// Something is stored under that name already.
    Taken,
    /// The server knows us and says no, or does not know us.
    Denied(String),
    /// The bucket itself is not there.
    NoBucket,
    /// The server can't do what was asked.
    Unsupported(String),
    /// It did not work, however often it was tried.
    Failed(String),
    /// An object of the local store is not what its name says, so it was not sent.
    Unsound(String),
    /// The local store refuses.
    Local(StoreError),
    /// The user asked to stop.
    Interrupted,
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::Taken => f.write_str("it is there already"),
            Self::NoBucket => f.write_str("the bucket does not exist"),
            Self::Denied(words) | Self::Unsupported(words) | Self::Failed(words) | Self::Unsound(words) => {
                f.write_str(words)
            }
            Self::Local(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Interrupted => Self::Interrupted,
            other => Self::Local(other),
        }
    }
}

/// Credentials of the environment, so that no message shows one, even where a server repeats it.
#[derive(Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Values shorter than this are no secrets, and would tear holes into ordinary words.
    const SHORTEST: usize = 6;

    /// Every value of the environment that a client may sign with.
    pub(super) fn of_environment() -> Self {
        let secret = |name: &str| {
            let ours = ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
            let kinds = ["KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL"];
            // A path to a file of credentials is none itself, and worth showing.
            ours && kinds.iter().any(|kind| name.contains(kind)) && !name.ends_with("_FILE")
        };
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let whole = variables.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.as_str());
        let inside = variables.iter().filter_map(|(_, value)| password(value));
        let values = whole.chain(inside).filter(|value| value.len() >= Self::SHORTEST && !value.starts_with('/'));
        Self(values.map(str::to_owned).collect())
    }

    /// The text with every secret blotted out.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }

    /// What became of a request that is not tried again.
    pub(super) fn trouble(&self, error: &ObjectError) -> RequestError {
        let text = error.to_string();
        let no_bucket = ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"];
        if no_bucket.iter().any(|words| text.contains(words)) {
            return RequestError::NoBucket;
        }
        match error {
            ObjectError::NotFound { .. } => RequestError::Missing,
            ObjectError::AlreadyExists { .. } | ObjectError::Precondition { .. } | ObjectError::NotModified { .. } => {
                RequestError::Taken
            }
            ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => {
                RequestError::Denied(self.scrub(&words(error)))
            }
            ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
                RequestError::Unsupported(self.scrub(&words(error)))
            }
            _ if is_forbidden(error) => RequestError::Denied(self.scrub(&words(error))),
            // What a server answers that does not know a header or a method.
            _ if matches!(status(&text), Some(400 | 405 | 501)) => RequestError::Unsupported(self.scrub(&words(error))),
            _ => RequestError::Failed(self.scrub(&words(error))),
        }
    }
}

/// The password in an address such as `http://user:password@host`.
fn password(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// Whether the same request may succeed a moment later.
pub(super) fn is_transient(error: &ObjectError) -> bool {
    let ObjectError::Generic { store, .. } = error else { return false };
    match status(&error.to_string()) {
        Some(status) => status >= 500 && status != 501 || status == 429 || status == 408,
        None => *store != "LocalFileSystem" && !is_misconfigured(error),
    }
}

/// Whether the client has tried the same request several times by itself before it gave up.
pub(super) fn was_repeated(error: &ObjectError) -> bool {
    error.to_string().contains(" retries, max_retries: ")
}

/// Whether a request was never made, for credentials are not there or an option is wrong.
fn is_misconfigured(error: &ObjectError) -> bool {
    let text = error.to_string();
    ["URL scheme is not allowed", "builder error", "Missing ", "not a valid"].iter().any(|words| text.contains(words))
}

/// Whether a file system says no.
fn is_forbidden(error: &ObjectError) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = source {
        let io = current.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| matches!(io.kind(), PermissionDenied | ReadOnlyFilesystem)) {
            return true;
        }
        source = current.source();
    }
    false
}

/// The HTTP status that an error speaks of. Its type is private to the client, so it is read from the text.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("non-2xx status code: ")?;
    rest.split(' ').next()?.parse().ok()
}

/// An error in a few words.
fn words(error: &ObjectError) -> String {
    let text = error.to_string();
    if text.contains("URL scheme is not allowed") {
        return "without TLS only this machine can be reached, unless `AWS_ALLOW_HTTP=true` is set".to_owned();
    }
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(http) = current.downcast_ref::<HttpError>() {
            return transport(http);
        }
        source = current.source();
    }
    let Some((_, rest)) = text.split_once("non-2xx status code: ") else { return shortened(&text) };
    let status = rest.split(':').next().unwrap_or_default();
    let code = rest.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    match code {
        Some(code) => format!("the server answered {status} ({})", shortened(code)),
        None => format!("the server answered {status}"),
    }
}

/// An error below HTTP in a few words: the kind, and what the system says at the bottom of it.
fn transport(error: &HttpError) -> String {
    if let Some(beyond) = error.source().and_then(|source| source.downcast_ref::<Beyond>()) {
        return beyond.to_string();
    }
    let kind = match error.kind() {
        HttpErrorKind::Connect => "no connection",
        HttpErrorKind::Timeout => return "it took too long".to_owned(),
        HttpErrorKind::Request | HttpErrorKind::Interrupted => "the connection broke",
        _ => "the request failed",
    };
    let mut root: &(dyn Error + 'static) = error;
    while let Some(source) = root.source() {
        root = source;
    }
    format!("{kind}: {}", shortened(&root.to_string()))
}

/// The beginning of a text, on one line.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain("..".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> ObjectError {
        ObjectError::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn errors_are_sorted_by_whether_another_try_may_help() {
        for (text, transient) in [
            ("Server returned non-2xx status code: 500 Internal Server Error: ", true),
            ("Server returned non-2xx status code: 503 Service Unavailable: slow down", true),
            ("Server returned non-2xx status code: 429 Too Many Requests: ", true),
            ("Server returned non-2xx status code: 400 Bad Request: ", false),
            ("Server returned non-2xx status code: 501 Not Implemented: ", false),
            ("connection reset", true),
            ("builder error: URL scheme is not allowed", false),
        ] {
            assert_eq!(is_transient(&generic(text)), transient, "{text}");
        }
        assert!(!is_transient(&ObjectError::Generic { store: "LocalFileSystem", source: "disk full".into() }));
        assert!(!is_transient(&ObjectError::NotFound { path: "a".to_owned(), source: "gone".into() }));
    }

    #[test]
    fn a_password_is_found_in_an_address() {
        assert_eq!(password("http://user:pass:word@host:1/x@y"), Some("pass:word"));
        assert_eq!(password("http://host/user:password@x"), None);
    }

    #[test]
    fn words_name_the_status_and_the_servers_code_and_no_secret() {
        let secrets = Secrets(BTreeSet::from(["TOPSECRET".to_owned()]));
        let error = generic("x - Server returned non-2xx status code: 403 Forbidden: <Error><Code>No TOPSECRET</Code>");
        assert_eq!(secrets.trouble(&error).to_string(), "the server answered 403 Forbidden (No ***)");
        let error = generic("Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>");
        assert!(matches!(secrets.trouble(&error), RequestError::NoBucket));
        let http = HttpError::new(HttpErrorKind::Connect, std::io::Error::other("connection refused by TOPSECRET"));
        let error = ObjectError::Generic { store: "S3", source: Box::new(http) };
        assert_eq!(secrets.trouble(&error).to_string(), "no connection: connection refused by ***");
    }
}
