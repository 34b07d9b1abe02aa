//! Paths as a person would write them: relative where that is short.

use std::path::{Component, Path, PathBuf};

use simpipe_spec as spec;

/// `target` as seen from the folder `from`; absolute where the two have nothing in common.
pub(super) fn shortest(target: &Path, from: &Path) -> PathBuf {
    let (target, from) = (real(target), real(from));
    let common = target.components().zip(from.components()).take_while(|(one, other)| one == other).count();
    if common < 2 {
        return target; // only the root: a relative path would climb through the whole system
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(target.components().skip(common)).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

/// The path without links and dots, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let known = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    match known {
        Some((folder, real)) => match path.strip_prefix(folder) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path,
    }
}

/// The project that a first config goes to: the one around the current folder, else that folder itself. A folder of images,
/// or one inside, is none: configs and results would lie among the classes.
pub(super) fn project_for(here: &Path, images: Option<&Path>) -> PathBuf {
    let project = real(spec::project_above(here).unwrap_or(here));
    let images = images.map(real).filter(|images| project.starts_with(images));
    images.as_deref().and_then(Path::parent).map_or(project, Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_inside_a_project_and_absolute_far_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("photos/train")).unwrap();
        let path = |target: &str, from: &str| shortest(&root.join(target), &root.join(from));
        assert_eq!(path("photos", "configs"), Path::new("../photos"));
        assert_eq!(path("photos/train", "photos/train"), Path::new("."));
        assert_eq!(shortest(Path::new("/usr"), &root), Path::new("/usr"));
    }

    #[test]
    fn a_folder_of_images_is_no_project() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inside = root.join("photos/train");
        std::fs::create_dir_all(&inside).unwrap();
        let project = |here: &Path, images: &str| project_for(here, Some(&here.join(images)));
        assert_eq!(project(&root, "photos"), root);
        assert_eq!(project(&root.join("photos"), "."), root);
        assert_eq!(project(&inside, ".."), root);
        assert_eq!(project_for(&inside, None), inside, "a built-in dataset has no folder");
        std::fs::write(root.join("simpipe.toml"), "").unwrap();
        assert_eq!(project(&inside, "."), root);
    }
}
