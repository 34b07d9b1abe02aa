//! Load on a server that runs: PNG images of 32 x 32 pixels at a rate, each request at its time whether the one before was
//! answered or not, so that a server that falls behind is seen to. Prints one JSON line: what was answered, how long it took from
//! the time that each request was due, the memory of the server before and after, and how many cores it and this program took.
//!
//! `taskset -c 0 cargo bench -p simpipe-benches --bench serve -- 127.0.0.1:8350 --rate 500 --requests 15000`; `--connections 16`,
//! `--warm 2000` and `--of simpipe` have defaults, the token is that of `SIMPIPE_TOKEN`. `serve.sh` starts servers and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of a terminal")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

/// Images that are sent in turn.
const IMAGES: u32 = 256;

struct Asked {
    at: String,
    /// What the server is called in the line.
    of: String,
    token: String,
    rate: f64,
    requests: usize,
    connections: usize,
    warm: usize,
}

fn main() -> std::process::ExitCode {
    let Some(asked) = asked(&std::env::args().skip(1).collect::<Vec<_>>()) else {
        eprintln!("usage: serve ADDRESS:PORT [--rate 500] [--requests 15000] [--connections 16] [--warm 2000]");
        return std::process::ExitCode::from(2);
    };
    let bodies: Vec<Vec<u8>> = (0..IMAGES).map(|number| request(&asked, &png(number))).collect();
    if asked.warm > 0 {
        drop(load(&asked, &bodies, asked.warm));
    }
    let [before, server] = metrics(&asked, SERVER);
    let (own, began) = (processor_seconds(), Instant::now());
    let (mut took, failed) = load(&asked, &bodies, asked.requests);
    let seconds = began.elapsed().as_secs_f64();
    let own = processor_seconds() - own;
    let [after, server_after] = metrics(&asked, SERVER);
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let line = json!({
        "bench": "serve", "of": asked.of, "rate": asked.rate, "connections": asked.connections, "requests": asked.requests,
        "answered": took.len(), "failed": failed, "images_per_second": took.len() as f64 / seconds,
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0 - 1e-9),
        "server_mib_before": before / 1048576.0, "server_mib_after": after / 1048576.0,
        "server_cores": (server_after - server) / seconds, "generator_cores": own / seconds,
    });
    println!("{line}");
    std::process::ExitCode::SUCCESS
}

fn asked(args: &[String]) -> Option<Asked> {
    let value =
        |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)?.parse::<f64>().ok());
    let at = args.iter().find(|arg| arg.contains(':'))?;
    let of = args.iter().position(|arg| arg == "--of").and_then(|at| args.get(at + 1).cloned());
    Some(Asked {
        at: at.clone(),
        of: of.unwrap_or_else(|| "simpipe".to_owned()),
        token: std::env::var("SIMPIPE_TOKEN").unwrap_or_default(),
        rate: value("--rate").unwrap_or(500.0),
        requests: value("--requests").unwrap_or(15_000.0) as usize,
        connections: value("--connections").unwrap_or(16.0) as usize,
        warm: value("--warm").unwrap_or(2_000.0) as usize,
    })
}

/// How long each of so many requests took from the time that it was due, and how many were not answered with 200.
fn load(asked: &Asked, bodies: &[Vec<u8>], requests: usize) -> (Vec<Duration>, usize) {
    let (next, failed, all) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::with_capacity(requests)));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..asked.connections {
            scope.spawn(|| {
                let mut took = Vec::new();
                let mut stream = connected(asked);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    let due = began + Duration::from_secs_f64(number as f64 / asked.rate);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if exchange(&mut stream, &bodies[number % bodies.len()]).is_some_and(|status| status == 200) {
                        took.push(due.elapsed());
                    } else {
                        failed.fetch_add(1, Ordering::Relaxed);
                        stream = connected(asked);
                    }
                }
                all.lock().expect("no thread has panicked").append(&mut took);
            });
        }
    });
    (all.into_inner().expect("no thread has panicked"), failed.into_inner())
}

fn connected(asked: &Asked) -> TcpStream {
    let stream = TcpStream::connect(&asked.at).expect("a server listens there");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// The status of an answer, read to its end.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<u16> {
    stream.write_all(request).ok()?;
    let (mut bytes, mut some) = (Vec::with_capacity(4096), [0; 16_384]);
    loop {
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&some[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length: usize = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
        if bytes.len() >= end + 4 + length {
            return head.split(' ').nth(1)?.parse().ok();
        }
    }
}

fn request(asked: &Asked, image: &[u8]) -> Vec<u8> {
    let token =
        if asked.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", asked.token) };
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nHost: {}\r\n{token}Content-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        asked.at,
        image.len()
    );
    [head.as_bytes(), image].concat()
}

/// What is asked of the server's metrics: its resident memory in bytes, and its processor time in seconds.
const SERVER: [&str; 2] = ["process_resident_memory_bytes ", "process_cpu_seconds_total "];

/// Numbers of the server's metrics; 0 where it does not tell one.
fn metrics<const N: usize>(asked: &Asked, names: [&str; N]) -> [f64; N] {
    let token =
        if asked.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", asked.token) };
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n{token}Connection: close\r\n\r\n", asked.at);
    let (mut stream, mut text) = (connected(asked), String::new());
    stream.write_all(request.as_bytes()).expect("a server");
    stream.read_to_string(&mut text).expect("text");
    names.map(|name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
        value.unwrap_or(0.0)
    })
}

/// What this process has used of the processor so far.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets; the 14th and 15th fields of all, in hundredths of a second.
    let fields: Vec<f64> =
        text.rsplit(") ").next().unwrap_or("").split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    fields.get(11..13).map_or(0.0, |times| times.iter().sum::<f64>() / 100.0)
}

/// A picture with some grain, another for each number.
fn png(number: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(32, 32, |x, y| {
        let grain = x.wrapping_mul(31).wrapping_add(y.wrapping_mul(17)).wrapping_mul(number + 1) % 23;
        let level = |scale: u32| ((x * scale + y * 3 + number * 7 + grain) % 256) as u8;
        image::Rgb([level(2), level(4), level(5)])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("an image");
    bytes.into_inner()
}
