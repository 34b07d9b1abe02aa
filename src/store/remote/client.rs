//! Requests by the names of the store's layout: small ones whole, objects streamed and hashed on the way.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, TryStreamExt};
use object_store::path::Path as Name;
use object_store::{Error as ObjectError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::error::{RequestError, Secrets, is_transient, was_repeated};
use super::limit::{Beyond, NAMES, REPEATED, SMALL};
use super::timeouts::Limits;
use crate::{FileRecord, StoreError};
use simpipe_base::backoff;
use simpipe_base::digest::Digest;
use simpipe_base::fs::NewFile;

/// Larger objects are sent in parts of this size. S3 takes at most 10 000 of them.
const PART: usize = 8 << 20;

/// How often a large object is sent from the beginning before it is given up.
const UPLOADS: usize = 3;

/// Parts of one object under way at once; each is in memory.
const PARTS_AT_ONCE: usize = 2;

/// Pauses between tries begin with this and double up to the other.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often something is read before its bytes count as damaged and not as garbled on the way.
pub(super) const READS: usize = 3;

/// What became of an object that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Download {
    /// It is there, byte by byte.
    Intact,
    /// The server has none.
    Missing,
    /// What the server has is something else.
    Damaged(&'static str),
}

/// A client of one store.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) limits: Limits,
    pub(super) secrets: Arc<Secrets>,
}

impl Client {
    /// The bytes under a name; `None` if there are none. For small things.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, RequestError> {
        let (name, objects) = (&Name::from(name), &self.objects);
        let read = || async move {
            // Piece by piece: to read it at once reserves as much as the server says that there is.
            let (mut whole, mut bytes) = (Vec::new(), objects.get(name).await?.into_stream());
            while let Some(chunk) = bytes.try_next().await? {
                if (whole.len() + chunk.len()) as u64 > SMALL {
                    return Err(Beyond::Small.error());
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(whole)
        };
        match self.retried(read).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(RequestError::Missing) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// How many bytes are under a name; `None` if nothing is.
    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, RequestError> {
        let (name, objects) = (&Name::from(name), &self.objects);
        match self.retried(|| async move { Ok(objects.head(name).await?.size) }).await {
            Ok(size) => Ok(Some(size)),
            // Who may not list may not learn that nothing is there either.
            Err(RequestError::Missing | RequestError::Denied(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Names and sizes of everything in a folder.
    pub(super) async fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>, RequestError> {
        let (folder, objects) = (&Name::from(folder), &self.objects);
        let patience = self.limits.answer + self.limits.retry; // for each name: pages may be empty, and without end
        let list = || async move {
            let (mut names, mut repeated, mut items) = (BTreeMap::new(), 0, objects.list(Some(folder)));
            loop {
                let item = tokio::time::timeout(patience, items.try_next()).await.map_err(|_| Beyond::List.error())?;
                let Some(item) = item? else { return Ok(names) };
                repeated += usize::from(names.insert(item.location.to_string(), item.size).is_some());
                if names.len() > NAMES || repeated > REPEATED {
                    return Err(Beyond::List.error());
                }
            }
        };
        match self.retried(list).await {
            Err(RequestError::Missing) => Ok(BTreeMap::new()),
            other => other,
        }
    }

    /// Stores small bytes under a free name; `false` if it is taken.
    ///
    /// An answer that was lost on the way makes one's own bytes look like somebody else's: compare before you think
    /// that you lost.
    pub(super) async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, RequestError> {
        match self.put(name, PutPayload::from(bytes), PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(RequestError::Taken) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Stores small bytes, whatever was there.
    pub(super) async fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<(), RequestError> {
        self.put(name, PutPayload::from(bytes), PutMode::Overwrite).await
    }

    async fn put(&self, name: &str, payload: PutPayload, mode: PutMode) -> Result<(), RequestError> {
        let (name, objects) = (&Name::from(name), &self.objects);
        let put = || {
            let (payload, options) = (payload.clone(), PutOptions::from(mode.clone()));
            async move { objects.put_opts(name, payload, options).await.map(drop) }
        };
        self.retried(put).await
    }

    /// Removes what is under a name, if anything is.
    pub(super) async fn remove(&self, name: &str) -> Result<(), RequestError> {
        let (name, objects) = (&Name::from(name), &self.objects);
        match self.retried(|| async move { objects.delete(name).await }).await {
            Err(RequestError::Missing) => Ok(()),
            other => other,
        }
    }

    /// Gives something another name.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), RequestError> {
        let (from, to, objects) = (&Name::from(from), &Name::from(to), &self.objects);
        self.retried(|| async move { objects.rename(from, to).await }).await
    }

    /// Streams an object into a file, hashing it; with no file it is only hashed.
    pub(super) async fn download(
        &self,
        name: &str,
        file: FileRecord,
        to: Option<&Path>,
    ) -> Result<Download, RequestError> {
        let name = Name::from(name);
        let mut found = Download::Missing;
        for _ in 0..READS {
            found = match self.retried(|| self.try_download(&name, file, to)).await {
                Ok(found) => found?,
                Err(RequestError::Missing | RequestError::Denied(_)) => return Ok(Download::Missing),
                Err(trouble) => return Err(trouble),
            };
            if found == Download::Intact {
                break;
            }
        }
        Ok(found)
    }

    /// The outer error is the server's, the inner one the file system's.
    async fn try_download(
        &self,
        name: &Name,
        file: FileRecord,
        to: Option<&Path>,
    ) -> Result<Result<Download, StoreError>, ObjectError> {
        let answer = self.objects.get(name).await?;
        if answer.meta.size != file.size {
            return Ok(Ok(Download::Damaged("its size has changed")));
        }
        let mut output = match to.map(|path| (path, NewFile::create(path))) {
            None => None,
            Some((path, Ok(output))) => Some((path, output)),
            Some((path, Err(error))) => return Ok(Err(StoreError::io("write", path)(error))),
        };
        let (mut hasher, mut bytes, mut left) = (blake3::Hasher::new(), answer.into_stream(), file.size);
        while let Some(chunk) = bytes.try_next().await? {
            let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                return Ok(Ok(Download::Damaged("it is longer than it was")));
            };
            left = rest;
            hasher.update(&chunk);
            if let Some((path, output)) = &mut output
                && let Err(error) = output.write(&chunk)
            {
                return Ok(Err(StoreError::io("write", path)(error)));
            }
        }
        let intact = Digest::from_hasher(&hasher) == file.digest;
        Ok(Ok(if intact { Download::Intact } else { Download::Damaged("its bytes have changed") }))
    }

    /// Sends a file of the local store; bytes that are not what their name says are not sent.
    pub(super) async fn upload(&self, name: &str, file: FileRecord, from: &Path) -> Result<(), RequestError> {
        let object = Name::from(name);
        if file.size <= PART as u64 {
            let bytes = std::fs::read(from).map_err(StoreError::io("read", from))?;
            sound(Digest::of(&bytes), file, from)?;
            return self.put(name, PutPayload::from(bytes), PutMode::Overwrite).await;
        }
        let mut tries = 1;
        loop {
            let trouble = match self.retried(|| self.try_upload(&object, file, from)).await {
                Ok(sent) => return sent,
                Err(trouble) => trouble,
            };
            // The answer to the last request may have been lost: the server then knows no such upload any more, says
            // so in one way or another, and has the object.
            if self.size(name).await? == Some(file.size) {
                return Ok(());
            }
            if tries == UPLOADS {
                return Err(trouble);
            }
            tries += 1;
        }
    }

    async fn try_upload(
        &self,
        name: &Name,
        file: FileRecord,
        from: &Path,
    ) -> Result<Result<(), RequestError>, ObjectError> {
        let mut upload = self.objects.put_multipart(name).await?;
        let sent = self.send_parts(upload.as_mut(), file, from).await;
        match sent {
            Ok(Ok(())) => upload.complete().await.map(|_| Ok(())),
            other => {
                drop(upload.abort().await); // what stays there is the bucket's to expire
                other
            }
        }
    }

    async fn send_parts(
        &self,
        upload: &mut dyn object_store::MultipartUpload,
        file: FileRecord,
        from: &Path,
    ) -> Result<Result<(), RequestError>, ObjectError> {
        let mut input = match std::fs::File::open(from) {
            Ok(input) => input,
            Err(error) => return Ok(Err(StoreError::io("read", from)(error).into())),
        };
        let (mut hasher, mut parts) = (blake3::Hasher::new(), FuturesUnordered::new());
        loop {
            let mut part = Vec::with_capacity(PART);
            if let Err(error) = (&mut input).take(PART as u64).read_to_end(&mut part) {
                return Ok(Err(StoreError::io("read", from)(error).into()));
            }
            if part.is_empty() {
                break;
            }
            hasher.update(&part);
            parts.push(upload.put_part(PutPayload::from(part)));
            if parts.len() == PARTS_AT_ONCE {
                parts.try_next().await?;
            }
        }
        while parts.try_next().await?.is_some() {}
        Ok(sound(Digest::from_hasher(&hasher), file, from))
    }

    /// Tries until it works, the trouble is not of the kind that passes, or time is up.
    ///
    /// The client below repeats what it can by itself; this repeats what it can't: requests that are not idempotent
    /// by HTTP but are here, and answers that broke off. A long transfer that breaks has its time from then on.
    async fn retried<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, RequestError>
    where
        F: Future<Output = Result<T, ObjectError>>,
    {
        let (started, mut failing, mut failed) = (Instant::now(), None, 0);
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let since = if was_repeated(&error) { started } else { *failing.get_or_insert_with(Instant::now) };
            failed += 1;
            let pause = backoff::pause(FIRST_PAUSE, LONGEST_PAUSE, failed);
            if !is_transient(&error) || since.elapsed() + pause > self.limits.retry {
                return Err(self.secrets.trouble(&error));
            }
            tracing::debug!("a request is tried again: {}", self.secrets.trouble(&error));
            tokio::time::sleep(pause).await;
        }
    }
}

fn sound(digest: Digest, file: FileRecord, path: &Path) -> Result<(), RequestError> {
    if digest == file.digest {
        return Ok(());
    }
    Err(RequestError::Unsound(format!("{} is damaged and was not sent", path.display())))
}
