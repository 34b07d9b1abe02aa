//! The journals of a sweep: what happened, one line an event, and what that comes to, the [`State`].
//!
//! Every process that works on a sweep, or has a word to say about it, appends to a file of its own in `journals/`, made
//! with its first word; `journal.jsonl` holds how the sweep began. So no two ever write one file, and nothing hangs on locks
//! or on appends that a shared file system may lose. What has to be settled between processes, which trial comes next
//! and who works on it, is a name that only one can take.
//!
//! Each line says its place among all: a number above every one that its writer had read. Lines of one number are ordered
//! by their files. So everybody who has read the same lines tells the same story, whatever clocks say, and a line that
//! comes into sight late moves to its place. A line that is torn or damaged is left out, and said to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;

use super::entry::{Entry, Head};
use super::error::SweepError;
use super::line::{head_of, parse, text_of};
use super::state::State;
use crate::RunError;
use simpipe_base::{clock, fs};
use simpipe_store::put_name;

/// How the sweep began, and all that an older simpipe has said.
pub(crate) const FIRST: &str = "journal.jsonl";
/// The folder of everything else that is said.
const FOLDER: &str = "journals";
/// The folder of what each trial is, by its number.
const ASKED: &str = "asked";

/// So many lines are read before other threads would have woken up.
const FEW: usize = 500;
/// How soon somebody looks again for what another has just written.
const POLL: Duration = Duration::from_millis(50);

/// Where a line stands: its own number, its file, its line there.
type Position = (u64, Arc<str>, usize);

/// How far a file is read.
#[derive(Debug)]
struct Progress {
    name: Arc<str>,
    /// Bytes.
    offset: u64,
    lines: usize,
}

/// What this process writes into.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    file: File,
}

/// The journals of a sweep, and what they come to so far.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    own: Option<Own>,
    read: BTreeMap<PathBuf, Progress>,
    /// The last line that was told, those of what trials are left out.
    newest: Option<Position>,
    /// What trials are that nobody could be told of yet, for one before them is not known.
    said: BTreeMap<usize, Entry>,
    /// Whether something was said of a trial before it was known what that is.
    early: bool,
    /// The highest number of a line.
    last: u64,
    /// What they come to.
    pub state: State,
}

impl Journal {
    /// Begins the journal of a sweep in a folder that has none.
    pub(super) fn create(folder: &Path, head: Head) -> Result<(), RunError> {
        let path = folder.join(FIRST);
        fs::write_atomic(&path, text_of(&Entry::started(head), 0).as_bytes()).map_err(RunError::io("write", &path))
    }

    /// Reads a sweep's journals.
    ///
    /// # Errors
    /// If one can't be read, or the first is none, of another format or of another sweep.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(FIRST);
        let first = first_line(&path).map_err(RunError::io("read", &path))?;
        let head = head_of(&path, &first)?;
        let expected = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if head.sweep != expected {
            return Err(SweepError::OtherSweep { path, found: head.sweep, expected }.into());
        }
        let begun = Progress { name: FIRST.into(), offset: first.len() as u64, lines: 1 };
        let mut journal = Self {
            folder: folder.to_path_buf(),
            own: None,
            read: BTreeMap::from([(path, begun)]),
            newest: None,
            said: BTreeMap::new(),
            early: false,
            last: 0,
            state: State::new(head),
        };
        journal.refresh()?;
        journal.note_torn()?;
        Ok(journal)
    }

    /// Adds a line, synced, and reads on.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        let text = text_of(entry, self.last + 1);
        let Own { path, file } = self.own()?;
        let torn = has_tail(path).map_err(RunError::io("read", path))?;
        let line = format!("{}{text}", if torn { "\n" } else { "" });
        let written = fs::append(file, path, line.as_bytes()).and_then(|()| fs::sync(path));
        written.map_err(RunError::io("write", path))?;
        self.refresh()
    }

    /// Asks for a trial under the next number, unless somebody else was faster; reads on in both cases.
    pub(super) fn ask(&mut self, entry: &Entry) -> Result<(), RunError> {
        let Entry::TrialAsked { trial, .. } = entry else { return self.append(entry) };
        let text = text_of(entry, self.last + 1);
        if put_name(&self.folder.join(ASKED), &trial.to_string(), text.as_bytes())? {
            return self.append(entry); // so that who only reads need not open a file for each trial
        }
        self.refresh()?;
        if self.state.trials.len() <= *trial {
            std::thread::sleep(POLL); // a file server may take a moment to show what it has
        }
        Ok(())
    }

    /// Reads what others have said meanwhile.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn refresh(&mut self) -> Result<(), RunError> {
        let new = self.new_lines()?;
        let known = self.state.trials.len();
        self.learn_trials()?;
        let first = new.first_key_value().map(|(first, _)| first);
        let is_late = self.newest.as_ref().zip(first).is_some_and(|(newest, first)| first < newest);
        if is_late || self.early && self.state.trials.len() > known {
            return self.read_again();
        }
        for (position, entry) in new {
            self.early |= entry.trial().is_some_and(|trial| trial >= self.state.trials.len());
            self.state.apply(entry);
            self.newest = Some(position);
        }
        Ok(())
    }

    /// The same, whatever a file server's client remembers of which files there are: it asks anew once it has changed the
    /// folder itself.
    pub(super) fn refresh_surely(&mut self) -> Result<(), RunError> {
        let folder = self.folder.join(FOLDER);
        let name = folder.join(format!(".{}-{}.look", clock::now().compact(), std::process::id()));
        if fs::create_to_append(&name).is_ok() {
            fs::remove_file(&name).map_err(RunError::io("remove", &name))?;
        }
        self.refresh()
    }

    /// Tells everything anew, in its order. Lines come late where two have written at one time, which is seldom: to keep all
    /// of them in memory for that would cost whoever reads ten thousand trials as much again.
    fn read_again(&mut self) -> Result<(), RunError> {
        let own = self.own.take();
        *self = Self { own, ..Self::read(&self.folder)? };
        Ok(())
    }

    /// Lines that have come since, in their order; those of what trials are are put aside.
    fn new_lines(&mut self) -> Result<BTreeMap<Position, Entry>, RunError> {
        let (mut new, mut asked) = (BTreeMap::new(), BTreeMap::new());
        for path in self.paths()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let progress =
                self.read.entry(path.clone()).or_insert_with(|| Progress { name: name.into(), offset: 0, lines: 0 });
            let bytes = read_from(&path, progress.offset).map_err(RunError::io("read", &path))?;
            let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { continue };
            let lines: Vec<&[u8]> = bytes[..end].split(|byte| *byte == b'\n').collect();
            for (line, parsed) in lines.iter().zip(parse_all(&lines, progress.lines)) {
                progress.lines += 1;
                match parsed {
                    Some((order, entry)) => {
                        self.last = self.last.max(order);
                        let among = if matches!(entry, Entry::TrialAsked { .. }) { &mut asked } else { &mut new };
                        among.insert((order, Arc::clone(&progress.name), progress.lines), entry);
                    }
                    None if line.is_empty() => {}
                    None => {
                        let (line, name) = (progress.lines, &progress.name);
                        self.state.notes.push(format!("line {line} of the sweep's {name} is damaged and left out"));
                    }
                }
            }
            progress.offset += end as u64 + 1;
        }
        for entry in asked.into_values() {
            if let Some(trial) = entry.trial().filter(|trial| *trial >= self.state.trials.len()) {
                self.said.entry(trial).or_insert(entry);
            }
        }
        Ok(new)
    }

    /// Takes in what trials are: as lines say, else as their names do, whose owner may have ended before he wrote a line.
    fn learn_trials(&mut self) -> Result<(), RunError> {
        loop {
            let number = self.state.trials.len();
            let entry = match self.said.remove(&number) {
                Some(entry) => entry,
                None => match self.asked_by_name(number)? {
                    Some(entry) => entry,
                    None => return Ok(()),
                },
            };
            self.state.apply(entry);
        }
    }

    fn asked_by_name(&mut self, number: usize) -> Result<Option<Entry>, RunError> {
        let path = self.folder.join(ASKED).join(number.to_string());
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(RunError::io("read", &path))?,
        };
        match parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes), 1) {
            Some((order, entry)) if matches!(&entry, Entry::TrialAsked { trial, .. } if *trial == number) => {
                self.last = self.last.max(order);
                Ok(Some(entry))
            }
            _ => Err(SweepError::NoJournal { path, reason: "it does not say what the trial is".to_owned() }.into()),
        }
    }

    /// Every file that somebody has written into.
    fn paths(&self) -> Result<Vec<PathBuf>, RunError> {
        let folder = self.folder.join(FOLDER);
        let mut paths = match fs::list(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            paths => paths.map_err(RunError::io("read", &folder))?,
        };
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        paths.insert(0, self.folder.join(FIRST));
        Ok(paths)
    }

    /// Says which files end within a line: somebody was cut short there, or is just writing.
    fn note_torn(&mut self) -> Result<(), RunError> {
        for path in self.paths()? {
            if has_tail(&path).map_err(RunError::io("read", &path))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.state.notes.push(format!("the last line of the sweep's {name} is torn and left out"));
            }
        }
        Ok(())
    }

    /// The file of this process.
    fn own(&mut self) -> Result<&Own, RunError> {
        if self.own.is_none() {
            let folder = self.folder.join(FOLDER);
            self.own = Some(Own::create(&folder).map_err(RunError::io("write", &folder))?);
        }
        Ok(self.own.as_ref().expect("it was just made"))
    }
}

impl Own {
    fn create(folder: &Path) -> std::io::Result<Self> {
        fs::create_dirs_synced(folder)?;
        for attempt in 0_u32.. {
            // Machines may have processes of one number.
            let path = folder.join(format!("{}-{}-{attempt}.jsonl", clock::now().compact(), std::process::id()));
            match fs::create_to_append(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                file => {
                    let file = file?;
                    fs::sync_dir(folder)?;
                    return Ok(Self { path, file });
                }
            }
        }
        unreachable!("2^32 processes can't begin in one millisecond")
    }
}

/// What lines say that follow so many others of their file.
fn parse_all(lines: &[&[u8]], before: usize) -> Vec<Option<(u64, Entry)>> {
    let read = |(at, line): (usize, &&[u8])| parse(line, before + at + 1);
    if lines.len() < FEW {
        lines.iter().enumerate().map(read).collect()
    } else {
        lines.par_iter().enumerate().map(read).collect()
    }
}

/// Whether a file ends within a line.
fn has_tail(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0] != b'\n')
}

/// All bytes of a file from an offset on. It is opened anew each time: only then do file servers show what is new.
fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line with its end; all there is if it has none.
fn first_line(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut reader = std::io::BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    std::io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
    Ok(line)
}
