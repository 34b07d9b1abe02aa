//! Clients that lie, stop halfway or mean harm: they get an error or nothing, and the others their answers.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};
use serde_json::json;

use super::client::{Head, Serving, TOKEN, base64, encoded, form, parsed, picture};
use crate::query::Asked;

/// A PNG file whose head claims so many pixels, with nothing behind it.
fn bomb(side: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

#[test]
fn requests_that_lie_about_themselves_are_no_others() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &[], false);
    let file = std::fs::read(asked.path(0)).unwrap();
    let at = serving.at;
    // Bodies that lie about their length: less than said, and more.
    let head = |length: usize| {
        format!("POST /v1/query HTTP/1.1\r\nHost: {at}\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut short = serving.connect();
    short.write_all(&[head(file.len() + 100).as_bytes(), &file].concat()).unwrap();
    short.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    short.read_to_end(&mut answer).unwrap();
    if !answer.is_empty() {
        parsed(&answer).problem(400, "malformed");
    }
    let long = serving.raw(&[head(file.len()).as_bytes(), &file, b"GARBAGE\r\n\r\n"].concat());
    let text = String::from_utf8_lossy(&long);
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("HTTP/1.1 400"), "the rest is no second request: {text}");
    let claims = serving.raw(head(usize::MAX / 2).as_bytes());
    parsed(&claims).problem(413, "too-large");
    let both = format!(
        "POST /v1/query HTTP/1.1\r\nHost: {at}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert_ne!(parsed(&serving.raw(both.as_bytes())).status, 200, "one of both lengths would be believed");
    for nonsense in
        ["\r\n\r\nx\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let answer = serving.raw(nonsense.as_bytes());
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "), "{nonsense:?}");
    }
    let wide = format!("GET / HTTP/1.1\r\nHost: {at}\r\n{}\r\n", "X: y\r\n".repeat(500));
    assert_eq!(parsed(&serving.raw(wide.as_bytes())).status, 431);
    assert_eq!(serving.post("/v1/query", "image/png", &file).status, 200);
    serving.expect_nothing_left();
}

#[test]
fn what_is_no_image_or_too_large_is_refused_from_its_head() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &[], false);
    let ask = |file: &[u8]| serving.post("/v1/query", "application/octet-stream", file);
    let words = ask(&bomb(200_000)).problem(413, "too-large");
    assert!(words.contains("200000 x 200000 pixels are more than `max-pixels = 100000000` allows"), "{words}");
    assert!(ask(b"%PDF-1.7 words").problem(422, "no-image").contains("neither JPEG, PNG"));
    ask(b"").problem(400, "malformed");
    ask(&picture(1)[..200]).problem(422, "no-image");
    // One bad picture of several: which one is said.
    let (good, bad) = (picture(1), bomb(200_000));
    let (kind, body) = form(&[("image", Some("good.png"), &good), ("image", Some("<b>.png"), &bad)]);
    assert!(serving.post("/v1/query", kind, &body).problem(413, "too-large").starts_with("`<b>.png`: "));
    let many = vec![("image", Some("x.png"), &good[..]); 257];
    let (kind, body) = form(&many);
    assert!(serving.post("/v1/query", kind, &body).problem(413, "too-large").contains("at most 256 images"));

    for (kind, body) in
        [("text/plain", &b"hello"[..]), ("application/x-www-form-urlencoded", b"image=x"), ("application/xml", b"<a/>")]
    {
        serving.post("/v1/query", kind, body).problem(415, "unsupported");
    }
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, identity"] {
        for path in ["/v1/query", "/v1/embeddings"] {
            let more = format!("Content-Encoding: {coding}\r\n");
            let head = Head { kind: Some("application/json"), token: None, more: &more };
            serving.ask("POST", path, head, b"x").problem(415, "unsupported");
        }
    }
    let far = serving.post("/v1/query?neighbours=100000", "image/png", &good).problem(422, "too-many-neighbours");
    assert!(far.contains("100000 neighbours are wanted, but the index holds"), "{far}");
    serving.post("/v1/query?neighbours=-1", "image/png", &good).problem(400, "malformed");
    serving.post("/v1/query?neighbors=1", "image/png", &good).problem(400, "malformed");
}

#[test]
fn nothing_from_outside_is_a_path_or_is_fetched() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    let head = Head { token: Some(TOKEN), ..Head::default() };
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/v1/../run.json",
        "/artifacts/served/smoke/log",
    ] {
        let response = serving.ask("GET", path, head, b"");
        assert!(response.status == 404, "{path}: {}", response.status);
    }
    for digest in ["..", "%2e%2e%2flog", "0", &"A".repeat(64)] {
        let status = serving.delete(digest).status;
        assert!(status == 400 || status == 404, "{digest}: {status}");
    }
    serving.delete(&"0".repeat(64)).problem(404, "not-found");
    for image in ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x.png"] {
        let text = json!({ "image": image }).to_string();
        let response = serving.post("/v1/query", "application/json", text.as_bytes());
        assert!(matches!(response.status, 400 | 422), "{image}: {}", response.text());
    }
    let file = picture(3);
    let (kind, body) = form(&[("image", Some("../../../tmp/evil.png"), &file), ("label", None, b"../../evil")]);
    assert_eq!(serving.post("/v1/images", kind, &body).status, 200);
    assert_eq!(
        crate::project::files_below(&asked.project.root().join("artifacts/served")),
        ["smoke/lock", "smoke/log"]
    );
}

#[test]
fn foreign_names_and_pages_are_refused_and_nobody_else_may_read() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--host", "images.example"], false);
    let at = serving.at;
    let ask = |host: &str, more: &str| {
        parsed(
            &serving
                .raw(format!("GET /v1/index HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").as_bytes()),
        )
    };
    let port = at.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "images.example".to_owned()] {
        assert_eq!(ask(&host, "").status, 200, "{host}");
        let response = ask(&host, &format!("Origin: http://{host}\r\n"));
        assert_eq!(response.status, 200);
        assert!(!response.head.contains("access-control"), "{}", response.head);
    }
    for host in ["rebound.example", "127.0.0.1.rebound.example", "10.0.0.1", "localhost.evil"] {
        ask(host, "").problem(421, "foreign-host");
    }
    for origin in ["http://evil.example".to_owned(), "null".to_owned(), format!("http://localhost:{port}")] {
        ask(&at.to_string(), &format!("Origin: {origin}\r\n")).problem(403, "foreign-origin");
    }
    let target = format!("GET http://evil.example/v1/index HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    assert_ne!(parsed(&serving.raw(target.as_bytes())).status, 200);
    let none = parsed(&serving.raw(b"GET /v1/index HTTP/1.0\r\n\r\n"));
    none.problem(400, "malformed");
    let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    let response = serving.ask("OPTIONS", "/v1/query", Head { more: preflight, ..Head::default() }, b"");
    assert!(response.status == 403 && !response.head.contains("access-control"), "{}", response.head);
    let safe = serving.get("/v1/index");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "deny"),
    ] {
        assert_eq!(safe.header(name), Some(value));
    }
}

/// The largest image that is allowed fits in however it is sent, one row more does not; memory is bounded.
#[test]
fn limits_of_images_and_of_memory_hold_in_every_form() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--max-pixels", "10000"], false);
    // Without compression, which no smaller file of as many pixels is without.
    let of = |height: u32| {
        encoded(&RgbImage::from_fn(100, height, |x, y| image::Rgb([x as u8, y as u8, 9])), ImageFormat::Bmp)
    };
    for (height, status) in [(100, 200), (101, 413)] {
        let file = of(height);
        let (kind, body) = form(&[("image", Some("a.bmp"), &file)]);
        let text = json!({ "image": base64(&file) }).to_string();
        for (kind, body) in [("image/bmp", &file[..]), (kind, &body), ("application/json", text.as_bytes())] {
            let response = serving.post("/v1/query", kind, body);
            assert_eq!(response.status, status, "{kind}: {}", response.text());
        }
    }
    drop(serving);

    // 8 MiB for all: an image of 4 million pixels takes more than that, ever, and two of 1 million not at once.
    let serving = Serving::start(&asked.project, &["--memory", "8"], false);
    let large = encoded(&RgbImage::new(2000, 2000), ImageFormat::Png);
    serving.post("/v1/query", "image/png", &large).problem(413, "too-large");
    // A body that has no room however long one waits is not put off.
    let head = format!("POST /v1/query HTTP/1.1\r\nHost: {}\r\nContent-Length: 8400000\r\n\r\n", serving.at);
    parsed(&serving.raw(head.as_bytes())).problem(413, "too-large");
    // Nor lists without end in a body that is short enough.
    for (path, field) in [("/v1/query", "images"), ("/v1/embeddings", "input")] {
        let body = format!("{{\"{field}\": [{}\"\"]}}", "\"\",".repeat(1_000_000));
        serving.post(path, "application/json", body.as_bytes()).problem(413, "too-large");
    }
    assert!(serving.metric("process_resident_memory_bytes") < 1e9);
    // Half of a large body is kept in memory as long as it may come.
    let mut half = serving.connect();
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nHost: {}\r\nContent-Type: image/png\r\nContent-Length: 8000000\r\n\r\n",
        serving.at
    );
    half.write_all(&[head.as_bytes(), &vec![1; 7_900_000]].concat()).unwrap();
    let began = Instant::now();
    while serving.metric("simpipe_memory_claimed_bytes") < 7_900_000.0 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    let middle = encoded(&RgbImage::new(700, 700), ImageFormat::Png);
    let busy = serving.post("/v1/query", "image/png", &middle);
    busy.problem(503, "busy");
    assert_eq!(busy.header("retry-after"), Some("1"));
    drop(half);
    let began = Instant::now();
    while serving.post("/v1/query", "image/png", &middle).status != 200 {
        assert!(began.elapsed() < Duration::from_secs(60), "the memory comes back");
        std::thread::sleep(Duration::from_millis(10));
    }
}
