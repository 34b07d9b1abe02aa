//! An earlier result whose pieces a stage may take over: that of the last run of the same name, where it is still stored.

use std::path::PathBuf;

use crate::plan::{KeyParts, Snapshot};
use crate::stage::DynStage;
use crate::store::{Found, Scratch, Store, StoreError};

/// The folder's name: no port has one like it.
const FOLDER: &str = "earlier.result";

/// Puts the files of the earlier result into a folder among the inputs. Nothing hangs on it but time, so whatever is in the
/// way means that there is none.
pub(super) fn of(
    stage: &dyn DynStage,
    before: Option<Snapshot>,
    now: &KeyParts,
    store: &Store,
    scratch: &Scratch,
) -> Option<PathBuf> {
    let may_differ = stage.takes_over()?;
    let before = before.map(|snapshot| snapshot.parts).filter(|before| before.differs_only_at(now, may_differ))?;
    let provided = || -> Result<Option<PathBuf>, StoreError> {
        let Found::Hit(entry) = store.inspect(before.key())? else { return Ok(None) };
        let input = scratch.input()?;
        let path = input.path().join(FOLDER);
        let folder = input.enter(FOLDER).map_err(StoreError::io("create", &path))?;
        store.materialise(&entry.files, &folder)?;
        Ok(Some(path))
    };
    provided().unwrap_or_else(|error| {
        tracing::debug!(%error, "nothing is taken over from the earlier result");
        None
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::base::digest::Digest;
    use crate::plan::KeyParts;

    #[test]
    fn results_that_differ_elsewhere_have_no_pieces_in_common() {
        let parts = |text: &str| -> KeyParts {
            let inputs = ["dataset", "model"]
                .map(|port| (port.to_owned(), BTreeMap::from([("file".to_owned(), Digest::of(port.as_bytes()))])));
            KeyParts {
                format: 1,
                stage: "embed".to_owned(),
                version: 5,
                params: serde_json::json!({ "text": text }),
                seed: None,
                backend: Some("flex/f32".to_owned()),
                numerics: None,
                inputs: BTreeMap::from(inputs),
                sources: BTreeMap::from([("images".to_owned(), Digest::of(text.as_bytes()))]),
                spec: None,
            }
        };
        let one = parts("a");
        let mut other = KeyParts { sources: parts("b").sources, ..parts("a") };
        assert!(one.differs_only_at(&other, &[]), "other sources");
        other.inputs.insert("dataset".to_owned(), BTreeMap::new());
        assert!(!one.differs_only_at(&other, &[]));
        assert!(one.differs_only_at(&other, &["dataset"]));
        other.inputs.insert("model".to_owned(), BTreeMap::new());
        assert!(!one.differs_only_at(&other, &["dataset"]));
        assert!(!one.differs_only_at(&parts("b"), &["dataset"]), "other parameters");
        assert!(!one.differs_only_at(&KeyParts { version: 6, ..parts("a") }, &["dataset"]));
        assert!(!one.differs_only_at(&KeyParts { backend: None, ..parts("a") }, &["dataset"]));
    }
}
