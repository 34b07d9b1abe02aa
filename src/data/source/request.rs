//! One GET request on a thread of its own, so that whoever waits for the answer can stop, or give up, at any moment:
//! while a name is looked up, before the first byte, between two bytes.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use simpipe_base::pace::{Least, Pace};

/// How long to wait for a name, a connection, or the next byte.
const RESOLVE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(8);
const READ: Duration = Duration::from_secs(30);
/// How often whoever waits looks whether the user wants to stop.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of the body that are handed on at a time, and pieces that may wait to be taken.
const PIECE: usize = 1 << 16;
const AHEAD: usize = 4;

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Until its head is there, redirects included.
    pub head: Duration,
    /// How much of its body has to come.
    pub least: Least,
}

/// What the server said of the body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) content_length: Option<String>,
    pub(super) content_range: Option<String>,
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(super) enum Silence {
    /// The user wants to stop.
    Stopped,
    /// No head came.
    Refused(ureq::Error),
    /// The body broke off.
    Broken(std::io::Error),
    /// It takes too long: what did.
    Slow(String),
}

/// What the thread has to say, in this order.
enum Said {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Refused(ureq::Error),
    Broken(std::io::Error),
}

/// The answer, as it comes.
pub(super) struct Answer<'a> {
    said: Receiver<Said>,
    stop: &'a dyn Fn() -> bool,
    limits: Limits,
    asked: Instant,
    /// Of the body.
    pace: Option<Pace>,
}

impl<'a> Answer<'a> {
    /// Asks for everything from a byte on.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn ask(url: &str, from: u64, limits: Limits, stop: &'a dyn Fn() -> bool) -> std::io::Result<Self> {
        let (sender, said) = sync_channel(AHEAD);
        let url = url.to_owned();
        // Nobody joins it: it ends with the connection, or when what it says is not wanted any more.
        std::thread::Builder::new().name("download".to_owned()).spawn(move || fetch(&url, from, &sender))?;
        Ok(Self { said, stop, limits, asked: Instant::now(), pace: None })
    }

    /// Waits for the head.
    pub(super) fn head(&mut self) -> Result<Head, Silence> {
        match self.next()? {
            Said::Head(head) => {
                self.pace = Some(Pace::new(self.limits.least));
                Ok(head)
            }
            Said::Refused(error) => Err(Silence::Refused(error)),
            Said::Broken(error) => Err(Silence::Broken(error)),
            Said::Piece(_) | Said::End => Err(Silence::Broken(std::io::ErrorKind::InvalidData.into())),
        }
    }

    /// Waits for the next piece of the body; `None` at its end.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, Silence> {
        match self.next()? {
            Said::Piece(piece) => {
                if let Some(pace) = &mut self.pace {
                    pace.moved(piece.len() as u64);
                }
                Ok(Some(piece))
            }
            Said::End => Ok(None),
            Said::Refused(error) => Err(Silence::Refused(error)),
            Said::Broken(error) => Err(Silence::Broken(error)),
            Said::Head(_) => Err(Silence::Broken(std::io::ErrorKind::InvalidData.into())),
        }
    }

    fn next(&mut self) -> Result<Said, Silence> {
        loop {
            if (self.stop)() {
                return Err(Silence::Stopped);
            }
            let Limits { head, least } = self.limits;
            let late = match &mut self.pace {
                None => (self.asked.elapsed() >= head).then(|| format!("no answer within {head:?}")),
                Some(pace) => pace.stalled().then(|| least.to_string()),
            };
            if let Some(words) = late {
                return Err(Silence::Slow(words));
            }
            match self.said.recv_timeout(POLL) {
                Ok(said) => return Ok(said),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Silence::Broken(std::io::Error::other("the transfer died")));
                }
            }
        }
    }
}

/// The thread's work. That nobody listens any more ends it.
fn fetch(url: &str, from: u64, say: &SyncSender<Said>) {
    let mut request = agent(url).get(url).header("accept-encoding", "identity");
    if from > 0 {
        request = request.header("range", format!("bytes={from}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return drop(say.send(Said::Refused(error))),
    };
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let head = Head {
        status: response.status().as_u16(),
        content_length: header("content-length"),
        content_range: header("content-range"),
    };
    if say.send(Said::Head(head)).is_err() {
        return;
    }
    let (mut body, mut buffer) = (response.body_mut().as_reader(), vec![0; PIECE]);
    loop {
        let (said, more) = match body.read(&mut buffer) {
            Ok(0) => (Said::End, false),
            Ok(read) => (Said::Piece(buffer[..read].to_vec()), true),
            Err(error) => (Said::Broken(error), false),
        };
        if say.send(said).is_err() || !more {
            return;
        }
    }
}

fn agent(url: &str) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(RESOLVE))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(READ));
    if url.starts_with("http://127.0.0.1") {
        config = config.proxy(None); // a proxy has another loopback than we
    }
    config.build().new_agent()
}
