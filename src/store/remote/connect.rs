//! A client for a URL: credentials and endpoint from the environment, time limits, retries.

use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::limit::LimitStore;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, Error as ObjectError, ObjectStore, RetryConfig};

use super::client::Client;
use super::error::Secrets;
use super::limit::Connector;
use super::timeouts::Limits;
use super::url::{RemoteUrl, Scheme};

/// Requests at once.
pub(super) const PARALLEL: usize = 8;

/// A client of everything below a URL.
pub(super) fn connect(url: &RemoteUrl, limits: Limits) -> Result<Client, ObjectError> {
    provide_tls();
    let objects: Arc<dyn ObjectStore> = match url.scheme {
        Scheme::S3 => below(s3(url, limits)?, &url.prefix)?,
        Scheme::Gs => below(google(url, limits)?, &url.prefix)?,
        Scheme::Az => below(azure(url, limits)?, &url.prefix)?,
        Scheme::Http | Scheme::Https => below(web(url, limits)?, "")?,
        Scheme::File => below(LocalFileSystem::new_with_prefix(&url.prefix)?.with_fsync(true), "")?,
    };
    Ok(Client { objects, limits, secrets: Arc::new(Secrets::of_environment()) })
}

/// Registers the one implementation of TLS that is linked; `reqwest` is built without a choice of its own.
fn provide_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that one is registered already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// The part of a store below a folder, with a limit on requests at once.
fn below(store: impl ObjectStore, prefix: &str) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let limited = LimitStore::new(store, PARALLEL);
    if prefix.is_empty() {
        return Ok(Arc::new(limited));
    }
    Ok(Arc::new(PrefixStore::new(limited, object_store::path::Path::parse(prefix)?)))
}

fn retries(limits: Limits) -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 };
    RetryConfig { backoff, max_retries: 100, retry_timeout: limits.retry }
}

/// Time limits as every builder takes them. No limit on a whole request: a large object takes what it takes, and
/// one that stands still is caught by the limit on each read.
fn timeouts(limits: Limits) -> [(ClientConfigKey, String); 3] {
    let text = |duration: Duration| format!("{}ms", duration.as_millis());
    [
        (ClientConfigKey::ConnectTimeout, text(limits.answer.min(Duration::from_secs(5)))),
        (ClientConfigKey::ReadTimeout, text(limits.answer)),
        (ClientConfigKey::Timeout, "1day".to_owned()),
    ]
}

fn s3(url: &RemoteUrl, limits: Limits) -> Result<impl ObjectStore, ObjectError> {
    // Single deletes: not every server speaks the bulk request, and few objects are ever deleted.
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&url.bucket)
        .with_disable_bulk_delete(true)
        .with_http_connector(Connector(limits.least()))
        .with_retry(retries(limits));
    if s3_endpoint().is_some_and(|endpoint| is_loopback(&endpoint)) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp), "true");
    }
    for (key, value) in timeouts(limits) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    builder.build()
}

fn google(url: &RemoteUrl, limits: Limits) -> Result<impl ObjectStore, ObjectError> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(&url.bucket)
        .with_http_connector(Connector(limits.least()))
        .with_retry(retries(limits));
    for (key, value) in timeouts(limits) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    builder.build()
}

fn azure(url: &RemoteUrl, limits: Limits) -> Result<impl ObjectStore, ObjectError> {
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(&url.bucket)
        .with_http_connector(Connector(limits.least()))
        .with_retry(retries(limits));
    for (key, value) in timeouts(limits) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    builder.build()
}

fn web(url: &RemoteUrl, limits: Limits) -> Result<impl ObjectStore, ObjectError> {
    let mut options = ClientOptions::new().with_allow_http(url.scheme == Scheme::Http);
    for (key, value) in timeouts(limits) {
        options = options.with_config(key, value);
    }
    HttpBuilder::new()
        .with_url(url.to_string())
        .with_client_options(options)
        .with_http_connector(Connector(limits.least()))
        .with_retry(retries(limits))
        .build()
}

/// The server that a URL leads to, as far as the environment says, for messages.
pub(super) fn endpoint(url: &RemoteUrl) -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = match url.scheme {
        Scheme::S3 => s3_endpoint().unwrap_or_else(|| {
            let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
            format!("https://s3.{}.amazonaws.com", region.as_deref().unwrap_or("us-east-1"))
        }),
        Scheme::Gs => variable("GOOGLE_BASE_URL").unwrap_or_else(|| "https://storage.googleapis.com".to_owned()),
        Scheme::Az => variable("AZURE_STORAGE_ENDPOINT").or_else(|| variable("AZURE_ENDPOINT")).unwrap_or_else(|| {
            let account = variable("AZURE_STORAGE_ACCOUNT_NAME").unwrap_or_else(|| "ACCOUNT".to_owned());
            format!("https://{account}.blob.core.windows.net")
        }),
        Scheme::Http | Scheme::Https => return url.bucket.clone(),
        Scheme::File => return url.prefix.clone(),
    };
    without_user(&endpoint)
}

/// In the order in which the client looks.
fn s3_endpoint() -> Option<String> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// Whether nothing that is sent there leaves the machine, so that it need not be encrypted.
fn is_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// An address without a user and a password in it.
fn without_user(endpoint: &str) -> String {
    let Some((scheme, rest)) = endpoint.split_once("://") else { return endpoint.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned()
}

/// Whether the environment holds anything to sign with. Machines of a cloud have credentials without it.
pub(super) fn has_credentials(scheme: Scheme) -> bool {
    let names: &[&str] = match scheme {
        Scheme::S3 => &["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_", "AWS_SKIP_SIGNATURE"],
        Scheme::Gs => &["GOOGLE_"],
        Scheme::Az => &["AZURE_"],
        Scheme::Http | Scheme::Https | Scheme::File => return true,
    };
    let starts = |name: &std::ffi::OsStr| names.iter().any(|start| name.to_string_lossy().starts_with(start));
    std::env::vars_os().any(|(name, _)| starts(&name))
}

/// What to check if a server can't be used.
pub(super) const fn credentials_help(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::S3 => {
            "check the bucket's name, `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and \
             `AWS_SECRET_ACCESS_KEY`; a public bucket needs `AWS_SKIP_SIGNATURE=true`"
        }
        Scheme::Gs => "check the bucket's name and `GOOGLE_APPLICATION_CREDENTIALS`",
        Scheme::Az => {
            "check the container's name, `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY` or another \
             credential"
        }
        Scheme::Http | Scheme::Https => "check the address: it must lead to the folder that holds `format` and `ac/`",
        Scheme::File => "check that the folder exists and is mounted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_reached_without_encryption_unasked() {
        for (endpoint, loopback) in [
            ("http://127.0.0.1:9000", true),
            ("http://localhost", true),
            ("http://[::1]:9000/x", true),
            ("http://127.0.0.1.example.org", false),
            ("http://10.0.0.1:9000", false),
            ("https://127.0.0.1", false),
        ] {
            assert_eq!(is_loopback(endpoint), loopback, "{endpoint}");
        }
    }

    #[test]
    fn an_endpoint_is_shown_without_its_user() {
        assert_eq!(without_user("https://user:secret@host:9000/"), "https://host:9000");
        assert_eq!(without_user("https://host/path"), "https://host/path");
    }
}
