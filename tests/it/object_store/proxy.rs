//! A proxy in front of a server that counts requests and makes trouble on a seeded schedule.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Pass,
    /// The connection closes before the server hears of it.
    Drop,
    /// The server does it, and the answer is lost.
    LoseAnswer,
    /// Another status.
    Status(&'static str),
    /// Half of the answer, then the connection closes.
    CutAnswer,
    /// Half of the body, and a header that says that this is all.
    ShortenAnswer,
    /// The answer comes too late.
    Delay(Duration),
    /// The server does not see the header of put-if-absent.
    StripCondition,
    /// These bytes in place of an answer, then the connection closes.
    Say(&'static str),
    /// The answer's head, then a byte of its body now and then.
    Drip,
    /// These bytes, and more bytes as long as somebody takes them.
    Endless(&'static str),
}

/// What to do with the request of a number, counted from 0, that begins with a line.
type Schedule = dyn Fn(usize, &str) -> Fault + Send + Sync;

/// The proxy; dropping it stops it.
pub(crate) struct Proxy {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    faults: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn start(to: u16, schedule: impl Fn(usize, &str) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, faults) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (stop, schedule): (_, Arc<Schedule>) = (Arc::new(AtomicBool::new(false)), Arc::new(schedule));
        let (seen, made, stopped) = (Arc::clone(&requests), Arc::clone(&faults), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (seen, made, schedule) = (Arc::clone(&seen), Arc::clone(&made), Arc::clone(&schedule));
                std::thread::spawn(move || drop(serve(client, to, &seen, &made, &*schedule)));
            }
        });
        Self { port, requests, faults, stop, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Forgets the requests so far and returns their first lines.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// How often there was trouble.
    pub(crate) fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One request a connection: the answer says `connection: close`.
fn serve(
    mut client: TcpStream,
    to: u16,
    requests: &Mutex<Vec<String>>,
    faults: &AtomicUsize,
    schedule: &Schedule,
) -> std::io::Result<()> {
    let Some((head, body)) = read_request(&mut client)? else { return Ok(()) };
    let line = head.lines().next().unwrap_or_default().to_owned();
    let fault = {
        let mut requests = requests.lock().unwrap();
        let fault = schedule(requests.len(), &line);
        requests.push(format!("{line} {fault:?}"));
        fault
    };
    if !matches!(fault, Fault::Pass | Fault::StripCondition) {
        faults.fetch_add(1, Ordering::Relaxed);
    }
    match fault {
        Fault::Drop => return client.shutdown(Shutdown::Both),
        Fault::Status(status) => {
            return write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        Fault::Delay(pause) => std::thread::sleep(pause),
        Fault::Say(answer) => return client.write_all(answer.as_bytes()),
        Fault::Endless(head) => {
            client.write_all(head.as_bytes())?;
            loop {
                client.write_all(&[b'x'; 1 << 16])?;
            }
        }
        _ => {}
    }
    let head: String = head
        .lines()
        .filter(|line| fault != Fault::StripCondition || !line.to_ascii_lowercase().starts_with("if-none-match"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    // The S3 server of these tests looks whether a name is free and then writes, unlike a real one in two steps.
    static ENTRIES: Mutex<()> = Mutex::new(());
    let _alone = line.contains("/ac/").then(|| ENTRIES.lock().unwrap());
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    match fault {
        Fault::LoseAnswer => client.shutdown(Shutdown::Both),
        Fault::CutAnswer => {
            client.write_all(&answer[..answer.len() / 2])?;
            client.shutdown(Shutdown::Both)
        }
        Fault::ShortenAnswer => client.write_all(&shortened(&answer)),
        Fault::Drip => {
            let body = position(&answer, b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
            client.write_all(&answer[..body])?;
            for byte in &answer[body..] {
                client.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
        _ => client.write_all(&answer),
    }
}

/// The head without its empty line, and the body.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 << 10]);
    let end = loop {
        if let Some(end) = position(&bytes, b"\r\n\r\n") {
            break end;
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end + 4);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let missing = length.unwrap_or(0).saturating_sub(body.len());
    client.take(missing as u64).read_to_end(&mut body)?;
    Ok(Some((head, body)))
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// An answer with half of its body, whose length says so.
fn shortened(answer: &[u8]) -> Vec<u8> {
    let end = position(answer, b"\r\n\r\n").unwrap_or(answer.len()).min(answer.len().saturating_sub(4));
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..]);
    let body = &body[..body.len() / 2];
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// A schedule that makes trouble for about a third of all requests, the same for the same seed.
pub(crate) fn troubled(seed: u64) -> impl Fn(usize, &str) -> Fault + Send + Sync {
    let state = Mutex::new(seed.max(1));
    move |_, _| {
        let mut state = state.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        match (*state >> 20) % 24 {
            0 => Fault::Drop,
            1 => Fault::LoseAnswer,
            2 => Fault::Status("500 Internal Server Error"),
            3 | 4 => Fault::Status("503 Slow Down"),
            5 => Fault::CutAnswer,
            6 => Fault::ShortenAnswer,
            7 => Fault::Delay(Duration::from_millis(1300)),
            _ => Fault::Pass,
        }
    }
}
