//! Permissions of new files where several users share a folder.
//!
//! A folder with the setgid bit is one that a group shares: what is made in it may be used by the group as the folder
//! itself may, whatever the umask of whoever makes it. Nothing is ever made that others may write.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::{fs, io};

use rustix::fs::{Mode, RawMode, fchmod, fstat};

/// Of new files: the umask takes away what its owner does not want to give.
pub(super) const NEW_FILE: Mode = Mode::from_raw_mode(0o664);
/// Of new folders.
pub(super) const NEW_FOLDER: Mode = Mode::from_raw_mode(0o775);

const SETGID: u32 = 0o2000;
const GROUP_MAY: u32 = 0o060;

/// The group's bits that a file gets from its folder.
const fn group_bits(folder: u32) -> u32 {
    if folder & SETGID == 0 { 0 } else { folder & GROUP_MAY }
}

/// Gives a new file to the group that shares its folder, of which this is the mode. A file of another user stays as it
/// is.
pub(super) fn share_file(file: &File, folder: RawMode) {
    let Ok(mode) = file.metadata().map(|metadata| metadata.mode()) else { return };
    // What nobody may write is sealed, and stays so.
    let seal = if mode & 0o222 == 0 { !0o222 } else { !0 };
    let wanted = mode | group_bits(folder) & seal;
    if wanted != mode {
        drop(file.set_permissions(fs::Permissions::from_mode(wanted & 0o7777)));
    }
}

/// The same, of a file that was just made at a path.
pub fn share(file: &File, path: &Path) {
    if let Ok(folder) = fs::metadata(super::above(path)) {
        share_file(file, folder.mode());
    }
}

/// Gives a new folder to the group that shares the one above it.
pub(super) fn share_folder(made: impl AsFd, above: impl AsFd) {
    let (Ok(above), Ok(mode)) = (fstat(above), fstat(&made).map(|made| made.st_mode)) else { return };
    let bits = group_bits(above.st_mode);
    let wanted = if bits == 0 { mode } else { mode | bits | 0o010 | SETGID };
    if wanted != mode {
        fchmod(made, Mode::from_raw_mode(wanted & 0o7777)).ok();
    }
}

/// Makes a folder in one that is there.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(NEW_FOLDER.as_raw_mode()).create(path)?;
    if let (Ok(made), Ok(above)) = (File::open(path), File::open(super::above(path))) {
        share_folder(made, above);
    }
    Ok(())
}

/// Makes a folder and those above it, as far as they are missing.
pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| super::is_missing(folder)).collect();
    missing.into_iter().rev().try_for_each(|folder| match make_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    })
}

/// Takes away everybody's right to write a file, and lets the group read it that shares `folder`.
pub(super) fn seal_for(file: &File, folder: &Path) -> io::Result<()> {
    let group = fs::metadata(folder).map_or(0, |folder| group_bits(folder.mode()));
    let mode = file.metadata()?.mode();
    file.set_permissions(fs::Permissions::from_mode((mode | group) & 0o7777 & !0o222))
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_in_a_shared_folder_is_the_groups_whatever_it_began_as() {
        let folder = tempfile::tempdir().unwrap();
        let shared = folder.path().join("shared");
        create_dir(&shared).unwrap();
        set_mode(&shared, 0o2770);
        let file = shared.join("file");
        std::fs::write(&file, "x").unwrap();
        set_mode(&file, 0o600); // as a umask of 077 leaves it
        share(&File::open(&file).unwrap(), &file);
        assert_eq!(mode(&file), 0o660);
        set_mode(&file, 0o400);
        share(&File::open(&file).unwrap(), &file);
        assert_eq!(mode(&file), 0o440, "what is sealed stays sealed");
        set_mode(&file, 0o602);
        seal(&file, &shared).unwrap();
        assert_eq!(mode(&file), 0o440);

        let inner = shared.join("a/b");
        create_dirs(&inner).unwrap();
        set_mode(&shared.join("a"), 0o700);
        share_folder(File::open(shared.join("a")).unwrap(), File::open(&shared).unwrap());
        assert_eq!(mode(&shared.join("a")) & 0o2770, 0o2770);
        assert_eq!(mode(&inner) & 0o2070, 0o2070);
        assert_eq!(mode(&inner) & 0o002, 0, "others never write");
    }

    #[test]
    fn who_may_only_read_a_shared_folder_may_only_read_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o2750);
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        set_mode(&file, 0o600);
        share(&File::open(&file).unwrap(), &file);
        assert_eq!(mode(&file), 0o640);
    }

    #[test]
    fn a_folder_of_ones_own_shares_nothing() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o770);
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        set_mode(&file, 0o600);
        share(&File::open(&file).unwrap(), &file);
        assert_eq!(mode(&file), 0o600);
    }
}
