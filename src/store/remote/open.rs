//! The first contact: is there a store, of a format that is known, and can it be shared safely?
//!
//! Sharing rests on put-if-absent. Some servers accept its header and ignore it: two machines would overwrite each
//! other's entries unseen. So it is tried out before anything is sent.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::connect::{credentials_help, endpoint, has_credentials};
use super::error::RequestError;
use super::timeouts::Limits;
use super::url::Scheme;
use super::{Access, Connection, RemoteError, RemoteUrl, RemoteUse};
use crate::memo::Place;
use crate::{FORMAT, Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// How long a server that can be shared is taken at its word.
const TRUSTED_SECONDS: u64 = 24 * 60 * 60;

/// What is remembered of a store that was found to be fit for sharing.
#[derive(Debug, Serialize, Deserialize)]
struct Memo {
    place: Place,
    checked_unix: u64,
}

/// What a look at a store found.
enum Look {
    Store,
    OtherFormat(String),
    Nothing,
}

/// Whether a store can be shared.
enum Probe {
    Shared,
    ReadOnly(String),
    /// Two writers would overwrite each other: what the server did.
    Unsafe(String),
}

/// Looks at a store and says what may be done with it.
pub(super) fn open(local: &Store, url: &RemoteUrl, wanted: RemoteUse) -> Result<Access, StoreError> {
    let sharing = wanted == RemoteUse::Share && !url.read_only();
    let memo = memo_path(local, url);
    if !url.read_only() && remembered(&memo) {
        return Ok(if sharing { Access::Shared } else { Access::Read });
    }
    if url.scheme == Scheme::File {
        prepare_folder(url, sharing)?;
    }
    let connection = Connection::start(url, Limits::of_environment().of_first_contact())
        .map_err(|words| unavailable(url, &words))?;
    let client = connection.client.clone();
    let contact = async move { first_contact(&client, sharing).await };
    let (look, probe) = match connection.runtime.wait(local.cancel.as_deref(), contact) {
        Err(RequestError::Interrupted) => return Err(StoreError::Interrupted),
        Err(trouble) => return Err(unavailable(url, &trouble.to_string()).into()),
        Ok(found) => found,
    };
    match look {
        Look::OtherFormat(found) => return Err(StoreError::Format { path: PathBuf::from(url.to_string()), found }),
        Look::Nothing if url.read_only() => {
            return Err(unavailable(url, "there is no store: it has no file `format`").into());
        }
        Look::Store | Look::Nothing => {}
    }
    match probe {
        None if wanted == RemoteUse::Read => Ok(Access::Read),
        None => Ok(Access::ReadOnly("a web server takes no results".to_owned())),
        Some(Probe::ReadOnly(words)) => Ok(Access::ReadOnly(words)),
        Some(Probe::Shared) => {
            remember(&memo, url);
            Ok(Access::Shared)
        }
        Some(Probe::Unsafe(what)) => Err(unsafe_to_share(url, &what).into()),
    }
}

/// Looks for the store and, where it is to be shared, tries put-if-absent out and makes an empty bucket a store.
async fn first_contact(client: &Client, sharing: bool) -> Result<(Look, Option<Probe>), RequestError> {
    let look = look(client).await?;
    if !sharing || matches!(look, Look::OtherFormat(_)) {
        return Ok((look, None));
    }
    let probe = probe(client).await?;
    if matches!((&look, &probe), (Look::Nothing, Probe::Shared)) {
        // Whoever is first writes the same.
        client.create("format", format!("{FORMAT}\n").into_bytes()).await?;
    }
    Ok((look, Some(probe)))
}

async fn look(client: &Client) -> Result<Look, RequestError> {
    match client.read("format").await? {
        Some(bytes) => {
            let found = String::from_utf8_lossy(&bytes).trim().to_owned();
            Ok(if found == FORMAT.to_string() { Look::Store } else { Look::OtherFormat(found) })
        }
        None => match client.list("tmp").await {
            // Some servers say the same of a missing object and a missing bucket; not so when asked for a list.
            Err(trouble @ (RequestError::NoBucket | RequestError::Failed(_))) => Err(trouble),
            _ => Ok(Look::Nothing),
        },
    }
}

async fn probe(client: &Client) -> Result<Probe, RequestError> {
    let name = format!("tmp/probe-{}", fs::unique_name());
    let create = || client.create(&name, b"put-if-absent?\n".to_vec());
    match create().await {
        Ok(_) => {} // "taken" would be our own bytes and a lost answer: nobody else knows the name
        Err(RequestError::Denied(words)) => return Ok(Probe::ReadOnly(words)),
        Err(RequestError::Unsupported(words)) => return Ok(Probe::Unsafe(words)),
        Err(trouble) => return Err(trouble),
    }
    let second = create().await;
    drop(client.remove(&name).await); // one that stays is a few bytes
    match second {
        Ok(false) => Ok(Probe::Shared),
        Ok(true) => Ok(Probe::Unsafe("it let a second writer overwrite the first".to_owned())),
        Err(RequestError::Unsupported(words)) => Ok(Probe::Unsafe(words)),
        Err(trouble) => Err(trouble),
    }
}

fn unavailable(url: &RemoteUrl, what: &str) -> RemoteError {
    let unsigned = if has_credentials(url.scheme) { "" } else { "; the environment holds no credentials" };
    let message = format!("can't use the store {url} at {}: {what}{unsigned}", endpoint(url));
    RemoteError::unavailable(message, credentials_help(url.scheme))
}

fn unsafe_to_share(url: &RemoteUrl, what: &str) -> RemoteError {
    RemoteError::usage(
        format!(
            "the server at {} can't be shared by several writers, because it has no put-if-absent (`If-None-Match: \
             *`): {what}",
            endpoint(url)
        ),
        "read from it with `--store-read-only`, or use a server that has it, such as S3, MinIO or Cloudflare R2",
    )
}

/// A folder on a file server is made if the one above it is there: else the server is probably not mounted.
fn prepare_folder(url: &RemoteUrl, sharing: bool) -> Result<(), RemoteError> {
    let folder = std::path::Path::new(&url.prefix);
    if folder.is_dir() || sharing && simpipe_base::fs::create_dir(folder).is_ok() {
        return Ok(());
    }
    Err(unavailable(url, "there is no such folder"))
}

fn memo_path(local: &Store, url: &RemoteUrl) -> PathBuf {
    let name = Digest::of_json(&("object store", url.to_string(), endpoint(url), FORMAT)).to_string();
    local.folder("stat").join(&name[..2]).join(&name[2..])
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn remembered(memo: &std::path::Path) -> bool {
    let memo = std::fs::read(memo).ok().and_then(|bytes| serde_json::from_slice::<Memo>(&bytes).ok());
    memo.is_some_and(|memo| now().checked_sub(memo.checked_unix).is_some_and(|age| age < TRUSTED_SECONDS))
}

/// Without the memo the next command asks again: nothing is lost.
fn remember(memo: &std::path::Path, url: &RemoteUrl) {
    let of = Memo { place: Place::Server(url.to_string()), checked_unix: now() };
    let bytes = serde_json::to_vec(&of).expect("a memo serializes to JSON");
    drop(fs::replace_unsynced(memo, &bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_taken_at_its_word_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aa/memo");
        let url = RemoteUrl::parse("s3://bucket/prefix").unwrap();
        assert!(!remembered(&path));
        remember(&path, &url);
        assert!(remembered(&path));
        for (checked_unix, trusted) in
            [(now() - TRUSTED_SECONDS + 60, true), (now() - TRUSTED_SECONDS, false), (now() + 60, false)]
        {
            let memo = Memo { place: Place::Server(url.to_string()), checked_unix };
            std::fs::write(&path, serde_json::to_vec(&memo).unwrap()).unwrap();
            assert_eq!(remembered(&path), trusted);
        }
    }
}
