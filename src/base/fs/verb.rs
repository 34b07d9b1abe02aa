//! What can be done to files, by name: what faults are injected into.

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Opens, lists, hashes or stats.
    Read,
    /// Makes a folder.
    CreateDir,
    /// Makes or empties a file.
    Create,
    /// Writes bytes into a file that was created before.
    Write,
    /// Makes a file's bytes durable.
    Sync,
    /// Makes a folder's names durable.
    SyncDir,
    /// Gives a file another name, replacing what has it.
    Rename,
    /// Gives a file a second name.
    Link,
    /// Writes the bytes of one file into another.
    Copy,
    /// Takes a file's name away.
    Remove,
    /// Takes a folder away with all in it.
    RemoveDir,
    /// Opens, or makes, a lock file.
    Lock,
}
