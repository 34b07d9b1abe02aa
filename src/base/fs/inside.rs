//! Writing below a folder without following links: whoever may write there too can't lead what is written elsewhere.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, linkat, mkdirat, openat, statat, unlinkat};

use super::shared::{NEW_FILE, NEW_FOLDER, share_file, share_folder};
use super::stat::stat_below;
use super::{Stat, Verb, before, before_write, open_regular, stat};

/// An open folder. What is made or opened in it is found from the folder itself, never again by its path.
#[derive(Debug)]
pub struct Inside {
    folder: OwnedFd,
    path: PathBuf,
}

impl Inside {
    /// Opens a folder, through whatever links lead to it: the place that somebody has chosen.
    ///
    /// # Errors
    /// If it is not there or is no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder, path: path.to_path_buf() })
    }

    /// Its path, for messages and for what only reads.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder in this one, and opens it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if something has that name.
    pub fn make(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(plain(name)?);
        before(Verb::CreateDir, &path, &path)?;
        mkdirat(&self.folder, name, NEW_FOLDER)?;
        let made = self.open_folder(name, path)?;
        share_folder(&made.folder, &self.folder);
        Ok(made)
    }

    /// Opens a folder in this one, and makes it if it is missing.
    ///
    /// # Errors
    /// If something else has that name; a link to a folder is something else.
    pub fn enter(&self, name: &str) -> io::Result<Self> {
        match self.open_folder(plain(name)?, self.path.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        match self.make(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.open_folder(name, self.path.join(name)),
            made => made,
        }
    }

    fn open_folder(&self, name: &str, path: PathBuf) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(folder) => Ok(Self { folder, path }),
            Err(error) => {
                let there = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
                let link = there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Symlink);
                let message = "a symbolic link is in the way, and none is followed there";
                Err(if link { io::Error::new(ErrorKind::NotADirectory, message) } else { error.into() })
            }
        }
    }

    /// Gives a file a second name in this folder: that of its bytes, where the file is a link to them.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if the name is taken.
    pub fn link(&self, from: &Path, name: &str) -> io::Result<()> {
        before(Verb::Link, from, &self.path.join(plain(name)?))?;
        Ok(linkat(CWD, from, &self.folder, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Copies a file into this folder, with its permissions.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if the name is taken; else nothing stays at the name.
    pub fn copy(&self, from: &Path, name: &str) -> io::Result<()> {
        let to = self.path.join(plain(name)?);
        let copied = before(Verb::Copy, from, &to).and_then(|()| self.write_copy(from, name));
        copied.inspect_err(|error| {
            if error.kind() != ErrorKind::AlreadyExists {
                unlinkat(&self.folder, name, AtFlags::empty()).ok();
            }
        })
    }

    /// What the system knows of a file below this folder, links followed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub fn stat(&self, path: &str) -> io::Result<Stat> {
        match stat_below(&self.folder, path) {
            Err(error) if error.kind() == ErrorKind::Unsupported => stat(&self.path.join(path)),
            found => found,
        }
    }

    /// Appends bytes to a file of this folder in one write, and makes the file if it is missing. A link is not followed, and
    /// a pipe or a device not written to.
    ///
    /// # Errors
    /// The file may then hold a part of them.
    pub fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(plain(name)?);
        before_write(&path, bytes)?;
        let flags =
            OFlags::CREATE | OFlags::APPEND | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.folder, name, flags, NEW_FILE)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "this is not a file"));
        }
        share_file(&file, fstat(&self.folder)?.st_mode);
        file.write_all(bytes)
    }

    fn write_copy(&self, from: &Path, name: &str) -> io::Result<()> {
        let mut source = open_regular(from)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut copy = File::from(openat(&self.folder, name, flags, NEW_FILE)?);
        io::copy(&mut source, &mut copy)?;
        copy.set_permissions(source.metadata()?.permissions())?;
        share_file(&copy, fstat(&self.folder)?.st_mode);
        Ok(())
    }
}

/// A name that is one part of a path.
fn plain(name: &str) -> io::Result<&str> {
    let plain = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
    plain.then_some(name).ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "this is not a file name"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_come_into_folders_that_are_made_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "bytes").unwrap();
        let inside = Inside::open(folder.path()).unwrap().make("a").unwrap().enter("b").unwrap();
        inside.link(&file, "linked").unwrap();
        inside.copy(&file, "copied").unwrap();
        for name in ["linked", "copied"] {
            assert_eq!(std::fs::read(folder.path().join("a/b").join(name)).unwrap(), b"bytes");
            assert_eq!(inside.link(&file, name).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(inside.copy(&file, name).unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(std::fs::read(folder.path().join("a/b/copied")).unwrap(), b"bytes", "still there");
    }

    #[test]
    fn what_is_appended_stays_in_the_folder() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inside = Inside::open(folder.path()).unwrap();
        inside.append("lines", b"a\n").unwrap();
        inside.append("lines", b"b\n").unwrap();
        assert_eq!(std::fs::read(folder.path().join("lines")).unwrap(), b"a\nb\n");
        assert_eq!(inside.stat("lines").unwrap(), stat(&folder.path().join("lines")).unwrap());
        assert_eq!(inside.stat("none").unwrap_err().kind(), ErrorKind::NotFound);
        symlink(elsewhere.path().join("new"), folder.path().join("link")).unwrap();
        inside.enter("folder").unwrap();
        for name in ["link", "folder", "../lines", ""] {
            assert!(inside.append(name, b"c").is_err(), "{name}");
        }
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_link_is_followed_and_no_name_leads_out() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("file");
        std::fs::write(&file, "bytes").unwrap();
        symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        symlink(elsewhere.path().join("new"), folder.path().join("dangling")).unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        for name in ["link", "dangling"] {
            let error = inside.enter(name).unwrap_err();
            assert!(error.to_string().starts_with("a symbolic link is in the way"), "{error}");
            assert!(
                inside.make(name).is_err() && inside.copy(&file, name).is_err() && inside.link(&file, name).is_err()
            );
        }
        for name in ["..", ".", "", "a/b", "../x"] {
            assert!(inside.enter(name).is_err() && inside.copy(&file, name).is_err(), "{name}");
        }
        // The folder is moved away and a link put in its place: what is written goes with the folder.
        let made = inside.make("run").unwrap();
        std::fs::rename(folder.path().join("run"), folder.path().join("moved")).unwrap();
        symlink(elsewhere.path(), folder.path().join("run")).unwrap();
        made.enter("stage").unwrap().link(&file, "out").unwrap();
        assert!(folder.path().join("moved/stage/out").exists());
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_to_a_file_is_given_out_as_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "bytes").unwrap();
        symlink("file", folder.path().join("object")).unwrap();
        let out = Inside::open(folder.path()).unwrap().make("out").unwrap();
        out.link(&folder.path().join("object"), "x").unwrap();
        assert!(std::fs::symlink_metadata(folder.path().join("out/x")).unwrap().is_file());
    }
}
