//! A crowd of clients that say nothing, half of something or a byte a second, or never take their answers: the others get theirs
//! as soon, and the server needs no more memory the longer that goes on.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::client::{Serving, parsed};
use crate::peers;
use crate::query::Asked;
use crate::turns::turn;

/// Connections that say nothing, of which some come anew all the time.
const SILENT: usize = 1100;
/// How many of them come anew each time, and how often: each before the server lets it go.
const ANEW: usize = 22;
const TICK: Duration = Duration::from_millis(100);
/// Connections with half of a request, and again as many on which it goes on by a byte a second.
const BEGUN: usize = 40;
/// Files that the test and the server may have open: the crowd's, and those of other tests.
const FILES: u64 = 2048;

/// Clients that want answers, how often each of them asks, and how long it waits in between.
const CLIENTS: usize = 4;
const REQUESTS: usize = 60;
const PAUSE: Duration = Duration::from_millis(40);
/// What 99 of 100 answers take at most, on a machine that is busy with other tests: far less than what a client waits that has to
/// wait for another one.
const BOUND: Duration = Duration::from_secs(2);
/// Of the silent connections so many are open at any time, also where coming anew takes its time.
const OPEN: f64 = 700.0;

/// Requests that are not whole, and whole ones whose answers nobody takes.
fn begun(at: SocketAddr) -> [String; 5] {
    let post = format!("POST /v1/query HTTP/1.1\r\nHost: {at}\r\nContent-Type: image/png\r\n");
    [
        "POST /v1/que".to_owned(),
        format!("{post}X: "),
        format!("{post}Content-Length: 100000\r\n\r\nabc"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nff\r\nabc"),
        format!("GET /openapi.json HTTP/1.1\r\nHost: {at}\r\n\r\n").repeat(400),
    ]
}

/// Connections of each kind, the oldest first.
struct Crowd<'a> {
    serving: &'a Serving,
    silent: VecDeque<TcpStream>,
    half: VecDeque<TcpStream>,
    slow: VecDeque<TcpStream>,
    /// Requests that were begun so far.
    begun: usize,
}

impl<'a> Crowd<'a> {
    fn gather(serving: &'a Serving) -> Self {
        let silent = (0..SILENT).map(|_| serving.connect()).collect();
        let mut crowd = Self { serving, silent, half: VecDeque::new(), slow: VecDeque::new(), begun: 0 };
        crowd.begin(BEGUN);
        crowd
    }

    /// Begins so many requests, and as many that go on slowly.
    fn begin(&mut self, count: usize) {
        let begun = begun(self.serving.at);
        for number in 0..2 * count {
            let mut stream = self.serving.connect();
            stream.write_all(begun[self.begun % begun.len()].as_bytes()).unwrap();
            self.begun += 1;
            if number.is_multiple_of(2) { self.half.push_back(stream) } else { self.slow.push_back(stream) }
        }
    }

    /// Stays until `over` says so: the oldest of each kind come anew, and each second the slow ones send a byte.
    fn stay(mut self, over: &Receiver<()>) {
        for tick in 1_u32.. {
            if over.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            self.silent.drain(..ANEW);
            self.silent.extend((0..ANEW).map(|_| self.serving.connect()));
            if tick.is_multiple_of(10) {
                // The server may have let one go already.
                self.slow.iter_mut().for_each(|stream| drop(stream.write_all(b"a")));
                self.half.drain(..BEGUN / 8);
                self.slow.drain(..BEGUN / 8);
                self.begin(BEGUN / 8);
            }
        }
    }
}

/// How long each of many answers took, the shortest first: clients ask on new connections, and are told what `match` said.
fn answered(serving: &Serving, asked: &Asked, files: &[Vec<u8>]) -> Vec<Duration> {
    let all = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let all = &all;
            scope.spawn(move || {
                for number in 0..REQUESTS {
                    let at = (client * REQUESTS + number) % files.len();
                    let began = Instant::now();
                    let response = serving.post("/v1/query", "image/png", &files[at]);
                    all.lock().unwrap().push(began.elapsed());
                    assert_eq!(response.status, 200, "{}", response.text());
                    asked.expect_same(&response.json()["answers"][0], at);
                    std::thread::sleep(PAUSE);
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    all.sort_unstable();
    all
}

/// The time within which 99 of 100 answers came.
fn percentile_99(sorted: &[Duration]) -> Duration {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}

/// How long answers take while there is a crowd, and the server's memory at the end of it.
fn beside_a_crowd(serving: &Serving, asked: &Asked, files: &[Vec<u8>]) -> (Duration, f64) {
    std::thread::scope(|scope| {
        let (there, gathered) = mpsc::channel();
        // The crowd goes once this end of it is dropped, also by a failure.
        let (going, over) = mpsc::channel();
        scope.spawn(move || {
            let crowd = Crowd::gather(serving);
            there.send(()).unwrap();
            crowd.stay(&over);
        });
        gathered.recv().unwrap();
        let took = percentile_99(&answered(serving, asked, files));
        let open = serving.metric("simpipe_connections");
        assert!(open >= OPEN, "{open} connections are open");
        let claimed = serving.metric("simpipe_memory_claimed_bytes");
        assert!(claimed < 1e5, "{claimed} bytes for what has come of so many bodies");
        let resident = serving.metric("process_resident_memory_bytes");
        drop(going);
        (took, resident)
    })
}

/// Sees to it that this process and those that it starts may have so many files open; else the test is counted as skipped.
fn may_open(test: &str, files: u64) -> bool {
    let most = || -> Option<u64> {
        let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let soft = line.split_whitespace().next()?;
        if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
    };
    if most().is_none_or(|most| most < files) {
        let (own, limit) = (std::process::id().to_string(), format!("--nofile={files}:"));
        // What it says is of no account: the limit is looked at again.
        let _ = Command::new("prlimit").args(["--pid", &own, &limit]).output();
    }
    if most().is_some_and(|most| most >= files) {
        peers::is_there(test);
        return true;
    }
    peers::skip(test, &format!("no {files} files may be open; `ulimit -n {files}` before the tests allows them"));
    false
}

fn expect_no_harm_of_a_crowd(serving: &Serving, asked: &Asked, files: &[Vec<u8>]) {
    let turn = turn();
    let alone = percentile_99(&answered(serving, asked, files));
    let rounds = [(); 4].map(|()| beside_a_crowd(serving, asked, files));
    drop(turn);
    // Another test may have the processor in one round; a crowd that harms does so in each.
    let least = rounds.iter().map(|(took, _)| *took).min().unwrap();
    assert!(least < BOUND.max(3 * alone), "99 of 100 answers within {least:?}, within {alone:?} without a crowd");
    // Memory differs between rounds by what is in flight; what leaks grows with each.
    let [first, second, third, fourth] = rounds.map(|(_, resident)| resident);
    let grown = third.min(fourth) - first.max(second);
    assert!(grown < 16e6, "{grown} bytes more after two more crowds: {rounds:?}");
}

#[test]
fn those_who_say_nothing_or_half_harm_nobody() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &[], false);
    let files: Vec<Vec<u8>> = (0..40).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    if may_open("a crowd of connections", FILES) {
        expect_no_harm_of_a_crowd(&serving, &asked, &files);
    } else {
        // As many as the usual limit of files allows.
        let _silent: Vec<TcpStream> = (0..1000).map(|_| serving.connect()).collect();
        answered(&serving, &asked, &files);
    }
    expect_to_let_go(&serving);
    assert_eq!(serving.post("/v1/query", "image/png", &files[0]).status, 200);
}

/// Who says nothing, sends no whole body or takes no answer is let go after a while, each by its own limit.
fn expect_to_let_go(serving: &Serving) {
    let [_, _, half, _, whole] = begun(serving.at);
    let [mut half, stuck] = [half, whole].map(|text| {
        let mut stream = serving.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    });
    let silent: Vec<TcpStream> = (0..10).map(|_| serving.connect()).collect();
    let began = Instant::now();
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
        assert!(began.elapsed() < Duration::from_secs(50), "a connection that says nothing is kept");
    }
    let mut told = Vec::new();
    half.read_to_end(&mut told).unwrap();
    parsed(&told).problem(408, "body-too-slow");
    serving.expect_nothing_left();
    drop(stuck);
}
