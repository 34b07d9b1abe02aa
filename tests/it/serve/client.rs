//! A server of the real program, and a client that says exactly what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::project::{Project, signal, simpipe};

/// A token of the tests.
pub(super) const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// A server, which is killed with the value.
pub(super) struct Serving {
    child: Child,
    /// What it said of itself.
    pub(super) said: Json,
    pub(super) at: SocketAddr,
    _out: BufReader<ChildStdout>,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Its head, in small letters.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// That it is a problem of this status and kind; its detail.
    pub(super) fn problem(&self, status: u16, kind: &str) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let json = self.json();
        assert_eq!((&json["type"], &json["status"]), (&format!("urn:simpipe:problem:{kind}").into(), &status.into()));
        json["detail"].as_str().unwrap().to_owned()
    }
}

/// What a request consists of beside its body.
#[derive(Default, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    /// Further lines, each with its end.
    pub(super) more: &'a str,
}

impl Serving {
    /// Serves the latest run of a project; the environment has the token where `with_token`.
    pub(super) fn start(project: &Project, args: &[&str], with_token: bool) -> Self {
        Self::start_at("127.0.0.1:0", project, args, with_token)
    }

    /// The same on another address.
    pub(super) fn start_at(address: &str, project: &Project, args: &[&str], with_token: bool) -> Self {
        let root = project.root().to_str().unwrap();
        let mut command = simpipe(&["serve", "latest", "--listen", address, "--json", "--root", root]);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        if with_token {
            command.env("SIMPIPE_TOKEN", TOKEN);
        }
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.ends_with("}\n") {
            if out.read_line(&mut said).unwrap() == 0 {
                let mut errors = String::new();
                child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("the server did not start: {said}{errors}");
            }
        }
        let said: Json = serde_json::from_str(&said).unwrap();
        let at = said["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/');
        let at: SocketAddr = at.parse().unwrap();
        Self { child, said, at, _out: out }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes as they are; what came until the server closed.
    pub(super) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // A server that refuses may close before all is sent.
        let _ = stream.write_all(bytes);
        let mut found = Vec::new();
        let _ = stream.read_to_end(&mut found);
        found
    }

    pub(super) fn ask(&self, method: &str, path: &str, head: Head<'_>, body: &[u8]) -> Response {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.at);
        if method == "POST" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        if let Some(kind) = head.kind {
            text += &format!("Content-Type: {kind}\r\n");
        }
        if let Some(token) = head.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        text += head.more;
        parsed(&self.raw(&[text.as_bytes(), b"\r\n", body].concat()))
    }

    pub(super) fn get(&self, path: &str) -> Response {
        self.ask("GET", path, Head { token: Some(TOKEN), ..Head::default() }, b"")
    }

    pub(super) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Response {
        self.ask("POST", path, Head { kind: Some(kind), token: Some(TOKEN), more: "" }, body)
    }

    pub(super) fn delete(&self, digest: &str) -> Response {
        let head = Head { token: Some(TOKEN), ..Head::default() };
        self.ask("DELETE", &format!("/v1/images/{digest}"), head, b"")
    }

    /// The value of a line of `/metrics`.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}\n{text}")).parse().unwrap()
    }

    /// That who has left is forgotten, with all that it held.
    pub(super) fn expect_nothing_left(&self) {
        let began = Instant::now();
        while self.metric("simpipe_connections") > 1.0 {
            assert!(began.elapsed() < Duration::from_secs(60), "who has left is forgotten");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.metric("simpipe_memory_claimed_bytes"), 0.0);
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Its exit code and what it complained about.
    pub(super) fn ended(&mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), errors)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response out of what came.
pub(super) fn parsed(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head, body: bytes[end + 4..].to_vec() }
}

/// A multipart body and its type: fields of a name, each perhaps with a file's name.
pub(super) fn form(fields: &[(&str, Option<&str>, &[u8])]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file, bytes) in fields {
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        body.extend(format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--xyz--\r\n");
    ("multipart/form-data; boundary=xyz", body)
}

/// Base64 of RFC 4648.
pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// The numbers whose little-endian bytes a base64 text holds.
pub(super) fn decoded(text: &str) -> Vec<f32> {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(text).unwrap();
    let (numbers, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

/// A PNG file of 32 x 32 pixels, another for each number.
pub(super) fn picture(number: u32) -> Vec<u8> {
    let shade = |x: u32, y: u32| (number.wrapping_mul(2_654_435_761).rotate_left(x + 7 * y) >> 13) as u8;
    let image = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([shade(x, y), (number >> 8) as u8, number as u8]));
    encoded(&image, image::ImageFormat::Png)
}

pub(super) fn encoded(image: &image::RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
