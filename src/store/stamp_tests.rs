//! Files that are changed behind the back of their stamps, and clocks that are made up.

use super::*;

const NOW: i64 = 1_000_000;

fn at(seconds: i64, nanos: u32) -> SystemTime {
    UNIX_EPOCH + Duration::new(u64::try_from(seconds).unwrap(), nanos)
}

#[test]
fn a_state_is_settled_once_its_clock_has_ticked() {
    let ms = |ms: i64| ms * 1_000_000;
    // mtime, ctime, now: seconds and milliseconds.
    let settled = |modified: (i64, i64), changed: (i64, i64), now: (i64, i64)| {
        let [modified, changed] = [modified, changed].map(|(seconds, part)| (seconds, ms(part)));
        super::settled(modified, changed, at(now.0, u32::try_from(ms(now.1)).unwrap()))
    };
    assert!(!settled((NOW, 1), (NOW, 1), (NOW, 51)));
    assert!(settled((NOW, 1), (NOW, 1), (NOW, 52)));
    assert!(!settled((0, 0), (NOW, 1), (NOW, 40)), "an old mtime says nothing: anybody can set it");
    assert!(!settled((NOW, 900), (NOW, 1), (NOW, 940)), "the later of the two counts");
    assert!(!settled((NOW, 0), (NOW, 0), (NOW + 2, 0)), "a clock of whole seconds, or of two");
    assert!(settled((NOW, 0), (NOW, 0), (NOW + 2, 1)));
    assert!(!settled((NOW, 7), (NOW, 0), (NOW + 1, 0)), "fractions of the mtime are anybody's too");
    assert!(!settled((NOW + 9, 1), (NOW, 1), (NOW + 5, 0)), "touched into the future");
    assert!(!settled((NOW, 1), (NOW + 9, 1), (NOW + 5, 0)), "the clock was set back since");
    assert!(!settled((i64::MAX, 1), (i64::MAX, 1), (NOW, 0)));
    assert!(settled((i64::MIN, 1), (NOW, 1), (NOW + 5, 0)), "older than 1970");
    assert!(!super::settled((NOW, 1), (NOW, 1), UNIX_EPOCH - Duration::from_secs(1)), "a clock that was never set");
}

fn stat() -> fs::Stat {
    fs::Stat { size: 1, modified: (2, 3), changed: (4, 5), inode: 6, device: 7, mount: Some(8) }
}

fn stamp(kind: Kind, stat: &fs::Stat) -> Result<SourceStamp, Unremembered> {
    Volume { kind, number: Some(9) }.stamp(stat)
}

#[test]
fn each_part_of_a_state_is_in_the_stamp() {
    let same = stamp(Kind::Lasting, &stat()).unwrap();
    for other in [
        fs::Stat { size: 0, ..stat() },
        fs::Stat { modified: (2, 4), ..stat() },
        fs::Stat { modified: (3, 3), ..stat() },
        fs::Stat { changed: (4, 6), ..stat() },
        fs::Stat { changed: (5, 5), ..stat() },
        fs::Stat { inode: 7, ..stat() },
    ] {
        assert_ne!(stamp(Kind::Lasting, &other).unwrap(), same, "{other:?}");
    }
    let elsewhere = Volume { kind: Kind::Lasting, number: Some(10) };
    assert_ne!(elsewhere.stamp(&stat()).unwrap(), same);
}

#[test]
fn where_nothing_shows_a_change_nothing_is_remembered() {
    let copied = fs::Stat { changed: stat().modified, ..stat() };
    let without = fs::Stat { changed: (0, 0), ..stat() };
    let none = Err(Unremembered::NoChangeTime);
    for kind in [Kind::Lasting, Kind::Mounted] {
        assert!(stamp(kind, &copied).is_ok());
        assert_eq!(stamp(kind, &without), none);
    }
    assert_eq!((stamp(Kind::Told, &copied), stamp(Kind::Told, &without)), (none, none), "the ctime is the mtime again");
    assert!(stamp(Kind::Told, &stat()).is_ok());
    assert!(stamp(Kind::Image, &without).is_ok(), "nobody can write there");
    assert_eq!(Volume { kind: Kind::Image, number: None }.stamp(&stat()), Err(Unremembered::NoMount));
}

#[test]
fn a_file_is_told_from_one_that_was_put_in_its_place_with_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let [file, other] = ["a", "b"].map(|name| folder.path().join(name));
    for (path, text) in [(&file, "one"), (&other, "two")] {
        std::fs::write(path, text).unwrap();
        std::fs::File::options().write(true).open(path).unwrap().set_modified(at(NOW, 0)).unwrap();
    }
    let stamp = || Volumes::default().look(&file, &fs::stat(&file).unwrap()).stamp.unwrap();
    let before = stamp();
    assert_eq!(stamp(), before);
    std::fs::write(&file, "two").unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(at(NOW, 0)).unwrap();
    let after = stamp();
    assert_ne!(after, before, "in place: the inode stays");
    std::fs::rename(&other, &file).unwrap();
    assert_ne!(stamp(), after, "by rename");
    assert_eq!(Unremembered::of(&file).unwrap(), None);
    let later = SystemTime::now() + Duration::from_secs(1000);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    assert_eq!(Unremembered::of(&file).unwrap(), Some(Unremembered::Future));
}

#[test]
fn stamps_of_objects_and_of_sources_are_never_taken_for_each_other() {
    let object = Stamp::Object(ObjectStamp(1, 2, 3, 4));
    let source = Stamp::Source(SourceStamp(1, 2, 3, 4, 5, 6, u64::MAX));
    for stamp in [object, source] {
        let text = serde_json::to_string(&stamp).unwrap();
        assert_eq!(serde_json::from_str::<Stamp>(&text).unwrap(), stamp, "{text}");
    }
    assert_eq!(serde_json::to_string(&object).unwrap(), "[1,2,3,4]", "as in stores of older versions");
    assert!(serde_json::from_str::<SourceStamp>("[1,2,3,4]").is_err(), "a source's memo of an older version is a miss");
}

#[test]
fn what_is_mounted_in_turn_at_one_place_has_other_numbers() {
    let here = tempfile::tempdir().unwrap();
    let stat = fs::stat(here.path()).unwrap();
    let number = |stat: &fs::Stat| Volume::at(here.path(), stat).unwrap().number;
    let handed_out = fs::Stat { device: rustix::fs::makedev(7, 0), mount: Some(1), ..stat };
    assert_ne!(
        number(&handed_out),
        number(&fs::Stat { mount: Some(2), ..handed_out }),
        "two images in one loop device"
    );
    assert_eq!(number(&fs::Stat { mount: None, ..handed_out }), None, "two mounts may have the same number");
    if Kind::of(here.path()).unwrap() == Kind::Lasting {
        assert_eq!(number(&fs::Stat { mount: Some(1), ..stat }), number(&fs::Stat { mount: Some(2), ..stat }));
        assert_ne!(number(&stat), number(&fs::Stat { device: stat.device + 1, ..stat }));
    }
}
