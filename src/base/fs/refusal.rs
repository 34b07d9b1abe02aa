//! What an error of the file system means for whoever chose the place, and what helps.

use std::io::{self, ErrorKind};

/// Whether an error says that the place can't be used at all, so that only another place helps: it is read-only,
/// forbidden, or no folder.
#[must_use]
pub fn is_wrong_place(error: &io::Error) -> bool {
    use ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(
        error.kind(),
        PermissionDenied | ReadOnlyFilesystem | NotADirectory | IsADirectory | NotFound | AlreadyExists
    )
}

/// Whether an error says that there is no room left: no blocks, no inodes, or no more of a quota.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What to do about an error of the file system, where there is something that helps.
#[must_use]
pub fn help(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free some space, or write elsewhere with `--root DIR` or `--store DIR`")
        }
        ErrorKind::FileTooLarge => Some("raise the limit on file sizes (`ulimit -f`), or write elsewhere"),
        ErrorKind::ReadOnlyFilesystem => {
            Some("it is mounted read-only: write elsewhere with `--root DIR` or `--store DIR`")
        }
        ErrorKind::PermissionDenied => {
            Some("check who owns the folder, or write elsewhere with `--root DIR` or `--store DIR`")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            Some("a file is in the way: choose another folder with `--root DIR` or `--store DIR`")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_or_forbidden_comes_with_help() {
        for (code, words, wrong_place) in
            [(28, "free some space", false), (30, "read-only", true), (13, "who owns", true), (27, "ulimit", false)]
        {
            let error = io::Error::from_raw_os_error(code);
            assert!(help(&error).unwrap().contains(words), "{error}");
            assert_eq!(is_wrong_place(&error), wrong_place, "{error}");
        }
        assert_eq!(help(&io::Error::from_raw_os_error(5)), None);
    }
}
