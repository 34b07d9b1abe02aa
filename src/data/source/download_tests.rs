//! The downloader against a local server that misbehaves as told.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::super::published::sha256;
use super::*;

const CONTENT: &[u8] = b"four thousand images of ten classes, more or less";
/// Long beside a machine that is busy, short beside a server that sends nothing.
const MOMENT: Duration = Duration::from_millis(300);
const QUICK: Patience = Patience {
    pauses: &[Duration::ZERO; 3],
    limits: Limits { head: Duration::from_secs(20), least: Least { bytes: 1, within: Duration::from_secs(20) } },
};
/// For servers that are too slow.
const SHORT: Patience = Patience {
    pauses: &[Duration::ZERO; 2],
    limits: Limits { head: MOMENT, least: Least { bytes: 1 << 20, within: MOMENT } },
};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// The file, or the range asked for.
    Whole(&'static [u8]),
    /// The whole file whatever range is asked for.
    NoRanges(&'static [u8]),
    /// States the full length, sends this many bytes (of the range asked for) and hangs up.
    CutOff(usize),
    /// States no length and ends after this many bytes.
    Silent(usize),
    /// Hangs up without a word.
    HangUp,
    /// Only a status line and headers.
    Status(&'static str),
    /// States this length, sends the content and hangs up.
    Claims(&'static str),
    /// States no length and goes on for ever.
    Endless,
    /// A byte of the content each fifth of a second.
    Drip,
    /// Not a byte, and the connection stays open.
    Mute,
    /// Header after header.
    Headers,
}

/// A server that runs until the tests end.
pub(crate) struct Server {
    pub(crate) base: String,
    /// The `range` header of each request, empty where there was none.
    pub(crate) ranges: Arc<Mutex<Vec<String>>>,
}

/// Gives the answers in turn, the last one for ever.
pub(crate) fn serve(answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/data/", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let (answer, seen) = (answers[at.min(answers.len() - 1)].clone(), Arc::clone(&seen));
            // Whoever asks may have enough and hang up.
            std::thread::spawn(move || respond(stream.unwrap(), &answer, &seen).ok());
        }
    });
    Server { base, ranges }
}

fn respond(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut range = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("range")) {
            assert_eq!(name.to_lowercase(), "range");
            range = value.to_owned();
        }
    }
    let start = range.strip_prefix("bytes=").and_then(|text| text.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    seen.lock().unwrap().push(range);
    let ranged = |content: &[u8]| match start {
        0 => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", content.len()),
        start => format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n",
            content.len() - start,
            content.len() - 1,
            content.len()
        ),
    };
    let (head, body) = match answer {
        Answer::HangUp => return Ok(()),
        Answer::Whole(content) => (ranged(content), &content[start..]),
        Answer::NoRanges(content) => (format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", content.len()), *content),
        Answer::CutOff(bytes) => (ranged(CONTENT), &CONTENT[start..start + bytes]),
        Answer::Silent(bytes) => ("HTTP/1.1 200 OK\r\n".to_owned(), &CONTENT[..*bytes]),
        Answer::Status(head) => (format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n"), &CONTENT[..0]),
        Answer::Claims(length) => (format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n"), CONTENT),
        Answer::Endless | Answer::Headers => ("HTTP/1.1 200 OK\r\n".to_owned(), &CONTENT[..0]),
        Answer::Drip => (ranged(CONTENT), &CONTENT[start..]),
        Answer::Mute => {
            std::thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
    };
    stream.write_all(head.as_bytes())?;
    while let Answer::Headers = answer {
        stream.write_all(b"x-more: and more\r\n")?;
    }
    stream.write_all(b"connection: close\r\n\r\n")?;
    while let Answer::Endless = answer {
        stream.write_all(&[0; 1000])?;
    }
    if let Answer::Drip = answer {
        for byte in body {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(200));
        }
        return Ok(());
    }
    stream.write_all(body)
}

fn published() -> Published {
    Published { name: "images.bin", base: "", bytes: CONTENT.len() as u64, sha256: sha256(CONTENT).leak() }
}

fn fetch(folder: &Path, base: &str) -> Result<PathBuf, DataError> {
    fetch_with(QUICK, folder, base)
}

fn fetch_with(patience: Patience, folder: &Path, base: &str) -> Result<PathBuf, DataError> {
    let access = Access {
        downloads: folder,
        on_progress: &|_| (),
        stop: &|| false,
        on_read: &|_, _| (),
        column: None,
        earlier: None,
        storage: &crate::Storage::Raw,
    };
    let downloader = Downloader { folder, patience, help: "the three ways", access: &access };
    downloader.fetch(&published(), base)
}

/// Fetches from a server with these answers: the result, the ranges asked for, what is in the folder then.
fn fetched(answers: Vec<Answer>, part: &[u8]) -> (Result<Vec<u8>, DataError>, Vec<String>, Vec<String>) {
    fetched_with(QUICK, answers, part)
}

fn fetched_with(
    patience: Patience,
    answers: Vec<Answer>,
    part: &[u8],
) -> (Result<Vec<u8>, DataError>, Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    if !part.is_empty() {
        std::fs::write(folder.path().join("images.bin.part"), part).unwrap();
    }
    let server = serve(answers);
    let result = fetch_with(patience, folder.path(), &server.base).map(|path| std::fs::read(path).unwrap());
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let ranges = server.ranges.lock().unwrap().clone();
    (result, ranges, names)
}

#[test]
fn a_whole_file_gets_its_name_and_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(vec![Answer::Whole(CONTENT)]);
    for _ in 0..2 {
        let path = fetch(folder.path(), &server.base).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), CONTENT);
    }
    assert_eq!(server.ranges.lock().unwrap().len(), 1);
    // A file that was damaged since is replaced.
    std::fs::write(folder.path().join("images.bin"), "damaged").unwrap();
    assert_eq!(std::fs::read(fetch(folder.path(), &server.base).unwrap()).unwrap(), CONTENT);
}

#[test]
fn a_part_is_resumed_where_it_ends() {
    let (result, ranges, names) = fetched(vec![Answer::Whole(CONTENT)], &CONTENT[..10]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges, ["bytes=10-"]);
    assert_eq!(names, ["images.bin"]);
}

#[test]
fn dropped_connections_are_resumed_as_long_as_there_is_progress() {
    let answers = [vec![Answer::CutOff(3); 12], vec![Answer::Whole(CONTENT)]].concat();
    let (result, ranges, _) = fetched(answers, &[]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges.len(), 13);
    assert_eq!(ranges[12], "bytes=36-");
}

#[test]
fn a_server_that_hangs_up_is_asked_again() {
    let (result, ranges, _) = fetched(vec![Answer::HangUp, Answer::HangUp, Answer::Whole(CONTENT)], &[]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges.len(), 3);
}

#[test]
fn whoever_comes_second_waits_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(vec![Answer::Whole(CONTENT)]);
    std::thread::scope(|scope| {
        let fetches: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch(folder.path(), &server.base))).collect();
        for fetched in fetches {
            assert_eq!(std::fs::read(fetched.join().unwrap().unwrap()).unwrap(), CONTENT);
        }
    });
    assert_eq!(server.ranges.lock().unwrap().len(), 1);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (result, ranges, _) = fetched(vec![Answer::NoRanges(CONTENT)], b"another start");
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges, ["bytes=13-"]);
}

#[test]
fn a_damaged_part_is_dropped_after_the_checksum() {
    let (result, ranges, _) = fetched(vec![Answer::Whole(CONTENT)], b"XXXX");
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges, ["bytes=4-", ""]);
}

#[test]
fn a_file_that_stays_cut_off_is_told_apart_from_a_changed_one() {
    let (result, ranges, names) = fetched(vec![Answer::CutOff(7), Answer::CutOff(0)], &[]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("cut off after 7 of 49 bytes") && message.contains("tries"), "{message}");
    assert_eq!(ranges.len(), 1 + QUICK.pauses.len(), "one try with progress, then one for each pause");
    assert_eq!(names, ["images.bin.part"], "what came is kept for the next run");

    let (result, _, _) = fetched(vec![Answer::Silent(20)], &[]);
    assert!(matches!(result, Err(DataError::Download { .. })));
}

#[test]
fn another_length_or_checksum_means_changed_at_the_source() {
    for content in [&CONTENT[..40], b"four thousand images of TEN classes, more or less", &[7; 60]] {
        let (result, ranges, _) = fetched(vec![Answer::Whole(content)], &[]);
        let error = result.unwrap_err();
        assert!(matches!(error, DataError::Changed { .. }), "{error}");
        assert_eq!(error.help(), Some("the three ways"));
        assert_eq!(ranges.len(), 1, "asking again would not help");
    }
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let target = serve(vec![Answer::Whole(CONTENT)]);
    let redirect = format!("302 Found\r\nlocation: {}elsewhere", target.base).leak();
    let (result, _, _) = fetched(vec![Answer::Status(redirect)], &CONTENT[..5]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(*target.ranges.lock().unwrap(), ["bytes=5-"]);
}

#[test]
fn a_missing_file_is_final_and_a_busy_server_is_not() {
    let (result, ranges, _) = fetched(vec![Answer::Status("404 Not Found")], &[]);
    let error = result.unwrap_err();
    assert!(error.to_string().contains("/data/images.bin: the server answered 404"), "{error}");
    assert_eq!(ranges.len(), 1);
    let busy = vec![Answer::Status("503 Service Unavailable"), Answer::Whole(CONTENT)];
    assert_eq!(fetched(busy, &[]).0.unwrap(), CONTENT);
}

#[test]
fn without_a_network_the_answer_is_quick() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener); // nobody listens there now
    let start = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(folder.path(), &base).unwrap_err();
    assert!(matches!(&error, DataError::Download { reason, .. } if reason.contains("no connection")), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_wish_to_stop_is_heard_and_the_part_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(vec![Answer::Whole(CONTENT)]);
    let access = Access {
        downloads: folder.path(),
        on_progress: &|_| (),
        stop: &|| true,
        on_read: &|_, _| (),
        column: None,
        earlier: None,
        storage: &crate::Storage::Raw,
    };
    let downloader = Downloader { folder: folder.path(), patience: QUICK, help: "", access: &access };
    assert!(matches!(downloader.fetch(&published(), &server.base), Err(DataError::Stopped)));
    assert!(folder.path().join("images.bin.part").exists());
}

#[test]
fn a_length_that_a_server_makes_up_is_not_believed() {
    for length in ["1125899906842624", "18446744073709551615", "18446744073709551616", "-1", "50"] {
        let (result, _, _) = fetched(vec![Answer::Claims(length)], &[]);
        let error = result.unwrap_err();
        assert!(matches!(error, DataError::Changed { .. } | DataError::Download { .. }), "{length}: {error}");
    }
    let (result, _, names) = fetched(vec![Answer::Endless], &[]);
    assert!(result.unwrap_err().to_string().contains("expected 49 bytes, found more"));
    assert_eq!(names, ["images.bin.part"]);
}

#[test]
fn a_server_that_sends_a_byte_now_and_then_is_given_up() {
    let (result, ranges, names) = fetched_with(SHORT, vec![Answer::Drip], &[]);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("too slow: less than 1048576 bytes in 300ms (3 times)"), "{error}");
    assert_eq!(ranges.len(), 3, "what trickled in is no progress");
    assert_eq!(names, ["images.bin.part"], "and is kept all the same");
}

#[test]
fn a_server_that_says_nothing_or_too_much_is_given_up() {
    let (result, _, _) = fetched_with(SHORT, vec![Answer::Mute], &[]);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("too slow: no answer within 300ms (3 times)"), "{error}");
    let (result, _, _) = fetched(vec![Answer::Headers], &[]);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("invalid (http"), "{error}");
    let around = "302 Found\r\nlocation: images.bin";
    let (result, ranges, _) = fetched(vec![Answer::Status(around)], &[]);
    assert!(matches!(result, Err(DataError::Download { .. })));
    assert!(ranges.len() < 20, "{} requests", ranges.len());
}

#[test]
fn a_wish_to_stop_is_heard_while_nothing_comes() {
    for answer in [Answer::Mute, Answer::Drip, Answer::Headers] {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(vec![answer]);
        // As soon as the server has heard of it.
        let stop = || !server.ranges.lock().unwrap().is_empty();
        let access = Access {
            downloads: folder.path(),
            on_progress: &|_| (),
            stop: &stop,
            on_read: &|_, _| (),
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        let downloader = Downloader { folder: folder.path(), patience: QUICK, help: "", access: &access };
        let started = Instant::now();
        assert!(matches!(downloader.fetch(&published(), &server.base), Err(DataError::Stopped)));
        assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    }
}
