//! An earlier result whose pieces a stage may take over: that of the last run of the same name, where it is still stored.

use std::collections::BTreeMap;
use std::path::PathBuf;

use simpipe_plan::{KeyParts, Snapshot};
use simpipe_stage::DynStage;
use simpipe_store::{Found, Scratch, Store, StoreError};

/// The backend among what made a result.
pub(super) const BACKEND: &str = "backend";
/// The folder's name: no port has one like it.
const FOLDER: &str = "earlier.result";

/// Puts the files of the earlier result into a folder among the inputs. Nothing hangs on it but time, so whatever is in the
/// way means that there is none. So does another maker, which no key tells: a result of two would be that of neither.
pub(super) fn of(
    stage: &dyn DynStage,
    before: Option<Snapshot>,
    (now, made_by): (&KeyParts, &BTreeMap<String, String>),
    store: &Store,
    scratch: &Scratch,
) -> Option<PathBuf> {
    let may_differ = stage.takes_over()?;
    let before = before.map(|snapshot| snapshot.parts).filter(|before| before.differs_only_at(now, may_differ))?;
    let provided = || -> Result<Option<PathBuf>, StoreError> {
        let Found::Hit(entry) = store.inspect(before.key())? else { return Ok(None) };
        if !alike(&entry.made_by, made_by) {
            return Ok(None);
        }
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

/// Whether two makers give the same bytes: the same version on machines alike. The backend is in the key where it matters.
fn alike(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> bool {
    let but_backend = |made_by: &BTreeMap<String, String>| {
        let mut rest = made_by.clone();
        rest.remove(BACKEND);
        rest
    };
    but_backend(one) == but_backend(other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::alike;
    use simpipe_base::digest::Digest;
    use simpipe_plan::KeyParts;

    #[test]
    fn nothing_is_taken_over_of_another_maker() {
        let made_by = |simpipe: &str, backend: &str, kernels: &str| {
            let pairs = [("simpipe", simpipe), ("backend", backend), ("kernels", kernels)];
            BTreeMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        let one = made_by("1.0.0", "flex", "avx2");
        assert!(alike(&one, &one));
        assert!(alike(&one, &made_by("1.0.0", "ndarray", "avx2")), "the key has the backend, where it matters");
        assert!(!alike(&one, &made_by("1.0.1", "flex", "avx2")));
        assert!(!alike(&one, &made_by("1.0.0", "flex", "portable")));
        assert!(!alike(&one, &BTreeMap::new()));
    }

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
