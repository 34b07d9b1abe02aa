//! `store verify` of an object store: every object is read and hashed; what is damaged is moved to `quarantine/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::client::Download;
use super::error::RequestError;
use super::sync::{OnProgress, in_parallel, objects_of};
use super::{Remote, Stored, entry_name, object_name};
use crate::{Declared, FileRecord, Store, StoreError, VerifyReport, fs};
use simpipe_base::digest::Digest;

impl Store {
    /// Reads everything in the object store behind this one; the local store is not looked at. What is damaged is
    /// moved to `quarantine/` if `move_aside`.
    ///
    /// # Errors
    /// If there is none, it can't be read, or what is damaged can't be moved aside.
    pub fn verify_remote(
        &self,
        declared: Declared<'_>,
        move_aside: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<VerifyReport, StoreError> {
        let remote = self.behind()?;
        remote.verify(declared, move_aside, on_progress).map_err(remote.as_error())
    }
}

impl Remote {
    fn verify(
        &self,
        declared: Declared<'_>,
        move_aside: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<VerifyReport, RequestError> {
        let started = Instant::now();
        let names = self.names(&["ac", "cas"])?;
        let (in_cas, in_ac): (BTreeMap<_, _>, BTreeMap<_, _>) =
            names.into_iter().partition(|(name, _)| name.starts_with("cas/"));
        let mut objects = objects_of(&in_cas);
        let known: BTreeSet<String> = objects.keys().map(|digest| object_name(*digest)).collect();
        let mut damaged: Vec<String> = in_cas.keys().filter(|name| !known.contains(*name)).cloned().collect();
        damaged.extend(self.damaged_objects(&objects, on_progress)?);
        damaged.sort_unstable();
        objects.retain(|digest, _| damaged.binary_search(&object_name(*digest)).is_err());
        let dropped = self.bad_entries(&in_ac.keys().collect::<Vec<_>>(), &objects, declared)?;
        if move_aside {
            damaged.iter().chain(&dropped).try_for_each(|name| self.quarantine(name))?;
        }
        let short = |name: &String| name.rsplit('/').next().unwrap_or_default().trim_end_matches(".json").to_owned();
        Ok(VerifyReport {
            objects: in_cas.len(),
            bytes: in_cas.values().sum(),
            entries: in_ac.len(),
            damaged_objects: damaged.iter().map(short).collect(),
            dropped_entries: dropped.iter().map(short).collect(),
            seconds: started.elapsed().as_secs_f64(),
            ..VerifyReport::default()
        })
    }

    /// Names of objects whose bytes are not what their name says.
    fn damaged_objects(
        &self,
        objects: &BTreeMap<Digest, u64>,
        on_progress: OnProgress<'_>,
    ) -> Result<Vec<String>, RequestError> {
        let objects: Vec<(Digest, u64)> = objects.iter().map(|(digest, size)| (*digest, *size)).collect();
        let damaged = Mutex::new(Vec::new());
        let check = |(digest, size): &(Digest, u64)| {
            let name = object_name(*digest);
            let file = FileRecord { digest: *digest, size: *size };
            let found = self.call(|client| {
                let name = name.clone();
                async move { client.download(&name, file, None).await }
            })?;
            // One that is gone was removed meanwhile: a running training prunes its checkpoints.
            if matches!(found, Download::Damaged(_)) {
                damaged.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            }
            Ok(())
        };
        in_parallel(&objects, check, on_progress)?;
        Ok(damaged.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names of entries that can't be read, lack a declared file, or name an object that is damaged or gone.
    fn bad_entries(
        &self,
        names: &[&String],
        objects: &BTreeMap<Digest, u64>,
        declared: Declared<'_>,
    ) -> Result<Vec<String>, RequestError> {
        let bad = Mutex::new(Vec::new());
        let check = |name: &&String| {
            let key = name.trim_start_matches("ac/").trim_end_matches(".json").parse::<Digest>();
            let good = match key.ok().filter(|key| entry_name(*key) == **name).map(|key| self.stored(key)) {
                None => false,
                Some(stored) => match stored? {
                    Stored::Nothing => true, // gone together with its objects
                    Stored::Damaged => false,
                    Stored::Entry(entry) => {
                        entry.lacking(declared).is_none()
                            && entry.files.values().all(|file| objects.get(&file.digest) == Some(&file.size))
                    }
                },
            };
            if !good {
                bad.lock().unwrap_or_else(PoisonError::into_inner).push((*name).clone());
            }
            Ok(())
        };
        in_parallel(names, check, &|_, _| {})?;
        let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
        bad.sort_unstable();
        Ok(bad)
    }

    fn quarantine(&self, name: &str) -> Result<(), RequestError> {
        let short = name.rsplit('/').next().unwrap_or_default();
        let (from, to) = (name.to_owned(), format!("quarantine/{short}.{}", fs::unique_name()));
        self.call(|client| async move { client.rename(&from, &to).await })
    }
}
