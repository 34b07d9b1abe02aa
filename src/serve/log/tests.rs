use super::frame::framed;
use super::*;

fn origin() -> Origin {
    Origin { model: "ab".to_owned(), dim: 2 }
}

fn add(digest: &str, vector: [f32; 2]) -> Change {
    Change::Add { digest: digest.to_owned(), class: "ca\nt".to_owned(), vector: vector.to_vec() }
}

fn delete(digest: &str) -> Change {
    Change::Delete { digest: digest.to_owned() }
}

fn read_back(bytes: &[u8]) -> Result<Replay, ServeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, bytes).unwrap();
    read(&path, &origin())
}

fn groups() -> [Vec<Change>; 2] {
    [vec![add("one", [1.0, f32::MIN_POSITIVE]), delete("two"), add("three", [-0.5, 3e38])], vec![delete("one")]]
}

#[test]
fn what_was_written_is_read_back_to_the_bit() {
    let bytes = [head(&origin()), frame_of(&groups()[0]), frame_of(&groups()[1])].concat();
    let replay = read_back(&bytes).unwrap();
    assert_eq!(replay.changes, groups().concat());
    assert_eq!((replay.length, replay.torn), (bytes.len() as u64, 0));
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(read(&nowhere.path().join(FILE), &origin()).unwrap(), Replay::default());
}

#[test]
fn a_tail_torn_anywhere_is_dropped_and_nothing_before_it() {
    let whole = [head(&origin()), frame_of(&groups()[0])].concat();
    let last = frame_of(&groups()[1]);
    for kept in 0..last.len() {
        for filler in [Vec::new(), vec![0; last.len() - kept]] {
            let replay = read_back(&[&whole[..], &last[..kept], &filler].concat()).unwrap();
            assert_eq!(replay.changes, groups()[0], "{kept} bytes of the last frame");
            assert_eq!((replay.length, replay.torn), (whole.len() as u64, (kept + filler.len()) as u64));
        }
    }
}

#[test]
fn damage_before_the_end_is_no_torn_tail() {
    let first = head(&origin()).len();
    let bytes = [head(&origin()), frame_of(&groups()[0]), frame_of(&groups()[1])].concat();
    for at in first..first + frame_of(&groups()[0]).len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        let error = read_back(&flipped).unwrap_err();
        assert!(matches!(error, ServeError::Damaged { at, .. } if at == first), "byte {at}: {error}");
    }
    // Whole frames that hold no changes of this length of vectors.
    let odd = [head(&origin()), framed(&[text(&[1, 2]), vec![0; 3]].concat())].concat();
    assert!(matches!(read_back(&odd), Err(ServeError::Damaged { .. })));
}

#[test]
fn a_log_of_another_model_or_format_is_refused() {
    let other = Origin { model: "cd".to_owned(), dim: 2 };
    assert!(matches!(read_back(&head(&other)), Err(ServeError::Foreign { found, .. }) if found == other));
    let newer = framed(&text(&Head { format: 2, origin: origin() }));
    assert!(matches!(read_back(&newer), Err(ServeError::Format { found: 2, .. })));
}
