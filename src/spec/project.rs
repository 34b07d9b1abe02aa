//! Which folder is a project: where results go, and where templates are looked for.

use std::path::{Path, PathBuf};

/// A file whose folder is a project. What stands in it is not read.
pub const PROJECT_FILE: &str = "simpipe.toml";

/// The project of a config, whose `artifacts/` results go to: the [nearest that is one](project_above); else the folder
/// that holds the config's `configs/` or `pipelines/`; else the config's folder. What any file holds plays no part.
#[must_use]
pub fn project_of(config: &Path) -> PathBuf {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(folder) = std::path::absolute(folder) else { return PathBuf::from(".") };
    let habitual = folder.file_name().is_some_and(|name| name == "configs" || name == "pipelines");
    let holder = folder.parent().filter(|_| habitual);
    project_above(&folder).or(holder).unwrap_or(&folder).to_path_buf()
}

/// The nearest folder at or above `folder` with a [`PROJECT_FILE`]; where there is none, the nearest with a store.
#[must_use]
pub fn project_above(folder: &Path) -> Option<&Path> {
    let nearest = |mark: &str| folder.ancestors().find(|folder| folder.join(mark).is_file());
    nearest(PROJECT_FILE).or_else(|| nearest("artifacts/store/format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files.
    fn place(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "not = [toml").unwrap();
        }
        let root = folder.path().to_path_buf();
        (folder, root)
    }

    #[test]
    fn a_config_lies_in_the_project_that_says_so_whatever_is_in_its_files() {
        let (_kept, root) = place(&["simpipe.toml", "a/artifacts/store/format", "a/b/configs/mine.toml"]);
        assert_eq!(project_of(&root.join("a/b/configs/mine.toml")), root, "the mark before any store");
        assert_eq!(project_of(&root.join("a/nowhere.toml")), root, "the config need not be there");
        assert_eq!(project_above(&root.join("a/b")), Some(root.as_path()));
    }

    #[test]
    fn without_a_mark_it_is_where_results_are_then_the_folder_of_configs_then_the_configs_own() {
        let (_kept, root) = place(&["artifacts/store/format", "configs/mine.toml"]);
        assert_eq!(project_of(&root.join("deep/down/mine.toml")), root);
        assert_eq!(project_above(&root.join("deep/down")), Some(root.as_path()));

        let (_kept, root) = place(&["configs/mine.toml", "pipelines/mine.toml", "photos/cat/mine.toml"]);
        assert_eq!(project_of(&root.join("configs/mine.toml")), root);
        assert_eq!(project_of(&root.join("pipelines/mine.toml")), root);
        // Any folder called `configs` above, such as one in the home of a user, makes no project of all below it.
        assert_eq!(project_of(&root.join("photos/cat/mine.toml")), root.join("photos/cat"));
        assert_eq!(project_of(&root.join("configs/more/mine.toml")), root.join("configs/more"));
        assert_eq!(project_above(&root), None);
        assert!(project_of(Path::new("mine.toml")).is_absolute());
    }
}
