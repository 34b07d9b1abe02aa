//! The URL of an object store: what it may look like, and what is wrong with one that can't be used.
//!
//! A URL never holds credentials: one that does is refused, and no part of it is repeated in the message, for error
//! messages end up in logs and tickets.

use std::fmt;

use super::RemoteError;
use simpipe_base::suggest;

/// What kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Amazon S3 and whatever speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
    /// A static web server, read only.
    Http,
    /// The same over TLS.
    Https,
    /// A folder, such as one on a file server.
    File,
}

/// All schemes, by their names in a URL.
const SCHEMES: [(&str, Scheme); 6] = [
    ("s3", Scheme::S3),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
    ("http", Scheme::Http),
    ("https", Scheme::Https),
    ("file", Scheme::File),
];

/// Where an object store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    /// What kind of server.
    pub scheme: Scheme,
    /// Bucket, container, or host with port; empty for `file`.
    pub bucket: String,
    /// Folder in the bucket, without slashes at its ends; with `file` the absolute path.
    pub prefix: String,
}

impl RemoteUrl {
    /// Whether a text is meant as a URL and not as a folder.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        let known = |name: &str| SCHEMES.iter().any(|(scheme, _)| *scheme == name);
        text.contains("://") || text.split_once(':').is_some_and(|(name, _)| known(name))
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// If nothing can be stored there, or it holds credentials.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let (name, rest) = text.split_once("://").ok_or_else(|| {
            let name = text.split(':').next().unwrap_or_default();
            RemoteError::usage(format!("a store's URL has `//` after `{name}:`"), example(name))
        })?;
        if rest.split('/').next().unwrap_or_default().contains('@') || rest.contains(['?', '#']) {
            let message = "the store's URL holds a user, a password or a signature, so it is not repeated here";
            let help = "give the URL without them, and credentials in the environment: `AWS_ACCESS_KEY_ID` and so on";
            return Err(RemoteError::usage(message, help));
        }
        let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| *known == name.to_ascii_lowercase()) else {
            let names = SCHEMES.map(|(name, _)| name);
            return Err(RemoteError::usage(
                format!("no store has a URL that begins with `{name}://`"),
                format!(
                    "expected {}",
                    suggest::one_of(&names.map(|name| format!("{name}://")).each_ref().map(String::as_str))
                ),
            ));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let url = Self { scheme: *scheme, bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() };
        url.checked(name)
    }

    fn checked(self, name: &str) -> Result<Self, RemoteError> {
        let usage = |message: String| Err(RemoteError::usage(message, example(name)));
        if self.scheme == Scheme::File {
            if !(self.bucket.is_empty() || self.bucket == "localhost") {
                return usage(format!("`file://{}` names a host where an absolute path is expected", self.bucket));
            }
            return Ok(Self { bucket: String::new(), prefix: format!("/{}", self.prefix), ..self });
        }
        if self.bucket.is_empty() {
            return usage(format!("the store's URL `{name}://` names no {}", self.place()));
        }
        let signs = if self.read_only() { "-._:[]" } else { "-._" };
        let good = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
        if !self.bucket.chars().all(good) {
            return usage(format!("`{}` can't be the name of a {}", self.bucket, self.place()));
        }
        let segments = self.prefix.split('/');
        if !self.prefix.is_empty() && segments.into_iter().any(|part| matches!(part, "" | "." | "..")) {
            return usage(format!("`{}` can't be a folder of a store", self.prefix));
        }
        Ok(self)
    }

    /// What the first part of the URL names.
    const fn place(&self) -> &'static str {
        match self.scheme {
            Scheme::S3 | Scheme::Gs => "bucket",
            Scheme::Az => "container",
            Scheme::Http | Scheme::Https => "host",
            Scheme::File => "folder",
        }
    }

    /// Whether nothing can be written there, whoever asks.
    #[must_use]
    pub const fn read_only(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }
}

/// What a good URL of a scheme looks like.
fn example(name: &str) -> &'static str {
    match name {
        "gs" => "such as `gs://bucket/folder`",
        "az" => "such as `az://container/folder`",
        "http" | "https" => "such as `https://example.org/store`",
        "file" => "such as `file:///data/store`",
        _ => "such as `s3://bucket/folder`",
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme).map_or("", |(name, _)| name);
        match (self.scheme, self.prefix.as_str()) {
            (Scheme::File, path) => write!(f, "{name}://{path}"),
            (_, "") => write!(f, "{name}://{}", self.bucket),
            (_, prefix) => write!(f, "{name}://{}/{prefix}", self.bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, String) {
        let error = RemoteUrl::parse(text).unwrap_err();
        (error.to_string(), error.help().unwrap().to_owned())
    }

    #[test]
    fn urls_are_read_and_shown_without_needless_slashes() {
        for (text, shown) in [
            ("s3://bucket", "s3://bucket"),
            ("S3://bucket/a/b/", "s3://bucket/a/b"),
            ("az://container/a", "az://container/a"),
            ("http://127.0.0.1:8080/store/", "http://127.0.0.1:8080/store"),
            ("file:///data/store/", "file:///data/store"),
            ("file://localhost/data", "file:///data"),
        ] {
            assert_eq!(RemoteUrl::parse(text).unwrap().to_string(), shown);
        }
        assert!(RemoteUrl::is_url("s3:bucket") && RemoteUrl::is_url("x://y"));
        assert!(!RemoteUrl::is_url("/data/store") && !RemoteUrl::is_url("data:store"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let schemes = "expected `s3://`, `gs://`, `az://`, `http://`, `https://` or `file://`";
        assert_eq!([refused("s4://bucket").1, refused("ftp://bucket").1], [schemes, schemes]);
        assert_eq!(refused("s3:///prefix").0, "the store's URL `s3://` names no bucket");
        assert_eq!(refused("az://").0, "the store's URL `az://` names no container");
        assert_eq!(refused("s3:bucket").0, "a store's URL has `//` after `s3:`");
        assert!(refused("file://server/data").0.contains("absolute path"));
        assert!(refused("s3://host:9000/bucket").0.contains("`host:9000` can't be the name of a bucket"));
        assert!(refused("s3://a bucket").0.contains("can't be the name of a bucket"));
        assert!(refused("s3://bucket/a/../b").0.contains("can't be a folder"));
    }

    #[test]
    fn credentials_are_refused_and_never_repeated() {
        for text in [
            "s3://AKIAKEY:TOPSECRET@bucket/x",
            "https://user:TOPSECRET@host/x",
            "nonsense://u:TOPSECRET@host",
            "https://host/x?X-Amz-Signature=TOPSECRET",
            "az://container/x?sig=TOPSECRET",
        ] {
            let (message, help) = refused(text);
            assert!(!message.contains("TOPSECRET") && !help.contains("TOPSECRET"), "{message} {help}");
            assert!(help.contains("environment"), "{help}");
        }
    }
}
