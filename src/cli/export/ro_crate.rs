//! `ro-crate`: a run with all its files as one ZIP archive that describes itself: what read what, and what made it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::crate_metadata::{CrateFile, metadata};
use super::refuse_overwriting;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::error::Error;
use simpipe_base::fs::{open_regular, sync_dir};
use simpipe_base::interrupt::LeftToEnd;

/// A Process Run Crate.
pub(super) struct RoCrate;

const HELP: &str = "choose a file in a writable folder: `--ro-crate FILE.zip`";
/// Bytes that are hashed and written at a time.
const PIECE: usize = 1 << 20;
/// From this size on an entry needs the larger numbers of ZIP64; far below 4 GiB, for packing may make bytes more.
const LARGE: u64 = 1 << 31;

impl RunFormat for RoCrate {
    fn name(&self) -> &'static str {
        "ro-crate"
    }

    fn about(&self) -> &'static str {
        "ZIP archive of all files of a run, described as RO-Crate 1.1 (Process Run Crate)"
    }

    fn target(&self) -> &'static str {
        "a file"
    }

    fn default_output(&self, experiment: &str) -> Option<String> {
        Some(format!("{experiment}.crate.zip"))
    }

    /// The same run gives the same bytes.
    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        let path = Path::new(output);
        refuse_overwriting(path, force)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let draft = NamedTempFile::new_in(folder).map_err(|error| sink::unwritable(path, &error, HELP))?;
        let files = fill(run, draft.as_file())?;
        let _placing = LeftToEnd::begin();
        let place = || {
            let bytes = draft.as_file().metadata()?.len();
            draft.as_file().sync_all()?;
            // A temporary file is its maker's alone; this one is as any other.
            simpipe_base::fs::share(draft.as_file(), path);
            draft.persist(path).map_err(|error| error.error)?;
            sync_dir(folder)?;
            Ok(bytes)
        };
        let bytes: u64 = place().map_err(|error: io::Error| sink::unwritable(path, &error, HELP))?;
        Ok(Sent {
            json: json!({ "file": output, "bytes": bytes, "files": files }),
            words: format!("wrote {}: a crate of {files} files, {}", shown(path.display()), print::bytes(bytes)),
        })
    }
}

/// Writes every file of a run and then what describes them; how many there are.
fn fill(run: &StoredRun<'_>, file: &File) -> Result<usize, Error> {
    let mut zip = ZipWriter::new(file);
    let record = serde_json::to_value(run.record).map_err(|error| Error::Output(error.into()))?;
    let mut files = Vec::new();
    for (at, stage) in run.record.stages.iter().enumerate().filter(|(_, stage)| stage.outcome.done()) {
        let folder = stage.seed.map_or_else(|| stage.id.clone(), |seed| format!("seed-{seed}/{}", stage.id));
        for stored in run.files(stage)? {
            let path = format!("{folder}/{}", stored.name.as_str());
            let opened = open_regular(&stored.path).map_err(Error::Output)?;
            let bytes = opened.metadata()?.len();
            let sha256 = add(&mut zip, &path, bytes, opened)?;
            files.push(CrateFile { path, bytes, sha256, blake3: Some(stored.digest.to_string()), stage: Some(at) });
        }
    }
    let text = pretty(&record)?;
    let sha256 = add(&mut zip, "run.json", text.len() as u64, text.as_slice())?;
    files.push(CrateFile { path: "run.json".to_owned(), bytes: text.len() as u64, sha256, blake3: None, stage: None });
    let described = pretty(&metadata(&record, &files))?;
    add(&mut zip, "ro-crate-metadata.json", described.len() as u64, described.as_slice())?;
    zip.finish().map_err(unwritten)?;
    Ok(files.len())
}

fn pretty(json: &Json) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(json).map_err(|error| Error::Output(error.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Adds an entry; the SHA-256 of its bytes. No clock: every entry has ZIP's first date.
fn add(zip: &mut ZipWriter<&File>, path: &str, bytes: u64, mut content: impl Read) -> Result<String, Error> {
    // Tables, weights and pictures are packed already.
    let packed = [".json", ".md", ".html", ".csv", ".svg"].iter().all(|ending| !path.ends_with(ending));
    let method = if packed { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default().compression_method(method).large_file(bytes >= LARGE);
    zip.start_file(path, options.last_modified_time(zip::DateTime::default())).map_err(unwritten)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Output(error)),
        };
        digest.update(&buffer[..read]);
        zip.write_all(&buffer[..read])?;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn unwritten(error: zip::result::ZipError) -> Error {
    Error::Output(io::Error::other(error))
}
